//! A tower layer that lets a request through when the bearer token in its `Authorization` header counts, and puts what that says
//! into the request's extensions.
//!
//! ```
//! use axum::{Extension, Router, routing::get};
//! use symbolon_client::{AccessToken, Symbolon, TokenExpectations, layer::VerifyLayer};
//!
//! async fn datasets(Extension(token): Extension<AccessToken>) -> String {
//!     format!("the datasets of {}", token.sub)
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let symbolon = Symbolon::builder("https://auth.example.org").build()?;
//! let expected = TokenExpectations::of_audience("https://api.example.org").with_scope("read");
//! let app: Router = Router::new()
//!     .route("/datasets", get(datasets))
//!     .layer(VerifyLayer::access_tokens(symbolon, expected));
//! # drop(app);
//! # Ok(())
//! # }
//! ```
//!
//! A token that is bound to addresses counts only where the layer knows what a request comes from: give it a function that says so,
//! past your proxies, with [`VerifyLayer::access_tokens_from`]. Behind none at all it is the peer's address:
//!
//! ```
//! use std::net::SocketAddr;
//!
//! use axum::extract::ConnectInfo;
//! use http::request::Parts;
//! # use symbolon_client::{Symbolon, TokenExpectations, layer::VerifyLayer};
//!
//! # fn layer(symbolon: Symbolon, expected: TokenExpectations) -> VerifyLayer {
//! VerifyLayer::access_tokens_from(symbolon, expected, |parts: &Parts| {
//!     parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip())
//! })
//! # }
//! ```
//!
//! What does not count gets 401, a token without a scope 403, each with `WWW-Authenticate` (RFC 6750); where the service cannot be
//! asked the answer is 503, and 429 where a key was verified too often.

use std::{
    fmt,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, Request, Response, StatusCode, header, request::Parts};
use tower_layer::Layer;
use tower_service::Service;

use crate::{KeyExpectations, Reason, Symbolon, TokenExpectations, VerifyError};

/// Where a request comes from.
type ClientAddress = dyn Fn(&Parts) -> Option<IpAddr> + Send + Sync;

/// Lets verified requests through.
#[derive(Clone)]
pub struct VerifyLayer {
    verifier: Arc<Verifier>,
}

struct Verifier {
    symbolon: Symbolon,
    expected: Expected,
}

enum Expected {
    AccessToken(TokenExpectations, Box<ClientAddress>),
    ApiKey(KeyExpectations, Box<ClientAddress>),
}

impl VerifyLayer {
    /// Expects an access token; handlers find an [`crate::AccessToken`] in the extensions. A token that is bound to addresses does
    /// not count, unless `expected` has the one address that all requests come from: see [`VerifyLayer::access_tokens_from`].
    #[must_use]
    pub fn access_tokens(symbolon: Symbolon, expected: TokenExpectations) -> Self {
        Self::access_tokens_from(symbolon, expected, |_: &Parts| None)
    }

    /// As [`VerifyLayer::access_tokens`]; `client_address` says where a request comes from, past your proxies, for tokens that are
    /// bound to addresses; none is as `expected` has it.
    pub fn access_tokens_from(
        symbolon: Symbolon,
        expected: TokenExpectations,
        client_address: impl Fn(&Parts) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        let expected = Expected::AccessToken(expected, Box::new(client_address));
        Self { verifier: Arc::new(Verifier { symbolon, expected }) }
    }

    /// Expects an API key; handlers find an `Arc` of an [`crate::ApiKey`] in the extensions. `client_address` says where a request
    /// comes from, past your proxies, for keys that are bound to addresses; none is as `expected` has it.
    pub fn api_keys(
        symbolon: Symbolon,
        expected: KeyExpectations,
        client_address: impl Fn(&Parts) -> Option<IpAddr> + Send + Sync + 'static,
    ) -> Self {
        let expected = Expected::ApiKey(expected, Box::new(client_address));
        Self { verifier: Arc::new(Verifier { symbolon, expected }) }
    }
}

impl fmt::Debug for VerifyLayer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("VerifyLayer")
    }
}

impl<S> Layer<S> for VerifyLayer {
    type Service = VerifyService<S>;

    fn layer(&self, inner: S) -> VerifyService<S> {
        VerifyService { inner, verifier: Arc::clone(&self.verifier) }
    }
}

/// What [`VerifyLayer`] makes of a service.
#[derive(Clone)]
pub struct VerifyService<S> {
    inner: S,
    verifier: Arc<Verifier>,
}

impl<S> fmt::Debug for VerifyService<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("VerifyService")
    }
}

impl<S, B, R> Service<Request<B>> for VerifyService<S>
where
    S: Service<Request<B>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Send + 'static,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<R>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The one that was found ready, and another one for the next request.
        let other = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, other);
        let verifier = Arc::clone(&self.verifier);
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            match verifier.verify(&mut parts).await {
                Ok(()) => inner.call(Request::from_parts(parts, body)).await,
                Err(refusal) => Ok(refusal.into_response()),
            }
        })
    }
}

impl Verifier {
    async fn verify(&self, parts: &mut Parts) -> Result<(), Refusal> {
        let token = bearer(parts).ok_or(Refusal::Missing)?.to_owned();
        match &self.expected {
            Expected::AccessToken(expected, client_address) => {
                let ip_address = client_address(parts).or(expected.ip_address);
                let expected = TokenExpectations { ip_address, ..expected.clone() };
                let claims = self.symbolon.verify_access_token(&token, &expected).await?;
                parts.extensions.insert(claims);
            }
            Expected::ApiKey(expected, client_address) => {
                let ip_address = client_address(parts).or(expected.ip_address);
                let expected = KeyExpectations { ip_address, ..expected.clone() };
                let key = self.symbolon.verify_api_key(&token, &expected).await?;
                parts.extensions.insert(key);
            }
        }
        Ok(())
    }
}

/// The one bearer token of a request (RFC 6750, section 2.1).
fn bearer(parts: &Parts) -> Option<&str> {
    let mut headers = parts.headers.get_all(header::AUTHORIZATION).iter();
    let (Some(only), None) = (headers.next(), headers.next()) else { return None };
    let (scheme, token) = only.to_str().ok()?.split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty()).then(|| token.trim())
}

enum Refusal {
    Missing,
    NotVerified(VerifyError),
}

impl From<VerifyError> for Refusal {
    fn from(error: VerifyError) -> Self {
        Self::NotVerified(error)
    }
}

impl Refusal {
    fn into_response<R: Default>(self) -> Response<R> {
        let (status, header, value) = match self {
            Self::Missing => {
                (StatusCode::UNAUTHORIZED, header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
            }
            Self::NotVerified(VerifyError::Inactive(Reason::Scope)) => (
                StatusCode::FORBIDDEN,
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer error=\"insufficient_scope\""),
            ),
            Self::NotVerified(VerifyError::Inactive(_)) => (
                StatusCode::UNAUTHORIZED,
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer error=\"invalid_token\""),
            ),
            Self::NotVerified(VerifyError::TooManyRequests { retry_after }) => {
                let seconds = retry_after.unwrap_or(Duration::from_secs(1)).as_secs().max(1);
                (StatusCode::TOO_MANY_REQUESTS, header::RETRY_AFTER, HeaderValue::from(seconds))
            }
            Self::NotVerified(VerifyError::Unavailable(_)) => {
                (StatusCode::SERVICE_UNAVAILABLE, header::RETRY_AFTER, HeaderValue::from_static("1"))
            }
        };
        let mut response = Response::new(R::default());
        *response.status_mut() = status;
        response.headers_mut().insert(header, value);
        response
    }
}
