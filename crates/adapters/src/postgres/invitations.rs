//! Invitations in PostgreSQL.
//!
//! Rows are locked in one order: the invitations of the address, its sign-ups, their codes, the inviter, the rest.

use async_trait::async_trait;
use symbolon_domain::{
    accounts::Name,
    actor::Role,
    id::{AccountId, InvitationId},
    invitations::{
        Invitation, InvitationStore, NewInvitation, RedeemInvitation, RedeemRefusal, Superusers,
        WriteInvitationError,
    },
    secret::SecretHash,
    store_error::StoreError,
};

use super::{
    PostgresStore,
    accounts::{self, NewAccount},
    commands::Db,
    effects,
    failure::Failure,
    rows::{Columns, change, first, is_there, values},
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

    async fn redeem(&self, command: RedeemInvitation) -> Result<(), RedeemRefusal> {
        self.runner.transaction(|db| Box::pin(redeem(db, &command))).await?
    }
}

fn invitation(columns: &mut Columns<'_>) -> Result<Invitation, Failure> {
    Ok(Invitation {
        address: accounts::address(columns, "invitations.typed")?,
        role: columns.parsed("invitations.role", Role::parse)?,
        name: columns.optional_parsed("invitations.name", |name| name.parse().ok())?,
        invited_by: columns.optional_id("invitations.invited_by")?.map(AccountId::from_bytes),
        expires_at: columns.timestamp("invitations.expires_at")?,
    })
}

async fn write(
    db: &mut Db<'_>,
    command: &NewInvitation,
) -> Result<Result<Superusers, WriteInvitationError>, Failure> {
    let Invitation { address, role, name, invited_by, expires_at } = &command.invitation;
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
