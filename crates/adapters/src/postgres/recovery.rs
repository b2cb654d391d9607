//! Recoveries in PostgreSQL.
//!
//! Rows are locked in one order: the ceremony's code, the account, the rest.

use async_trait::async_trait;
use symbolon_domain::{
    accounts::AccountState,
    clock::Timestamp,
    id::{AccountId, CeremonyId},
    one_time_codes::SlotLimit,
    recovery::{
        BeginRecoveryError, CompleteRecovery, CompleteRecoveryError, NewRecovery, PendingRecovery,
        RecoveryProof, RecoveryStore, RecoverySubject,
    },
    store_error::StoreError,
};

use super::{
    PostgresStore, accounts,
    commands::Db,
    effects,
    failure::Failure,
    one_time_codes::{self, NewChallenge, Slots},
    rows::{Columns, change, first, is_there, values},
};
use crate::sql;

#[async_trait]
impl RecoveryStore for PostgresStore {
    async fn begin(&self, command: NewRecovery) -> Result<(), BeginRecoveryError> {
        self.runner.transaction(|db| Box::pin(begin(db, &command))).await?
    }

    async fn find(&self, id: CeremonyId) -> Result<Option<PendingRecovery>, StoreError> {
        self.runner.read(|db| Box::pin(first(db, sql::recovery::FIND, values![id], pending))).await
    }

    async fn complete(&self, command: CompleteRecovery) -> Result<(), CompleteRecoveryError> {
        self.runner.transaction(|db| Box::pin(complete(db, &command))).await?
    }
}

fn pending(columns: &mut Columns<'_>) -> Result<PendingRecovery, Failure> {
    Ok(PendingRecovery {
        address: accounts::address(columns, "recoveries.typed")?,
        account_id: columns.optional_id("recoveries.account_id")?.map(AccountId::from_bytes),
        link: columns.optional_hash("recoveries.link")?,
        expires_at: columns.timestamp("recoveries.expires_at")?,
    })
}

async fn begin(db: &mut Db<'_>, command: &NewRecovery) -> Result<Result<(), BeginRecoveryError>, Failure> {
    if let Err(until) = take_slot(db, command, &command.limit).await? {
        return Ok(Err(BeginRecoveryError::TooMany(until)));
    }
    let account = match &command.subject {
        RecoverySubject::Account { id, password_changes } => Some((*id, *password_changes)),
        RecoverySubject::Decoy(padding) => {
            let _ = take_slot(db, command, padding).await?;
            None
        }
    };
    let values = values![
        command.id,
        command.address.as_typed(),
        account.map(|(id, _)| id),
        account.map(|(_, changes)| changes),
        command.link.as_ref(),
        command.created_at,
        command.expires_at,
    ];
    change(db, sql::recovery::INSERT, values).await?;
    let challenge = NewChallenge {
        ceremony: command.id,
        expires_at: command.expires_at,
        code: &command.code,
        failures_of: command.failures_of,
    };
    one_time_codes::insert(db, &challenge).await?;
    effects::write(db, &command.effects).await?;
    Ok(Ok(()))
}

async fn take_slot(
    db: &mut Db<'_>,
    command: &NewRecovery,
    limit: &SlotLimit,
) -> Result<Result<u32, Timestamp>, Failure> {
    let slots = Slots { kind: limit.owner.kind, key: limit.owner.key, count: limit.slots };
    let now = command.created_at;
    one_time_codes::take_slot(db, &slots, command.id, now, now + limit.window).await
}

async fn complete(
    db: &mut Db<'_>,
    command: &CompleteRecovery,
) -> Result<Result<(), CompleteRecoveryError>, Failure> {
    let CompleteRecovery { id, account_id, now, .. } = command;
    one_time_codes::lock(db, *id).await?;
    // Before anything is written: a refusal keeps what it wrote.
    let standing = accounts::lock_standing(db, *account_id).await?;
    let is_open = standing.is_some_and(|standing| standing.state.may_be_recovered());
    let (stands, secret) = match &command.proof {
        RecoveryProof::Code { code, .. } => (sql::recovery::CODE_STANDS, &code.hash),
        RecoveryProof::Link(link) => (sql::recovery::LINK_STANDS, link),
    };
    if !is_open || !is_there(db, stands, values![*id, *account_id, secret, *now]).await? {
        return Ok(Err(CompleteRecoveryError::Gone));
    }
    match &command.proof {
        RecoveryProof::Code { code, failures_of } => {
            if !one_time_codes::consume(db, *id, code, failures_of, *now).await? {
                return Ok(Err(CompleteRecoveryError::Gone));
            }
        }
        RecoveryProof::Link(_) => one_time_codes::end(db, *id).await?,
    }
    change(db, sql::recovery::COMPLETE, values![*id]).await?;
    let values = values![command.password.as_phc(), AccountState::Active.as_str(), *account_id];
    change(db, sql::recovery::SET_PASSWORD, values).await?;
    for throttle in &command.throttles {
        change(db, sql::sign_in::FORGET_THROTTLE, values![throttle]).await?;
    }
    effects::write(db, &command.effects).await?;
    Ok(Ok(()))
}
