//! Recoveries in SQLite.

use async_trait::async_trait;
use rusqlite::params;
use symbolon_domain::{
    accounts::AccountState,
    id::{AccountId, CeremonyId},
    one_time_codes::SlotLimit,
    recovery::{
        BeginRecoveryError, CompleteRecovery, CompleteRecoveryError, NewRecovery, PendingRecovery,
        RecoveryProof, RecoveryStore, RecoverySubject,
    },
    secret::SecretHash,
    store_error::StoreError,
};

use super::{
    SqliteStore, accounts, effects,
    one_time_codes::{self, NewChallenge, Slots},
    rows::{Columns, Failure, change, first, is_there},
    writer::Write,
};
use crate::sql;

#[async_trait]
impl RecoveryStore for SqliteStore {
    async fn begin(&self, command: NewRecovery) -> Result<(), BeginRecoveryError> {
        self.write(move |db| begin(db, &command)).await?
    }

    async fn find(&self, id: CeremonyId) -> Result<Option<PendingRecovery>, StoreError> {
        self.read(|db| first(db, sql::recovery::FIND, [id.as_bytes()], pending))
    }

    async fn complete(&self, command: CompleteRecovery) -> Result<(), CompleteRecoveryError> {
        self.write(move |db| complete(db, &command)).await?
    }
}

fn pending(columns: &mut Columns<'_>) -> Result<PendingRecovery, Failure> {
    Ok(PendingRecovery {
        address: accounts::address(columns, "recoveries.typed")?,
        account_id: columns.optional_bytes("recoveries.account_id")?.map(AccountId::from_bytes),
        link: columns.optional_bytes("recoveries.link")?.map(SecretHash::from_bytes),
        expires_at: columns.timestamp("recoveries.expires_at")?,
    })
}

fn begin(db: &Write<'_>, command: &NewRecovery) -> Result<Result<(), BeginRecoveryError>, Failure> {
    if let Err(until) = take_slot(db, command, &command.limit)? {
        return Ok(Err(BeginRecoveryError::TooMany(until)));
    }
    let account = match &command.subject {
        RecoverySubject::Account { id, password_changes } => Some((id, password_changes)),
        RecoverySubject::Decoy(padding) => {
            let _ = take_slot(db, command, padding)?;
            None
        }
    };
    let values = params![
        command.id.as_bytes(),
        command.address.as_typed(),
        account.map(|(id, _)| id.as_bytes()),
        account.map(|(_, changes)| i64::try_from(*changes).unwrap_or(i64::MAX)),
        command.link.as_ref().map(SecretHash::as_bytes),
        command.created_at.micros(),
        command.expires_at.micros(),
    ];
    change(db, sql::recovery::INSERT, values)?;
    let challenge = NewChallenge {
        ceremony: command.id,
        expires_at: command.expires_at,
        code: &command.code,
        failures_of: command.failures_of,
    };
    one_time_codes::insert(db, &challenge)?;
    effects::write(db, &command.effects)?;
    Ok(Ok(()))
}

fn take_slot(
    db: &Write<'_>,
    command: &NewRecovery,
    limit: &SlotLimit,
) -> Result<Result<u32, symbolon_domain::clock::Timestamp>, Failure> {
    let slots = Slots { kind: limit.owner.kind, key: limit.owner.key, count: limit.slots };
    let now = command.created_at;
    one_time_codes::take_slot(db, &slots, command.id, now, now + limit.window)
}

fn complete(
    db: &Write<'_>,
    command: &CompleteRecovery,
) -> Result<Result<(), CompleteRecoveryError>, Failure> {
    let CompleteRecovery { id, account_id, now, .. } = command;
    // Before anything is written: a refusal keeps what it wrote.
    let standing = accounts::find_standing(db, *account_id)?;
    let is_open = standing.is_some_and(|standing| standing.state.may_be_recovered());
    let (stands, secret) = match &command.proof {
        RecoveryProof::Code { code, .. } => (sql::recovery::CODE_STANDS, code.hash),
        RecoveryProof::Link(link) => (sql::recovery::LINK_STANDS, *link),
    };
    let values = params![id.as_bytes(), account_id.as_bytes(), secret.as_bytes(), now.micros()];
    if !is_open || !is_there(db, stands, values)? {
        return Ok(Err(CompleteRecoveryError::Gone));
    }
    match &command.proof {
        RecoveryProof::Code { code, failures_of } => {
            if !one_time_codes::consume(db, *id, code, failures_of, *now)? {
                return Ok(Err(CompleteRecoveryError::Gone));
            }
        }
        RecoveryProof::Link(_) => one_time_codes::end(db, *id)?,
    }
    change(db, sql::recovery::COMPLETE, [id.as_bytes()])?;
    let values = params![command.password.as_phc(), AccountState::Active.as_str(), account_id.as_bytes()];
    change(db, sql::recovery::SET_PASSWORD, values)?;
    for throttle in &command.throttles {
        change(db, sql::sign_in::FORGET_THROTTLE, [throttle.as_bytes()])?;
    }
    effects::write(db, &command.effects)?;
    Ok(Ok(()))
}
