//! Codes, guesses and numbered slots in PostgreSQL.
//!
//! A ceremony's row is locked before anything is decided about it, and before a slot is taken; nobody takes more than
//! one slot in a transaction.

use async_trait::async_trait;
use symbolon_domain::{
    clock::Timestamp,
    id::CeremonyId,
    one_time_codes::{
        AttemptLimits, MatchedCode, NewCode, OneTimeCodeStore, ReplaceCode, ReplaceError, ReserveError,
        ReservedAttempt, SlotOwner,
    },
    secret::SecretHash,
    store_error::StoreError,
};

use super::{
    PostgresStore,
    commands::Db,
    effects,
    failure::Failure,
    rows::{Columns, change, first, values},
};
use crate::sql;

/// Keeps a ceremony's code as it is until the end of the transaction, where there is one.
const LOCK: &str = "SELECT 1 FROM one_time_codes WHERE ceremony_id = $1 FOR UPDATE";

/// How many of the `$3` slots are taken at `$4`, and when the first of them is free again.
const TAKEN_SLOTS: &str = "
    SELECT COUNT(*), MIN(taken_until) FROM slots WHERE kind = $1 AND key = $2 AND number < $3 AND taken_until > $4";

#[async_trait]
impl OneTimeCodeStore for PostgresStore {
    async fn reserve_attempt(
        &self,
        ceremony: CeremonyId,
        limits: AttemptLimits,
        now: Timestamp,
    ) -> Result<ReservedAttempt, ReserveError> {
        // A flood of guesses is turned away without a lock.
        let code = self.runner.read(|db| Box::pin(find(db, ceremony, now))).await?;
        judge_attempt(code.as_ref(), &limits, now)?;
        self.runner.transaction(|db| Box::pin(reserve_attempt(db, ceremony, &limits, now))).await?
    }

    async fn release_attempt(
        &self,
        ceremony: CeremonyId,
        code: MatchedCode,
        failures_of: SlotOwner,
    ) -> Result<(), StoreError> {
        self.runner.transaction(|db| Box::pin(release_attempt(db, ceremony, &code, &failures_of))).await
    }

    async fn replace(&self, command: ReplaceCode) -> Result<(), ReplaceError> {
        self.runner.transaction(|db| Box::pin(replace(db, &command))).await?
    }
}

/// A ceremony that begins: the code it waits for, and what the guesses at it cost.
pub(super) struct NewChallenge<'a> {
    pub(super) ceremony: CeremonyId,
    pub(super) expires_at: Timestamp,
    pub(super) code: &'a NewCode,
    pub(super) failures_of: SlotOwner,
}

pub(super) async fn insert(db: &mut Db<'_>, challenge: &NewChallenge<'_>) -> Result<(), Failure> {
    let NewChallenge { ceremony, expires_at, code, failures_of } = challenge;
    let values = values![
        *ceremony,
        code.salt.as_slice(),
        &code.hash,
        code.issued_at,
        code.expires_at,
        *expires_at,
        failures_of.kind,
        &failures_of.key,
    ];
    change(db, sql::one_time_codes::INSERT, values).await?;
    Ok(())
}

/// Keeps a ceremony's code as it is until the end of the transaction.
pub(super) async fn lock(db: &mut Db<'_>, ceremony: CeremonyId) -> Result<(), Failure> {
    change(db, LOCK, values![ceremony]).await?;
    Ok(())
}

/// Consumes a code that was shown, and pays the guess back. False, and nothing written, when it does not count any
/// more.
pub(super) async fn consume(
    db: &mut Db<'_>,
    ceremony: CeremonyId,
    code: &MatchedCode,
    failures_of: &SlotOwner,
    now: Timestamp,
) -> Result<bool, Failure> {
    if !change(db, sql::one_time_codes::CONSUME, values![ceremony, &code.hash, now]).await? {
        return Ok(false);
    }
    free_slot(db, ceremony, code, failures_of).await?;
    Ok(true)
}

/// Ends a ceremony's code, whichever it is.
pub(super) async fn end(db: &mut Db<'_>, ceremony: CeremonyId) -> Result<(), Failure> {
    change(db, sql::one_time_codes::END, values![ceremony]).await?;
    Ok(())
}

async fn release_attempt(
    db: &mut Db<'_>,
    ceremony: CeremonyId,
    code: &MatchedCode,
    failures_of: &SlotOwner,
) -> Result<(), Failure> {
    if change(db, sql::one_time_codes::RELEASE_ATTEMPT, values![ceremony, &code.hash]).await? {
        free_slot(db, ceremony, code, failures_of).await?;
    }
    Ok(())
}

async fn free_slot(
    db: &mut Db<'_>,
    ceremony: CeremonyId,
    code: &MatchedCode,
    failures_of: &SlotOwner,
) -> Result<(), Failure> {
    let values = values![failures_of.kind, &failures_of.key, code.budget_slot, ceremony];
    change(db, sql::one_time_codes::FREE_SLOT, values).await?;
    Ok(())
}

/// Slots that are to be taken from.
pub(super) struct Slots<'a> {
    pub(super) kind: &'a str,
    pub(super) key: SecretHash,
    pub(super) count: u32,
}

/// Takes a free slot for a ceremony until `until`; where there is none, says when the first one is free again.
pub(super) async fn take_slot(
    db: &mut Db<'_>,
    slots: &Slots<'_>,
    holder: CeremonyId,
    now: Timestamp,
    until: Timestamp,
) -> Result<Result<u32, Timestamp>, Failure> {
    let Slots { kind, key, count } = slots;
    // Each time that none is got although one is free, somebody else has got one.
    for _ in 0..=*count {
        let values = values![*count, *kind, key, until, holder, now];
        let number = |columns: &mut Columns<'_>| columns.number("slots.number");
        if let Some(number) = first(db, sql::one_time_codes::TAKE_SLOT, values, number).await? {
            return Ok(Ok(number));
        }
        let taken = first(db, TAKEN_SLOTS, values![*kind, key, *count, now], taken_slots).await?;
        let (taken, end) = taken.unwrap_or_default();
        if taken >= *count {
            // Where there are no slots at all the end of the window is as good an answer as any.
            return Ok(Err(end.unwrap_or(until)));
        }
    }
    Err(Failure::Contended)
}

fn taken_slots(columns: &mut Columns<'_>) -> Result<(u32, Option<Timestamp>), Failure> {
    Ok((columns.number("slots.number")?, columns.optional_timestamp("slots.taken_until")?))
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

fn kept(columns: &mut Columns<'_>) -> Result<Kept, Failure> {
    Ok(Kept {
        salt: columns.bytes("one_time_codes.salt")?,
        hash: columns.hash("one_time_codes.hash")?,
        issued_at: columns.timestamp("one_time_codes.issued_at")?,
        expires_at: columns.timestamp("one_time_codes.expires_at")?,
        attempts: columns.number("one_time_codes.attempts")?,
        failures_kind: columns.text("one_time_codes.failures_kind")?.to_owned(),
        failures_key: columns.hash("one_time_codes.failures_key")?,
    })
}

async fn find(db: &mut Db<'_>, ceremony: CeremonyId, now: Timestamp) -> Result<Option<Kept>, Failure> {
    first(db, sql::one_time_codes::FIND, values![ceremony, now], kept).await
}

fn judge_attempt<'k>(
    code: Option<&'k Kept>,
    limits: &AttemptLimits,
    now: Timestamp,
) -> Result<&'k Kept, ReserveError> {
    let code = code.ok_or(ReserveError::Gone)?;
    // First what no other code can mend.
    if code.attempts >= limits.attempts {
        return Err(ReserveError::Exhausted);
    }
    if now >= code.expires_at {
        return Err(ReserveError::Expired);
    }
    Ok(code)
}

async fn reserve_attempt(
    db: &mut Db<'_>,
    ceremony: CeremonyId,
    limits: &AttemptLimits,
    now: Timestamp,
) -> Result<Result<ReservedAttempt, ReserveError>, Failure> {
    lock(db, ceremony).await?;
    let code = find(db, ceremony, now).await?;
    let code = match judge_attempt(code.as_ref(), limits, now) {
        Ok(code) => code,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let slots = Slots { kind: &code.failures_kind, key: code.failures_key, count: limits.account_failures };
    let budget_slot = match take_slot(db, &slots, ceremony, now, now + limits.account_window).await? {
        Ok(slot) => slot,
        Err(until) => return Ok(Err(ReserveError::BudgetSpent(until))),
    };
    if !change(db, sql::one_time_codes::COUNT_ATTEMPT, values![ceremony, limits.attempts]).await? {
        return Err(Failure::Contended);
    }
    Ok(Ok(ReservedAttempt { salt: code.salt, hash: code.hash, budget_slot }))
}

async fn replace(db: &mut Db<'_>, command: &ReplaceCode) -> Result<Result<(), ReplaceError>, Failure> {
    let ReplaceCode { ceremony, code, now, limit, .. } = command;
    lock(db, *ceremony).await?;
    let Some(old) = find(db, *ceremony, *now).await? else { return Ok(Err(ReplaceError::Gone)) };
    if old.attempts >= command.attempts {
        return Ok(Err(ReplaceError::Exhausted));
    }
    let not_before = old.issued_at + command.interval;
    if *now < not_before {
        return Ok(Err(ReplaceError::TooMany(not_before)));
    }
    let slots = Slots { kind: limit.owner.kind, key: limit.owner.key, count: limit.slots };
    if let Err(until) = take_slot(db, &slots, *ceremony, *now, *now + limit.window).await? {
        return Ok(Err(ReplaceError::TooMany(until)));
    }
    let values = values![code.salt.as_slice(), &code.hash, code.issued_at, code.expires_at, *ceremony];
    change(db, sql::one_time_codes::REPLACE, values).await?;
    effects::write(db, &command.effects).await?;
    Ok(Ok(()))
}
