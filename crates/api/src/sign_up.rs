//! Signing up: an address and a password, then the code from the mail (S1).

use std::sync::Arc;

use axum::{Extension, extract::State, http::StatusCode, response::Response};
use secrecy::SecretString;
use symbolon_domain::{
    accounts::Name,
    actor::Origin,
    identifiers::EmailAddress,
    sign_up::{SignUpCodeError, SignUpError, StartSignUp},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    Api, accounts,
    caller::SecondStep,
    ceremony::{
        self, CodeBody, Delivery, IdentifierBody, PageOrigin, PreAuthorizedBody, SessionBody,
        first_factor_done, password_fault, session_opened,
    },
    fields::{Body, Fields, FromFields},
    problem::{Problem, ProblemType, Retry, SignUpCodeProblems, SignUpProblems},
};

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(start)).routes(routes!(verify))
}

/// An address, a password, a name.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SignUp, example = json!({
    "identifier": {"type": "email", "value": "ada@example.org"},
    "password": "a long walk by the river",
    "name": "Ada",
}))]
pub(crate) struct SignUpBody {
    /// The address to verify.
    #[schema(value_type = IdentifierBody)]
    identifier: EmailAddress,
    /// The account's password: not a common one, and not about its owner.
    #[schema(value_type = String, format = "password", min_length = 8, max_length = 256)]
    password: SecretString,
    /// What the person is called.
    #[schema(value_type = Option<String>, max_length = 256)]
    name: Option<Name>,
    /// Where the client's binding is put.
    #[schema(value_type = Option<Delivery>)]
    delivery: Delivery,
}

impl FromFields for SignUpBody {
    fn read(fields: &mut Fields, api: &Api) -> Option<Self> {
        let identifier = ceremony::identifier(fields);
        let name = fields.optional("name", |text| accounts::name(&text));
        let delivery = Delivery::read(fields);
        // Judged last, against whatever else could be read.
        let personal = [
            identifier.as_ref().map(EmailAddress::as_typed),
            name.as_ref().and_then(Option::as_ref).map(Name::as_str),
        ];
        let personal: Vec<&str> = personal.into_iter().flatten().collect();
        let password = fields.required("password", |password| {
            api.use_cases.sign_up.judge_password(&password, &personal).map_err(password_fault)?;
            Ok(password)
        });
        Some(Self { identifier: identifier?, password: password?, name: name?, delivery: delivery? })
    }
}

/// Begin a sign-up.
///
/// A code goes to the address; the account exists when it is verified. The answer is the same whether the address
/// has an account or not.
#[utoipa::path(
    post, path = "/v1/sign-up", tag = "sign-up", operation_id = "sign_up",
    request_body = SignUpBody,
    responses((status = 201, description = "A code is on its way", body = PreAuthorizedBody), SignUpProblems),
)]
async fn start(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    page: PageOrigin,
    Body(body): Body<SignUpBody>,
) -> Result<Response, Problem> {
    page.may_use(body.delivery)?;
    let command = StartSignUp { address: body.identifier, password: body.password, name: body.name };
    let begun = api.use_cases.sign_up.start(command, &origin).await?;
    Ok(first_factor_done(StatusCode::CREATED, begun, body.delivery))
}

/// Verify a sign-up.
///
/// Takes the code from the message together with the pre-authorized token and its binding. The account exists from
/// here on, and its first session.
#[utoipa::path(
    post, path = "/v1/sign-up/verify", tag = "sign-up", operation_id = "verify_sign_up",
    security(("pre_authorized" = [], "binding" = []), ("pre_authorized" = [], "binding_cookie" = [])),
    request_body = CodeBody,
    responses((status = 200, description = "The account's first session", body = SessionBody), SignUpCodeProblems),
)]
async fn verify(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    caller: SecondStep,
    page: PageOrigin,
    Body(body): Body<CodeBody>,
) -> Result<Response, Problem> {
    let delivery = body.delivery.or_as_shown(&caller);
    page.may_use(delivery)?;
    let grant = api.use_cases.sign_up.verify(caller.shown(), &body.code, &origin).await?;
    Ok(session_opened(grant, delivery, caller.shown().binding))
}

impl From<SignUpError> for Problem {
    fn from(error: SignUpError) -> Self {
        match error {
            SignUpError::Password(problem) => Self::at("/password", password_fault(problem)),
            SignUpError::TooMany(until) => Self::new(ProblemType::TooManyMessages).retry(Retry::At(until)),
            SignUpError::Hash(error) => error.into(),
            SignUpError::Sign(error) => error.into(),
            SignUpError::Store(error) => error.into(),
        }
    }
}

impl From<SignUpCodeError> for Problem {
    fn from(error: SignUpCodeError) -> Self {
        match error {
            SignUpCodeError::Code(error) => error.into(),
            SignUpCodeError::AddressTaken => Self::new(ProblemType::Conflict),
        }
    }
}
