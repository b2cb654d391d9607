//! Recovering an account: an address, then the secret from the mail with a new password (S12). No session is given.

use std::sync::Arc;

use axum::{Extension, Json, extract::State, http::StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use symbolon_domain::{
    actor::Origin,
    id::CeremonyId,
    identifiers::EmailAddress,
    one_time_codes::RecoveryCode,
    recovery::{
        FinishRecovery, RecoveryError, RecoveryMethod, RecoverySecret, StartRecovery, StartRecoveryError,
        StartedRecovery,
    },
    secret::{OpaqueToken, TokenKind},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    Api,
    ceremony::{self, IdentifierBody, password_fault},
    fields::{Body, Fault, Fields, FromFields, parsed},
    problem::{Problem, ProblemType, RecoveryProblems, RecoveryVerifyProblems, Retry, Slug},
};

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(start)).routes(routes!(verify))
}

/// An address, and what the message to it is to ask for.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Recovery, example = json!({
    "identifier": {"type": "email", "value": "ada@example.org"},
    "method": "code",
}))]
pub(crate) struct RecoveryBody {
    /// An address of the account.
    #[schema(value_type = IdentifierBody)]
    identifier: EmailAddress,
    /// `code` when nothing is said.
    #[schema(value_type = Option<Method>)]
    method: RecoveryMethod,
}

/// What the message asks its reader to use.
#[derive(ToSchema)]
#[schema(as = RecoveryMethod, rename_all = "snake_case")]
#[expect(dead_code, reason = "this is how the document shows the domain's own type")]
pub(crate) enum Method {
    /// A code of eight digits; the message has the token too.
    Code,
    /// The token alone, behind `#token=` of a link where the service is told of a page for it.
    Link,
}

/// A recovery that began, if the address has an account.
#[derive(Serialize, ToSchema)]
#[schema(as = RecoveryStarted)]
pub(crate) struct StartedBody {
    /// Names the recovery when its code is shown.
    #[schema(value_type = String, format = "uuid")]
    recovery_id: CeremonyId,
    /// The life of what the message asks for, in seconds.
    #[schema(example = 600)]
    expires_in: u64,
}

/// The secret from the mail, and the new password.
#[derive(ToSchema)]
#[serde(untagged)]
#[schema(as = RecoveryProof)]
#[expect(dead_code, reason = "read member by member; this is how the document shows it")]
pub(crate) enum ProofBody {
    /// By a code.
    Code(ProofByCodeBody),
    /// By a token.
    Link(ProofByLinkBody),
}

/// A code, and the recovery that it belongs to.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RecoveryByCode, example = json!({
    "recovery_id": "019aaf2b-0f5c-7c4e-9d3c-2f8a51f0a6b1",
    "code": "12345678",
    "password": "a long walk by the river",
}))]
#[expect(dead_code, reason = "read member by member; this is how the document shows it")]
pub(crate) struct ProofByCodeBody {
    #[schema(format = "uuid")]
    recovery_id: String,
    /// Eight digits; spaces are forgiven.
    #[schema(example = "12345678")]
    code: String,
    /// The account's new password: not a common one, and not about its owner.
    #[schema(format = "password", min_length = 8, max_length = 256)]
    password: String,
}

/// The token of the message, which no wrong code uses up.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RecoveryByToken, example = json!({
    "token": "sym_pr_…",
    "password": "a long walk by the river",
}))]
#[expect(dead_code, reason = "read member by member; this is how the document shows it")]
pub(crate) struct ProofByLinkBody {
    token: String,
    /// The account's new password: not a common one, and not about its owner.
    #[schema(format = "password", min_length = 8, max_length = 256)]
    password: String,
}

/// A secret and a new password, as they were read.
pub(crate) struct Finish(FinishRecovery);

impl FromFields for RecoveryBody {
    fn read(fields: &mut Fields, _: &Api) -> Option<Self> {
        let identifier = ceremony::identifier(fields);
        let method = fields.optional("method", |text| match text.expose_secret() {
            "code" => Ok(RecoveryMethod::Code),
            "link" => Ok(RecoveryMethod::Link),
            _ => Err(Fault::new(Slug::InvalidValue, "`code` or `link` is expected")),
        });
        Some(Self { identifier: identifier?, method: method?.unwrap_or_default() })
    }
}

impl FromFields for Finish {
    fn read(fields: &mut Fields, api: &Api) -> Option<Self> {
        let secret = if fields.has("token") { by_link(fields) } else { by_code(fields) };
        let password = fields.required("password", |password| {
            api.use_cases.recovery.judge_password(&password).map_err(password_fault)?;
            Ok(password)
        });
        Some(Self(FinishRecovery { secret: secret?, password: password? }))
    }
}

fn by_code(fields: &mut Fields) -> Option<RecoverySecret> {
    let id = fields.required("recovery_id", |text| parsed(&text, "a UUID is expected"));
    let code = fields.required("code", |text| parsed::<RecoveryCode>(&text, "eight digits are expected"));
    Some(RecoverySecret::Code { id: id?, code: code? })
}

fn by_link(fields: &mut Fields) -> Option<RecoverySecret> {
    let token = |text: SecretString| {
        OpaqueToken::parse(TokenKind::PasswordReset, text.expose_secret())
            .map_err(|_| Fault::new(Slug::InvalidFormat, "the whole token of the message is expected"))
    };
    fields.required("token", token).map(RecoverySecret::Link)
}

/// Begin a recovery.
///
/// A code or a token goes to the address, if it has an account. The answer is the same whether it has or not.
#[utoipa::path(
    post, path = "/v1/recovery", tag = "recovery", operation_id = "recover",
    request_body = RecoveryBody,
    responses(
        (status = 202, description = "If there is an account, a message is on its way", body = StartedBody),
        RecoveryProblems,
    ),
)]
async fn start(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    Body(body): Body<RecoveryBody>,
) -> Result<(StatusCode, Json<StartedBody>), Problem> {
    let command = StartRecovery { address: body.identifier, method: body.method };
    let started = api.use_cases.recovery.start(command, &origin).await?;
    Ok((StatusCode::ACCEPTED, Json(started.into())))
}

/// Set a new password.
///
/// By the code of a recovery, or by its token. It ends every session of the account; the next sign-in asks for the
/// second factor as ever. A password that is refused costs no attempt at the code.
#[utoipa::path(
    post, path = "/v1/recovery/verify", tag = "recovery", operation_id = "verify_recovery",
    request_body = ProofBody,
    responses((status = 204, description = "The password is set"), RecoveryVerifyProblems),
)]
async fn verify(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    Body(Finish(command)): Body<Finish>,
) -> Result<StatusCode, Problem> {
    api.use_cases.recovery.verify(command, &origin).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<StartedRecovery> for StartedBody {
    fn from(started: StartedRecovery) -> Self {
        Self { recovery_id: started.id, expires_in: started.expires_in.as_secs() }
    }
}

impl From<StartRecoveryError> for Problem {
    fn from(error: StartRecoveryError) -> Self {
        match error {
            StartRecoveryError::TooMany(until) => {
                Self::new(ProblemType::TooManyMessages).retry(Retry::At(until))
            }
            StartRecoveryError::Store(error) => error.into(),
        }
    }
}

impl From<RecoveryError> for Problem {
    fn from(error: RecoveryError) -> Self {
        match error {
            RecoveryError::Password(problem) => Self::at("/password", password_fault(problem)),
            RecoveryError::Wrong => Self::new(ProblemType::WrongCode),
            RecoveryError::Gone => Self::new(ProblemType::Gone),
            RecoveryError::Exhausted => Self::new(ProblemType::AttemptsExhausted),
            RecoveryError::Hash(error) => error.into(),
            RecoveryError::Store(error) => error.into(),
        }
    }
}
