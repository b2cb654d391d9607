//! Sign-ins in SQLite.

use async_trait::async_trait;
use rusqlite::params;
use symbolon_domain::{
    accounts::Standing,
    clock::Timestamp,
    effects::Effects,
    id::{AccountId, CeremonyId},
    identifiers::EmailAddress,
    passwords::PasswordHash,
    secret::SecretHash,
    sign_in::{
        BeginError, Candidate, CompleteError, CompleteSignIn, NewSignIn, SignInAttempt, SignInStore,
        throttle::{Throttle, ThrottleLimits},
    },
    store_error::StoreError,
};

use super::{
    SqliteStore, accounts, effects,
    one_time_codes::{self, NewChallenge},
    rows::{Columns, Failure, change, first, is_there},
    sessions,
    writer::Write,
};
use crate::sql;

#[async_trait]
impl SignInStore for SqliteStore {
    async fn reserve_attempt(
        &self,
        address: SecretHash,
        limits: ThrottleLimits,
        now: Timestamp,
    ) -> Result<Result<Throttle, Timestamp>, StoreError> {
        self.write(move |db| reserve_attempt(db, address, limits, now)).await
    }

    async fn release_attempt(&self, address: SecretHash, reserved: Throttle) -> Result<(), StoreError> {
        self.write(move |db| {
            let next_at = reserved.next_at.map(Timestamp::micros);
            let values = params![address.as_bytes(), reserved.failures, next_at];
            change(db, sql::sign_in::RELEASE_THROTTLE, values)?;
            Ok(())
        })
        .await
    }

    async fn find_candidate(&self, address: &EmailAddress) -> Result<Option<Candidate>, StoreError> {
        self.read(|db| first(db, sql::sign_in::FIND_CANDIDATE, [address.normalized()], candidate))
    }

    async fn begin(&self, command: NewSignIn) -> Result<(), BeginError> {
        self.write(move |db| begin(db, &command)).await?
    }

    async fn refuse(&self, effects: Effects) -> Result<(), StoreError> {
        self.write(move |db| effects::write(db, &effects)).await
    }

    async fn find(&self, id: CeremonyId) -> Result<Option<SignInAttempt>, StoreError> {
        self.read(|db| first(db, sql::sign_in::FIND, [id.as_bytes()], attempt))
    }

    async fn complete(&self, command: CompleteSignIn) -> Result<Standing, CompleteError> {
        self.write(move |db| complete(db, &command)).await?
    }
}

fn candidate(columns: &mut Columns<'_>) -> Result<Candidate, Failure> {
    Ok(Candidate {
        account_id: AccountId::from_bytes(columns.bytes("accounts.id")?),
        standing: accounts::standing(columns)?,
        address: accounts::address(columns, "identifiers.typed")?,
        password: PasswordHash::from_phc(columns.text("accounts.password")?.to_owned()),
        password_changes: columns.number("accounts.password_changes")?,
    })
}

fn attempt(columns: &mut Columns<'_>) -> Result<SignInAttempt, Failure> {
    Ok(SignInAttempt {
        account_id: AccountId::from_bytes(columns.bytes("sign_ins.account_id")?),
        identifier: accounts::identifier(columns)?,
        expires_at: columns.timestamp("sign_ins.expires_at")?,
    })
}

fn reserve_attempt(
    db: &Write<'_>,
    address: SecretHash,
    limits: ThrottleLimits,
    now: Timestamp,
) -> Result<Result<Throttle, Timestamp>, Failure> {
    let throttle = first(db, sql::sign_in::FIND_THROTTLE, [address.as_bytes()], |columns| {
        let failures = columns.number("throttles.failures")?;
        Ok(Throttle { failures, next_at: columns.optional_timestamp("throttles.next_at")? })
    })?;
    let reserved = match throttle.unwrap_or_default().reserve(limits, now) {
        Ok(reserved) => reserved,
        Err(until) => return Ok(Err(until)),
    };
    let next_at = reserved.next_at.map(Timestamp::micros);
    change(db, sql::sign_in::SET_THROTTLE, params![address.as_bytes(), reserved.failures, next_at])?;
    Ok(Ok(reserved))
}

/// The account, if its owner may sign in at this moment.
fn open_account(db: &Write<'_>, id: AccountId) -> Result<Option<Standing>, Failure> {
    Ok(accounts::find_standing(db, id)?.filter(|standing| standing.state.may_sign_in()))
}

fn begin(db: &Write<'_>, command: &NewSignIn) -> Result<Result<(), BeginError>, Failure> {
    let NewSignIn { id, account_id, .. } = command;
    if open_account(db, *account_id)?.is_none() {
        return Ok(Err(BeginError::AccountUnavailable));
    }
    // Before anything else is written: a refusal keeps what it wrote.
    let values = params![
        id.as_bytes(),
        account_id.as_bytes(),
        command.created_at.micros(),
        command.expires_at.micros(),
        i64::try_from(command.password_changes).unwrap_or(i64::MAX),
    ];
    if !change(db, sql::sign_in::INSERT, values)? {
        return Ok(Err(BeginError::AccountUnavailable));
    }
    change(db, sql::sign_in::FORGET_THROTTLE, [command.throttle.as_bytes()])?;
    if let Some(rehashed) = &command.rehashed {
        let values = params![rehashed.new.as_phc(), account_id.as_bytes(), rehashed.old.as_phc()];
        change(db, sql::sign_in::REHASH, values)?;
    }
    let challenge = NewChallenge {
        ceremony: *id,
        expires_at: command.expires_at,
        code: &command.code,
        failures_of: command.failures_of,
    };
    one_time_codes::insert(db, &challenge)?;
    effects::write(db, &command.effects)?;
    Ok(Ok(()))
}

fn complete(db: &Write<'_>, command: &CompleteSignIn) -> Result<Result<Standing, CompleteError>, Failure> {
    let CompleteSignIn { id, account_id, code, failures_of, session, now, .. } = command;
    // Before anything is written: a refusal keeps what it wrote.
    let values = params![id.as_bytes(), account_id.as_bytes(), code.hash.as_bytes(), now.micros()];
    if !is_there(db, sql::sign_in::CODE_STANDS, values)? {
        return Ok(Err(CompleteError::Gone));
    }
    let Some(standing) = open_account(db, *account_id)? else { return Ok(Err(CompleteError::Gone)) };
    if !one_time_codes::consume(db, *id, code, failures_of, *now)? {
        return Ok(Err(CompleteError::Gone));
    }
    change(db, sql::sign_in::COMPLETE, [id.as_bytes()])?;
    sessions::insert(db, session, *account_id, standing.epoch)?;
    accounts::touch(db, *account_id, *now)?;
    change(db, sql::sign_in::TOUCH_ADDRESS, params![now.micros(), account_id.as_bytes()])?;
    effects::write(db, &command.effects)?;
    Ok(Ok(standing))
}
