//! `POST /oauth2/token`: a JWT for an API key, by token exchange (RFC 8693; K13). Requests are forms, and refusals are told as RFC 6749,
//! section 5.2, has it.

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::State,
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use symbolon_domain::{
    actor::Origin,
    api_keys::{ExchangeError, ExchangeRequest, Scopes},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    Api,
    boundary::Told,
    ceremony::Revealed,
    fields::Form,
    problem::{Problem, ProblemType, Retry, TokenProblems},
};

const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";
/// What our API keys are among the types of tokens (RFC 8693, section 3: any URI may name another one).
const API_KEY: &str = "urn:symbolon:params:oauth:token-type:api-key";
/// OAuth wants it beside `Cache-Control` (RFC 6749, section 5.1).
const PRAGMA: (HeaderName, &str) = (header::PRAGMA, "no-cache");

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(token))
}

/// A request for a token.
#[derive(ToSchema)]
#[schema(as = TokenRequest)]
#[expect(dead_code, reason = "read parameter by parameter; this is how the document shows it")]
pub(crate) struct TokenFields {
    /// `urn:ietf:params:oauth:grant-type:token-exchange`, the one there is.
    #[schema(example = "urn:ietf:params:oauth:grant-type:token-exchange")]
    grant_type: String,
    /// The API key.
    #[schema(example = "sym_ak_v4.local.…")]
    subject_token: String,
    /// `urn:symbolon:params:oauth:token-type:api-key`.
    #[schema(example = "urn:symbolon:params:oauth:token-type:api-key")]
    subject_token_type: String,
    /// `…:token-type:access_token`, which it is when it is not said, or `…:token-type:jwt`: the same token.
    requested_token_type: Option<String>,
    /// The key's audience, if anything.
    audience: Option<String>,
    /// Some of the key's scopes, separated by blanks; all of them when it is not said.
    scope: Option<String>,
}

/// A token (RFC 6749, section 5.1; RFC 8693, section 2.2.1).
#[derive(Serialize, ToSchema)]
#[schema(as = TokenResponse)]
pub(crate) struct TokenBody {
    /// A JWT (RFC 9068).
    #[schema(value_type = String, example = "eyJ…")]
    access_token: Revealed,
    issued_token_type: &'static str,
    #[schema(example = "Bearer")]
    token_type: &'static str,
    /// In seconds.
    expires_in: u64,
    /// The token's scopes; absent where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
}

/// A refusal (RFC 6749, section 5.2).
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = TokenError)]
pub(crate) struct Refusal {
    /// `invalid_request`, `unsupported_grant_type`, `invalid_target` or `invalid_scope`.
    #[schema(example = "invalid_request")]
    error: &'static str,
    /// For people.
    error_description: &'static str,
}

/// No token, or no answer.
pub(crate) enum NoToken {
    Refused(Refusal),
    Failed(Problem),
}

impl IntoResponse for NoToken {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(refusal) => {
                (StatusCode::BAD_REQUEST, Extension(Told), [PRAGMA], Json(refusal)).into_response()
            }
            Self::Failed(problem) => problem.into_response(),
        }
    }
}

const fn refused(error: &'static str, error_description: &'static str) -> NoToken {
    NoToken::Refused(Refusal { error, error_description })
}

/// Exchange an API key for a JWT.
///
/// Any verifier that knows the JWK set takes it (RFC 9068). It lives 15 minutes at the most and no longer than the key; ending the key
/// does not reach it. A key that is bound to addresses is exchanged from inside its binding only, and the token names the binding.
#[utoipa::path(
    post, path = "/oauth2/token", tag = "oauth", operation_id = "exchange_token",
    request_body(content = TokenFields, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "A token", body = TokenBody),
        (status = 400, description = "No token", body = Refusal),
        TokenProblems,
    ),
)]
async fn token(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    form: Result<Form, Problem>,
) -> Result<Response, NoToken> {
    let mut form = form.map_err(|problem| match problem.kind() {
        ProblemType::InvalidRequest => refused("invalid_request", "the body is not a form"),
        _ => NoToken::Failed(problem),
    })?;
    if form.has_duplicates() {
        return Err(refused("invalid_request", "a parameter is given more than once"));
    }
    let grant = form.take("grant_type").ok_or(refused("invalid_request", "`grant_type` is required"))?;
    if grant.expose_secret() != TOKEN_EXCHANGE {
        return Err(refused(
            "unsupported_grant_type",
            "`grant_type` is to be the one of token exchange (RFC 8693)",
        ));
    }
    let (key, request) = asked(&mut form)?;
    let exchanged = api.use_cases.api_keys.exchange(&key, &request, &origin).await?;
    let body = TokenBody {
        access_token: exchanged.token.into(),
        issued_token_type: ACCESS_TOKEN,
        token_type: "Bearer",
        expires_in: exchanged.lifetime.as_secs(),
        scope: Some(exchanged.scopes.to_text()).filter(|text| !text.is_empty()),
    };
    Ok(([PRAGMA], Json(body)).into_response())
}

/// The key, and what is asked for it.
fn asked(form: &mut Form) -> Result<(secrecy::SecretString, ExchangeRequest), NoToken> {
    let key = form.take("subject_token");
    let key = key.ok_or(refused("invalid_request", "`subject_token` is required"))?;
    let kind = form.take("subject_token_type");
    let kind = kind.ok_or(refused("invalid_request", "`subject_token_type` is required"))?;
    if kind.expose_secret() != API_KEY {
        let detail = "`subject_token_type` is to be `urn:symbolon:params:oauth:token-type:api-key`";
        return Err(refused("invalid_request", detail));
    }
    if form.take("actor_token").is_some() || form.take("actor_token_type").is_some() {
        return Err(refused(
            "invalid_request",
            "nobody acts for the owner of a key: leave `actor_token` out",
        ));
    }
    let wanted = form.take("requested_token_type");
    if wanted.is_some_and(|wanted| ![ACCESS_TOKEN, JWT].contains(&wanted.expose_secret())) {
        return Err(refused("invalid_request", "`requested_token_type` is to be `access_token` or `jwt`"));
    }
    if form.take("resource").is_some() {
        return Err(refused("invalid_target", "a key names its resource itself: leave `resource` out"));
    }
    let audience = form.take("audience").map(|audience| audience.expose_secret().to_owned());
    let scopes = form.take("scope").map(|scope| Scopes::from_text(scope.expose_secret()));
    let scopes = match scopes {
        Some(None) => return Err(refused("invalid_scope", "`scope` is not a list of scopes")),
        Some(scopes) => scopes,
        None => None,
    };
    Ok((key, ExchangeRequest { audience, scopes }))
}

impl From<ExchangeError> for NoToken {
    fn from(error: ExchangeError) -> Self {
        match error {
            ExchangeError::Inactive => refused("invalid_request", "`subject_token` does not count"),
            ExchangeError::Audience => refused("invalid_target", "the key is for another audience"),
            ExchangeError::Scopes => refused("invalid_scope", "the key does not have all of these scopes"),
            ExchangeError::RateLimited { until } => {
                Self::Failed(Problem::new(ProblemType::TooManyRequests).retry(Retry::At(until)))
            }
            ExchangeError::Sign(error) => Self::Failed(error.into()),
            ExchangeError::Store(error) => Self::Failed(error.into()),
        }
    }
}
