//! Accounts in PostgreSQL.

use async_trait::async_trait;
use sqlx::types::Uuid;
use symbolon_domain::{
    accounts::{Account, AccountState, AccountStore, AdministerAccount, Administered, Name, Standing},
    actor::Role,
    clock::Timestamp,
    effects::Effects,
    id::{AccountId, IdentifierId},
    identifiers::{EmailAddress, Identifier},
    page::{Page, PageRequest},
    store_error::StoreError,
};

use super::{
    PostgresStore,
    commands::Db,
    effects,
    failure::Failure,
    rows::{Columns, all, change, first, values},
};
use crate::sql;

mod administration;

#[async_trait]
impl AccountStore for PostgresStore {
    async fn find(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        let rows = self
            .runner
            .read(|db| Box::pin(all(db, sql::accounts::FIND, values![id], account_with_one_identifier)))
            .await?;
        Ok(sql::accounts::fold(rows).pop())
    }

    async fn find_by_address(&self, address: &EmailAddress) -> Result<Option<Account>, StoreError> {
        let address = address.normalized();
        let rows = self
            .runner
            .read(|db| {
                Box::pin(all(db, sql::accounts::FIND_BY_EMAIL, values![address], account_with_one_identifier))
            })
            .await?;
        Ok(sql::accounts::fold(rows).pop())
    }

    async fn standings(&self, ids: &[AccountId]) -> Result<Vec<(AccountId, Standing)>, StoreError> {
        let ids: Vec<Uuid> = ids.iter().map(|id| Uuid::from_bytes(*id.as_bytes())).collect();
        self.runner
            .read(|db| {
                Box::pin(all(db, sql::accounts::STANDINGS_OF_ARRAY, values![ids.clone()], |columns| {
                    let id = AccountId::from_bytes(columns.id("accounts.id")?);
                    Ok((id, standing(columns)?))
                }))
            })
            .await
    }

    async fn list(&self, page: PageRequest) -> Result<Page<Account>, StoreError> {
        let (before, most) = page_bounds(page);
        let rows = self
            .runner
            .read(|db| {
                Box::pin(all(db, sql::accounts::LIST, values![before, most], account_with_one_identifier))
            })
            .await?;
        Ok(Page::from_rows(sql::accounts::fold(rows), page, |account| *account.id.as_bytes()))
    }

    async fn set_name(
        &self,
        id: AccountId,
        name: Option<Name>,
        effects: Effects,
    ) -> Result<bool, StoreError> {
        let name = name.as_ref().map(Name::as_str);
        self.runner.transaction(|db| Box::pin(set_name(db, id, name, &effects))).await
    }

    async fn administer(&self, command: AdministerAccount) -> Result<Administered, StoreError> {
        self.runner.transaction(|db| Box::pin(administration::administer(db, &command))).await
    }
}

async fn set_name(
    db: &mut Db<'_>,
    id: AccountId,
    name: Option<&str>,
    effects: &Effects,
) -> Result<bool, Failure> {
    let is_there = change(db, sql::accounts::SET_NAME, values![name, id]).await?;
    if is_there {
        effects::write(db, effects).await?;
    }
    Ok(is_there)
}

/// An account with a verified address, whose owner is there at this moment.
pub(super) struct NewAccount<'a> {
    pub(super) id: AccountId,
    pub(super) identifier_id: IdentifierId,
    pub(super) address: &'a EmailAddress,
    pub(super) name: Option<&'a str>,
    pub(super) role: Role,
    pub(super) password: &'a str,
    pub(super) now: Timestamp,
}

pub(super) async fn insert(db: &mut Db<'_>, account: &NewAccount<'_>) -> Result<(), Failure> {
    let NewAccount { id, identifier_id, address, name, role, password, now } = account;
    let state = AccountState::Active.as_str();
    let values = values![*id, *name, state, role.as_str(), *password, *now];
    change(db, sql::accounts::INSERT, values).await?;
    let values = values![*identifier_id, *id, address.normalized(), address.as_typed(), *now];
    change(db, sql::accounts::INSERT_EMAIL, values).await?;
    if *role == Role::Superuser {
        change(db, sql::accounts::ADD_SUPERUSER, values![*id]).await?;
    }
    Ok(())
}

/// The id that a page begins before, and how many rows to read: one more than the page has, to see whether there are
/// more.
pub(super) fn page_bounds(page: PageRequest) -> (Uuid, i64) {
    let before = page.after.map_or(sql::NEWEST, |cursor| *cursor.id());
    (Uuid::from_bytes(before), i64::try_from(page.limit()).unwrap_or(i64::MAX).saturating_add(1))
}

/// What decisions about an account ask for; none where there is no account. It stays so until the end of the
/// transaction.
pub(super) async fn lock_standing(db: &mut Db<'_>, id: AccountId) -> Result<Option<Standing>, Failure> {
    const LOCK: &str = "SELECT state, role, epoch FROM accounts WHERE id = $1 FOR NO KEY UPDATE";
    first(db, LOCK, values![id], standing).await
}

/// Three columns: state, role, epoch.
pub(super) fn standing(columns: &mut Columns<'_>) -> Result<Standing, Failure> {
    Ok(Standing {
        state: columns.parsed("accounts.state", AccountState::parse)?,
        role: columns.parsed("accounts.role", Role::parse)?,
        epoch: columns.number("accounts.epoch")?,
    })
}

/// Notes that the owner is there at this moment.
pub(super) async fn touch(db: &mut Db<'_>, id: AccountId, now: Timestamp) -> Result<(), Failure> {
    change(db, sql::accounts::TOUCH, values![now, id]).await?;
    Ok(())
}

/// Four columns: an identifier's id, address, creation and last use.
pub(super) fn identifier(columns: &mut Columns<'_>) -> Result<Identifier, Failure> {
    let id = columns.id("identifiers.id")?;
    identifier_after_id(id, columns)
}

fn identifier_after_id(id: [u8; 16], columns: &mut Columns<'_>) -> Result<Identifier, Failure> {
    Ok(Identifier {
        id: IdentifierId::from_bytes(id),
        address: address(columns, "identifiers.typed")?,
        created_at: columns.timestamp("identifiers.created_at")?,
        last_used_at: columns.optional_timestamp("identifiers.last_used_at")?,
    })
}

/// An address as its owner typed it.
pub(super) fn address(columns: &mut Columns<'_>, column: &'static str) -> Result<EmailAddress, Failure> {
    columns.parsed(column, |typed| typed.parse().ok())
}

fn account_with_one_identifier(columns: &mut Columns<'_>) -> Result<Account, Failure> {
    let id = AccountId::from_bytes(columns.id("accounts.id")?);
    let name = columns.optional_parsed("accounts.name", Name::from_stored)?;
    let standing = standing(columns)?;
    let created_at = columns.timestamp("accounts.created_at")?;
    let last_seen_at = columns.optional_timestamp("accounts.last_seen_at")?;
    let identifiers = match columns.optional_id("identifiers.id")? {
        Some(id) => vec![identifier_after_id(id, columns)?],
        None => Vec::new(),
    };
    Ok(Account { id, name, standing, created_at, last_seen_at, identifiers })
}
