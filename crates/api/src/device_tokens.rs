//! Device tokens: asked for, claimed, verified, exchanged, listed, ended (D1–D12).

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::{StatusCode, Uri},
};
use secrecy::ExposeSecret as _;
use symbolon_domain::{
    actor::Origin,
    device_tokens::{
        ClaimDeviceToken, ClaimError, DeviceTokensError, ExchangeError, Holder, RequestDeviceToken,
        RequestError, TokenGone, VerifyDeviceTokenError,
    },
    id::DeviceTokenId,
};
use utoipa_axum::{router::OpenApiRouter, routes};

mod answer;
mod request;

use self::{
    answer::{AnswerBody, IssuedBody, ListBody, RequestedBody},
    request::{ClaimBody, RequestBody, ShownBody},
};
use crate::{
    Api,
    caller::holder::TokenHolder,
    fields::{Body, Nothing, Parameters},
    problem::{
        DeviceTokenClaimProblems, DeviceTokenExchangeProblems, DeviceTokenListProblems,
        DeviceTokenRequestProblems, EndProblems, Problem, ProblemType, Retry, VerifyProblems,
    },
};

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .routes(routes!(request_token))
        .routes(routes!(claim))
        .routes(routes!(verify))
        .routes(routes!(exchange))
        .routes(routes!(list))
        .routes(routes!(revoke))
}

/// Ask for a device token.
///
/// The answer is one half of it; the other, a code, goes to the caller's verified e-mail address. Both are claimed together by
/// `PATCH /v1/token-requests/{id}`. A newer request of the same device takes this one's place.
#[utoipa::path(
    post, path = "/v1/token-requests", tag = "device-tokens", operation_id = "request_device_token",
    security(
        ("session" = [], "binding" = []),
        ("session_cookie" = [], "binding_cookie" = []),
        ("trusted_issuer" = []),
    ),
    request_body = RequestBody,
    responses((status = 201, description = "The code is on its way", body = RequestedBody), DeviceTokenRequestProblems),
)]
async fn request_token(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    caller: TokenHolder,
    Body(body): Body<RequestBody>,
) -> Result<(StatusCode, Json<RequestedBody>), Problem> {
    let licensee = caller.licensee(&api).await?;
    let command = RequestDeviceToken { device_id: body.device_id, user_id: body.user_id };
    let made = api.use_cases.device_tokens.request(&licensee, command, &origin).await?;
    Ok((StatusCode::CREATED, Json(made.into())))
}

/// Claim a device token.
///
/// By the user who has asked for it, for the same device, with the code from the mail. It takes the place of the one that the
/// device had.
#[utoipa::path(
    patch, path = "/v1/token-requests/{id}", tag = "device-tokens", operation_id = "claim_device_token",
    security(
        ("session" = [], "binding" = []),
        ("session_cookie" = [], "binding_cookie" = []),
        ("trusted_issuer" = []),
    ),
    params(("id" = String, Path, description = "The request", format = "uuid")),
    request_body = ClaimBody,
    responses((status = 200, description = "The token, shown this once", body = IssuedBody), DeviceTokenClaimProblems),
)]
async fn claim(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    caller: TokenHolder,
    Path(id): Path<String>,
    Body(body): Body<ClaimBody>,
) -> Result<Json<IssuedBody>, Problem> {
    // What is no id is nobody's request.
    let id = id.parse().map_err(|_| Problem::new(ProblemType::NotFound))?;
    let licensee = caller.licensee(&api).await?;
    let session = caller.session();
    let command = ClaimDeviceToken { id, session, device_id: body.device_id, code: body.claim_code };
    let issued = api.use_cases.device_tokens.claim(&licensee, command, &origin).await?;
    Ok(Json(issued.into()))
}

/// Does a device token count?
///
/// What is shown is the question, so the caller needs no credential. Anything that is no token of ours, or is another device's,
/// is not active.
#[utoipa::path(
    post, path = "/v1/device-tokens/verify", tag = "device-tokens", operation_id = "verify_device_token",
    request_body = ShownBody,
    responses((status = 200, description = "Whether it counts", body = AnswerBody), VerifyProblems),
)]
async fn verify(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    body: Result<Body<ShownBody>, Problem>,
) -> Result<Json<AnswerBody>, Problem> {
    let Some(body) = Body::shown(body)? else { return Ok(Json(AnswerBody::INACTIVE)) };
    let (token, device_id) = (body.token.expose_secret(), body.device_id.expose_secret());
    match api.use_cases.device_tokens.verify(token, device_id, &origin).await {
        Ok(verified) => Ok(Json(verified.into())),
        Err(VerifyDeviceTokenError::Fault(_)) => Ok(Json(AnswerBody::INACTIVE)),
        Err(VerifyDeviceTokenError::Store(error)) => Err(error.into()),
    }
}

/// Exchange a device token for a new one.
///
/// Shortly before it ends, by the device itself, while the licence holds. The token is all it takes, and ends with the exchange.
#[utoipa::path(
    post, path = "/v1/device-tokens/exchange", tag = "device-tokens", operation_id = "exchange_device_token",
    request_body = ShownBody,
    responses((status = 200, description = "The new token, shown this once", body = IssuedBody), DeviceTokenExchangeProblems),
)]
async fn exchange(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    Body(body): Body<ShownBody>,
) -> Result<Json<IssuedBody>, Problem> {
    let (token, device_id) = (body.token.expose_secret(), body.device_id.expose_secret());
    let issued = api.use_cases.device_tokens.exchange(token, device_id, &origin).await?;
    Ok(Json(issued.into()))
}

/// List somebody's device tokens.
///
/// Those that count. A page may be short, and still have a next one.
#[utoipa::path(
    get, path = "/v1/device-tokens", tag = "device-tokens", operation_id = "list_device_tokens",
    security(
        ("session" = [], "binding" = []),
        ("session_cookie" = [], "binding_cookie" = []),
        ("trusted_issuer" = []),
    ),
    params(
        ("user_id" = Option<String>, Query, description = "Whose, for administrators: the id of an account, or an issuer and its \
            principal with a bar between; else the caller's"),
        ("limit" = Option<usize>, Query, description = "Tokens on the page, at most 200", minimum = 1, maximum = 200),
        ("after" = Option<String>, Query, description = "The `next` of the page before"),
    ),
    responses((status = 200, description = "One page", body = ListBody), DeviceTokenListProblems),
)]
async fn list(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    caller: TokenHolder,
    uri: Uri,
) -> Result<Json<ListBody>, Problem> {
    let mut parameters = Parameters::of(&uri);
    let expected = "the id of an account, or an issuer and its principal with `|` between, is expected";
    let holder: Option<Holder> = parameters.optional("user_id", expected);
    let page = parameters.page();
    parameters.finish()?;
    let holder = holder.unwrap_or_else(|| caller.holder());
    let page = api.use_cases.device_tokens.list(&caller.tokens_caller(), &holder, page, &origin).await?;
    Ok(Json(page.into()))
}

/// End a device token: one's own, or anybody's for administrators.
///
/// Where its licence has seats, this one is free again.
#[utoipa::path(
    delete, path = "/v1/device-tokens/{id}", tag = "device-tokens", operation_id = "revoke_device_token",
    security(
        ("session" = [], "binding" = []),
        ("session_cookie" = [], "binding_cookie" = []),
        ("trusted_issuer" = []),
    ),
    params(("id" = String, Path, description = "The token", format = "uuid")),
    responses((status = 204, description = "It has ended"), EndProblems),
)]
async fn revoke(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    caller: TokenHolder,
    Path(id): Path<String>,
    Body(Nothing): Body<Nothing>,
) -> Result<StatusCode, Problem> {
    // What is no id is nobody's token.
    let id: DeviceTokenId = id.parse().map_err(|_| Problem::new(ProblemType::NotFound))?;
    api.use_cases.device_tokens.revoke(&caller.tokens_caller(), id, &origin).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<RequestError> for Problem {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::AnotherUser => Self::new(ProblemType::AnotherUser),
            RequestError::NotLicensed => Self::new(ProblemType::NotLicensed),
            RequestError::NoVerifiedEmail => Self::new(ProblemType::NoVerifiedEmail),
            RequestError::TooMany(until) => Self::new(ProblemType::TooManyMessages).retry(Retry::At(until)),
            RequestError::Store(error) => error.into(),
        }
    }
}

impl From<TokenGone> for Problem {
    fn from(gone: TokenGone) -> Self {
        Self::new(match gone {
            TokenGone::Consumed => ProblemType::Consumed,
            TokenGone::Superseded => ProblemType::Superseded,
            TokenGone::AttemptsExhausted => ProblemType::AttemptsExhausted,
            TokenGone::Expired => ProblemType::Expired,
        })
    }
}

impl From<ClaimError> for Problem {
    fn from(error: ClaimError) -> Self {
        match error {
            ClaimError::Unknown => Self::new(ProblemType::NotFound),
            ClaimError::Denied => Self::new(ProblemType::InvalidToken),
            ClaimError::Wrong => Self::new(ProblemType::WrongClaim),
            ClaimError::Gone(gone) => gone.into(),
            ClaimError::NotLicensed => Self::new(ProblemType::NotLicensed),
            ClaimError::NoSeatLeft => Self::new(ProblemType::NoSeatLeft),
            ClaimError::Store(error) => error.into(),
        }
    }
}

impl From<ExchangeError> for Problem {
    fn from(error: ExchangeError) -> Self {
        match error {
            // What is wrong with it is for the audit only.
            ExchangeError::Fault(_) => Self::new(ProblemType::InvalidToken),
            ExchangeError::TooEarly(earliest) => {
                let problem = Self::new(ProblemType::TooEarly).retry(Retry::At(earliest));
                problem.detailed(format!("It can be exchanged from {earliest} on, and not before."))
            }
            ExchangeError::NotLicensed => Self::new(ProblemType::NotLicensed),
            ExchangeError::NoSeatLeft => Self::new(ProblemType::NoSeatLeft),
            ExchangeError::Store(error) => error.into(),
        }
    }
}

impl From<DeviceTokensError> for Problem {
    fn from(error: DeviceTokensError) -> Self {
        match error {
            DeviceTokensError::NotFound => Self::new(ProblemType::NotFound),
            DeviceTokensError::Access(error) => error.into(),
            DeviceTokensError::Store(error) => error.into(),
        }
    }
}
