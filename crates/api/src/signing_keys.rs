//! The public keys, as a JWK set (RFC 7517): with them anybody verifies our tokens.

use std::sync::Arc;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{Api, problem::PublicProblems};

/// How long a copy of the keys may be kept, in seconds. A new key is published for longer than that before it signs.
const CACHE: &str = "public, max-age=300";

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(jwk_set))
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
