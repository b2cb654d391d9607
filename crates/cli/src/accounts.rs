//! `symbolon account list|show|create|invitations|lock|unlock|compromised|role`: on the same use cases as HTTP, beside a running server.

use serde::Serialize;
use symbolon_domain::{
    accounts::{Account, AccountChange},
    actor::Origin,
    clock::Timestamp,
    id::{AccountId, IdentifierId, RequestId, SessionId},
    page::PageRequest,
    sessions::Session,
};

use crate::arguments::AccountCommand;
use crate::output::{Output, or_dash};
use crate::wiring::Service;
use crate::{CommandError, CommandResult, page};

mod administration;
mod invitations;

/// An account as an operator sees it.
#[derive(Serialize)]
struct AccountRow {
    id: AccountId,
    name: Option<String>,
    role: &'static str,
    state: &'static str,
    created: Timestamp,
    last_seen: Option<Timestamp>,
    identifiers: Vec<IdentifierRow>,
}

/// One of its addresses.
#[derive(Serialize)]
struct IdentifierRow {
    id: IdentifierId,
    #[serde(rename = "type")]
    kind: &'static str,
    value: String,
    created: Timestamp,
    last_used: Option<Timestamp>,
}

/// One of its sessions.
#[derive(Serialize)]
struct SessionRow {
    id: SessionId,
    state: &'static str,
    created: Timestamp,
    refreshed: Timestamp,
    expires: Timestamp,
    ip: Option<String>,
    user_agent: Option<String>,
}

/// An account with its sessions.
#[derive(Serialize)]
struct AccountDetail {
    #[serde(flatten)]
    account: AccountRow,
    sessions: Vec<SessionRow>,
}

/// Runs one of them.
///
/// # Errors
/// There is no such account, or the store failed.
pub async fn run(command: &AccountCommand, service: &Service, output: &mut Output<'_>) -> CommandResult {
    match command {
        AccountCommand::List(arguments) => {
            let listed = service.accounts.list(page::request(arguments)?).await?;
            let rows: Vec<_> = listed.items.iter().map(AccountRow::from).collect();
            output.list(&["id", "address", "name", "role", "state", "created", "last seen"], &rows, cells)?;
            page::tell_next(&listed, output)
        }
        AccountCommand::Show { account } => show(&find(account, service).await?, service, output).await,
        AccountCommand::Create(arguments) => administration::invite(arguments, service, output).await,
        AccountCommand::Invitations(arguments) => invitations::list(arguments, service, output).await,
        AccountCommand::WithdrawInvitation { invitation } => {
            invitations::withdraw(invitation, service, output).await
        }
        AccountCommand::Lock { account } => {
            administration::change(account, AccountChange::Lock, service, output).await
        }
        AccountCommand::Unlock { account } => {
            administration::change(account, AccountChange::Unlock, service, output).await
        }
        AccountCommand::Role { account, role } => {
            administration::change(account, AccountChange::ChangeRole(*role), service, output).await
        }
        AccountCommand::Compromised { accounts } => {
            administration::mark_compromised(accounts, service, output).await
        }
    }
}

/// The id of this account: itself, though there may be no such account, or the one of an address.
pub(crate) async fn id_of(account: &str, service: &Service) -> Result<AccountId, CommandError> {
    match account.parse() {
        Ok(id) => Ok(id),
        Err(_) => find(account, service).await.map(|account| account.id),
    }
}

/// The account of this id or address.
pub(crate) async fn find(account: &str, service: &Service) -> Result<Account, CommandError> {
    let found = match (account.parse(), account.parse()) {
        (Ok(id), _) => service.accounts.find(id).await?,
        (_, Ok(address)) => service.accounts.find_by_address(&address).await?,
        _ => return Err(CommandError::Argument("neither an account id nor an e-mail address")),
    };
    found.ok_or(CommandError::NotFound("account"))
}

/// An operator at this command line.
pub(crate) fn operator(service: &Service) -> Origin {
    let request_id = RequestId::new(service.clock.now(), &*service.entropy);
    Origin { request_id, ip: None, user_agent: None }
}

async fn show(found: &Account, service: &Service, output: &mut Output<'_>) -> CommandResult {
    let sessions = service.sessions.list(found.id, PageRequest::first()).await?;
    let now = service.clock.now();
    let detail = AccountDetail {
        account: AccountRow::from(found),
        sessions: sessions.items.iter().map(|session| SessionRow::new(session, now)).collect(),
    };
    Ok(output.record(&detail)?)
}

fn cells(row: &AccountRow) -> Vec<String> {
    vec![
        row.id.to_string(),
        or_dash(row.identifiers.first().map(|identifier| &identifier.value)),
        or_dash(row.name.as_ref()),
        row.role.to_owned(),
        row.state.to_owned(),
        row.created.to_string(),
        or_dash(row.last_seen),
    ]
}

impl From<&Account> for AccountRow {
    fn from(account: &Account) -> Self {
        let identifier = |identifier: &symbolon_domain::identifiers::Identifier| IdentifierRow {
            id: identifier.id,
            kind: "email",
            value: identifier.address.as_typed().to_owned(),
            created: identifier.created_at,
            last_used: identifier.last_used_at,
        };
        Self {
            id: account.id,
            name: account.name.as_ref().map(|name| name.as_str().to_owned()),
            role: account.standing.role.as_str(),
            state: account.standing.state.as_str(),
            created: account.created_at,
            last_seen: account.last_seen_at,
            identifiers: account.identifiers.iter().map(identifier).collect(),
        }
    }
}

impl SessionRow {
    fn new(session: &Session, now: Timestamp) -> Self {
        Self {
            id: session.id,
            state: session.state(now).as_str(),
            created: session.created_at,
            refreshed: session.refreshed_at,
            expires: session.expires_at.min(session.idle_expires_at),
            ip: session.ip.map(|ip| ip.to_string()),
            user_agent: session.user_agent.clone(),
        }
    }
}
