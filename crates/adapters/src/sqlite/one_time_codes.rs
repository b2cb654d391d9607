//! Codes, guesses and numbered slots in SQLite.

use async_trait::async_trait;
use rusqlite::params;
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
    SqliteStore, effects,
    rows::{Columns, Failure, change, first},
    writer::Write,
};
use crate::sql;

#[async_trait]
impl OneTimeCodeStore for SqliteStore {
    async fn reserve_attempt(
        &self,
        ceremony: CeremonyId,
        limits: AttemptLimits,
        now: Timestamp,
    ) -> Result<ReservedAttempt, ReserveError> {
        self.write(move |db| reserve_attempt(db, ceremony, &limits, now)).await?
    }

    async fn release_attempt(
        &self,
        ceremony: CeremonyId,
        code: MatchedCode,
        failures_of: SlotOwner,
    ) -> Result<(), StoreError> {
        self.write(move |db| release_attempt(db, ceremony, &code, &failures_of)).await
    }

    async fn replace(&self, command: ReplaceCode) -> Result<(), ReplaceError> {
        self.write(move |db| replace(db, &command)).await?
    }
}

/// A ceremony that begins: the code it waits for, and what the guesses at it cost.
pub(super) struct NewChallenge<'a> {
    pub(super) ceremony: CeremonyId,
    pub(super) expires_at: Timestamp,
    pub(super) code: &'a NewCode,
    pub(super) failures_of: SlotOwner,
}

pub(super) fn insert(db: &Write<'_>, challenge: &NewChallenge<'_>) -> Result<(), Failure> {
    let NewChallenge { ceremony, expires_at, code, failures_of } = challenge;
    let values = params![
        ceremony.as_bytes(),
        code.salt,
        code.hash.as_bytes(),
        code.issued_at.micros(),
        code.expires_at.micros(),
        expires_at.micros(),
        failures_of.kind,
        failures_of.key.as_bytes(),
    ];
    change(db, sql::one_time_codes::INSERT, values)?;
    Ok(())
}

/// Consumes a code that was shown, and pays the guess back. False, and nothing written, when it does not count any
/// more.
pub(super) fn consume(
    db: &Write<'_>,
    ceremony: CeremonyId,
    code: &MatchedCode,
    failures_of: &SlotOwner,
    now: Timestamp,
) -> Result<bool, Failure> {
    let values = params![ceremony.as_bytes(), code.hash.as_bytes(), now.micros()];
    if !change(db, sql::one_time_codes::CONSUME, values)? {
        return Ok(false);
    }
    free_slot(db, ceremony, code, failures_of)?;
    Ok(true)
}

/// Ends a ceremony's code, whichever it is.
pub(super) fn end(db: &Write<'_>, ceremony: CeremonyId) -> Result<(), Failure> {
    change(db, sql::one_time_codes::END, [ceremony.as_bytes()])?;
    Ok(())
}

fn release_attempt(
    db: &Write<'_>,
    ceremony: CeremonyId,
    code: &MatchedCode,
    failures_of: &SlotOwner,
) -> Result<(), Failure> {
    let values = params![ceremony.as_bytes(), code.hash.as_bytes()];
    if change(db, sql::one_time_codes::RELEASE_ATTEMPT, values)? {
        free_slot(db, ceremony, code, failures_of)?;
    }
    Ok(())
}

fn free_slot(
    db: &Write<'_>,
    ceremony: CeremonyId,
    code: &MatchedCode,
    failures_of: &SlotOwner,
) -> Result<(), Failure> {
    let values = params![failures_of.kind, failures_of.key.as_bytes(), code.budget_slot, ceremony.as_bytes()];
    change(db, sql::one_time_codes::FREE_SLOT, values)?;
    Ok(())
}

/// Slots that are to be taken from.
pub(super) struct Slots<'a> {
    pub(super) kind: &'a str,
    pub(super) key: SecretHash,
    pub(super) count: u32,
}

/// Takes a free slot for a ceremony until `until`; where there is none, says when the first one is free again.
pub(super) fn take_slot(
    db: &Write<'_>,
    slots: &Slots<'_>,
    holder: CeremonyId,
    now: Timestamp,
    until: Timestamp,
) -> Result<Result<u32, Timestamp>, Failure> {
    let Slots { kind, key, count } = slots;
    let values = params![count, kind, key.as_bytes(), until.micros(), holder.as_bytes(), now.micros()];
    let taken = first(db, sql::one_time_codes::TAKE_SLOT, values, |columns| columns.number("slots.number"))?;
    if let Some(number) = taken {
        return Ok(Ok(number));
    }
    let values = params![kind, key.as_bytes(), count, now.micros()];
    let end = first(db, sql::one_time_codes::FIRST_SLOT_END, values, |columns| {
        columns.optional_timestamp("slots.taken_until")
    })?;
    // Where there are no slots at all the end of the window is as good an answer as any.
    Ok(Err(end.flatten().unwrap_or(until)))
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

fn find(db: &Write<'_>, ceremony: CeremonyId, now: Timestamp) -> Result<Option<Kept>, Failure> {
    first(db, sql::one_time_codes::FIND, params![ceremony.as_bytes(), now.micros()], kept)
}

fn reserve_attempt(
    db: &Write<'_>,
    ceremony: CeremonyId,
    limits: &AttemptLimits,
    now: Timestamp,
) -> Result<Result<ReservedAttempt, ReserveError>, Failure> {
    let Some(code) = find(db, ceremony, now)? else { return Ok(Err(ReserveError::Gone)) };
    // First what no other code can mend.
    if code.attempts >= limits.attempts {
        return Ok(Err(ReserveError::Exhausted));
    }
    if now >= code.expires_at {
        return Ok(Err(ReserveError::Expired));
    }
    let slots = Slots { kind: &code.failures_kind, key: code.failures_key, count: limits.account_failures };
    let budget_slot = match take_slot(db, &slots, ceremony, now, now + limits.account_window)? {
        Ok(slot) => slot,
        Err(until) => return Ok(Err(ReserveError::BudgetSpent(until))),
    };
    let values = params![ceremony.as_bytes(), limits.attempts];
    if !change(db, sql::one_time_codes::COUNT_ATTEMPT, values)? {
        return Err(Failure::Contended);
    }
    Ok(Ok(ReservedAttempt { salt: code.salt, hash: code.hash, budget_slot }))
}

fn replace(db: &Write<'_>, command: &ReplaceCode) -> Result<Result<(), ReplaceError>, Failure> {
    let ReplaceCode { ceremony, code, now, limit, .. } = command;
    let Some(old) = find(db, *ceremony, *now)? else { return Ok(Err(ReplaceError::Gone)) };
    if old.attempts >= command.attempts {
        return Ok(Err(ReplaceError::Exhausted));
    }
    let not_before = old.issued_at + command.interval;
    if *now < not_before {
        return Ok(Err(ReplaceError::TooMany(not_before)));
    }
    let slots = Slots { kind: limit.owner.kind, key: limit.owner.key, count: limit.slots };
    if let Err(until) = take_slot(db, &slots, *ceremony, *now, *now + limit.window)? {
        return Ok(Err(ReplaceError::TooMany(until)));
    }
    let values = params![
        code.salt,
        code.hash.as_bytes(),
        code.issued_at.micros(),
        code.expires_at.micros(),
        ceremony.as_bytes(),
    ];
    change(db, sql::one_time_codes::REPLACE, values)?;
    effects::write(db, &command.effects)?;
    Ok(Ok(()))
}
