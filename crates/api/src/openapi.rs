//! The OpenAPI 3.1 document: made from the handlers, so that it cannot say what the code does not do.

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use utoipa::{
    Modify, OpenApi,
    openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    openapi::{RefOr, Schema},
};

use crate::{
    caller::cookies,
    problem::{FieldError, ProblemBody},
    router,
};

/// The part of the document that no handler says.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Symbolon",
        description = "Accounts, sessions and tokens.\n\nA sign-up or sign-in begins with a password and gives a \
            *pre-authorized* token and a *binding*; a code from the mail then opens a session. Every token counts \
            only together with the binding, in the header `Symbolon-Binding`. Browsers may ask for cookies instead \
            (`\"delivery\": \"cookies\"`). Errors are RFC 9457 problems.\n\nWhatever changes something refuses members and \
            parameters that are not described here, with 400; OAuth's endpoints ignore them, as RFC 6749 has it. Where \
            no body is described, an empty one or an empty JSON object (`{}`) may come.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    tags(
        (name = "sign-up", description = "Becoming an account"),
        (name = "sign-in", description = "First factor, then second factor"),
        (name = "recovery", description = "A new password for who has lost theirs"),
        (name = "sessions", description = "One signed-in client each"),
        (name = "api-keys", description = "Short-lived credentials of programs, with a rotating refresh token"),
        (name = "device-tokens", description = "Tokens of licensed devices, in two halves: an answer and a mail"),
        (name = "licenses", description = "Who may have device tokens, for how long, on how many devices"),
        (name = "oauth", description = "Tokens for other services, as OAuth 2.0 has them"),
        (name = "account", description = "One's own account"),
        (name = "invitations", description = "Becoming an account that an administrator asked for"),
        (name = "administration", description = "Other people's accounts, messages and events: for staff and superusers"),
        (name = "access", description = "Who may do what with whose things"),
        (name = "gateway", description = "Whether a gateway may let a request pass"),
        (name = "keys", description = "The keys that tokens are verified with"),
    ),
    components(schemas(ProblemBody, FieldError)),
    modifiers(&SecuritySchemes),
)]
pub(crate) struct Document;

struct SecuritySchemes;

impl Modify for SecuritySchemes {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let bearer = |description: &str| {
            let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT");
            SecurityScheme::Http(scheme.description(Some(description)).build())
        };
        let cookie = |cookie: cookies::Cookie, description: &str| {
            SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(cookie.name, description)))
        };
        let binding =
            ApiKeyValue::with_description("Symbolon-Binding", "The binding of the sign-up or sign-in");
        components.add_security_scheme("session", bearer("The access token of a session"));
        components.add_security_scheme("pre_authorized", bearer("The token of a ceremony's first factor"));
        components
            .add_security_scheme("trusted_issuer", bearer("A token of another issuer that is trusted here"));
        components.add_security_scheme(
            "gateway",
            bearer("Any token that opens something: a session's, an access token, an API key, a device token, another issuer's"),
        );
        let device = ApiKeyValue::with_description("Symbolon-Device", "The device of a device token");
        components.add_security_scheme("device", SecurityScheme::ApiKey(ApiKey::Header(device)));
        components.add_security_scheme("binding", SecurityScheme::ApiKey(ApiKey::Header(binding)));
        components
            .add_security_scheme("session_cookie", cookie(cookies::SESSION, "The access token of a session"));
        components.add_security_scheme(
            "refresh_cookie",
            cookie(cookies::REFRESH, "The refresh token of a session"),
        );
        components.add_security_scheme(
            "key_refresh_cookie",
            cookie(cookies::KEY_REFRESH, "The refresh token of an API key"),
        );
        components.add_security_scheme("binding_cookie", cookie(cookies::BINDING, "The client's binding"));
    }
}

/// The whole document.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    router::documented().into_openapi()
}

/// A body that may be absent is described as one that may be `null`, which is not so.
pub(crate) fn tell_absent_from_null(document: &mut utoipa::openapi::OpenApi) {
    let operations = document.paths.paths.values_mut().filter_map(|item| item.post.as_mut());
    for operation in operations {
        let Some(RefOr::T(body)) = &mut operation.request_body else { continue };
        for content in body.content.values_mut() {
            if let RefOr::T(content) = content
                && let Some(RefOr::T(Schema::OneOf(choice))) = &content.schema
            {
                content.schema = choice.items.first().cloned();
            }
        }
    }
}

/// `GET /openapi.json`: always the same bytes.
pub(crate) fn handler(
    document: &utoipa::openapi::OpenApi,
) -> impl Fn() -> std::future::Ready<Response> + Clone + Send + Sync + 'static {
    let json = axum::body::Bytes::from(serde_json::to_vec(document).unwrap_or_default());
    move || {
        let headers =
            [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "public, max-age=300")];
        std::future::ready((headers, json.clone()).into_response())
    }
}
