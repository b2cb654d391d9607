//! What people read about the interface: `/docs`, which shows the OpenAPI document in Swagger UI out of the binary
//! itself, and `/problems/{slug}`, where the `type` of every error points.

use std::sync::{Arc, OnceLock};

use axum::{
    Json, Router,
    extract::Path,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Redirect, Response},
    routing::get,
};
use utoipa_swagger_ui::Config;

use crate::{
    Api,
    problem::{Problem, ProblemType},
};

/// Only what comes from here may run, load or be asked; the style sheet carries its pictures inside.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

pub(crate) fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/docs", get(|| async { Redirect::to("/docs/") }))
        .route("/docs/", get(|| async { file("index.html") }))
        .route("/docs/{*file}", get(|Path(path): Path<String>| async move { file(&path) }))
        .route("/problems/{slug}", get(problem))
}

/// A file of Swagger UI. Most are in the binary as gzip alone, a quarter of their size: whoever shows them takes that.
fn file(path: &str) -> Result<Response, Problem> {
    static CONFIG: OnceLock<Arc<Config<'static>>> = OnceLock::new();
    // Without a validator's address the page would ask one on the internet.
    let config = CONFIG.get_or_init(|| Arc::new(Config::from("/openapi.json").validator_url("none")));
    let found = utoipa_swagger_ui::serve(path, Arc::clone(config));
    let file = found.ok().flatten().ok_or(Problem::new(ProblemType::NotFound))?;
    let headers = [
        (header::CONTENT_TYPE, file.content_type.as_str()),
        (header::CACHE_CONTROL, "public, max-age=3600"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
    ];
    let mut response = (headers, file.bytes.into_owned()).into_response();
    if file.gzpipped {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// What a problem means.
async fn problem(Path(slug): Path<String>) -> Result<Json<serde_json::Value>, Problem> {
    let kind = ProblemType::parse(&slug).ok_or(Problem::new(ProblemType::NotFound))?;
    Ok(Json(serde_json::json!({
        "type": kind.reference(),
        "title": kind.title(),
        "status": kind.status().as_u16(),
        "detail": kind.detail(),
    })))
}
