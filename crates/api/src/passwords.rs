//! Changing one's own password (S12, F7). Whoever has lost it goes by [`crate::recovery`].

use std::sync::Arc;

use axum::{Extension, extract::State, http::StatusCode};
use secrecy::SecretString;
use symbolon_domain::{
    actor::Origin,
    passwords::{ChangePassword, ChangePasswordError},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    Api,
    caller::FreshCaller,
    ceremony::password_fault,
    fields::{Body, Fields, FromFields},
    problem::{PasswordProblems, Problem, ProblemType, Retry},
};

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(change))
}

/// The password that there is, and the one that there is to be.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PasswordChange, example = json!({
    "current_password": "a long walk by the river",
    "new_password": "a short rest on the bridge",
}))]
pub(crate) struct PasswordChangeBody {
    /// The current one.
    #[schema(value_type = String, format = "password")]
    current_password: SecretString,
    /// The new one: not a common one, and not about its owner.
    #[schema(value_type = String, format = "password", min_length = 8, max_length = 256)]
    new_password: SecretString,
}

impl FromFields for PasswordChangeBody {
    fn read(fields: &mut Fields, api: &Api) -> Option<Self> {
        // Whether it could be a password is not told here: a wrong one and an impossible one are the same.
        let current_password = fields.required("current_password", Ok);
        let new_password = fields.required("new_password", |password| {
            api.use_cases.passwords.judge(&password).map_err(password_fault)?;
            Ok(password)
        });
        Some(Self { current_password: current_password?, new_password: new_password? })
    }
}

/// Change the password.
///
/// It asks for the current one, and for a sign-in that is not old. Every other session ends.
#[utoipa::path(
    put, path = "/v1/account/password", tag = "account", operation_id = "change_password",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    request_body = PasswordChangeBody,
    responses((status = 204, description = "The new password counts"), PasswordProblems),
)]
async fn change(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    FreshCaller(caller): FreshCaller,
    Body(body): Body<PasswordChangeBody>,
) -> Result<StatusCode, Problem> {
    let command = ChangePassword { current: body.current_password, new: body.new_password };
    api.use_cases.passwords.change(&caller.signed_in, command, &origin).await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<ChangePasswordError> for Problem {
    fn from(error: ChangePasswordError) -> Self {
        match error {
            ChangePasswordError::Password(problem) => Self::at("/new_password", password_fault(problem)),
            ChangePasswordError::Wrong => Self::new(ProblemType::WrongPassword),
            ChangePasswordError::TooMany(until) => {
                Self::new(ProblemType::TooManyAttempts).retry(Retry::At(until))
            }
            ChangePasswordError::Conflict => Self::new(ProblemType::PasswordChanged),
            ChangePasswordError::Hash(error) => error.into(),
            ChangePasswordError::Store(error) => error.into(),
        }
    }
}
