//! The verify floor: the question of `POST /v1/sessions/verify` in JSON, the token's SHA-256, a look-up in a hash map, and
//! its claims in JSON. No signature, no store, no limits, no log.

use std::collections::HashMap;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use axum::{Json, Router, extract::State, routing::post};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};

/// By the SHA-256 of their tokens.
type Known = Arc<HashMap<Vec<u8>, Claims>>;

#[derive(Deserialize)]
struct Question {
    access_token: String,
    binding: String,
}

#[derive(Serialize)]
struct Answer {
    active: bool,
    #[serde(flatten)]
    claims: Option<Claims>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    exp: i64,
    iat: i64,
    nbf: i64,
    jti: String,
    sid: String,
    state: String,
    auth_time: i64,
    amr: Vec<String>,
    acr: String,
    role: String,
}

/// Over these tokens, whose claims it believes.
pub(super) fn router(tokens: &[String]) -> Router {
    let entry = |token: &String| {
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
        Some((digest(&SHA256, token.as_bytes()).as_ref().to_vec(), serde_json::from_slice(&claims).ok()?))
    };
    let known: Known = Arc::new(tokens.iter().filter_map(entry).collect());
    Router::new().route("/v1/sessions/verify", post(verify)).with_state(known)
}

async fn verify(State(known): State<Known>, Json(question): Json<Question>) -> Json<Answer> {
    let key = digest(&SHA256, question.access_token.as_bytes());
    let claims = known.get(key.as_ref()).filter(|_| !question.binding.is_empty()).cloned();
    Json(Answer { active: claims.is_some(), claims })
}
