//! The public keys, as a JWK set (RFC 7517): with them anybody verifies our tokens. For administrators the keys' states,
//! and making and retiring them before their time (O8).

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use symbolon_domain::{
    actor::Origin,
    clock::Timestamp,
    id::SigningKeyId,
    signing_keys::{KeyState, RotateError, RotateWhen, SigningKey, SigningKeysError},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    Api,
    caller::administrator::{AdministratorCaller, FreshSuperuser},
    fields::{Body, Nothing, Parameters, QueryOnly},
    problem::{
        AdministratorListProblems, KeyRetirementProblems, KeyRotationProblems, Problem, ProblemType,
        PublicProblems,
    },
};

/// How long a copy of the keys may be kept, in seconds. A new key is published for longer than that before it signs.
const CACHE: &str = "public, max-age=300";

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .routes(routes!(jwk_set))
        .routes(routes!(list))
        .routes(routes!(rotate))
        .routes(routes!(retire))
}

/// A signing key, without its private part.
#[derive(Serialize, ToSchema)]
#[schema(as = SigningKey)]
pub(crate) struct SigningKeyBody {
    /// What tokens and the JWK set call it.
    #[schema(value_type = String, format = "uuid")]
    kid: SigningKeyId,
    #[schema(example = "ES256")]
    alg: &'static str,
    /// `published` (it does not sign yet), `signing`, `verifying` (its last tokens still count) or `retired`.
    #[schema(example = "signing")]
    state: &'static str,
    #[schema(value_type = String, format = "date-time")]
    created: Timestamp,
    /// From when on it signs.
    #[schema(value_type = String, format = "date-time")]
    signs_from: Timestamp,
    /// From when on its signatures count no more; null while no other one follows it.
    #[schema(value_type = Option<String>, format = "date-time")]
    retires: Option<Timestamp>,
}

/// Every signing key; there are few.
#[derive(Serialize, ToSchema)]
#[schema(as = SigningKeyList)]
pub(crate) struct SigningKeyListBody {
    /// Oldest first.
    items: Vec<SigningKeyBody>,
}

/// The public keys.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "keys", operation_id = "jwk_set",
    responses(
        (status = 200, description = "A JWK set", content_type = "application/json", body = serde_json::Value,
            example = json!({"keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256",
                "kid": "019aaf2b-0f5c-7c4e-9d3c-2f8a51f0a6b1", "x": "…", "y": "…"}]})),
        PublicProblems,
    ),
)]
async fn jwk_set(State(api): State<Arc<Api>>) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, CACHE)];
    (headers, api.use_cases.keys.jwk_set(api.use_cases.clock.now())).into_response()
}

/// List the signing keys.
#[utoipa::path(
    get, path = "/v1/admin/signing-keys", tag = "administration", operation_id = "list_signing_keys",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    responses((status = 200, description = "All keys", body = SigningKeyListBody), AdministratorListProblems),
)]
async fn list(
    State(api): State<Arc<Api>>,
    AdministratorCaller(_): AdministratorCaller,
    uri: Uri,
) -> Result<Json<SigningKeyListBody>, Problem> {
    Parameters::of(&uri).finish()?;
    listed(&api).await
}

/// Make the next signing key before its time.
///
/// For superusers with a fresh sign-in. It is published for `signing_keys.publish_before` before it signs, so that nobody
/// is refused; with `now=true` it signs within seconds, and whoever verifies with an older copy of the JWK set refuses its
/// tokens until that is fetched anew. The answer is all keys as they are then.
#[utoipa::path(
    post, path = "/v1/admin/signing-keys/rotate", tag = "administration", operation_id = "rotate_signing_keys",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    params(("now" = Option<bool>, Query, description = "Does not wait until everybody knows the key")),
    responses((status = 201, description = "The key is made", body = SigningKeyListBody), KeyRotationProblems),
)]
async fn rotate(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    FreshSuperuser(by): FreshSuperuser,
    uri: Uri,
    Body(QueryOnly): Body<QueryOnly>,
) -> Result<(StatusCode, Json<SigningKeyListBody>), Problem> {
    let mut parameters = Parameters::of(&uri);
    let now: Option<bool> = parameters.optional("now", "`true` or `false` is expected");
    parameters.finish()?;
    let when = if now == Some(true) { RotateWhen::Now } else { RotateWhen::Published };
    api.use_cases.signing_keys.rotate(when, by.actor(), &origin).await?;
    Ok((StatusCode::CREATED, listed(&api).await?))
}

/// Retire a signing key at once.
///
/// For superusers with a fresh sign-in, and for a key that somebody else may have: no token that it has signed counts any
/// more, on any node. The answer is all keys as they are then.
#[utoipa::path(
    post, path = "/v1/admin/signing-keys/{kid}/retire", tag = "administration", operation_id = "retire_signing_key",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    params(("kid" = String, Path, description = "The key", format = "uuid")),
    responses((status = 200, description = "The key is retired", body = SigningKeyListBody), KeyRetirementProblems),
)]
async fn retire(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    FreshSuperuser(by): FreshSuperuser,
    Path(kid): Path<String>,
    Body(Nothing): Body<Nothing>,
) -> Result<Json<SigningKeyListBody>, Problem> {
    let id = kid.parse().map_err(|_| Problem::new(ProblemType::NotFound))?;
    api.use_cases.signing_keys.retire(id, by.actor(), &origin).await?;
    listed(&api).await
}

async fn listed(api: &Api) -> Result<Json<SigningKeyListBody>, Problem> {
    let keys = api.use_cases.signing_keys.list().await?;
    Ok(Json(SigningKeyListBody { items: keys.into_iter().map(Into::into).collect() }))
}

impl From<(SigningKey, KeyState)> for SigningKeyBody {
    fn from((key, state): (SigningKey, KeyState)) -> Self {
        Self {
            kid: key.id,
            alg: key.algorithm.as_str(),
            state: state.as_str(),
            created: key.created_at,
            signs_from: key.life.signs_from,
            retires: key.life.retires_at,
        }
    }
}

impl From<RotateError> for Problem {
    fn from(error: RotateError) -> Self {
        match error {
            RotateError::AlreadyPublished(_) => Self::new(ProblemType::KeyPublished),
            RotateError::Overtaken => Self::new(ProblemType::KeysChanged),
            RotateError::NotFound => Self::new(ProblemType::NotFound),
            RotateError::LastKey => Self::new(ProblemType::LastSigningKey),
            RotateError::Keys(error) => error.into(),
        }
    }
}

impl From<SigningKeysError> for Problem {
    fn from(error: SigningKeysError) -> Self {
        match error {
            SigningKeysError::Store(error) => error.into(),
            other => Self::internal(other),
        }
    }
}
