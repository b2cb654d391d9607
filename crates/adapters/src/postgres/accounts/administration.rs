//! What administrators change about accounts, in PostgreSQL.

use symbolon_domain::{
    accounts::{
        AccountChange, AccountState, AdministerAccount, Administered, AdministrationRefusal,
        AdministrationVerdict, Name, Standing,
    },
    actor::Role,
};

use super::lock_standing;
use crate::{
    postgres::{
        commands::Db,
        effects,
        failure::Failure,
        rows::{change, is_there, values},
    },
    sql,
};

/// Whoever takes a superuser away holds all of them, in one order, so that no two see each other as the other one.
const LOCK_SUPERUSERS: &str = "SELECT account_id FROM superusers ORDER BY account_id FOR UPDATE";

/// Rows are locked in one order: the account, then the superusers.
pub(super) async fn administer(
    db: &mut Db<'_>,
    command: &AdministerAccount,
) -> Result<Administered, Failure> {
    let id = command.account;
    let Some(found) = lock_standing(db, id).await? else { return Ok(Administered::NotFound) };
    let new = match command.judge(found) {
        AdministrationVerdict::Refuse(refusal) => return Ok(Administered::Refused(refusal)),
        AdministrationVerdict::Leave => return Ok(Administered::Unchanged),
        AdministrationVerdict::Become(new) => new,
        AdministrationVerdict::BecomeUnlessLast(new) => {
            change(db, LOCK_SUPERUSERS, values![]).await?;
            // A statement of its own: it sees what whoever held them before has written.
            let another = values![AccountState::Active.as_str(), id];
            if !is_there(db, sql::accounts::ANOTHER_SUPERUSER, another).await? {
                return Ok(Administered::Refused(AdministrationRefusal::LastSuperuser));
            }
            new
        }
    };
    write(db, command, found, new).await?;
    effects::write(db, &command.effects).await?;
    Ok(Administered::Done)
}

async fn write(
    db: &mut Db<'_>,
    command: &AdministerAccount,
    found: Standing,
    new: Standing,
) -> Result<(), Failure> {
    let id = command.account;
    if new != found {
        let values = values![new.state.as_str(), new.role.as_str(), new.epoch, id];
        change(db, sql::accounts::SET_STANDING, values).await?;
    }
    match (found.role == Role::Superuser, new.role == Role::Superuser) {
        (false, true) => change(db, sql::accounts::ADD_SUPERUSER, values![id]).await?,
        (true, false) => change(db, sql::accounts::REMOVE_SUPERUSER, values![id]).await?,
        _ => false,
    };
    if let AccountChange::Rename(name) = &command.change {
        change(db, sql::accounts::SET_NAME, values![name.as_ref().map(Name::as_str), id]).await?;
    }
    for address in &command.failures {
        change(db, sql::sign_in::FORGET_THROTTLE, values![address]).await?;
    }
    Ok(())
}
