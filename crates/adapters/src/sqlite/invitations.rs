//! Invitations in SQLite.

use async_trait::async_trait;
use rusqlite::params;
use symbolon_domain::{
    accounts::Name,
    actor::Role,
    clock::Timestamp,
    id::{AccountId, InvitationId},
    invitations::{
        Invitation, InvitationStore, NewInvitation, PendingInvitation, RedeemInvitation, RedeemRefusal,
        Superusers, WithdrawInvitation, Withdrawn, WriteInvitationError,
    },
    page::{Page, PageRequest},
    secret::SecretHash,
    store_error::StoreError,
};

use super::{
    SqliteStore,
    accounts::{self, NewAccount, page_bounds},
    effects,
    rows::{Columns, Failure, all, change, first, is_there},
    writer::Write,
};
use crate::sql;

#[async_trait]
impl InvitationStore for SqliteStore {
    async fn write(&self, command: NewInvitation) -> Result<Superusers, WriteInvitationError> {
        self.write(move |db| write(db, &command)).await?
    }

    async fn find(&self, id: InvitationId, hash: SecretHash) -> Result<Option<Invitation>, StoreError> {
        let values = params![id.as_bytes(), hash.as_bytes()];
        self.read(|db| first(db, sql::invitations::FIND, values, invitation))
    }

    async fn list(&self, page: PageRequest, now: Timestamp) -> Result<Page<PendingInvitation>, StoreError> {
        let (before, most) = page_bounds(page);
        let rows =
            self.read(|db| all(db, sql::invitations::LIST, params![before, now.micros(), most], pending))?;
        Ok(Page::from_rows(rows, page, |pending| *pending.id.as_bytes()))
    }

    async fn withdraw(&self, command: WithdrawInvitation) -> Result<Withdrawn, StoreError> {
        self.write(move |db| withdraw(db, &command)).await
    }

    async fn redeem(&self, command: RedeemInvitation) -> Result<(), RedeemRefusal> {
        self.write(move |db| redeem(db, &command)).await?
    }
}

fn invitation(columns: &mut Columns<'_>) -> Result<Invitation, Failure> {
    Ok(Invitation {
        address: accounts::address(columns, "invitations.typed")?,
        role: columns.parsed("invitations.role", Role::parse)?,
        name: columns.optional_parsed("invitations.name", Name::from_stored)?,
        invited_by: columns.optional_bytes("invitations.invited_by")?.map(AccountId::from_bytes),
        expires_at: columns.timestamp("invitations.expires_at")?,
    })
}

fn pending(columns: &mut Columns<'_>) -> Result<PendingInvitation, Failure> {
    let id = InvitationId::from_bytes(columns.bytes("invitations.id")?);
    let created_at = columns.timestamp("invitations.created_at")?;
    Ok(PendingInvitation { id, created_at, invitation: invitation(columns)? })
}

fn earlier(columns: &mut Columns<'_>) -> Result<(Role, Timestamp), Failure> {
    Ok((columns.parsed("invitations.role", Role::parse)?, columns.timestamp("invitations.expires_at")?))
}

fn withdraw(db: &Write<'_>, command: &WithdrawInvitation) -> Result<Withdrawn, Failure> {
    let role = |columns: &mut Columns<'_>| columns.parsed("invitations.role", Role::parse);
    match first(db, sql::invitations::ROLE, [command.id.as_bytes()], role)? {
        None => Ok(Withdrawn::NotFound),
        Some(role) if !command.by.may_act_on(role) => Ok(Withdrawn::InsufficientRole),
        Some(_) => {
            change(db, sql::invitations::END, [command.id.as_bytes()])?;
            effects::write(db, &command.effects)?;
            Ok(Withdrawn::Done)
        }
    }
}

fn write(
    db: &Write<'_>,
    command: &NewInvitation,
) -> Result<Result<Superusers, WriteInvitationError>, Failure> {
    let Invitation { address, role, name, invited_by, expires_at } = &command.invitation;
    if is_there(db, sql::accounts::EMAIL_IS_TAKEN, [address.normalized()])? {
        return Ok(Err(WriteInvitationError::AddressTaken));
    }
    let earlier = all(db, sql::invitations::OF_ADDRESS, [address.normalized()], earlier)?;
    if earlier.iter().any(|(role, expires_at)| !command.may_replace(*role, *expires_at)) {
        return Ok(Err(WriteInvitationError::InsufficientRole));
    }
    change(db, sql::invitations::END_ADDRESS, [address.normalized()])?;
    let values = params![
        command.id.as_bytes(),
        command.hash.as_bytes(),
        address.normalized(),
        address.as_typed(),
        role.as_str(),
        name.as_ref().map(Name::as_str),
        invited_by.as_ref().map(AccountId::as_bytes),
        command.created_at.micros(),
        expires_at.micros(),
    ];
    change(db, sql::invitations::INSERT, values)?;
    effects::write(db, &command.effects)?;
    let is_there = is_there(db, sql::accounts::ANY_SUPERUSER, ())?;
    Ok(Ok(if is_there { Superusers::Some } else { Superusers::None }))
}

fn redeem(db: &Write<'_>, command: &RedeemInvitation) -> Result<Result<(), RedeemRefusal>, Failure> {
    let gone = Ok(Err(RedeemRefusal::Gone));
    let values = params![command.id.as_bytes(), command.hash.as_bytes()];
    let Some(invitation) = first(db, sql::invitations::FIND, values, invitation)? else { return gone };
    // Before anything is written: a refusal keeps what it wrote.
    let inviter = match invitation.invited_by {
        Some(inviter) => accounts::find_standing(db, inviter)?,
        None => None,
    };
    let address = invitation.address.normalized();
    if command.now >= invitation.expires_at
        || !invitation.is_backed_by(inviter)
        || is_there(db, sql::accounts::EMAIL_IS_TAKEN, [address])?
    {
        return gone;
    }
    let account = NewAccount {
        id: command.account_id,
        identifier_id: command.identifier_id,
        address: &invitation.address,
        name: command.name.as_ref().map(Name::as_str),
        role: invitation.role,
        password: command.password.as_phc(),
        now: command.now,
    };
    accounts::insert(db, &account)?;
    change(db, sql::invitations::END_ADDRESS, [address])?;
    change(db, sql::sign_up::END_CODES_OF_ADDRESS, [address])?;
    change(db, sql::sign_up::END_ADDRESS, [address])?;
    change(db, sql::sign_in::FORGET_THROTTLE, [command.throttle.as_bytes()])?;
    effects::write(db, &command.effects)?;
    Ok(Ok(()))
}
