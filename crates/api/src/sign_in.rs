//! Signing in: a password, then a second factor (S2, S3, S4, S5, S6).

use std::sync::Arc;

use axum::{Extension, Json, extract::State, http::StatusCode, response::Response};
use secrecy::{ExposeSecret as _, SecretString};
use symbolon_domain::{
    actor::Origin,
    identifiers::EmailAddress,
    one_time_codes::OneTimeCode,
    sessions::CeremonyKind,
    sign_in::{SignInError, StartSignIn},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    Api,
    caller::SecondStep,
    ceremony::{
        self, ChallengeBody, Delivery, IdentifierBody, PageOrigin, PreAuthorizedBody, SessionBody,
        first_factor_done, session_opened,
    },
    fields::{Body, Fields, FromFields},
    problem::{ChallengeProblems, Problem, ProblemType, Retry, SignInCodeProblems, SignInProblems},
};

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(start)).routes(routes!(verify_code)).routes(routes!(challenge))
}

/// An address and a password.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SignIn, example = json!({
    "identifier": {"type": "email", "value": "ada@example.org"},
    "password": "a long walk by the river",
}))]
pub(crate) struct SignInBody {
    /// A verified address of the account.
    #[schema(value_type = IdentifierBody)]
    identifier: EmailAddress,
    /// The account's password.
    #[schema(value_type = String, format = "password")]
    password: SecretString,
    /// Where the client's binding is put.
    #[schema(value_type = Option<Delivery>)]
    delivery: Delivery,
}

/// A second factor's code.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SignInCode, example = json!({"method": "email_otp", "code": "123456"}))]
pub(crate) struct SignInCodeBody {
    /// By which second factor.
    #[schema(value_type = String, example = "email_otp", pattern = "^email_otp$")]
    #[expect(dead_code, reason = "there is one method so far: reading it is checking it")]
    method: (),
    /// Six digits; spaces are forgiven.
    #[schema(value_type = String, example = "123456")]
    code: OneTimeCode,
    /// Where the session's tokens are put; cookies in any case when the binding came as one.
    #[schema(value_type = Option<Delivery>)]
    delivery: Delivery,
}

/// Which second factor to begin.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChallengeRequest, example = json!({"method": "email_otp"}))]
pub(crate) struct ChallengeRequestBody {
    /// `email_otp` when nothing is said.
    #[schema(value_type = Option<String>, example = "email_otp", pattern = "^email_otp$")]
    #[expect(dead_code, reason = "there is one method so far: reading it is checking it")]
    method: Option<()>,
}

impl FromFields for SignInBody {
    fn read(fields: &mut Fields, _: &Api) -> Option<Self> {
        let identifier = ceremony::identifier(fields);
        // Whether it could be a password is not told here: a wrong one and an impossible one are the same (S4).
        let password = fields.required("password", Ok);
        let delivery = Delivery::read(fields);
        Some(Self { identifier: identifier?, password: password?, delivery: delivery? })
    }
}

impl FromFields for SignInCodeBody {
    fn read(fields: &mut Fields, _: &Api) -> Option<Self> {
        let method = fields.required("method", |text| ceremony::method(&text));
        let code = ceremony::code(fields);
        let delivery = Delivery::read(fields);
        Some(Self { method: method?, code: code?, delivery: delivery? })
    }
}

impl FromFields for ChallengeRequestBody {
    const MAY_BE_ABSENT: bool = true;

    fn read(fields: &mut Fields, _: &Api) -> Option<Self> {
        let method = fields.optional("method", |text| ceremony::method(&text))?;
        Some(Self { method })
    }
}

/// Begin a sign-in.
///
/// The password is the first factor; a code for the second goes to the address at once. An unknown address, a wrong
/// password and a closed account give the same answer.
#[utoipa::path(
    post, path = "/v1/sign-in", tag = "sign-in", operation_id = "sign_in",
    request_body = SignInBody,
    responses((status = 200, description = "A code is on its way", body = PreAuthorizedBody), SignInProblems),
)]
async fn start(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    page: PageOrigin,
    Body(body): Body<SignInBody>,
) -> Result<Response, Problem> {
    page.may_use(body.delivery)?;
    let command = StartSignIn { address: body.identifier, password: body.password };
    let begun = api.use_cases.sign_in.start(command, &origin).await?;
    Ok(first_factor_done(StatusCode::OK, begun, body.delivery))
}

/// Complete a sign-in with a code.
///
/// Takes the code together with the pre-authorized token and its binding.
#[utoipa::path(
    post, path = "/v1/sign-in/code", tag = "sign-in", operation_id = "verify_sign_in_code",
    security(("pre_authorized" = [], "binding" = []), ("pre_authorized" = [], "binding_cookie" = [])),
    request_body = SignInCodeBody,
    responses((status = 200, description = "A session", body = SessionBody), SignInCodeProblems),
)]
async fn verify_code(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    caller: SecondStep,
    page: PageOrigin,
    Body(body): Body<SignInCodeBody>,
) -> Result<Response, Problem> {
    let delivery = body.delivery.or_as_shown(&caller);
    page.may_use(delivery)?;
    let grant = api.use_cases.sign_in.verify_code(caller.shown(), &body.code, &origin).await?;
    Ok(session_opened(grant, delivery, caller.shown().binding))
}

/// Send the code again.
///
/// Of a sign-in or of a sign-up, as the pre-authorized token says. The code before ends.
#[utoipa::path(
    post, path = "/v1/sign-in/challenge", tag = "sign-in", operation_id = "send_challenge",
    security(("pre_authorized" = [], "binding" = []), ("pre_authorized" = [], "binding_cookie" = [])),
    request_body = Option<ChallengeRequestBody>,
    responses((status = 200, description = "Another code is on its way", body = ChallengeBody), ChallengeProblems),
)]
async fn challenge(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    caller: SecondStep,
    Body(_): Body<ChallengeRequestBody>,
) -> Result<Json<ChallengeBody>, Problem> {
    let challenge = match ceremony_of(&api, &caller) {
        CeremonyKind::SignUp => api.use_cases.sign_up.resend(caller.shown(), &origin).await?,
        CeremonyKind::SignIn => api.use_cases.sign_in.resend(caller.shown(), &origin).await?,
    };
    Ok(Json(challenge.into()))
}

/// The ceremony that a pre-authorized token names; any, when it does not count, for the use case to refuse.
fn ceremony_of(api: &Api, caller: &SecondStep) -> CeremonyKind {
    let tokens = api.use_cases.sessions.tokens();
    let claims =
        tokens.read_pre_authorized(caller.shown().access_token.expose_secret(), api.use_cases.clock.now());
    claims.map_or(CeremonyKind::SignIn, |claims| claims.ceremony)
}

impl From<SignInError> for Problem {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Refused => Self::new(ProblemType::InvalidCredentials),
            SignInError::TooMany(until) => Self::new(ProblemType::TooManyAttempts).retry(Retry::At(until)),
            SignInError::Hash(error) => error.into(),
            SignInError::Sign(error) => error.into(),
            SignInError::Store(error) => error.into(),
        }
    }
}
