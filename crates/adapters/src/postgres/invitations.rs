//! Invitations in PostgreSQL.
//!
//! Rows are locked in one order: the invitations of the address, its sign-ups, their codes, the inviter, the rest.

use async_trait::async_trait;
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
    PostgresStore,
    accounts::{self, NewAccount, page_bounds},
    commands::Db,
    effects,
    failure::Failure,
    rows::{Columns, all, change, first, is_there, values},
    sign_up,
};
use crate::sql;

/// Keeps the invitations of one's address until the end of the transaction: who redeems another one of them waits.
const LOCK_ADDRESS: &str = "
    SELECT id FROM invitations
    WHERE normalized = (SELECT wanted.normalized FROM invitations wanted WHERE wanted.id = $1)
    ORDER BY id
    FOR UPDATE";

/// Keeps the sign-ups of an address: who completes one of them waits.
const LOCK_SIGN_UPS: &str = "SELECT id FROM sign_ups WHERE normalized = $1 ORDER BY id FOR UPDATE";

/// Who invites the same address waits until the end of the transaction: there may be no row yet to lock.
const LOCK_WRITERS: &str = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0)) IS NULL";

#[async_trait]
impl InvitationStore for PostgresStore {
    async fn write(&self, command: NewInvitation) -> Result<Superusers, WriteInvitationError> {
        self.runner.transaction(|db| Box::pin(write(db, &command))).await?
    }

    async fn find(&self, id: InvitationId, hash: SecretHash) -> Result<Option<Invitation>, StoreError> {
        let hash = &hash;
        self.runner
            .read(|db| Box::pin(first(db, sql::invitations::FIND, values![id, hash], invitation)))
            .await
    }

    async fn list(&self, page: PageRequest, now: Timestamp) -> Result<Page<PendingInvitation>, StoreError> {
        let (before, most) = page_bounds(page);
        let rows = self
            .runner
            .read(|db| Box::pin(all(db, sql::invitations::LIST, values![before, now, most], pending)))
            .await?;
        Ok(Page::from_rows(rows, page, |pending| *pending.id.as_bytes()))
    }

    async fn withdraw(&self, command: WithdrawInvitation) -> Result<Withdrawn, StoreError> {
        self.runner.transaction(|db| Box::pin(withdraw(db, &command))).await
    }

    async fn redeem(&self, command: RedeemInvitation) -> Result<(), RedeemRefusal> {
        self.runner.transaction(|db| Box::pin(redeem(db, &command))).await?
    }
}

fn invitation(columns: &mut Columns<'_>) -> Result<Invitation, Failure> {
    Ok(Invitation {
        address: accounts::address(columns, "invitations.typed")?,
        role: columns.parsed("invitations.role", Role::parse)?,
        name: columns.optional_parsed("invitations.name", Name::from_stored)?,
        invited_by: columns.optional_id("invitations.invited_by")?.map(AccountId::from_bytes),
        expires_at: columns.timestamp("invitations.expires_at")?,
    })
}

fn pending(columns: &mut Columns<'_>) -> Result<PendingInvitation, Failure> {
    let id = InvitationId::from_bytes(columns.id("invitations.id")?);
    let created_at = columns.timestamp("invitations.created_at")?;
    Ok(PendingInvitation { id, created_at, invitation: invitation(columns)? })
}

fn earlier(columns: &mut Columns<'_>) -> Result<(Role, Timestamp), Failure> {
    Ok((columns.parsed("invitations.role", Role::parse)?, columns.timestamp("invitations.expires_at")?))
}

/// The role of an invitation never changes, so that it may be asked before the row is taken away.
async fn withdraw(db: &mut Db<'_>, command: &WithdrawInvitation) -> Result<Withdrawn, Failure> {
    let role = |columns: &mut Columns<'_>| columns.parsed("invitations.role", Role::parse);
    match first(db, sql::invitations::ROLE, values![command.id], role).await? {
        None => return Ok(Withdrawn::NotFound),
        Some(role) if !command.by.may_act_on(role) => return Ok(Withdrawn::InsufficientRole),
        Some(_) => {}
    }
    if !change(db, sql::invitations::END, values![command.id]).await? {
        return Ok(Withdrawn::NotFound);
    }
    effects::write(db, &command.effects).await?;
    Ok(Withdrawn::Done)
}

async fn write(
    db: &mut Db<'_>,
    command: &NewInvitation,
) -> Result<Result<Superusers, WriteInvitationError>, Failure> {
    let Invitation { address, role, name, invited_by, expires_at } = &command.invitation;
    change(db, LOCK_WRITERS, values![address.normalized()]).await?;
    let earlier = all(db, sql::invitations::OF_ADDRESS, values![address.normalized()], earlier).await?;
    if earlier.iter().any(|(role, expires_at)| !command.may_replace(*role, *expires_at)) {
        return Ok(Err(WriteInvitationError::InsufficientRole));
    }
    // Waits for whoever redeems the earlier one, so that the account is seen below; of an address that is taken there is
    // none to end.
    change(db, sql::invitations::END_ADDRESS, values![address.normalized()]).await?;
    // An address that is taken at this very moment makes an invitation that nobody can redeem.
    if is_there(db, sql::accounts::EMAIL_IS_TAKEN, values![address.normalized()]).await? {
        return Ok(Err(WriteInvitationError::AddressTaken));
    }
    let values = values![
        command.id,
        &command.hash,
        address.normalized(),
        address.as_typed(),
        role.as_str(),
        name.as_ref().map(Name::as_str),
        *invited_by,
        command.created_at,
        *expires_at,
    ];
    change(db, sql::invitations::INSERT, values).await?;
    effects::write(db, &command.effects).await?;
    let is_there = is_there(db, sql::accounts::ANY_SUPERUSER, values![]).await?;
    Ok(Ok(if is_there { Superusers::Some } else { Superusers::None }))
}

async fn redeem(db: &mut Db<'_>, command: &RedeemInvitation) -> Result<Result<(), RedeemRefusal>, Failure> {
    let gone = Ok(Err(RedeemRefusal::Gone));
    change(db, LOCK_ADDRESS, values![command.id]).await?;
    let values = values![command.id, &command.hash];
    let Some(invitation) = first(db, sql::invitations::FIND, values, invitation).await? else { return gone };
    let address = invitation.address.normalized();
    change(db, LOCK_SIGN_UPS, values![address]).await?;
    change(db, sign_up::LOCK_CODES, values![address]).await?;
    // Before anything is written: a refusal keeps what it wrote.
    let inviter = match invitation.invited_by {
        Some(inviter) => accounts::lock_standing(db, inviter).await?,
        None => None,
    };
    // Again, now that its writer cannot be changed any more.
    let values = values![command.id, &command.hash];
    if first(db, sql::invitations::FIND, values, self::invitation).await?.is_none() {
        return gone;
    }
    // Where the address is taken only afterwards, its uniqueness refuses the account, and the next attempt sees it here.
    if command.now >= invitation.expires_at
        || !invitation.is_backed_by(inviter)
        || is_there(db, sql::accounts::EMAIL_IS_TAKEN, values![address]).await?
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
    accounts::insert(db, &account).await?;
    change(db, sql::invitations::END_ADDRESS, values![address]).await?;
    change(db, sign_up::END_ADDRESS, values![address]).await?;
    change(db, sql::sign_in::FORGET_THROTTLE, values![&command.throttle]).await?;
    effects::write(db, &command.effects).await?;
    Ok(Ok(()))
}
