//! Sign-ins in PostgreSQL.
//!
//! Rows are locked in one order: the ceremony's code, the account, the rest.

use async_trait::async_trait;
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
    PostgresStore, accounts,
    commands::Db,
    effects,
    failure::Failure,
    one_time_codes::{self, NewChallenge},
    rows::{Columns, change, first, is_there, values},
    sessions,
};
use crate::sql;

/// The first failure of an address. Whoever comes second writes nothing, and looks again.
const FIRST_FAILURE: &str =
    "INSERT INTO throttles (address, failures, next_at) VALUES ($1, $2, $3) ON CONFLICT (address) DO NOTHING";

/// Another one, if nobody else has counted one meanwhile.
const NEXT_FAILURE: &str = "
    UPDATE throttles SET failures = $2, next_at = $3
    WHERE address = $1 AND failures = $4 AND next_at IS NOT DISTINCT FROM $5";

#[async_trait]
impl SignInStore for PostgresStore {
    async fn reserve_attempt(
        &self,
        address: SecretHash,
        limits: ThrottleLimits,
        now: Timestamp,
    ) -> Result<Result<Throttle, Timestamp>, StoreError> {
        self.runner.write(|db| Box::pin(reserve_attempt(db, address, limits, now))).await
    }

    async fn release_attempt(&self, address: SecretHash, reserved: Throttle) -> Result<(), StoreError> {
        let Throttle { failures, next_at } = reserved;
        let address = &address;
        self.runner
            .write(|db| {
                Box::pin(change(db, sql::sign_in::RELEASE_THROTTLE, values![address, failures, next_at]))
            })
            .await?;
        Ok(())
    }

    async fn find_candidate(&self, address: &EmailAddress) -> Result<Option<Candidate>, StoreError> {
        let address = address.normalized();
        self.runner
            .read(|db| Box::pin(first(db, sql::sign_in::FIND_CANDIDATE, values![address], candidate)))
            .await
    }

    async fn begin(&self, command: NewSignIn) -> Result<(), BeginError> {
        self.runner.transaction(|db| Box::pin(begin(db, &command))).await?
    }

    async fn refuse(&self, effects: Effects) -> Result<(), StoreError> {
        if effects.messages.is_empty() {
            return self.runner.write(|db| Box::pin(effects::write(db, &effects))).await;
        }
        self.runner.transaction(|db| Box::pin(effects::write(db, &effects))).await
    }

    async fn find(&self, id: CeremonyId) -> Result<Option<SignInAttempt>, StoreError> {
        self.runner.read(|db| Box::pin(first(db, sql::sign_in::FIND, values![id], attempt))).await
    }

    async fn complete(&self, command: CompleteSignIn) -> Result<Standing, CompleteError> {
        self.runner.transaction(|db| Box::pin(complete(db, &command))).await?
    }
}

fn candidate(columns: &mut Columns<'_>) -> Result<Candidate, Failure> {
    Ok(Candidate {
        account_id: AccountId::from_bytes(columns.id("accounts.id")?),
        standing: accounts::standing(columns)?,
        address: accounts::address(columns, "identifiers.typed")?,
        password: PasswordHash::from_phc(columns.text("accounts.password")?.to_owned()),
        password_changes: columns.number("accounts.password_changes")?,
    })
}

fn attempt(columns: &mut Columns<'_>) -> Result<SignInAttempt, Failure> {
    Ok(SignInAttempt {
        account_id: AccountId::from_bytes(columns.id("sign_ins.account_id")?),
        identifier: accounts::identifier(columns)?,
        expires_at: columns.timestamp("sign_ins.expires_at")?,
    })
}

fn throttle(columns: &mut Columns<'_>) -> Result<Throttle, Failure> {
    let failures = columns.number("throttles.failures")?;
    Ok(Throttle { failures, next_at: columns.optional_timestamp("throttles.next_at")? })
}

/// Judges what it reads, and writes only over that: of many at once one is let through, and the others look again.
async fn reserve_attempt(
    db: &mut Db<'_>,
    address: SecretHash,
    limits: ThrottleLimits,
    now: Timestamp,
) -> Result<Result<Throttle, Timestamp>, Failure> {
    let found = first(db, sql::sign_in::FIND_THROTTLE, values![&address], throttle).await?;
    let reserved = match found.unwrap_or_default().reserve(limits, now) {
        Ok(reserved) => reserved,
        Err(until) => return Ok(Err(until)),
    };
    let values = values![&address, reserved.failures, reserved.next_at];
    let is_written = match found {
        None => change(db, FIRST_FAILURE, values).await?,
        Some(Throttle { failures, next_at }) => {
            change(db, NEXT_FAILURE, values.bind(failures).bind(next_at)).await?
        }
    };
    if is_written { Ok(Ok(reserved)) } else { Err(Failure::Contended) }
}

/// The account, if its owner may sign in. It stays so until the end of the transaction.
async fn open_account(db: &mut Db<'_>, id: AccountId) -> Result<Option<Standing>, Failure> {
    Ok(accounts::lock_standing(db, id).await?.filter(|standing| standing.state.may_sign_in()))
}

async fn begin(db: &mut Db<'_>, command: &NewSignIn) -> Result<Result<(), BeginError>, Failure> {
    let NewSignIn { id, account_id, .. } = command;
    if open_account(db, *account_id).await?.is_none() {
        return Ok(Err(BeginError::AccountUnavailable));
    }
    // Before anything else is written: a refusal keeps what it wrote.
    let values = values![*id, *account_id, command.created_at, command.expires_at, command.password_changes];
    if !change(db, sql::sign_in::INSERT, values).await? {
        return Ok(Err(BeginError::AccountUnavailable));
    }
    change(db, sql::sign_in::FORGET_THROTTLE, values![&command.throttle]).await?;
    if let Some(rehashed) = &command.rehashed {
        let values = values![rehashed.new.as_phc(), *account_id, rehashed.old.as_phc()];
        change(db, sql::sign_in::REHASH, values).await?;
    }
    let challenge = NewChallenge {
        ceremony: *id,
        expires_at: command.expires_at,
        code: &command.code,
        failures_of: command.failures_of,
    };
    one_time_codes::insert(db, &challenge).await?;
    effects::write(db, &command.effects).await?;
    Ok(Ok(()))
}

async fn complete(
    db: &mut Db<'_>,
    command: &CompleteSignIn,
) -> Result<Result<Standing, CompleteError>, Failure> {
    let CompleteSignIn { id, account_id, code, failures_of, session, now, .. } = command;
    one_time_codes::lock(db, *id).await?;
    // Locked before it is asked for its password's count, which a recovery may be raising.
    let Some(standing) = open_account(db, *account_id).await? else { return Ok(Err(CompleteError::Gone)) };
    // Before anything is written: a refusal keeps what it wrote.
    let values = values![*id, *account_id, &code.hash, *now];
    if !is_there(db, sql::sign_in::CODE_STANDS, values).await? {
        return Ok(Err(CompleteError::Gone));
    }
    if !one_time_codes::consume(db, *id, code, failures_of, *now).await? {
        return Ok(Err(CompleteError::Gone));
    }
    change(db, sql::sign_in::COMPLETE, values![*id]).await?;
    sessions::insert(db, session, *account_id, standing.epoch).await?;
    accounts::touch(db, *account_id, *now).await?;
    change(db, sql::sign_in::TOUCH_ADDRESS, values![*now, *account_id]).await?;
    effects::write(db, &command.effects).await?;
    Ok(Ok(standing))
}
