//! Codes and guesses in DynamoDB. The code that a ceremony waits for is a part of the ceremony's own item: a ceremony
//! that is over has neither.

use async_trait::async_trait;
use symbolon_domain::{
    clock::Timestamp,
    id::CeremonyId,
    identifiers::EmailAddress,
    one_time_codes::{
        AttemptLimits, MatchedCode, NewCode, OneTimeCodeStore, ReplaceCode, ReplaceError, ReserveError,
        ReservedAttempt, SlotOwner,
    },
    secret::SecretHash,
    store_error::StoreError,
};

use super::{
    DynamoStore, effects,
    expressions::{Expression, unchanged},
    items::{Found, Item, bytes, number, text, time},
    keys,
    slots::{self, Slots},
    transaction::{Transaction, Turn},
};

#[async_trait]
impl OneTimeCodeStore for DynamoStore {
    async fn reserve_attempt(
        &self,
        ceremony: CeremonyId,
        limits: AttemptLimits,
        now: Timestamp,
    ) -> Result<ReservedAttempt, ReserveError> {
        self.settle(&keys::ceremony(ceremony), || reserve_attempt(self, ceremony, &limits, now)).await?
    }

    async fn release_attempt(
        &self,
        ceremony: CeremonyId,
        code: MatchedCode,
        failures_of: SlotOwner,
    ) -> Result<(), StoreError> {
        self.settle(&keys::ceremony(ceremony), || release_attempt(self, ceremony, &code, &failures_of)).await
    }

    async fn replace(&self, command: ReplaceCode) -> Result<(), ReplaceError> {
        self.settle(&keys::ceremony(command.ceremony), || replace(self, &command)).await?
    }
}

/// A ceremony that begins: the code it waits for, and what the guesses at it cost. To be added to and put.
pub(super) fn new_ceremony(
    id: CeremonyId,
    (created_at, expires_at): (Timestamp, Timestamp),
    code: &NewCode,
    failures_of: &SlotOwner,
) -> Item {
    Item::new(keys::ceremony(id))
        .with("created_at", time(created_at))
        .with("expires_at", time(expires_at))
        .with("salt", bytes(&code.salt))
        .with("hash", bytes(code.hash.as_bytes()))
        .with("issued_at", time(code.issued_at))
        .with("code_expires_at", time(code.expires_at))
        .with("attempts", number(0))
        .with("failures_kind", text(failures_of.kind))
        .with("failures_key", bytes(failures_of.key.as_bytes()))
        .until(expires_at)
}

/// Does this code stand in this ceremony, and does it count at `now`?
pub(super) fn stands(ceremony: &Found, code: &MatchedCode, now: Timestamp) -> Result<bool, StoreError> {
    Ok(ceremony.hash("ceremonies.hash")? == code.hash
        && ceremony.time("ceremonies.code_expires_at")? > now
        && ceremony.time("ceremonies.expires_at")? > now)
}

/// Ends a ceremony with the code that stands in it, and pays the guess back.
pub(super) async fn consume(
    store: &DynamoStore,
    transaction: &mut Transaction,
    ceremony: CeremonyId,
    code: &MatchedCode,
    failures_of: &SlotOwner,
) -> Result<(), StoreError> {
    let is_in_its_place = unchanged("hash", Some(bytes(code.hash.as_bytes())));
    transaction.delete_if(keys::ceremony(ceremony), is_in_its_place);
    let slot = keys::slot(failures_of.kind, failures_of.key, code.budget_slot);
    slots::free(store, transaction, slot, ceremony.as_bytes()).await
}

/// A ceremony's code as it is kept.
struct Kept {
    salt: [u8; 16],
    hash: SecretHash,
    issued_at: Timestamp,
    expires_at: Timestamp,
    attempts: u32,
    failures_kind: String,
    failures_key: SecretHash,
}

impl Kept {
    /// No guess was paid for since, and no other code has taken its place.
    fn is_unchanged(&self) -> Expression {
        unchanged("attempts", Some(number(self.attempts)))
            .and(unchanged("hash", Some(bytes(self.hash.as_bytes()))))
    }
}

/// What there is in the place of a code that can be guessed at.
enum Challenge {
    /// It is over, or never began.
    Gone,
    /// Its guesses are used up.
    Exhausted,
    /// It waits for this code.
    Open(Kept),
}

/// The code of a ceremony that is not over at `now` and has guesses left of so many.
async fn find(
    store: &DynamoStore,
    id: CeremonyId,
    most_attempts: u32,
    now: Timestamp,
) -> Result<Challenge, StoreError> {
    let Some(ceremony) = store.get(keys::ceremony(id)).await? else { return Ok(Challenge::Gone) };
    if ceremony.time("ceremonies.expires_at")? <= now {
        return Ok(Challenge::Gone);
    }
    let attempts = ceremony.number("ceremonies.attempts")?;
    // First what costs no further look: whoever guesses on and on gets here.
    if attempts >= most_attempts {
        return Ok(Challenge::Exhausted);
    }
    // A sign-up is over too when another one of its address was verified.
    let address: Option<EmailAddress> =
        ceremony.optional_parsed("ceremonies.typed", |typed| typed.parse().ok())?;
    if let Some(address) = address
        && store.sign_up_epoch(&address).await? != ceremony.number::<u64>("ceremonies.sign_up_epoch")?
    {
        return Ok(Challenge::Gone);
    }
    Ok(Challenge::Open(Kept {
        salt: ceremony.bytes("ceremonies.salt")?,
        hash: ceremony.hash("ceremonies.hash")?,
        issued_at: ceremony.time("ceremonies.issued_at")?,
        expires_at: ceremony.time("ceremonies.code_expires_at")?,
        attempts,
        failures_kind: ceremony.text("ceremonies.failures_kind")?.to_owned(),
        failures_key: ceremony.hash("ceremonies.failures_key")?,
    }))
}

async fn reserve_attempt(
    store: &DynamoStore,
    ceremony: CeremonyId,
    limits: &AttemptLimits,
    now: Timestamp,
) -> Turn<Result<ReservedAttempt, ReserveError>> {
    let code = match find(store, ceremony, limits.attempts, now).await? {
        Challenge::Gone => return Ok(Some(Err(ReserveError::Gone))),
        Challenge::Exhausted => return Ok(Some(Err(ReserveError::Exhausted))),
        Challenge::Open(code) => code,
    };
    if now >= code.expires_at {
        return Ok(Some(Err(ReserveError::Expired)));
    }
    let mut transaction = Transaction::default();
    let slots = Slots { kind: &code.failures_kind, key: code.failures_key, count: limits.account_failures };
    let times = (now, now + limits.account_window);
    let budget_slot = match slots.take(store, &mut transaction, ceremony.as_bytes(), times).await? {
        Ok(slot) => slot,
        Err(until) => return Ok(Some(Err(ReserveError::BudgetSpent(until)))),
    };
    let count = Expression::new("SET #attempts = #attempts + :one").value("one", number(1));
    transaction.update(keys::ceremony(ceremony), count, code.is_unchanged());
    let written = store.transact(transaction).await?;
    Ok(written.then(Ok(ReservedAttempt { salt: code.salt, hash: code.hash, budget_slot })))
}

async fn release_attempt(
    store: &DynamoStore,
    id: CeremonyId,
    code: &MatchedCode,
    failures_of: &SlotOwner,
) -> Turn<()> {
    let Some(ceremony) = store.get(keys::ceremony(id)).await? else { return Ok(Some(())) };
    let attempts: u32 = ceremony.number("ceremonies.attempts")?;
    if ceremony.hash("ceremonies.hash")? != code.hash || attempts == 0 {
        return Ok(Some(()));
    }
    let mut transaction = Transaction::default();
    let update = Expression::new("SET #attempts = #attempts - :one").value("one", number(1));
    let is_unchanged = unchanged("attempts", Some(number(attempts)))
        .and(unchanged("hash", Some(bytes(code.hash.as_bytes()))));
    transaction.update(keys::ceremony(id), update, is_unchanged);
    let slot = keys::slot(failures_of.kind, failures_of.key, code.budget_slot);
    slots::free(store, &mut transaction, slot, id.as_bytes()).await?;
    Ok(store.transact(transaction).await?.then(()))
}

async fn replace(store: &DynamoStore, command: &ReplaceCode) -> Turn<Result<(), ReplaceError>> {
    let ReplaceCode { ceremony, code, now, limit, .. } = command;
    let old = match find(store, *ceremony, command.attempts, *now).await? {
        Challenge::Gone => return Ok(Some(Err(ReplaceError::Gone))),
        Challenge::Exhausted => return Ok(Some(Err(ReplaceError::Exhausted))),
        Challenge::Open(code) => code,
    };
    let not_before = old.issued_at + command.interval;
    if *now < not_before {
        return Ok(Some(Err(ReplaceError::TooMany(not_before))));
    }
    let mut transaction = Transaction::default();
    let slots = Slots { kind: limit.owner.kind, key: limit.owner.key, count: limit.slots };
    let times = (*now, *now + limit.window);
    if let Err(until) = slots.take(store, &mut transaction, ceremony.as_bytes(), times).await? {
        return Ok(Some(Err(ReplaceError::TooMany(until))));
    }
    let update = Expression::new(
        "SET #salt = :salt, #hash = :hash, #issued_at = :issued_at, #code_expires_at = :code_expires_at",
    )
    .value("salt", bytes(&code.salt))
    .value("hash", bytes(code.hash.as_bytes()))
    .value("issued_at", time(code.issued_at))
    .value("code_expires_at", time(code.expires_at));
    transaction.update(keys::ceremony(*ceremony), update, old.is_unchanged());
    effects::write(&mut transaction, &command.effects);
    Ok(store.transact(transaction).await?.then(Ok(())))
}
