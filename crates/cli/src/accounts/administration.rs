//! What an operator does to accounts. Whoever has the command line may what a superuser may; the last superuser stays all
//! the same.

use secrecy::ExposeSecret as _;
use serde::Serialize;
use symbolon_domain::{
    accounts::{AccountChange, AdministerError, Administered, Administrator},
    clock::Timestamp,
    id::{AccountId, InvitationId},
    invitations::{Invite, InviteError},
};

use super::{AccountRow, find, operator};
use crate::arguments::InviteArguments;
use crate::output::Output;
use crate::wiring::Service;
use crate::{CommandError, CommandResult};

/// An invitation that is on its way.
#[derive(Serialize)]
struct InvitedRow {
    invitation_id: InvitationId,
    email: String,
    role: &'static str,
    expires: Timestamp,
    /// Only where there is no superuser yet who could read mail, or invite again.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// The same in a link, where there is a page for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    link: Option<String>,
}

/// What became of one of several accounts.
#[derive(Serialize)]
struct ResultRow {
    account_id: AccountId,
    result: &'static str,
}

pub(super) async fn invite(
    arguments: &InviteArguments,
    service: &Service,
    output: &mut Output<'_>,
) -> CommandResult {
    let address = arguments.email.parse();
    let address = address.map_err(|_| CommandError::Argument("--email is not an e-mail address"))?;
    let name = arguments.name.as_deref().map(str::parse).transpose();
    let name = name.map_err(|_| {
        CommandError::Argument("--name is empty, longer than 256 bytes, or has control characters")
    })?;
    let invite = Invite { address, role: arguments.role, name };
    let invited = service.invitations.invite(Administrator::Operator, invite, &operator(service)).await;
    let invited = invited.map_err(|error| match error {
        InviteError::AddressTaken => CommandError::Argument("the address has an account already"),
        InviteError::InsufficientRole => {
            CommandError::Administration(symbolon_domain::accounts::AdministrationRefusal::InsufficientRole)
        }
        InviteError::Store(error) => error.into(),
    })?;
    let secret = invited.secret.as_ref();
    let row = InvitedRow {
        invitation_id: invited.id,
        email: arguments.email.clone(),
        role: arguments.role.as_str(),
        expires: invited.expires_at,
        token: secret.map(|secret| secret.token.expose_secret().to_owned()),
        link: secret.map(|secret| secret.link.expose_secret().to_owned()).filter(|link| !link.is_empty()),
    };
    Ok(output.record(&row)?)
}

pub(super) async fn change(
    account: &str,
    change: AccountChange,
    service: &Service,
    output: &mut Output<'_>,
) -> CommandResult {
    let account = find(account, service).await?;
    let origin = operator(service);
    let changed = service.accounts.administer(Administrator::Operator, account.id, change, &origin).await;
    let changed = changed.map_err(|error| match error {
        AdministerError::NotFound => CommandError::NotFound("account"),
        AdministerError::Refused(refusal) => refusal.into(),
        AdministerError::Store(error) => error.into(),
    })?;
    Ok(output.record(&AccountRow::from(&changed))?)
}

pub(super) async fn mark_compromised(
    accounts: &[String],
    service: &Service,
    output: &mut Output<'_>,
) -> CommandResult {
    // Before anything is done: a mistyped one is no reason to mark half of them, and each is told.
    let (mut ids, mut names) = (Vec::with_capacity(accounts.len()), Vec::new());
    for account in accounts {
        match find(account, service).await {
            Ok(found) => ids.push(found.id),
            Err(CommandError::NotFound(_) | CommandError::Argument(_)) => names.push(account.clone()),
            Err(error) => return Err(error),
        }
    }
    if !names.is_empty() {
        return Err(CommandError::Unknown { kind: "account", names });
    }
    let origin = operator(service);
    let marked = service.accounts.mark_compromised(Administrator::Operator, &ids, &origin).await?;
    let row = |&(account_id, administered): &(AccountId, Administered)| ResultRow {
        account_id,
        result: administered.as_str(),
    };
    let rows: Vec<ResultRow> = marked.iter().map(row).collect();
    output.list(&["account_id", "result"], &rows, |row| {
        vec![row.account_id.to_string(), row.result.to_owned()]
    })?;
    let is_marked =
        |(_, administered): &&_| matches!(administered, Administered::Done | Administered::Unchanged);
    match marked.len() - marked.iter().filter(is_marked).count() {
        0 => Ok(()),
        refused => Err(CommandError::Partly(refused)),
    }
}
