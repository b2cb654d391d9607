//! Invitations in DynamoDB. An invitation carries how often its address was verified when it was written: after the next
//! verification it is over, as a sign-up is, however many there are.

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
use uuid::Uuid;

use super::{
    DynamoStore,
    accounts::{self, NewAccount},
    calls::Range,
    effects,
    expressions::{Expression, absent, unchanged},
    items::{Found, Item, bytes, number, text, time},
    keys,
    transaction::{Transaction, Turn},
};

#[async_trait]
impl InvitationStore for DynamoStore {
    async fn write(&self, command: NewInvitation) -> Result<Superusers, WriteInvitationError> {
        self.settle(&keys::invitation(command.id), || write(self, &command)).await?
    }

    async fn find(&self, id: InvitationId, hash: SecretHash) -> Result<Option<Invitation>, StoreError> {
        let Some(found) = find(self, id, hash).await? else { return Ok(None) };
        let invitation = invitation(&found)?;
        let is_over = self.sign_up_epoch(&invitation.address).await? != epoch(&found)?;
        let is_backed = match invitation.invited_by {
            Some(inviter) => stands(&found, self.get(keys::account(inviter)).await?.as_ref())?,
            None => true,
        };
        Ok((!is_over && is_backed).then_some(invitation))
    }

    async fn redeem(&self, command: RedeemInvitation) -> Result<(), RedeemRefusal> {
        self.settle(&keys::invitation(command.id), || redeem(self, &command)).await?
    }
}

async fn find(store: &DynamoStore, id: InvitationId, hash: SecretHash) -> Result<Option<Found>, StoreError> {
    let Some(found) = store.get(keys::invitation(id)).await? else { return Ok(None) };
    let is_theirs = found.hash("invitations.hash")? == hash;
    Ok(is_theirs.then_some(found))
}

fn invitation(found: &Found) -> Result<Invitation, StoreError> {
    Ok(Invitation {
        address: found.parsed("invitations.typed", |typed| typed.parse().ok())?,
        role: found.parsed("invitations.role", Role::parse)?,
        name: found.optional_parsed("invitations.name", |name| name.parse().ok())?,
        invited_by: found.optional_id("invitations.invited_by")?.map(AccountId::from_bytes),
        expires_at: found.time("invitations.expires_at")?,
    })
}

/// Is its writer as it was then: not locked, marked, or given another role or password since (C26)?
fn stands(invitation: &Found, inviter: Option<&Found>) -> Result<bool, StoreError> {
    let then: Option<u64> = invitation.optional_number("invitations.inviter_changes")?;
    let now = inviter.map(accounts::password_changes).transpose()?;
    Ok(then.is_some() && then == now)
}

fn epoch(invitation: &Found) -> Result<u64, StoreError> {
    invitation.number("invitations.sign_up_epoch")
}

/// What an address leads to: whose it is, how often it was verified, and that nothing of it has changed.
struct Address {
    owner: Option<[u8; 16]>,
    epoch: u64,
    is_unchanged: Expression,
}

async fn address(store: &DynamoStore, invitation: &Invitation) -> Result<Address, StoreError> {
    let Some(email) = store.get(keys::email(&invitation.address)).await? else {
        return Ok(Address { owner: None, epoch: 0, is_unchanged: absent() });
    };
    let epoch = email.number("emails.sign_up_epoch")?;
    let is_free = unchanged("account_id", None);
    Ok(Address {
        owner: email.optional_id("emails.account_id")?,
        epoch,
        is_unchanged: is_free.and(unchanged("sign_up_epoch", Some(number(epoch)))),
    })
}

async fn write(
    store: &DynamoStore,
    command: &NewInvitation,
) -> Turn<Result<Superusers, WriteInvitationError>> {
    let invitation = &command.invitation;
    let address = address(store, invitation).await?;
    if address.owner.is_some() {
        return Ok(Some(Err(WriteInvitationError::AddressTaken)));
    }
    let inviter = match invitation.invited_by {
        Some(inviter) => store.get(keys::account(inviter)).await?,
        None => None,
    };
    let changes = inviter.as_ref().map(accounts::password_changes).transpose()?;
    let item = Item::new(keys::invitation(command.id))
        .with("hash", bytes(command.hash.as_bytes()))
        .with("typed", text(invitation.address.as_typed()))
        .with("role", text(invitation.role.as_str()))
        .with_some("name", invitation.name.as_ref().map(|name| text(name.as_str())))
        .with_some("invited_by", invitation.invited_by.map(|id| text(id.to_string())))
        .with_some("inviter_changes", changes.map(number))
        .with("sign_up_epoch", number(address.epoch))
        .with("created_at", time(command.created_at))
        .with("expires_at", time(invitation.expires_at))
        .until(invitation.expires_at);
    let mut transaction = Transaction::default();
    transaction.create(item);
    transaction.check(keys::email(&invitation.address), address.is_unchanged);
    effects::write(&mut transaction, &command.effects);
    let superusers = superusers(store).await?;
    Ok(store.transact(transaction).await?.then(Ok(superusers)))
}

async fn superusers(store: &DynamoStore) -> Result<Superusers, StoreError> {
    let (pk, [from, to]) = (keys::SUPERUSERS.to_owned(), [Uuid::nil(), Uuid::max()].map(|id| id.to_string()));
    let newest = store.last(Range { pk, from, to }, 1).await?;
    Ok(if newest.is_empty() { Superusers::None } else { Superusers::Some })
}

async fn redeem(store: &DynamoStore, command: &RedeemInvitation) -> Turn<Result<(), RedeemRefusal>> {
    let gone = Ok(Some(Err(RedeemRefusal::Gone)));
    let Some(found) = find(store, command.id, command.hash).await? else { return gone };
    let invitation = invitation(&found)?;
    let address = address(store, &invitation).await?;
    let is_over = command.now >= invitation.expires_at || address.epoch != epoch(&found)?;
    if is_over || address.owner.is_some() {
        return gone;
    }
    let mut transaction = Transaction::default();
    if let Some(id) = invitation.invited_by {
        let inviter = store.get(keys::account(id)).await?;
        let standing = inviter.as_ref().map(accounts::standing).transpose()?;
        if !invitation.is_backed_by(standing) || !stands(&found, inviter.as_ref())? {
            return gone;
        }
        if let Some(standing) = standing {
            transaction.check(keys::account(id), accounts::is_unchanged(&standing));
        }
    }
    let is_there = unchanged("hash", Some(bytes(command.hash.as_bytes())));
    transaction.delete_if(keys::invitation(command.id), is_there);
    let taken = Item::new(keys::email(&invitation.address))
        .with("account_id", text(command.account_id.to_string()))
        .with("sign_up_epoch", number(address.epoch.saturating_add(1)));
    transaction.put_if(taken, address.is_unchanged);
    let account = NewAccount {
        id: command.account_id,
        identifier_id: command.identifier_id,
        address: &invitation.address,
        name: command.name.as_ref().map(Name::as_str),
        role: invitation.role,
        password: command.password.as_phc(),
        now: command.now,
    };
    accounts::insert(&mut transaction, &account);
    transaction.delete(keys::throttle(command.throttle));
    effects::write(&mut transaction, &command.effects);
    Ok(store.transact(transaction).await?.then(Ok(())))
}
