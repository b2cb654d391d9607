//! API keys: issued, verified, refreshed, listed, ended (K1–K12).

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::{StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use secrecy::SecretString;
use serde::Serialize;
use symbolon_domain::{
    actor::{Actor, Origin},
    api_keys::{
        ApiKey, ApiKeyGrant, IssueApiKeyError, RefreshApiKeyError, RevokeApiKeyError, VerifyApiKeyError,
    },
    clock::Timestamp,
    id::{AccountId, ApiKeyId},
    page::Page,
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

mod claims;
pub(crate) mod request;

use self::{
    claims::ApiKeyClaimsBody,
    request::{IssueBody, IssueFields, RefreshKeyBody, VerifyKeyBody},
};
use crate::{
    Api,
    caller::{Caller, KeyRefreshCookie, cookies, fresh},
    ceremony::{Delivery, PageOrigin, Revealed},
    fields::{Body, Fault, Nothing, Parameters, QueryOnly},
    problem::{
        ApiKeyEndManyProblems, ApiKeyEndProblems, ApiKeyListProblems, IssueApiKeyProblems, Problem,
        ProblemType, RefreshProblems, Retry, Slug, VerifyProblems, whole_seconds,
    },
};

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .routes(routes!(verify))
        .routes(routes!(refresh))
        .routes(routes!(issue, list, revoke_all))
        .routes(routes!(revoke))
}

/// A key and the refresh token for the next one.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKeyIssued)]
pub(crate) struct GrantBody {
    /// The same over every refresh.
    #[schema(value_type = String, format = "uuid")]
    id: ApiKeyId,
    /// Shown this once.
    #[schema(value_type = String, example = "sym_ak_v4.local.…")]
    api_key: Revealed,
    #[schema(value_type = String, format = "date-time")]
    expires_at: Timestamp,
    /// Absent where there is none, and where it went into a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "sym_kr_…")]
    refresh_token: Option<Revealed>,
    /// Null where the key cannot be refreshed.
    #[schema(value_type = Option<String>, format = "date-time")]
    refresh_expires_at: Option<Timestamp>,
}

/// Whether a key counts. When it does not, `active` is all there is.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKeyAnswer)]
pub(crate) struct KeyAnswerBody {
    active: bool,
    /// What the key says.
    #[serde(flatten)]
    #[schema(value_type = ApiKeyClaimsBody)]
    claims: Option<ApiKeyClaimsBody>,
}

impl KeyAnswerBody {
    const INACTIVE: Self = Self { active: false, claims: None };
}

/// One page of an owner's keys.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKeyList)]
pub(crate) struct KeyListBody {
    /// Newest first; ended ones included for a while.
    items: Vec<KeyItemBody>,
    /// Continues the list as `after`; null on the last page.
    next: Option<String>,
}

/// One key, over all its refreshes.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKeyItem)]
pub(crate) struct KeyItemBody {
    #[schema(value_type = String, format = "uuid")]
    id: ApiKeyId,
    /// What its owner calls it.
    name: Option<String>,
    /// What the newest key begins with.
    #[schema(example = "sym_ak_v4.local.Jd8sKq2x")]
    prefix: String,
    /// `active`, `expired` (a refresh token may still live) or `revoked`.
    #[schema(example = "active")]
    state: &'static str,
    issuer: String,
    audience: String,
    subject: String,
    version: String,
    scopes: Vec<String>,
    /// The addresses that it is bound to.
    ip_address: Option<String>,
    #[schema(value_type = String, format = "date-time")]
    created: Timestamp,
    /// When it was last verified against the store, up to a minute old.
    #[schema(value_type = Option<String>, format = "date-time")]
    last_used: Option<Timestamp>,
    /// When the newest key expires.
    #[schema(value_type = String, format = "date-time")]
    expires: Timestamp,
    /// When it can be refreshed no more.
    #[schema(value_type = String, format = "date-time")]
    ends: Timestamp,
}

/// How many keys were ended.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKeysRevoked)]
pub(crate) struct RevokedBody {
    revoked: u64,
}

/// Issue a key.
///
/// It is its caller's own, with the caller's role. A key, or a refresh token, that lives over a day needs a fresh sign-in.
#[utoipa::path(
    post, path = "/v1/api-keys", tag = "api-keys", operation_id = "issue_api_key",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    request_body = IssueFields,
    responses((status = 201, description = "The key, shown this once", body = GrantBody), IssueApiKeyProblems),
)]
async fn issue(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    caller: Caller,
    page: PageOrigin,
    Body(body): Body<IssueBody>,
) -> Result<Response, Problem> {
    page.may_use(body.delivery)?;
    if body.request.is_long_lived() {
        fresh(&api, &caller, &origin)?;
    }
    let grant = api.use_cases.api_keys.issue(&caller.signed_in, body.request, &origin).await?;
    Ok((StatusCode::CREATED, granted(&api, grant, body.delivery)).into_response())
}

/// Does a key count?
///
/// What is shown is the question, so the caller needs no credential. Anything that is no key of ours is not active.
#[utoipa::path(
    post, path = "/v1/api-keys/verify", tag = "api-keys", operation_id = "verify_api_key",
    request_body = VerifyKeyBody,
    responses((status = 200, description = "Whether it counts", body = KeyAnswerBody), VerifyProblems),
)]
async fn verify(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    body: Result<Body<VerifyKeyBody>, Problem>,
) -> Result<Json<KeyAnswerBody>, Problem> {
    let Some(body) = Body::shown(body)? else { return Ok(Json(KeyAnswerBody::INACTIVE)) };
    let verified = api.use_cases.api_keys.verify(&body.api_key, &body.expect, body.mode, &origin).await;
    let claims = match verified {
        Ok(verified) => Some(ApiKeyClaimsBody::from(verified.claims)),
        Err(VerifyApiKeyError::Inactive(_)) => None,
        Err(VerifyApiKeyError::RateLimited { until }) => {
            return Err(Problem::new(ProblemType::TooManyRequests).retry(Retry::At(until)));
        }
        Err(VerifyApiKeyError::Store(error)) => return Err(error.into()),
    };
    Ok(Json(KeyAnswerBody { active: claims.is_some(), claims }))
}

/// Give the next key for a refresh token.
///
/// It is used once, with its key, which may have expired. A browser leaves it out of the body: then its cookie counts, and
/// the next one comes as a cookie.
#[utoipa::path(
    post, path = "/v1/api-keys/refresh", tag = "api-keys", operation_id = "refresh_api_key",
    security((), ("key_refresh_cookie" = [])),
    request_body = RefreshKeyBody,
    responses((status = 200, description = "The next key", body = GrantBody), RefreshProblems),
)]
async fn refresh(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    cookie: KeyRefreshCookie,
    page: PageOrigin,
    Body(body): Body<RefreshKeyBody>,
) -> Result<Response, Problem> {
    let (token, delivery) = match (body.refresh_token, cookie.0) {
        (Some(token), _) => (token, Delivery::Body),
        (None, Some(token)) => (token, Delivery::Cookies),
        (None, None) => {
            return Err(Problem::at("/refresh_token", Fault::new(Slug::Missing, "it is required")));
        }
    };
    page.may_use(delivery)?;
    let grant = api.use_cases.api_keys.refresh(&body.api_key, &token, &origin).await?;
    Ok(granted(&api, grant, delivery))
}

/// List the keys of an account.
#[utoipa::path(
    get, path = "/v1/api-keys", tag = "api-keys", operation_id = "list_api_keys",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    params(
        ("owner" = Option<String>, Query, description = "Whose, for staff and superusers; else the caller's", format = "uuid"),
        ("limit" = Option<usize>, Query, description = "Keys on the page, at most 200", minimum = 1, maximum = 200),
        ("after" = Option<String>, Query, description = "The `next` of the page before"),
    ),
    responses((status = 200, description = "One page", body = KeyListBody), ApiKeyListProblems),
)]
async fn list(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    caller: Caller,
    uri: Uri,
) -> Result<Json<KeyListBody>, Problem> {
    let mut parameters = Parameters::of(&uri);
    let owner = owner(&mut parameters);
    let page = parameters.page();
    parameters.finish()?;
    let by = Actor::Account(caller.signed_in.account_id);
    let owner = owner.unwrap_or(caller.signed_in.account_id);
    let page = api.use_cases.api_keys.list(by, owner, page, &origin).await?;
    Ok(Json(KeyListBody::new(page, api.use_cases.clock.now())))
}

/// End every key of an account.
#[utoipa::path(
    delete, path = "/v1/api-keys", tag = "api-keys", operation_id = "revoke_api_keys",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    params(
        ("owner" = Option<String>, Query, description = "Whose, for staff and superusers; else the caller's", format = "uuid"),
    ),
    responses((status = 200, description = "They have ended", body = RevokedBody), ApiKeyEndManyProblems),
)]
async fn revoke_all(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    caller: Caller,
    uri: Uri,
    Body(QueryOnly): Body<QueryOnly>,
) -> Result<Response, Problem> {
    let mut parameters = Parameters::of(&uri);
    let owner = owner(&mut parameters);
    parameters.finish()?;
    let by = Actor::Account(caller.signed_in.account_id);
    let owner = owner.unwrap_or(caller.signed_in.account_id);
    let revoked = api.use_cases.api_keys.revoke_all(by, owner, &origin).await?;
    let mut response = Json(RevokedBody { revoked }).into_response();
    if caller.by_cookie && owner == caller.signed_in.account_id {
        cookies::put(response.headers_mut(), [cookies::KEY_REFRESH.clear()]);
    }
    Ok(response)
}

/// End one key: one's own, or anybody's for staff and superusers.
#[utoipa::path(
    delete, path = "/v1/api-keys/{id}", tag = "api-keys", operation_id = "revoke_api_key",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    params(("id" = String, Path, description = "The key", format = "uuid")),
    responses((status = 204, description = "It has ended"), ApiKeyEndProblems),
)]
async fn revoke(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    caller: Caller,
    Path(id): Path<String>,
    Body(Nothing): Body<Nothing>,
) -> Result<StatusCode, Problem> {
    // What is no id is nobody's key.
    let id: ApiKeyId = id.parse().map_err(|_| Problem::new(ProblemType::NotFound))?;
    let by = Actor::Account(caller.signed_in.account_id);
    api.use_cases.api_keys.revoke(by, id, &origin).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn owner(parameters: &mut Parameters) -> Option<AccountId> {
    parameters.optional("owner", "the id of an account is expected")
}

/// What the holder of a key gets; the cookie expires exactly with the token in it (K11).
fn granted(api: &Api, grant: ApiKeyGrant, delivery: Delivery) -> Response {
    let ApiKeyGrant { id, api_key, expires_at, refresh_token, refresh_expires_at } = grant;
    let refresh_token = refresh_token.map(|token| token.reveal().clone());
    let (in_body, in_cookie): (Option<SecretString>, Option<SecretString>) = match delivery {
        Delivery::Body => (refresh_token, None),
        Delivery::Cookies => (None, refresh_token),
    };
    let body = GrantBody {
        id,
        api_key: api_key.into(),
        expires_at,
        refresh_token: in_body.map(Revealed::from),
        refresh_expires_at,
    };
    let mut response = Json(body).into_response();
    let life = refresh_expires_at.map_or(Duration::ZERO, |end| end.since(api.use_cases.clock.now()));
    cookies::put(
        response.headers_mut(),
        [in_cookie.and_then(|token| cookies::KEY_REFRESH.set(&token, life))],
    );
    response
}

impl KeyListBody {
    fn new(page: Page<ApiKey>, now: Timestamp) -> Self {
        let next = page.next.map(|cursor| cursor.to_string());
        Self { items: page.items.into_iter().map(|key| KeyItemBody::new(key, now)).collect(), next }
    }
}

impl KeyItemBody {
    fn new(key: ApiKey, now: Timestamp) -> Self {
        let ends = key.ends_at.min(key.expires_at);
        Self {
            id: key.id,
            state: key.state(now).as_str(),
            name: key.name.map(|name| name.as_str().to_owned()),
            prefix: key.prefix,
            issuer: key.issuer.into(),
            audience: key.audience.into(),
            subject: key.subject.into(),
            version: key.version.into(),
            scopes: key.scopes.into(),
            ip_address: key.address.map(|address| address.to_string()),
            created: key.created_at,
            last_used: key.last_used_at,
            expires: key.key_expires_at,
            ends,
        }
    }
}

impl From<IssueApiKeyError> for Problem {
    fn from(error: IssueApiKeyError) -> Self {
        match error {
            IssueApiKeyError::Denied => Self::new(ProblemType::AccessDenied),
            error @ IssueApiKeyError::LongLived => {
                let fault = Fault::new(Slug::InvalidValue, error.to_string());
                Self::new(ProblemType::AccessDenied).blaming("/expires_in", fault)
            }
            IssueApiKeyError::Full { retry_after: Some(wait) } => {
                Self::new(ProblemType::TooManyKeys).retry(Retry::After(whole_seconds(wait)))
            }
            IssueApiKeyError::Full { retry_after: None } => Self::new(ProblemType::TooManyKeys)
                .detailed("An account with your role may have none (`max.api_key`).".to_owned()),
            IssueApiKeyError::Access(error) => error.into(),
            IssueApiKeyError::Hash(error) => error.into(),
            IssueApiKeyError::Seal(error) => Self::internal(error),
            IssueApiKeyError::Store(error) => error.into(),
        }
    }
}

impl From<RefreshApiKeyError> for Problem {
    fn from(error: RefreshApiKeyError) -> Self {
        match error {
            RefreshApiKeyError::Refused => Self::new(ProblemType::InvalidToken),
            RefreshApiKeyError::Hash(error) => error.into(),
            RefreshApiKeyError::Seal(error) => Self::internal(error),
            RefreshApiKeyError::Store(error) => error.into(),
        }
    }
}

impl From<RevokeApiKeyError> for Problem {
    fn from(error: RevokeApiKeyError) -> Self {
        match error {
            RevokeApiKeyError::NotFound => Self::new(ProblemType::NotFound),
            RevokeApiKeyError::Access(error) => error.into(),
            RevokeApiKeyError::Store(error) => error.into(),
        }
    }
}
