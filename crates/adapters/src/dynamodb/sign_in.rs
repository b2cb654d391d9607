//! Sign-ins in DynamoDB, and the failures of their first factor. A completed sign-in is removed.

use async_trait::async_trait;
use symbolon_domain::{
    accounts::Standing,
    clock::Timestamp,
    effects::Effects,
    id::{AccountId, CeremonyId},
    identifiers::{EmailAddress, Identifier},
    passwords::PasswordHash,
    secret::SecretHash,
    sign_in::{
        BeginError, Candidate, CompleteError, CompleteSignIn, NewSignIn, SignInAttempt, SignInStore,
        throttle::{Throttle, ThrottleLimits},
    },
    store_error::StoreError,
};

use super::{
    DynamoStore, accounts, effects,
    expressions::{Expression, absent, unchanged},
    items::{Found, Item, number, text, time},
    keys, one_time_codes, sessions,
    transaction::{Transaction, Turn},
};

/// What a ceremony's `kind` says of a sign-in.
const KIND: &str = "sign_in";

#[async_trait]
impl SignInStore for DynamoStore {
    async fn reserve_attempt(
        &self,
        address: SecretHash,
        limits: ThrottleLimits,
        now: Timestamp,
    ) -> Result<Result<Throttle, Timestamp>, StoreError> {
        self.settle(&keys::throttle(address), || reserve_attempt(self, address, limits, now)).await
    }

    async fn release_attempt(&self, address: SecretHash, reserved: Throttle) -> Result<(), StoreError> {
        let update =
            Expression::new("SET #failures = #failures - :one REMOVE #next_at").value("one", number(1));
        let mut transaction = Transaction::default();
        // One that is not as it was reserved stays as it is.
        transaction.update(keys::throttle(address), update, is_unchanged(reserved));
        self.transact(transaction).await.map(drop)
    }

    async fn find_candidate(&self, address: &EmailAddress) -> Result<Option<Candidate>, StoreError> {
        // An address that nobody has costs a look at an account that nobody has: so it takes as long (C9).
        let account_id = self.owner_of(address).await?.unwrap_or(AccountId::from_bytes([0; 16]));
        let Some(account) = self.get(keys::account(account_id)).await? else { return Ok(None) };
        let own = accounts::identifiers(&account)?.into_iter().find(|own| own.address == *address);
        let Some(Identifier { address, .. }) = own else { return Ok(None) };
        Ok(Some(Candidate {
            account_id,
            standing: accounts::standing(&account)?,
            address,
            password: PasswordHash::from_phc(account.text("accounts.password")?.to_owned()),
            password_changes: accounts::password_changes(&account)?,
        }))
    }

    async fn begin(&self, command: NewSignIn) -> Result<(), BeginError> {
        self.settle(&keys::account(command.account_id), || begin(self, &command)).await?
    }

    async fn refuse(&self, effects: Effects) -> Result<(), StoreError> {
        let mut transaction = Transaction::default();
        effects::write(&mut transaction, &effects);
        self.transact(transaction).await.map(drop)
    }

    async fn find(&self, id: CeremonyId) -> Result<Option<SignInAttempt>, StoreError> {
        let Some(sign_in) = self.get(keys::ceremony(id)).await? else { return Ok(None) };
        if sign_in.text("ceremonies.kind")? != KIND {
            return Ok(None);
        }
        let account_id = AccountId::from_bytes(sign_in.id("ceremonies.account_id")?);
        let Some(account) = self.get(keys::account(account_id)).await? else { return Ok(None) };
        if is_overtaken(&sign_in, &account)? {
            return Ok(None);
        }
        let oldest = accounts::identifiers(&account)?.into_iter().next();
        let expires_at = sign_in.time("ceremonies.expires_at")?;
        Ok(oldest.map(|identifier| SignInAttempt { account_id, identifier, expires_at }))
    }

    async fn complete(&self, command: CompleteSignIn) -> Result<Standing, CompleteError> {
        self.settle(&keys::ceremony(command.id), || complete(self, &command)).await?
    }
}

async fn reserve_attempt(
    store: &DynamoStore,
    address: SecretHash,
    limits: ThrottleLimits,
    now: Timestamp,
) -> Turn<Result<Throttle, Timestamp>> {
    let kept = store.get(keys::throttle(address)).await?;
    let throttle = kept.as_ref().map(throttle).transpose()?;
    let reserved = match throttle.unwrap_or_default().reserve(limits, now) {
        Ok(reserved) => reserved,
        Err(until) => return Ok(Some(Err(until))),
    };
    let item = Item::new(keys::throttle(address))
        .with("failures", number(reserved.failures))
        .with_some("next_at", reserved.next_at.map(time));
    let mut transaction = Transaction::default();
    transaction.put_if(item, throttle.map_or_else(absent, is_unchanged));
    Ok(store.transact(transaction).await?.then(Ok(reserved)))
}

fn throttle(found: &Found) -> Result<Throttle, StoreError> {
    Ok(Throttle {
        failures: found.number("throttles.failures")?,
        next_at: found.optional_time("throttles.next_at")?,
    })
}

fn is_unchanged(throttle: Throttle) -> Expression {
    unchanged("failures", Some(number(throttle.failures)))
        .and(unchanged("next_at", throttle.next_at.map(time)))
}

/// The account, if its owner may sign in at this moment.
async fn open_account(store: &DynamoStore, id: AccountId) -> Result<Option<(Found, Standing)>, StoreError> {
    let Some(account) = store.get(keys::account(id)).await? else { return Ok(None) };
    let standing = accounts::standing(&account)?;
    Ok(standing.state.may_sign_in().then_some((account, standing)))
}

async fn begin(store: &DynamoStore, command: &NewSignIn) -> Turn<Result<(), BeginError>> {
    let NewSignIn { id, account_id, created_at, expires_at, .. } = command;
    let Some((account, standing)) = open_account(store, *account_id).await? else {
        return Ok(Some(Err(BeginError::AccountUnavailable)));
    };
    // Whoever sets a password raises the account's epoch, so that the conditions below hold this too.
    if accounts::password_changes(&account)? != command.password_changes {
        return Ok(Some(Err(BeginError::AccountUnavailable)));
    }
    let mut transaction = Transaction::default();
    let password = account.text("accounts.password")?;
    let rehashed = command.rehashed.as_ref().filter(|rehashed| rehashed.old.as_phc() == password);
    if let Some(rehashed) = rehashed {
        let update =
            Expression::new("SET #password = :password").value("password", text(rehashed.new.as_phc()));
        let in_its_place = unchanged("password", Some(text(password)));
        transaction.update(keys::account(*account_id), update, accounts::stands(&standing).and(in_its_place));
    } else {
        transaction.check(keys::account(*account_id), accounts::stands(&standing));
    }
    transaction.delete(keys::throttle(command.throttle));
    let ceremony =
        one_time_codes::new_ceremony(*id, (*created_at, *expires_at), &command.code, &command.failures_of)
            .with("kind", text(KIND))
            .with("account_id", text(account_id.to_string()))
            .with("password_changes", number(command.password_changes));
    transaction.create(ceremony);
    effects::write(&mut transaction, &command.effects);
    Ok(store.transact(transaction).await?.then(Ok(())))
}

async fn complete(store: &DynamoStore, command: &CompleteSignIn) -> Turn<Result<Standing, CompleteError>> {
    let CompleteSignIn { id, account_id, code, failures_of, session, now, .. } = command;
    let gone = Ok(Some(Err(CompleteError::Gone)));
    let Some(sign_in) = store.get(keys::ceremony(*id)).await? else { return gone };
    let is_theirs = sign_in.text("ceremonies.kind")? == KIND
        && sign_in.id("ceremonies.account_id")? == *account_id.as_bytes();
    if !is_theirs || !one_time_codes::stands(&sign_in, code, *now)? {
        return gone;
    }
    let Some((account, standing)) = open_account(store, *account_id).await? else { return gone };
    if is_overtaken(&sign_in, &account)? {
        return gone;
    }
    let mut transaction = Transaction::default();
    one_time_codes::consume(store, &mut transaction, *id, code, failures_of).await?;
    touch(&mut transaction, command, &account, &standing)?;
    sessions::insert(&mut transaction, session, *account_id, standing.epoch);
    effects::write(&mut transaction, &command.effects);
    Ok(store.transact(transaction).await?.then(Ok(standing)))
}

/// Has the account got another password since this sign-in began? The version before did not write down the count.
fn is_overtaken(sign_in: &Found, account: &Found) -> Result<bool, StoreError> {
    let begun_under: Option<u64> = sign_in.optional_number("ceremonies.password_changes")?;
    let present = accounts::password_changes(account)?;
    Ok(begun_under.is_some_and(|count| count != present))
}

/// Notes the use of the account and of its oldest address, which is the one that codes go to.
fn touch(
    transaction: &mut Transaction,
    command: &CompleteSignIn,
    account: &Found,
    standing: &Standing,
) -> Result<(), StoreError> {
    let Some(oldest) = accounts::identifiers(account)?.into_iter().next() else {
        accounts::touch(transaction, command.account_id, standing, command.now);
        return Ok(());
    };
    // A placeholder cannot have hyphens; the name it stands for can.
    let update = Expression::new("SET #last_seen_at = :now, #identifiers.#identifier.#last_used_at = :now")
        .value("now", time(command.now))
        .name("identifier", oldest.id.to_string());
    let is_there = Expression::new("attribute_exists(#identifiers.#identifier)")
        .name("identifier", oldest.id.to_string());
    let condition = accounts::stands(standing).and(is_there);
    transaction.update(keys::account(command.account_id), update, condition);
    Ok(())
}
