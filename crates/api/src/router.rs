//! Every route of the service, put together. What is not listed here does not exist.

use std::sync::Arc;

use axum::{Router, middleware, routing::get};
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    Api, access, accounts, api_keys, audit, authorizer,
    boundary::boundary,
    device_tokens, docs, invitations, licenses, oauth, openapi, outbox, passwords,
    problem::{Problem, ProblemType},
    recovery, sessions, sign_in, sign_up, signing_keys,
    test_mode::{self, TestMode},
};

/// The service's router; with test mode's own endpoints where there is a test mode (G7).
pub fn router(api: &Arc<Api>, test_mode: Option<TestMode>) -> Router {
    let (routes, document) = documented().split_for_parts();
    let routes = routes.merge(docs::routes()).route("/openapi.json", get(openapi::handler(&document)));
    let routes = match test_mode {
        Some(test_mode) => routes.merge(test_mode::routes(test_mode)),
        None => routes,
    };
    routes
        .fallback(|| async { Problem::new(ProblemType::NotFound) })
        .method_not_allowed_fallback(|| async { Problem::new(ProblemType::MethodNotAllowed) })
        .layer(middleware::from_fn_with_state(Arc::clone(api), boundary))
        .with_state(Arc::clone(api))
}

/// The routes that the OpenAPI document describes.
pub(crate) fn documented() -> OpenApiRouter<Arc<Api>> {
    let mut routes = OpenApiRouter::with_openapi(openapi::Document::openapi())
        .merge(sign_up::routes())
        .merge(sign_in::routes())
        .merge(recovery::routes())
        .merge(sessions::routes())
        .merge(api_keys::routes())
        .merge(device_tokens::routes())
        .merge(licenses::routes())
        .merge(oauth::routes())
        .merge(accounts::routes())
        .merge(passwords::routes())
        .merge(accounts::administration::routes())
        .merge(access::routes())
        .merge(authorizer::routes())
        .merge(invitations::routes())
        .merge(outbox::routes())
        .merge(audit::routes())
        .merge(signing_keys::routes());
    openapi::tell_absent_from_null(routes.get_openapi_mut());
    routes
}
