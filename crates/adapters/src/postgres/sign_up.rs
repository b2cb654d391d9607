//! Sign-ups in PostgreSQL.
//!
//! Rows are locked in one order: the sign-ups of the address, their codes, the rest.

use async_trait::async_trait;
use symbolon_domain::{
    accounts::Name,
    actor::Role,
    id::CeremonyId,
    identifiers::EmailAddress,
    sign_up::{BeginSignUpError, CompleteSignUp, CompleteSignUpError, NewSignUp, PendingSignUp, SignUpStore},
    store_error::StoreError,
};

use super::{
    PostgresStore,
    accounts::{self, NewAccount},
    commands::Db,
    effects,
    failure::Failure,
    one_time_codes::{self, NewChallenge, Slots},
    rows::{Columns, change, first, is_there, values},
    sessions,
};
use crate::sql;

/// Keeps the sign-ups of one's address until the end of the transaction: who completes another one of them waits.
const LOCK_ADDRESS: &str = "
    SELECT id FROM sign_ups
    WHERE normalized = (SELECT wanted.normalized FROM sign_ups wanted WHERE wanted.id = $1)
    ORDER BY id
    FOR UPDATE";

/// Keeps their codes: who guesses at one of them holds it while he takes a slot.
pub(super) const LOCK_CODES: &str = "
    SELECT c.ceremony_id FROM one_time_codes c JOIN sign_ups s ON s.id = c.ceremony_id
    WHERE s.normalized = $1
    ORDER BY c.ceremony_id
    FOR UPDATE OF c";

/// Ends the sign-ups of an address, and their codes with them. One that begins at this moment stays whole.
pub(super) const END_ADDRESS: &str = "
    WITH ended AS (DELETE FROM sign_ups WHERE normalized = $1 RETURNING id)
    DELETE FROM one_time_codes c USING ended WHERE c.ceremony_id = ended.id";

#[async_trait]
impl SignUpStore for PostgresStore {
    async fn is_taken(&self, address: &EmailAddress) -> Result<bool, StoreError> {
        let address = address.normalized();
        self.runner.read(|db| Box::pin(is_there(db, sql::accounts::EMAIL_IS_TAKEN, values![address]))).await
    }

    async fn begin(&self, command: NewSignUp) -> Result<(), BeginSignUpError> {
        self.runner.transaction(|db| Box::pin(begin(db, &command))).await?
    }

    async fn find(&self, id: CeremonyId) -> Result<Option<PendingSignUp>, StoreError> {
        self.runner.read(|db| Box::pin(first(db, sql::sign_up::FIND, values![id], pending))).await
    }

    async fn complete(&self, command: CompleteSignUp) -> Result<(), CompleteSignUpError> {
        self.runner.transaction(|db| Box::pin(complete(db, &command))).await?
    }
}

fn pending(columns: &mut Columns<'_>) -> Result<PendingSignUp, Failure> {
    let address = accounts::address(columns, "sign_ups.typed")?;
    Ok(PendingSignUp { address, decoy: columns.boolean("sign_ups.decoy")? })
}

async fn begin(db: &mut Db<'_>, command: &NewSignUp) -> Result<Result<(), BeginSignUpError>, Failure> {
    let NewSignUp { id, address, limit, created_at, .. } = command;
    let slots = Slots { kind: limit.owner.kind, key: limit.owner.key, count: limit.slots };
    let until = *created_at + limit.window;
    if let Err(until) = one_time_codes::take_slot(db, &slots, *id, *created_at, until).await? {
        return Ok(Err(BeginSignUpError::TooMany(until)));
    }
    let values = values![
        *id,
        address.normalized(),
        address.as_typed(),
        command.name.as_ref().map(Name::as_str),
        command.password.as_phc(),
        command.decoy,
        *created_at,
        command.expires_at,
    ];
    change(db, sql::sign_up::INSERT, values).await?;
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

/// What the account is made of: this very row, whatever else was begun for its address (S1).
struct Verified {
    address: EmailAddress,
    name: Option<String>,
    password: String,
}

fn verified(columns: &mut Columns<'_>) -> Result<Verified, Failure> {
    Ok(Verified {
        address: accounts::address(columns, "sign_ups.typed")?,
        name: columns.optional_text("sign_ups.name")?.map(str::to_owned),
        password: columns.text("sign_ups.password")?.to_owned(),
    })
}

async fn complete(
    db: &mut Db<'_>,
    command: &CompleteSignUp,
) -> Result<Result<(), CompleteSignUpError>, Failure> {
    let CompleteSignUp { id, code, failures_of, account_id, session, now, .. } = command;
    change(db, LOCK_ADDRESS, values![*id]).await?;
    let values = values![*id, &code.hash, *now];
    let Some(verified) = first(db, sql::sign_up::FIND_BY_CODE, values, verified).await? else {
        return Ok(Err(CompleteSignUpError::Gone));
    };
    // Before anything is written: a refusal keeps what it wrote. Where the address is taken only afterwards, its
    // uniqueness refuses the account, and the next attempt sees it here.
    let address = verified.address.normalized();
    if is_there(db, sql::accounts::EMAIL_IS_TAKEN, values![address]).await? {
        return Ok(Err(CompleteSignUpError::AddressTaken));
    }
    change(db, LOCK_CODES, values![address]).await?;
    if !one_time_codes::consume(db, *id, code, failures_of, *now).await? {
        return Ok(Err(CompleteSignUpError::Gone));
    }
    let account = NewAccount {
        id: *account_id,
        identifier_id: command.identifier_id,
        address: &verified.address,
        name: verified.name.as_deref(),
        role: Role::Authenticated,
        password: &verified.password,
        now: *now,
    };
    accounts::insert(db, &account).await?;
    change(db, END_ADDRESS, values![address]).await?;
    change(db, sql::sign_in::FORGET_THROTTLE, values![&command.throttle]).await?;
    sessions::insert(db, session, *account_id, 0).await?;
    effects::write(db, &command.effects).await?;
    Ok(Ok(()))
}
