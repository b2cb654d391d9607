//! Invitations: written by administrators, redeemed by whoever holds the link (A5).

use std::sync::Arc;

use axum::{
    Extension, Json,
    extract::{Path, State},
    http::{StatusCode, Uri},
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use symbolon_domain::{
    accounts::Name,
    actor::{Origin, Role},
    clock::Timestamp,
    id::{AccountId, InvitationId},
    identifiers::EmailAddress,
    invitations::{Invite, InviteError, PendingInvitation, Redeem, RedeemError, WithdrawError},
    secret::{OpaqueToken, TokenKind},
};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    Api,
    accounts::{self, administration},
    caller::administrator::AdministratorCaller,
    ceremony::{self, IdentifierBody, password_fault},
    fields::{Body, Fault, Fields, FromFields, Nothing, Parameters},
    problem::{
        AdministratorEndProblems, AdministratorListProblems, InviteProblems, Problem, ProblemType,
        RedeemProblems, Slug,
    },
};

pub(crate) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .routes(routes!(invite))
        .routes(routes!(list))
        .routes(routes!(withdraw))
        .routes(routes!(redeem))
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

/// An invitation that still counts.
#[derive(Serialize, ToSchema)]
#[schema(as = Invitation)]
pub(crate) struct InvitationBody {
    #[schema(value_type = String, format = "uuid")]
    id: InvitationId,
    /// Where it went.
    #[schema(example = "ada@example.org")]
    address: String,
    /// `authenticated`, `staff` or `superuser`.
    #[schema(example = "staff")]
    role: &'static str,
    /// What the administrator says the person is called.
    name: Option<String>,
    /// The account that wrote it; null for an operator at the command line.
    #[schema(value_type = Option<String>, format = "uuid")]
    invited_by: Option<AccountId>,
    #[schema(value_type = String, format = "date-time")]
    created: Timestamp,
    /// When it ends.
    #[schema(value_type = String, format = "date-time")]
    expires: Timestamp,
}

/// One page of the invitations that still count.
#[derive(Serialize, ToSchema)]
#[schema(as = InvitationList)]
pub(crate) struct InvitationListBody {
    /// Newest first.
    items: Vec<InvitationBody>,
    /// Continues the list as `after`; null on the last page.
    next: Option<String>,
}

/// What was in the link, and what the person chooses.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Redeem, example = json!({"token": "sym_iv_…", "password": "a long walk by the river"}))]
pub(crate) struct RedeemBody {
    /// The token of the message.
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
/// `authenticated` only. The invitation is over when who wrote it is locked or loses the role for it, and when the address
/// is invited anew.
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

/// List the invitations that still count.
///
/// A page may be short, and still have a next one.
#[utoipa::path(
    get, path = "/v1/admin/invitations", tag = "administration", operation_id = "list_invitations",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    params(
        ("limit" = Option<usize>, Query, description = "Invitations on the page, at most 200", minimum = 1, maximum = 200),
        ("after" = Option<String>, Query, description = "The `next` of the page before"),
    ),
    responses((status = 200, description = "One page", body = InvitationListBody), AdministratorListProblems),
)]
async fn list(
    State(api): State<Arc<Api>>,
    AdministratorCaller(_): AdministratorCaller,
    uri: Uri,
) -> Result<Json<InvitationListBody>, Problem> {
    let mut parameters = Parameters::of(&uri);
    let page = parameters.page();
    parameters.finish()?;
    let page = api.use_cases.invitations.list(page).await?;
    let next = page.next.map(|cursor| cursor.to_string());
    Ok(Json(InvitationListBody { items: page.items.into_iter().map(Into::into).collect(), next }))
}

/// Withdraw an invitation.
///
/// Its link opens nothing any more. Staff withdraw those to the role `authenticated` only.
#[utoipa::path(
    delete, path = "/v1/admin/invitations/{id}", tag = "administration", operation_id = "withdraw_invitation",
    security(("session" = [], "binding" = []), ("session_cookie" = [], "binding_cookie" = [])),
    params(("id" = String, Path, description = "The invitation", format = "uuid")),
    responses((status = 204, description = "It is over"), AdministratorEndProblems),
)]
async fn withdraw(
    State(api): State<Arc<Api>>,
    Extension(origin): Extension<Origin>,
    AdministratorCaller(by): AdministratorCaller,
    Path(id): Path<String>,
    Body(Nothing): Body<Nothing>,
) -> Result<StatusCode, Problem> {
    let id = id.parse().map_err(|_| Problem::new(ProblemType::NotFound))?;
    api.use_cases.invitations.withdraw(by, id, &origin).await?;
    Ok(StatusCode::NO_CONTENT)
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

impl From<PendingInvitation> for InvitationBody {
    fn from(pending: PendingInvitation) -> Self {
        let PendingInvitation { id, invitation, created_at } = pending;
        Self {
            id,
            address: invitation.address.as_typed().to_owned(),
            role: invitation.role.as_str(),
            name: invitation.name.map(|name| name.as_str().to_owned()),
            invited_by: invitation.invited_by,
            created: created_at,
            expires: invitation.expires_at,
        }
    }
}

impl From<WithdrawError> for Problem {
    fn from(error: WithdrawError) -> Self {
        match error {
            WithdrawError::NotFound => Self::new(ProblemType::NotFound),
            WithdrawError::InsufficientRole => Self::new(ProblemType::AccessDenied),
            WithdrawError::Store(error) => error.into(),
        }
    }
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
