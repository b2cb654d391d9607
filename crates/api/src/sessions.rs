//! Sessions: verified, refreshed, listed, ended (S9, S10, S11).

use std::{net::IpAddr, sync::Arc};

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::{StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use secrecy::SecretString;
use serde::Serialize;
use symbolon_domain::{
    actor::Origin,
    clock::Timestamp,
    id::SessionId,
    sessions::{RefreshError, RevokeError, RevokeSessions, Session, VerifyError},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

mod claims;

use self::claims::ClaimsBody;
use crate::{
    Api,
    caller::{Caller, RefreshCookie, cookies},
    ceremony::{Delivery, PageOrigin, SessionBody, session_opened},
    fields::{Body, Fault, Fields, FromFields, Nothing, Parameters, QueryOnly},
    problem::{
        EndManyProblems, EndProblems, ListProblems, Problem, ProblemType, RefreshProblems, Slug,
        VerifyProblems,
    },
};

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .routes(routes!(verify))
        .routes(routes!(refresh))
        .routes(routes!(list, revoke_many))
        .routes(routes!(revoke_current))
        .routes(routes!(revoke))
}

/// A session token and the binding that its client shows with it.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SessionQuestion, example = json!({"access_token": "eyJ…", "binding": "sym_cb_…"}))]
pub(crate) struct VerifyBody {
    /// The token in question.
    #[schema(value_type = String)]
    access_token: SecretString,
    /// The client's binding.
    #[schema(value_type = Option<String>)]
    binding: Option<SecretString>,
}

/// Whether a session token counts. When it does not, `active` is all there is.
#[derive(Serialize, ToSchema)]
#[schema(as = SessionAnswer)]
pub(crate) struct AnswerBody {
    active: bool,
    /// The token's claims.
    #[serde(flatten)]
    #[schema(value_type = ClaimsBody)]
    claims: Option<ClaimsBody>,
}

impl AnswerBody {
    const INACTIVE: Self = Self { active: false, claims: None };
}

/// A refresh token; missing where it travels in a cookie.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Refresh, example = json!({"refresh_token": "sym_rt_…"}))]
pub(crate) struct RefreshBody {
    /// The refresh token that came last.
    #[schema(value_type = Option<String>)]
    refresh_token: Option<SecretString>,
}

/// One page of the login history.
#[derive(Serialize, ToSchema)]
#[schema(as = SessionList)]
pub(crate) struct SessionListBody {
    /// Newest first; ended sessions included.
    items: Vec<SessionItemBody>,
    /// Continues the list as `after`; null on the last page.
    next: Option<String>,
}

/// One login.
#[derive(Serialize, ToSchema)]
#[schema(as = SessionItem)]
pub(crate) struct SessionItemBody {
    #[schema(value_type = String, format = "uuid")]
    id: SessionId,
    /// `active`, `revoked` or `expired`.
    #[schema(example = "active")]
    state: &'static str,
    /// Whether it is the session that asks.
    current: bool,
    /// The address at the last refresh.
    #[schema(value_type = Option<String>, example = "203.0.113.9")]
    ip: Option<IpAddr>,
    /// The user agent at the sign-in.
    user_agent: Option<String>,
    #[schema(value_type = String, format = "date-time")]
    created: Timestamp,
    /// When its tokens were last rotated.
    #[schema(value_type = String, format = "date-time")]
    refreshed: Timestamp,
    /// When it ends if it is not refreshed before.
    #[schema(value_type = String, format = "date-time")]
    expires: Timestamp,
}

impl FromFields for VerifyBody {
    fn read(fields: &mut Fields, _: &Api) -> Option<Self> {
        let access_token = fields.required("access_token", Ok);
        let binding = fields.optional("binding", Ok);
        Some(Self { access_token: access_token?, binding: binding? })
    }
}

impl FromFields for RefreshBody {
    const MAY_BE_ABSENT: bool = true;

    fn read(fields: &mut Fields, _: &Api) -> Option<Self> {
        let refresh_token = fields.optional("refresh_token", Ok)?;
        Some(Self { refresh_token })
    }
}

/// Does a session token count?
///
/// What is shown is the question, so the caller needs no credential. Anything that is no token of ours is not active.
#[utoipa::path(
    post, path = "/v1/sessions/verify", tag = "sessions", operation_id = "verify_session",
    request_body = VerifyBody,
    responses((status = 200, description = "Whether it counts", body = AnswerBody), VerifyProblems),
)]
async fn verify(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    body: Result<Body<VerifyBody>, Problem>,
) -> Result<Json<AnswerBody>, Problem> {
    let Some(body) = Body::shown(body)? else { return Ok(Json(AnswerBody::INACTIVE)) };
    let claims = match api.use_cases.sessions.verify(&body.access_token, body.binding.as_ref(), &origin).await
    {
        Ok((claims, _)) => Some(ClaimsBody::from(claims)),
        Err(VerifyError::Inactive(_)) => None,
        Err(VerifyError::Store(error)) => return Err(error.into()),
    };
    Ok(Json(AnswerBody { active: claims.is_some(), claims }))
}

/// Give new tokens for a refresh token.
///
/// It is used once, with the session's binding. A browser leaves it out of the body: then its cookie counts, and the
/// new tokens come as cookies.
#[utoipa::path(
    post, path = "/v1/sessions/refresh", tag = "sessions", operation_id = "refresh_session",
    security(("binding" = []), ("refresh_cookie" = [], "binding_cookie" = [])),
    request_body = Option<RefreshBody>,
    responses((status = 200, description = "New tokens of the same session", body = SessionBody), RefreshProblems),
)]
async fn refresh(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    cookie: RefreshCookie,
    page: PageOrigin,
    Body(body): Body<RefreshBody>,
) -> Result<Response, Problem> {
    let (token, delivery) = match (body.refresh_token, cookie.token) {
        (Some(token), _) => (token, Delivery::Body),
        (None, Some(token)) => (token, Delivery::Cookies),
        (None, None) => {
            return Err(Problem::at("/refresh_token", Fault::new(Slug::Missing, "it is required")));
        }
    };
    page.may_use(if cookie.binds { Delivery::Cookies } else { delivery })?;
    let grant = api.use_cases.sessions.refresh(&token, cookie.binding.as_ref(), &origin).await?;
    Ok(session_opened(grant, delivery, cookie.binding.as_ref()))
}

/// List the caller's logins.
#[utoipa::path(
    get, path = "/v1/sessions", tag = "sessions", operation_id = "list_sessions",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    params(
        ("limit" = Option<usize>, Query, description = "Logins on the page, at most 200", minimum = 1, maximum = 200),
        ("after" = Option<String>, Query, description = "The `next` of the page before"),
    ),
    responses((status = 200, description = "One page", body = SessionListBody), ListProblems),
)]
async fn list(
    State(api): State<Arc<Api>>,
    caller: Caller,
    uri: Uri,
) -> Result<Json<SessionListBody>, Problem> {
    let mut parameters = Parameters::of(&uri);
    let page = parameters.page();
    parameters.finish()?;
    let current = caller.signed_in.session_id;
    let page = api.use_cases.sessions.list(caller.signed_in.account_id, page).await?;
    let now = api.use_cases.clock.now();
    let next = page.next.map(|cursor| cursor.to_string());
    let items = page.items.into_iter().map(|session| SessionItemBody::new(session, current, now)).collect();
    Ok(Json(SessionListBody { items, next }))
}

/// End the caller's sessions.
#[utoipa::path(
    delete, path = "/v1/sessions", tag = "sessions", operation_id = "revoke_sessions",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    params(("keep_current" = Option<bool>, Query, description = "All but the one that asks")),
    responses((status = 204, description = "They have ended"), EndManyProblems),
)]
async fn revoke_many(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    caller: Caller,
    uri: Uri,
    Body(QueryOnly): Body<QueryOnly>,
) -> Result<Response, Problem> {
    let mut parameters = Parameters::of(&uri);
    let keep_current = parameters.optional("keep_current", "`true` or `false` is expected").unwrap_or(false);
    parameters.finish()?;
    let current = caller.signed_in.session_id;
    let which = if keep_current { RevokeSessions::Except(current) } else { RevokeSessions::All };
    api.use_cases.sessions.revoke_many(&caller.signed_in, which, &origin).await?;
    Ok(ended(&caller, !keep_current))
}

/// End the session that asks, and with it every API key of its account.
#[utoipa::path(
    delete, path = "/v1/sessions/current", tag = "sessions", operation_id = "revoke_current_session",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    responses((status = 204, description = "It has ended"), EndProblems),
)]
async fn revoke_current(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    caller: Caller,
    Body(Nothing): Body<Nothing>,
) -> Result<Response, Problem> {
    end(&api, &caller, caller.signed_in.session_id, &origin).await
}

/// End one of the caller's sessions.
///
/// The one that asks is signed out by it, API keys and all; with another one no key ends.
#[utoipa::path(
    delete, path = "/v1/sessions/{id}", tag = "sessions", operation_id = "revoke_session",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    params(("id" = String, Path, description = "The session", format = "uuid")),
    responses((status = 204, description = "It has ended"), EndProblems),
)]
async fn revoke(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    caller: Caller,
    Path(id): Path<String>,
    Body(Nothing): Body<Nothing>,
) -> Result<Response, Problem> {
    // What is no id is nobody's session.
    let id: SessionId = id.parse().map_err(|_| Problem::new(ProblemType::NotFound))?;
    end(&api, &caller, id, &origin).await
}

/// Ends one session; the caller's own takes the account's API keys along (K11).
async fn end(api: &Api, caller: &Caller, id: SessionId, origin: &Origin) -> Result<Response, Problem> {
    api.use_cases.sessions.revoke(&caller.signed_in, id, origin).await?;
    let own = id == caller.signed_in.session_id;
    if own {
        api.use_cases.api_keys.signed_out(caller.signed_in.account_id).await;
    }
    Ok(ended(caller, own))
}

/// Nothing more to say; a browser that has ended its own session loses its cookies.
fn ended(caller: &Caller, own: bool) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    if own && caller.by_cookie {
        cookies::clear_all(response.headers_mut());
    }
    response
}

impl SessionItemBody {
    fn new(session: Session, current: SessionId, now: Timestamp) -> Self {
        Self {
            id: session.id,
            state: session.state(now).as_str(),
            current: session.id == current,
            ip: session.ip,
            created: session.created_at,
            refreshed: session.refreshed_at,
            expires: session.expires_at.min(session.idle_expires_at),
            user_agent: session.user_agent,
        }
    }
}

impl From<RefreshError> for Problem {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::Refused => Self::new(ProblemType::InvalidToken),
            RefreshError::Sign(error) => error.into(),
            RefreshError::Store(error) => error.into(),
        }
    }
}

impl From<RevokeError> for Problem {
    fn from(error: RevokeError) -> Self {
        match error {
            RevokeError::NotFound => Self::new(ProblemType::NotFound),
            RevokeError::Store(error) => error.into(),
        }
    }
}
