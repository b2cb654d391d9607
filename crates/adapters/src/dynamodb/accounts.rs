//! Accounts in DynamoDB. An account's identifiers are a map in its own item; what an address leads to has an item of
//! its own, which is what makes addresses unique.

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
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
use uuid::Uuid;

use super::{
    DynamoStore, effects,
    expressions::{Expression, present, unchanged},
    items::{Found, Item, number, text, time},
    keys::{self, Key},
    transaction::{Transaction, Written},
};

mod administration;

#[async_trait]
impl AccountStore for DynamoStore {
    async fn find(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        self.get(keys::account(id)).await?.as_ref().map(account).transpose()
    }

    async fn find_by_address(&self, address: &EmailAddress) -> Result<Option<Account>, StoreError> {
        match self.owner_of(address).await? {
            Some(id) => AccountStore::find(self, id).await,
            None => Ok(None),
        }
    }

    async fn standings(&self, ids: &[AccountId]) -> Result<Vec<(AccountId, Standing)>, StoreError> {
        // A batch must not name a key twice.
        let ids: BTreeSet<AccountId> = ids.iter().copied().collect();
        let keys: Vec<Key> = ids.iter().map(|id| keys::account(*id)).collect();
        let found = self.get_many(&keys).await?;
        let found = found.iter().flatten();
        found.map(|item| Ok((AccountId::from_bytes(item.id("accounts.id")?), standing(item)?))).collect()
    }

    async fn list(&self, page: PageRequest) -> Result<Page<Account>, StoreError> {
        let rows = self.newest(keys::accounts, page).await?;
        let keys = rows
            .iter()
            .map(|row| row.id("accounts.sk").map(|id| keys::account(AccountId::from_bytes(id))))
            .collect::<Result<Vec<Key>, _>>()?;
        let found = self.get_many(&keys).await?;
        let accounts = found.iter().flatten().map(account).collect::<Result<_, _>>()?;
        Ok(Page::from_rows(accounts, page, |account: &Account| *account.id.as_bytes()))
    }

    async fn set_name(
        &self,
        id: AccountId,
        name: Option<Name>,
        effects: Effects,
    ) -> Result<bool, StoreError> {
        let update = match name {
            Some(name) => Expression::new("SET #name = :name").value("name", text(name.as_str())),
            None => Expression::new("REMOVE #name"),
        };
        let mut transaction = Transaction::default();
        transaction.update(keys::account(id), update, present());
        effects::write(&mut transaction, &effects);
        Ok(self.transact(transaction).await? == Written::Done)
    }

    async fn administer(&self, command: AdministerAccount) -> Result<Administered, StoreError> {
        self.settle(&keys::account(command.account), || administration::administer(self, &command)).await
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

/// Creates an account. What its address leads to is the caller's to write, under the condition that it is free.
pub(super) fn insert(transaction: &mut Transaction, account: &NewAccount<'_>) {
    let NewAccount { id, identifier_id, address, name, role, password, now } = account;
    let identifier = HashMap::from([
        ("typed".to_owned(), text(address.as_typed())),
        ("created_at".to_owned(), time(*now)),
    ]);
    let identifiers = HashMap::from([(identifier_id.to_string(), AttributeValue::M(identifier))]);
    let item = Item::new(keys::account(*id))
        .with("id", text(id.to_string()))
        .with_some("name", name.map(text))
        .with("state", text(AccountState::Active.as_str()))
        .with("role", text(role.as_str()))
        .with("epoch", number(0))
        .with("password", text(*password))
        .with("created_at", time(*now))
        .with("last_seen_at", time(*now))
        .with("identifiers", AttributeValue::M(identifiers));
    transaction.create(item);
    transaction.put(Item::new(keys::listed_account(*id)));
    if *role == Role::Superuser {
        transaction.put(Item::new(keys::superuser(*id)));
    }
}

impl DynamoStore {
    /// The account that has this address.
    pub(super) async fn owner_of(&self, address: &EmailAddress) -> Result<Option<AccountId>, StoreError> {
        let Some(found) = self.get(keys::email(address)).await? else { return Ok(None) };
        Ok(found.optional_id("emails.account_id")?.map(AccountId::from_bytes))
    }
}

/// The account is as it was judged: it is there, may or may not sign in, and has ended no sessions since.
pub(super) fn stands(standing: &Standing) -> Expression {
    unchanged("state", Some(text(standing.state.as_str())))
        .and(unchanged("epoch", Some(number(standing.epoch))))
}

/// The account is as it was judged: its role too.
pub(super) fn is_unchanged(standing: &Standing) -> Expression {
    stands(standing).and(unchanged("role", Some(text(standing.role.as_str()))))
}

/// Notes that the owner is there at this moment, if the account is as it was judged.
pub(super) fn touch(transaction: &mut Transaction, id: AccountId, standing: &Standing, now: Timestamp) {
    let update = Expression::new("SET #last_seen_at = :now").value("now", time(now));
    transaction.update(keys::account(id), update, stands(standing));
}

/// What decisions about an account ask for.
pub(super) fn standing(found: &Found) -> Result<Standing, StoreError> {
    Ok(Standing {
        state: found.parsed("accounts.state", AccountState::parse)?,
        role: found.parsed("accounts.role", Role::parse)?,
        epoch: found.number("accounts.epoch")?,
    })
}

/// The epoch of the account's API keys.
pub(super) fn key_epoch(found: &Found) -> Result<u64, StoreError> {
    Ok(found.optional_number("accounts.key_epoch")?.unwrap_or(0))
}

/// No "all of them" has ended the account's API keys since. An epoch that was never raised is not written.
pub(super) fn is_key_epoch(epoch: u64) -> Expression {
    unchanged("key_epoch", (epoch > 0).then(|| number(epoch)))
}

/// How often the account has got another password; what was begun under an earlier count is over.
pub(super) fn password_changes(found: &Found) -> Result<u64, StoreError> {
    Ok(found.optional_number("accounts.password_changes")?.unwrap_or(0))
}

/// An account's identifiers, oldest first.
pub(super) fn identifiers(found: &Found) -> Result<Vec<Identifier>, StoreError> {
    let mut identifiers = Vec::new();
    for (id, entry) in found.entries("accounts.identifiers")? {
        let id = Uuid::try_parse(id).map_err(|_| StoreError::corrupt("accounts.identifiers"))?;
        identifiers.push(Identifier {
            id: IdentifierId::from_bytes(id.into_bytes()),
            address: entry.parsed("identifiers.typed", |typed| typed.parse().ok())?,
            created_at: entry.time("identifiers.created_at")?,
            last_used_at: entry.optional_time("identifiers.last_used_at")?,
        });
    }
    identifiers.sort_unstable_by_key(|identifier| (identifier.created_at, identifier.id));
    Ok(identifiers)
}

fn account(found: &Found) -> Result<Account, StoreError> {
    Ok(Account {
        id: AccountId::from_bytes(found.id("accounts.id")?),
        name: found.optional_parsed("accounts.name", Name::from_stored)?,
        standing: standing(found)?,
        created_at: found.time("accounts.created_at")?,
        last_seen_at: found.optional_time("accounts.last_seen_at")?,
        identifiers: identifiers(found)?,
    })
}
