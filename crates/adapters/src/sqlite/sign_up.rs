//! Sign-ups in SQLite.

use async_trait::async_trait;
use rusqlite::params;
use symbolon_domain::{
    accounts::Name,
    actor::Role,
    id::CeremonyId,
    identifiers::EmailAddress,
    sign_up::{BeginSignUpError, CompleteSignUp, CompleteSignUpError, NewSignUp, PendingSignUp, SignUpStore},
    store_error::StoreError,
};

use super::{
    SqliteStore,
    accounts::{self, NewAccount},
    effects,
    one_time_codes::{self, NewChallenge, Slots},
    rows::{Columns, Failure, change, first, is_there},
    sessions,
    writer::Write,
};
use crate::sql;

#[async_trait]
impl SignUpStore for SqliteStore {
    async fn is_taken(&self, address: &EmailAddress) -> Result<bool, StoreError> {
        self.read(|db| is_there(db, sql::accounts::EMAIL_IS_TAKEN, [address.normalized()]))
    }

    async fn begin(&self, command: NewSignUp) -> Result<(), BeginSignUpError> {
        self.write(move |db| begin(db, &command)).await?
    }

    async fn find(&self, id: CeremonyId) -> Result<Option<PendingSignUp>, StoreError> {
        self.read(|db| {
            first(db, sql::sign_up::FIND, [id.as_bytes()], |columns| {
                let address = accounts::address(columns, "sign_ups.typed")?;
                Ok(PendingSignUp { address, decoy: columns.boolean("sign_ups.decoy")? })
            })
        })
    }

    async fn complete(&self, command: CompleteSignUp) -> Result<(), CompleteSignUpError> {
        self.write(move |db| complete(db, &command)).await?
    }
}

fn begin(db: &Write<'_>, command: &NewSignUp) -> Result<Result<(), BeginSignUpError>, Failure> {
    let NewSignUp { id, address, limit, created_at, .. } = command;
    let slots = Slots { kind: limit.owner.kind, key: limit.owner.key, count: limit.slots };
    if let Err(until) = one_time_codes::take_slot(db, &slots, *id, *created_at, *created_at + limit.window)? {
        return Ok(Err(BeginSignUpError::TooMany(until)));
    }
    let values = params![
        id.as_bytes(),
        address.normalized(),
        address.as_typed(),
        command.name.as_ref().map(Name::as_str),
        command.password.as_phc(),
        command.decoy,
        created_at.micros(),
        command.expires_at.micros(),
    ];
    change(db, sql::sign_up::INSERT, values)?;
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

fn complete(db: &Write<'_>, command: &CompleteSignUp) -> Result<Result<(), CompleteSignUpError>, Failure> {
    let CompleteSignUp { id, code, failures_of, account_id, session, now, .. } = command;
    let values = params![id.as_bytes(), code.hash.as_bytes(), now.micros()];
    let Some(verified) = first(db, sql::sign_up::FIND_BY_CODE, values, verified)? else {
        return Ok(Err(CompleteSignUpError::Gone));
    };
    // Before anything is written: a refusal keeps what it wrote.
    if is_there(db, sql::accounts::EMAIL_IS_TAKEN, [verified.address.normalized()])? {
        return Ok(Err(CompleteSignUpError::AddressTaken));
    }
    if !one_time_codes::consume(db, *id, code, failures_of, *now)? {
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
    accounts::insert(db, &account)?;
    change(db, sql::sign_up::END_CODES_OF_ADDRESS, [verified.address.normalized()])?;
    change(db, sql::sign_up::END_ADDRESS, [verified.address.normalized()])?;
    change(db, sql::sign_in::FORGET_THROTTLE, [command.throttle.as_bytes()])?;
    sessions::insert(db, session, *account_id, 0)?;
    effects::write(db, &command.effects)?;
    Ok(Ok(()))
}
