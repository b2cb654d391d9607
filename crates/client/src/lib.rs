//! Checks what a [Symbolon](https://github.com/symbolon/symbolon) service has given out: access tokens by themselves, with the
//! service's published keys; API keys and device tokens by asking it, with an answer remembered for a moment.
//!
//! ```
//! # use symbolon_client::{KeyExpectations, Symbolon, TokenExpectations, VerifyError};
//! # async fn example(token: &str, key: &str) -> Result<(), Box<dyn std::error::Error>> {
//! let symbolon = Symbolon::builder("https://auth.example.org").build()?;
//!
//! // A JWT, checked here: no request is made but for the keys, which are kept.
//! let expected = TokenExpectations::of_audience("https://api.example.org").with_scope("read");
//! match symbolon.verify_access_token(token, &expected).await {
//!     Ok(token) => println!("{} may read", token.sub),
//!     Err(VerifyError::Inactive(reason)) => println!("no: {reason}"),
//!     Err(outage) => return Err(outage.into()), // Nobody knows: never a "no".
//! }
//!
//! // An API key, which the service knows: a revocation counts within a second.
//! let expected = KeyExpectations { audience: Some("https://api.example.org".into()), ..KeyExpectations::default() };
//! let key = symbolon.verify_api_key(key, &expected).await?;
//! println!("a key of {}, for {}", key.uid, key.sub);
//! # Ok(())
//! # }
//! ```
//!
//! With axum, or anything else that stands on tower, a layer does this for every request; see [`layer`].
//!
//! A [`Symbolon`] is cheap to clone; its clones share keys, connections and what is remembered.

#![expect(
    clippy::disallowed_methods,
    reason = "the `Clock` port is the server's, with which this shares nothing"
)]

mod cache;
mod error;
mod jwks;
mod jwt;
#[cfg(feature = "tower")]
pub mod layer;
mod remote;

use std::{net::IpAddr, sync::Arc, time::Duration};

use reqwest::Url;

use self::{cache::Answers, jwks::Jwks};
pub use self::{
    error::{BuildError, Reason, VerifyError},
    jwt::{AccessToken, TokenExpectations},
    remote::{ApiKey, DeviceToken, KeyExpectations},
};

/// A request to the service takes no longer than this.
const TIMEOUT: Duration = Duration::from_secs(3);

/// A service, as whoever checks its tokens sees it.
#[derive(Clone, Debug)]
pub struct Symbolon(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    http: reqwest::Client,
    /// With a slash at its end.
    base: Url,
    /// The `iss` of its tokens.
    issuer: String,
    leeway: Duration,
    jwks: Jwks,
    answers: Answers,
}

/// What a [`Symbolon`] is made of.
#[derive(Debug)]
pub struct Builder {
    issuer: String,
    address: Option<String>,
    http: Option<reqwest::Client>,
    leeway: Duration,
    max_staleness: Duration,
    remembered: u64,
}

impl Symbolon {
    /// For the service of this `http.public_url`, which is also the `iss` of its tokens. As the service does, it takes no notice of a
    /// slash at its end, of capital letters and of a port that need not be said.
    pub fn builder(public_url: impl Into<String>) -> Builder {
        Builder {
            issuer: issuer(&public_url.into()),
            address: None,
            http: None,
            leeway: Duration::from_secs(5),
            max_staleness: Duration::from_secs(1),
            remembered: 10_000,
        }
    }
}

impl Builder {
    /// Where requests go, when that is not the public URL: inside a cluster, say.
    #[must_use]
    pub fn address(mut self, url: impl Into<String>) -> Self {
        self.address = Some(url.into());
        self
    }

    /// Makes requests with this client, such as one that goes by a proxy or trusts another authority. It should follow no
    /// redirects.
    #[must_use]
    pub fn http_client(mut self, client: reqwest::Client) -> Self {
        self.http = Some(client);
        self
    }

    /// By so much clocks may differ: 5 seconds when it is not said.
    #[must_use]
    pub const fn leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// How long a "yes" of the service is remembered: a second when it is not said; zero means that it is always asked. A "no" is
    /// never remembered.
    #[must_use]
    pub const fn max_staleness(mut self, max_staleness: Duration) -> Self {
        self.max_staleness = max_staleness;
        self
    }

    /// How many answers are remembered at the most: 10,000 when it is not said.
    #[must_use]
    pub const fn remembered(mut self, answers: u64) -> Self {
        self.remembered = answers;
        self
    }

    /// Nothing is asked of the service yet.
    ///
    /// # Errors
    /// The URL is none, or neither `https` nor of this machine.
    pub fn build(self) -> Result<Symbolon, BuildError> {
        let address = self.address.as_deref().unwrap_or(&self.issuer);
        let mut base = Url::parse(address).map_err(|_| BuildError::Url(address.to_owned()))?;
        if base.scheme() != "https" && !(base.scheme() == "http" && is_loopback(&base)) {
            return Err(BuildError::Insecure(address.to_owned()));
        }
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        let http = match self.http {
            Some(client) => client,
            None => reqwest::Client::builder()
                .timeout(TIMEOUT)
                .redirect(reqwest::redirect::Policy::none())
                .build()
                .map_err(BuildError::Client)?,
        };
        Ok(Symbolon(Arc::new(Inner {
            http,
            base,
            issuer: self.issuer,
            leeway: self.leeway,
            jwks: Jwks::default(),
            answers: Answers::new(self.max_staleness, self.remembered),
        })))
    }
}

impl Inner {
    /// A path of the service; all of ours can be joined.
    fn url(&self, path: &str) -> Url {
        self.base.join(path).unwrap_or_else(|_| self.base.clone())
    }
}

/// The `iss` of a service's tokens: its public URL in the normal form that the service brings it to. A token's is compared with it to
/// the letter.
fn issuer(public_url: &str) -> String {
    let url = public_url.to_ascii_lowercase();
    let url = url.strip_suffix('/').unwrap_or(&url);
    let port = if url.starts_with("https:") { ":443" } else { ":80" };
    url.strip_suffix(port).unwrap_or(url).to_owned()
}

/// Does what is said to it stay on this machine?
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_asked_in_the_clear() {
        for good in
            ["https://auth.example.org", "http://localhost:8080", "http://127.0.0.1:1", "http://[::1]:1/auth"]
        {
            assert!(Symbolon::builder(good).build().is_ok(), "{good}");
        }
        for bad in ["http://auth.example.org", "http://localhost.example.org", "ftp://localhost", "auth"] {
            assert!(Symbolon::builder(bad).build().is_err(), "{bad}");
        }
    }

    #[test]
    fn paths_stand_below_the_address() {
        let symbolon =
            Symbolon::builder("https://example.org").address("http://localhost:8080/auth").build().unwrap();
        assert_eq!(
            symbolon.0.url("v1/api-keys/verify").as_str(),
            "http://localhost:8080/auth/v1/api-keys/verify"
        );
        assert_eq!(symbolon.0.issuer, "https://example.org");
    }

    /// K13: however the public URL is written, it is the `iss` that the service makes of it.
    #[test]
    fn the_issuer_is_the_public_url_as_the_service_has_it() {
        for (written, issuer) in [
            ("https://auth.example.org", "https://auth.example.org"),
            ("https://auth.example.org/", "https://auth.example.org"),
            ("https://Auth.Example.ORG:443/", "https://auth.example.org"),
            ("https://auth.example.org:80", "https://auth.example.org:80"),
            ("http://localhost:80/", "http://localhost"),
            ("http://localhost:8080/", "http://localhost:8080"),
            ("http://[::1]:80", "http://[::1]"),
        ] {
            assert_eq!(Symbolon::builder(written).build().unwrap().0.issuer, issuer, "{written}");
        }
    }
}
