//! What administrators change about accounts, in DynamoDB. The accounts with the role superuser have an item each in one
//! partition; whoever takes one away demands that another account stays as it was read: a superuser who may sign in.

use symbolon_domain::{
    accounts::{
        AccountChange, AdministerAccount, Administered, AdministrationRefusal, AdministrationVerdict, Name,
        Standing,
    },
    actor::Role,
    id::AccountId,
    store_error::StoreError,
};
use uuid::Uuid;

use super::{is_unchanged, standing};
use crate::dynamodb::{
    DynamoStore,
    calls::Range,
    effects,
    expressions::Expression,
    items::{Item, number, text},
    keys::{self, Key},
    transaction::{Transaction, Turn},
};

pub(super) async fn administer(store: &DynamoStore, command: &AdministerAccount) -> Turn<Administered> {
    let id = command.account;
    let Some(account) = store.get(keys::account(id)).await? else { return Ok(Some(Administered::NotFound)) };
    let found = standing(&account)?;
    let mut transaction = Transaction::default();
    let new = match command.judge(found) {
        AdministrationVerdict::Refuse(refusal) => return Ok(Some(Administered::Refused(refusal))),
        AdministrationVerdict::Leave => return Ok(Some(Administered::Unchanged)),
        AdministrationVerdict::Become(new) => new,
        AdministrationVerdict::BecomeUnlessLast(new) => {
            let Some((another, standing)) = another_superuser(store, id).await? else {
                return Ok(Some(Administered::Refused(AdministrationRefusal::LastSuperuser)));
            };
            transaction.check(keys::account(another), is_unchanged(&standing));
            new
        }
    };
    write(&mut transaction, command, &found, &new);
    effects::write(&mut transaction, &command.effects);
    Ok(store.transact(transaction).await?.then(Administered::Done))
}

/// A superuser who may sign in and is not this one.
async fn another_superuser(
    store: &DynamoStore,
    id: AccountId,
) -> Result<Option<(AccountId, Standing)>, StoreError> {
    let all =
        Range { pk: keys::SUPERUSERS.to_owned(), from: Uuid::nil().to_string(), to: Uuid::max().to_string() };
    let listed = store.range(all).await?;
    let mut ids = Vec::with_capacity(listed.len());
    for item in &listed {
        ids.push(AccountId::from_bytes(item.id("superusers.sk")?));
    }
    ids.retain(|other| *other != id);
    let keys: Vec<Key> = ids.iter().copied().map(keys::account).collect();
    for (other, found) in ids.into_iter().zip(store.get_many(&keys).await?) {
        let standing = found.as_ref().map(standing).transpose()?;
        if let Some(standing) = standing.filter(Standing::is_acting_superuser) {
            return Ok(Some((other, standing)));
        }
    }
    Ok(None)
}

fn write(transaction: &mut Transaction, command: &AdministerAccount, found: &Standing, new: &Standing) {
    let id = command.account;
    let standing = "SET #state = :state, #role = :role, #epoch = :epoch";
    let update = match &command.change {
        AccountChange::Rename(Some(name)) => named(standing, name),
        AccountChange::Rename(None) => Expression::new(format!("{standing} REMOVE #name")),
        // As with another password, what it has begun or written before ends.
        _ => Expression::new(format!(
            "{standing}, #password_changes = if_not_exists(#password_changes, :none) + :one"
        ))
        .value("none", number(0))
        .value("one", number(1)),
    };
    let update = update
        .value("state", text(new.state.as_str()))
        .value("role", text(new.role.as_str()))
        .value("epoch", number(new.epoch));
    transaction.update(keys::account(id), update, is_unchanged(found));
    match (found.role == Role::Superuser, new.role == Role::Superuser) {
        (false, true) => transaction.put(Item::new(keys::superuser(id))),
        (true, false) => transaction.delete(keys::superuser(id)),
        _ => {}
    }
    for address in &command.failures {
        transaction.delete(keys::throttle(*address));
    }
}

fn named(standing: &str, name: &Name) -> Expression {
    Expression::new(format!("{standing}, #name = :name")).value("name", text(name.as_str()))
}
