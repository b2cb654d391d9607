//! Accounts in SQLite.

use async_trait::async_trait;
use rusqlite::params;
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
    SqliteStore, effects,
    rows::{Columns, Failure, all, change, first},
    writer::Write,
};
use crate::sql;

mod administration;

#[async_trait]
impl AccountStore for SqliteStore {
    async fn find(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        let rows =
            self.read(|db| all(db, sql::accounts::FIND, [id.as_bytes()], account_with_one_identifier))?;
        Ok(sql::accounts::fold(rows).pop())
    }

    async fn find_by_address(&self, address: &EmailAddress) -> Result<Option<Account>, StoreError> {
        let address = [address.normalized()];
        let rows =
            self.read(|db| all(db, sql::accounts::FIND_BY_EMAIL, address, account_with_one_identifier))?;
        Ok(sql::accounts::fold(rows).pop())
    }

    async fn standings(&self, ids: &[AccountId]) -> Result<Vec<(AccountId, Standing)>, StoreError> {
        let digits = |id: &AccountId| format!("\"{:032x}\"", u128::from_be_bytes(*id.as_bytes()));
        let ids = format!("[{}]", ids.iter().map(digits).collect::<Vec<String>>().join(","));
        self.read(|db| {
            all(db, sql::accounts::STANDINGS_OF_JSON, [ids], |columns| {
                let id = AccountId::from_bytes(columns.bytes("accounts.id")?);
                Ok((id, standing(columns)?))
            })
        })
    }

    async fn list(&self, page: PageRequest) -> Result<Page<Account>, StoreError> {
        let (before, most) = page_bounds(page);
        let rows =
            self.read(|db| all(db, sql::accounts::LIST, params![before, most], account_with_one_identifier))?;
        Ok(Page::from_rows(sql::accounts::fold(rows), page, |account| *account.id.as_bytes()))
    }

    async fn set_name(
        &self,
        id: AccountId,
        name: Option<Name>,
        effects: Effects,
    ) -> Result<bool, StoreError> {
        self.write(move |db| {
            let values = params![name.as_ref().map(Name::as_str), id.as_bytes()];
            let is_there = change(db, sql::accounts::SET_NAME, values)?;
            if is_there {
                effects::write(db, &effects)?;
            }
            Ok(is_there)
        })
        .await
    }

    async fn administer(&self, command: AdministerAccount) -> Result<Administered, StoreError> {
        self.write(move |db| administration::administer(db, &command)).await
    }
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

pub(super) fn insert(db: &Write<'_>, account: &NewAccount<'_>) -> Result<(), Failure> {
    let NewAccount { id, identifier_id, address, name, role, password, now } = account;
    let state = AccountState::Active.as_str();
    let values = params![id.as_bytes(), name, state, role.as_str(), password, now.micros()];
    change(db, sql::accounts::INSERT, values)?;
    let values = params![
        identifier_id.as_bytes(),
        id.as_bytes(),
        address.normalized(),
        address.as_typed(),
        now.micros(),
    ];
    change(db, sql::accounts::INSERT_EMAIL, values)?;
    if *role == Role::Superuser {
        change(db, sql::accounts::ADD_SUPERUSER, [id.as_bytes()])?;
    }
    Ok(())
}

/// The id that a page begins before, and how many rows to read: one more than the page has, to see whether there are
/// more.
pub(super) fn page_bounds(page: PageRequest) -> ([u8; 16], i64) {
    let before = page.after.map_or(sql::NEWEST, |cursor| *cursor.id());
    (before, i64::try_from(page.limit()).unwrap_or(i64::MAX).saturating_add(1))
}

/// What decisions about an account ask for; none where there is no account.
pub(super) fn find_standing(db: &Write<'_>, id: AccountId) -> Result<Option<Standing>, Failure> {
    first(db, sql::accounts::STANDING, [id.as_bytes()], standing)
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
pub(super) fn touch(db: &Write<'_>, id: AccountId, now: Timestamp) -> Result<(), Failure> {
    change(db, sql::accounts::TOUCH, params![now.micros(), id.as_bytes()])?;
    Ok(())
}

/// Four columns: an identifier's id, address, creation and last use.
pub(super) fn identifier(columns: &mut Columns<'_>) -> Result<Identifier, Failure> {
    let id = columns.bytes("identifiers.id")?;
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
    let id = AccountId::from_bytes(columns.bytes("accounts.id")?);
    let name = columns.optional_parsed("accounts.name", Name::from_stored)?;
    let standing = standing(columns)?;
    let created_at = columns.timestamp("accounts.created_at")?;
    let last_seen_at = columns.optional_timestamp("accounts.last_seen_at")?;
    let identifiers = match columns.optional_bytes("identifiers.id")? {
        Some(id) => vec![identifier_after_id(id, columns)?],
        None => Vec::new(),
    };
    Ok(Account { id, name, standing, created_at, last_seen_at, identifiers })
}
