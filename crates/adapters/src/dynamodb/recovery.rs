//! Recoveries in DynamoDB: ceremonies of their own kind. One whose account has got another password since is over,
//! however many there are.

use async_trait::async_trait;
use symbolon_domain::{
    id::{AccountId, CeremonyId},
    identifiers::EmailAddress,
    one_time_codes::SlotOwner,
    recovery::{
        BeginRecoveryError, CompleteRecovery, CompleteRecoveryError, NewRecovery, PendingRecovery,
        RecoveryProof, RecoveryStore, RecoverySubject,
    },
    secret::SecretHash,
    store_error::StoreError,
};

use super::{
    DynamoStore, accounts, effects,
    expressions::unchanged,
    items::{Found, bytes, number, text},
    keys, one_time_codes, passwords,
    slots::{self, Slots},
    transaction::{Transaction, Turn},
};

/// What a ceremony's `kind` says of a recovery.
const KIND: &str = "recovery";

#[async_trait]
impl RecoveryStore for DynamoStore {
    async fn begin(&self, command: NewRecovery) -> Result<(), BeginRecoveryError> {
        let SlotOwner { kind, key } = command.limit.owner;
        self.settle(&keys::slot(kind, key, 0), || begin(self, &command)).await?
    }

    async fn find(&self, id: CeremonyId) -> Result<Option<PendingRecovery>, StoreError> {
        let Some(recovery) = find(self, id).await? else { return Ok(None) };
        let account_id = account_of(&recovery)?;
        // One that is nobody's costs a look at an account that nobody has: so it takes as long (C9).
        let looked_up = account_id.unwrap_or(AccountId::from_bytes([0; 16]));
        let account = self.get(keys::account(looked_up)).await?;
        let is_over = match (account_id, account) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(_), Some(account)) => is_overtaken(&recovery, &account)?,
        };
        if is_over {
            return Ok(None);
        }
        Ok(Some(PendingRecovery {
            address: address(&recovery)?,
            account_id,
            link: link(&recovery)?,
            expires_at: recovery.time("ceremonies.expires_at")?,
        }))
    }

    async fn complete(&self, command: CompleteRecovery) -> Result<(), CompleteRecoveryError> {
        self.settle(&keys::ceremony(command.id), || complete(self, &command)).await?
    }
}

async fn find(store: &DynamoStore, id: CeremonyId) -> Result<Option<Found>, StoreError> {
    let Some(ceremony) = store.get(keys::ceremony(id)).await? else { return Ok(None) };
    let is_recovery = ceremony.text("ceremonies.kind")? == KIND;
    Ok(is_recovery.then_some(ceremony))
}

fn address(recovery: &Found) -> Result<EmailAddress, StoreError> {
    recovery.parsed("ceremonies.address", |typed| typed.parse().ok())
}

fn account_of(recovery: &Found) -> Result<Option<AccountId>, StoreError> {
    Ok(recovery.optional_id("ceremonies.account_id")?.map(AccountId::from_bytes))
}

fn link(recovery: &Found) -> Result<Option<SecretHash>, StoreError> {
    recovery.optional_hash("ceremonies.link")
}

/// Has the account got another password since this recovery began?
fn is_overtaken(recovery: &Found, account: &Found) -> Result<bool, StoreError> {
    let begun_under: u64 = recovery.number("ceremonies.password_changes")?;
    Ok(begun_under != accounts::password_changes(account)?)
}

async fn begin(store: &DynamoStore, command: &NewRecovery) -> Turn<Result<(), BeginRecoveryError>> {
    let NewRecovery { id, address, limit, created_at, expires_at, .. } = command;
    let mut transaction = Transaction::default();
    let slots = Slots { kind: limit.owner.kind, key: limit.owner.key, count: limit.slots };
    let times = (*created_at, *created_at + limit.window);
    if let Err(until) = slots.take(store, &mut transaction, id.as_bytes(), times).await? {
        return Ok(Some(Err(BeginRecoveryError::TooMany(until))));
    }
    let account = match &command.subject {
        RecoverySubject::Account { id, password_changes } => Some((id, password_changes)),
        RecoverySubject::Decoy(padding) => {
            let slot = keys::slot(padding.owner.kind, padding.owner.key, 0);
            transaction.put(slots::taken(slot, id.as_bytes(), *created_at + padding.window));
            None
        }
    };
    let ceremony =
        one_time_codes::new_ceremony(*id, (*created_at, *expires_at), &command.code, &command.failures_of)
            .with("kind", text(KIND))
            .with("address", text(address.as_typed()))
            .with_some("account_id", account.map(|(id, _)| text(id.to_string())))
            .with_some("password_changes", account.map(|(_, changes)| number(changes)))
            .with_some("link", command.link.as_ref().map(|link| bytes(link.as_bytes())));
    transaction.create(ceremony);
    effects::write(&mut transaction, &command.effects);
    Ok(store.transact(transaction).await?.then(Ok(())))
}

async fn complete(
    store: &DynamoStore,
    command: &CompleteRecovery,
) -> Turn<Result<(), CompleteRecoveryError>> {
    let CompleteRecovery { id, account_id, now, .. } = command;
    let gone = Ok(Some(Err(CompleteRecoveryError::Gone)));
    let Some(recovery) = find(store, *id).await? else { return gone };
    let Some(account) = store.get(keys::account(*account_id)).await? else { return gone };
    let is_theirs = account_of(&recovery)? == Some(*account_id);
    if !is_theirs || is_overtaken(&recovery, &account)? || !is_proved(&recovery, command)? {
        return gone;
    }
    let standing = accounts::standing(&account)?;
    if !standing.state.may_be_recovered() || recovery.time("ceremonies.expires_at")? <= *now {
        return gone;
    }
    let mut transaction = Transaction::default();
    match &command.proof {
        RecoveryProof::Code { code, failures_of } => {
            one_time_codes::consume(store, &mut transaction, *id, code, failures_of).await?;
        }
        RecoveryProof::Link(link) => {
            let is_in_its_place = unchanged("link", Some(bytes(link.as_bytes())));
            transaction.delete_if(keys::ceremony(*id), is_in_its_place);
        }
    }
    // Whoever sets a password raises the epoch, so that the condition holds the count of passwords too.
    let update = passwords::set(&account, &standing, &command.password)?;
    transaction.update(keys::account(*account_id), update, accounts::stands(&standing));
    for throttle in &command.throttles {
        transaction.delete(keys::throttle(*throttle));
    }
    effects::write(&mut transaction, &command.effects);
    Ok(store.transact(transaction).await?.then(Ok(())))
}

fn is_proved(recovery: &Found, command: &CompleteRecovery) -> Result<bool, StoreError> {
    match &command.proof {
        RecoveryProof::Code { code, .. } => one_time_codes::stands(recovery, code, command.now),
        RecoveryProof::Link(shown) => Ok(link(recovery)? == Some(*shown)),
    }
}
