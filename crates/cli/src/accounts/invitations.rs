//! The invitations that are open, for an operator.

use serde::Serialize;
use symbolon_domain::{
    accounts::{AdministrationRefusal, Administrator},
    clock::Timestamp,
    id::{AccountId, InvitationId},
    invitations::{PendingInvitation, WithdrawError},
};

use super::operator;
use crate::arguments::PageArguments;
use crate::output::{Output, or_dash};
use crate::wiring::Service;
use crate::{CommandError, CommandResult, page};

/// An invitation as an operator sees it.
#[derive(Serialize)]
struct InvitationRow {
    id: InvitationId,
    email: String,
    role: &'static str,
    name: Option<String>,
    invited_by: Option<AccountId>,
    created: Timestamp,
    expires: Timestamp,
}

/// An invitation that is over.
#[derive(Serialize)]
struct WithdrawnRow {
    invitation_id: InvitationId,
    result: &'static str,
}

pub(super) async fn list(
    arguments: &PageArguments,
    service: &Service,
    output: &mut Output<'_>,
) -> CommandResult {
    let listed = service.invitations.list(page::request(arguments)?).await?;
    let rows: Vec<_> = listed.items.iter().map(InvitationRow::from).collect();
    output.list(&["id", "address", "role", "name", "invited by", "created", "expires"], &rows, |row| {
        vec![
            row.id.to_string(),
            row.email.clone(),
            row.role.to_owned(),
            or_dash(row.name.as_ref()),
            or_dash(row.invited_by),
            row.created.to_string(),
            row.expires.to_string(),
        ]
    })?;
    page::tell_next(&listed, output)
}

pub(super) async fn withdraw(invitation: &str, service: &Service, output: &mut Output<'_>) -> CommandResult {
    let id = invitation.parse().map_err(|_| CommandError::Argument("not the id of an invitation"))?;
    let withdrawn = service.invitations.withdraw(Administrator::Operator, id, &operator(service)).await;
    withdrawn.map_err(|error| match error {
        WithdrawError::NotFound => CommandError::NotFound("invitation"),
        WithdrawError::InsufficientRole => AdministrationRefusal::InsufficientRole.into(),
        WithdrawError::Store(error) => error.into(),
    })?;
    Ok(output.record(&WithdrawnRow { invitation_id: id, result: "withdrawn" })?)
}

impl From<&PendingInvitation> for InvitationRow {
    fn from(pending: &PendingInvitation) -> Self {
        let PendingInvitation { id, invitation, created_at } = pending;
        Self {
            id: *id,
            email: invitation.address.as_typed().to_owned(),
            role: invitation.role.as_str(),
            name: invitation.name.as_ref().map(|name| name.as_str().to_owned()),
            invited_by: invitation.invited_by,
            created: *created_at,
            expires: invitation.expires_at,
        }
    }
}
