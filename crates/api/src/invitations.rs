//! Invitations: written by administrators, redeemed by whoever holds the link (A5).

use std::sync::Arc;

use axum::{Extension, Json, extract::State, http::StatusCode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use symbolon_domain::{
    accounts::Name,
    actor::{Origin, Role},
    clock::Timestamp,
    id::{AccountId, InvitationId},
    identifiers::EmailAddress,
    invitations::{Invite, InviteError, Redeem, RedeemError},
    secret::{OpaqueToken, TokenKind},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    Api,
    accounts::{self, administration},
    caller::administrator::AdministratorCaller,
    ceremony::{self, IdentifierBody, password_fault},
    fields::{Body, Fault, Fields, FromFields},
    problem::{InviteProblems, Problem, ProblemType, RedeemProblems, Slug},
};

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(invite)).routes(routes!(redeem))
}

/// Whom to invite, and as what.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Invite, example = json!({
    "identifier": {"type": "email", "value": "ada@example.org"}, "role": "staff", "name": "Ada",
}))]
pub(crate) struct InviteBody {
    /// Where the invitation goes.
    #[schema(value_type = IdentifierBody)]
    identifier: EmailAddress,
    /// `authenticated`, which it is when it is not said, `staff` or `superuser`.
    #[schema(value_type = Option<String>)]
    role: Role,
    /// What the person is called.
    #[schema(value_type = Option<String>, max_length = 256)]
    name: Option<Name>,
}

/// An invitation that is on its way. The link is in the mail only.
#[derive(Serialize, ToSchema)]
#[schema(as = Invited)]
pub(crate) struct InvitedBody {
    #[schema(value_type = String, format = "uuid")]
    invitation_id: InvitationId,
    /// When the invitation ends.
    #[schema(value_type = String, format = "date-time")]
    expires: Timestamp,
}

/// What was in the link, and what the person chooses.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Redeem, example = json!({"token": "sym_iv_…", "password": "a long walk by the river"}))]
pub(crate) struct RedeemBody {
    /// What stands behind `token=` in the link.
    #[schema(value_type = String)]
    token: OpaqueToken,
    /// The account's password: not a common one, and not about its owner.
    #[schema(value_type = String, format = "password", min_length = 8, max_length = 256)]
    password: SecretString,
    /// What the person is called; without it, as the administrator said.
    #[schema(value_type = Option<String>, max_length = 256)]
    name: Option<Name>,
}

/// The account that was made.
#[derive(Serialize, ToSchema)]
#[schema(as = Redeemed)]
pub(crate) struct RedeemedBody {
    #[schema(value_type = String, format = "uuid")]
    account_id: AccountId,
}

impl FromFields for InviteBody {
    fn read(fields: &mut Fields, _: &Api) -> Option<Self> {
        let identifier = ceremony::identifier(fields);
        let role = fields.optional("role", |text| administration::role(&text));
        let name = fields.optional("name", |text| accounts::name(&text));
        Some(Self { identifier: identifier?, role: role?.unwrap_or(Role::Authenticated), name: name? })
    }
}

impl FromFields for RedeemBody {
    fn read(fields: &mut Fields, api: &Api) -> Option<Self> {
        let token = fields.required("token", |text| {
            OpaqueToken::parse(TokenKind::Invitation, text.expose_secret())
                .map_err(|_| Fault::new(Slug::InvalidFormat, "the token of an invitation is expected"))
        });
        let name = fields.optional("name", |text| accounts::name(&text));
        let called = name.as_ref().and_then(Option::as_ref).map_or("", Name::as_str);
        let password = fields.required("password", |password| {
            api.use_cases.invitations.judge_password(&password, &[called]).map_err(password_fault)?;
            Ok(password)
        });
        Some(Self { token: token?, password: password?, name: name? })
    }
}

/// Invite somebody.
///
/// A link goes to the address; the account exists when it is redeemed within a day. Staff invite to the role
/// `authenticated` only. The invitation is over when who wrote it is locked or loses the role for it.
#[utoipa::path(
    post, path = "/v1/admin/accounts", tag = "administration", operation_id = "invite",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    request_body = InviteBody,
    responses((status = 201, description = "The invitation is on its way", body = InvitedBody), InviteProblems),
)]
async fn invite(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    AdministratorCaller(by): AdministratorCaller,
    Body(body): Body<InviteBody>,
) -> Result<(StatusCode, Json<InvitedBody>), Problem> {
    let invite = Invite { address: body.identifier, role: body.role, name: body.name };
    let invited = api.use_cases.invitations.invite(by, invite, &origin).await?;
    let body = InvitedBody { invitation_id: invited.id, expires: invited.expires_at };
    Ok((StatusCode::CREATED, Json(body)))
}

/// Redeem an invitation.
///
/// Takes the token from the link, and makes the account with its address verified. Sign in afterwards as usual. A password
/// that is refused leaves the invitation as it was.
#[utoipa::path(
    post, path = "/v1/invitations/redeem", tag = "invitations", operation_id = "redeem_invitation",
    request_body = RedeemBody,
    responses((status = 201, description = "The account exists", body = RedeemedBody), RedeemProblems),
)]
async fn redeem(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    Body(body): Body<RedeemBody>,
) -> Result<(StatusCode, Json<RedeemedBody>), Problem> {
    let command = Redeem { token: body.token, password: body.password, name: body.name };
    let account_id = api.use_cases.invitations.redeem(command, &origin).await?;
    Ok((StatusCode::CREATED, Json(RedeemedBody { account_id })))
}

impl From<InviteError> for Problem {
    fn from(error: InviteError) -> Self {
        match error {
            InviteError::InsufficientRole => Self::new(ProblemType::AccessDenied),
            InviteError::AddressTaken => Self::new(ProblemType::AddressTaken),
            InviteError::Store(error) => error.into(),
        }
    }
}

impl From<RedeemError> for Problem {
    fn from(error: RedeemError) -> Self {
        match error {
            RedeemError::Gone => Self::new(ProblemType::Gone),
            RedeemError::Password(problem) => Self::at("/password", password_fault(problem)),
            RedeemError::Hash(error) => error.into(),
            RedeemError::Store(error) => error.into(),
        }
    }
}
