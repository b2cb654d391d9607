//! What administrators change about accounts, in SQLite.

use rusqlite::params;
use symbolon_domain::{
    accounts::{
        AccountChange, AccountState, AdministerAccount, Administered, AdministrationRefusal,
        AdministrationVerdict, Name, Standing,
    },
    actor::Role,
};

use super::find_standing;
use crate::{
    sql,
    sqlite::{
        effects,
        rows::{Failure, change, is_there},
        writer::Write,
    },
};

pub(super) fn administer(db: &Write<'_>, command: &AdministerAccount) -> Result<Administered, Failure> {
    let Some(found) = find_standing(db, command.account)? else { return Ok(Administered::NotFound) };
    let new = match command.judge(found) {
        AdministrationVerdict::Refuse(refusal) => return Ok(Administered::Refused(refusal)),
        AdministrationVerdict::Leave => return Ok(Administered::Unchanged),
        AdministrationVerdict::Become(new) => new,
        AdministrationVerdict::BecomeUnlessLast(new) => {
            let another = params![AccountState::Active.as_str(), command.account.as_bytes()];
            if !is_there(db, sql::accounts::ANOTHER_SUPERUSER, another)? {
                return Ok(Administered::Refused(AdministrationRefusal::LastSuperuser));
            }
            new
        }
    };
    write(db, command, found, new)?;
    effects::write(db, &command.effects)?;
    Ok(Administered::Done)
}

fn write(db: &Write<'_>, command: &AdministerAccount, found: Standing, new: Standing) -> Result<(), Failure> {
    let id = command.account.as_bytes();
    if new != found {
        let epoch = i64::try_from(new.epoch).unwrap_or(i64::MAX);
        change(db, sql::accounts::SET_STANDING, params![new.state.as_str(), new.role.as_str(), epoch, id])?;
    }
    match (found.role == Role::Superuser, new.role == Role::Superuser) {
        (false, true) => change(db, sql::accounts::ADD_SUPERUSER, [id])?,
        (true, false) => change(db, sql::accounts::REMOVE_SUPERUSER, [id])?,
        _ => false,
    };
    if let AccountChange::Rename(name) = &command.change {
        change(db, sql::accounts::SET_NAME, params![name.as_ref().map(Name::as_str), id])?;
    }
    for address in &command.failures {
        change(db, sql::sign_in::FORGET_THROTTLE, [address.as_bytes()])?;
    }
    Ok(())
}
