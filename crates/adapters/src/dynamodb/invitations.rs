//! Invitations in DynamoDB. An invitation carries how often its address was verified when it was written: after the next
//! verification it is over, as a sign-up is, however many there are.

use async_trait::async_trait;
use futures::future::try_join_all;
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
        // Who invites the same address waits: a crowd would only replace each other's.
        self.settle(&keys::invited(&command.invitation.address), || write(self, &command)).await?
    }

    async fn find(&self, id: InvitationId, hash: SecretHash) -> Result<Option<Invitation>, StoreError> {
        match find(self, id, hash).await? {
            Some(found) => counting(self, &found).await,
            None => Ok(None),
        }
    }

    async fn list(&self, page: PageRequest, now: Timestamp) -> Result<Page<PendingInvitation>, StoreError> {
        let rows = self.newest(keys::invitations, page).await?;
        let ids = rows.iter().map(|row| row.id("invitations.sk").map(InvitationId::from_bytes));
        let ids = ids.collect::<Result<Vec<_>, _>>()?;
        let listed = Page::from_rows(ids, page, |id| *id.as_bytes());
        let keys: Vec<_> = listed.items.iter().map(|id| keys::invitation(*id)).collect();
        let found = listed.items.into_iter().zip(self.get_many(&keys).await?);
        let found = found.filter_map(|(id, found)| Some((id, found?)));
        let listed_ones = try_join_all(found.map(|(id, found)| pending(self, id, found, now))).await?;
        Ok(Page { items: listed_ones.into_iter().flatten().collect(), next: listed.next })
    }

    async fn withdraw(&self, command: WithdrawInvitation) -> Result<Withdrawn, StoreError> {
        self.settle(&keys::invitation(command.id), || withdraw(self, &command)).await
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

/// What an invitation is about, unless its address was verified since, or its writer may not invite any more.
async fn counting(store: &DynamoStore, found: &Found) -> Result<Option<Invitation>, StoreError> {
    let invitation = invitation(found)?;
    let is_over = store.sign_up_epoch(&invitation.address).await? != epoch(found)?;
    let is_backed = match invitation.invited_by {
        Some(inviter) => stands(found, store.get(keys::account(inviter)).await?.as_ref())?,
        None => true,
    };
    Ok((!is_over && is_backed).then_some(invitation))
}

/// An invitation as it is listed, if it still counts.
async fn pending(
    store: &DynamoStore,
    id: InvitationId,
    found: Found,
    now: Timestamp,
) -> Result<Option<PendingInvitation>, StoreError> {
    if now >= found.time("invitations.expires_at")? {
        return Ok(None);
    }
    let created_at = found.time("invitations.created_at")?;
    let invitation = counting(store, &found).await?;
    Ok(invitation.map(|invitation| PendingInvitation { id, invitation, created_at }))
}

/// The invitation that an address has at present: its id, as the pointer says it, and what it is about.
async fn earlier(
    store: &DynamoStore,
    invitation: &Invitation,
) -> Result<Option<(InvitationId, Option<Invitation>)>, StoreError> {
    let Some(pointer) = store.get(keys::invited(&invitation.address)).await? else { return Ok(None) };
    let id = InvitationId::from_bytes(pointer.id("invited.invitation_id")?);
    let found = store.get(keys::invitation(id)).await?;
    Ok(Some((id, found.as_ref().map(self::invitation).transpose()?)))
}

fn points_to(id: InvitationId) -> Expression {
    unchanged("invitation_id", Some(text(id.to_string())))
}

async fn withdraw(store: &DynamoStore, command: &WithdrawInvitation) -> Turn<Withdrawn> {
    let Some(found) = store.get(keys::invitation(command.id)).await? else {
        return Ok(Some(Withdrawn::NotFound));
    };
    let invitation = invitation(&found)?;
    if !command.by.may_act_on(invitation.role) {
        return Ok(Some(Withdrawn::InsufficientRole));
    }
    let mut transaction = Transaction::default();
    let is_there = unchanged("hash", Some(bytes(found.hash("invitations.hash")?.as_bytes())));
    transaction.delete_if(keys::invitation(command.id), is_there);
    transaction.delete(keys::listed_invitation(command.id));
    if let Some((id, _)) = earlier(store, &invitation).await?
        && id == command.id
    {
        transaction.delete_if(keys::invited(&invitation.address), points_to(id));
    }
    effects::write(&mut transaction, &command.effects);
    Ok(store.transact(transaction).await?.then(Withdrawn::Done))
}

fn invitation(found: &Found) -> Result<Invitation, StoreError> {
    Ok(Invitation {
        address: found.parsed("invitations.typed", |typed| typed.parse().ok())?,
        role: found.parsed("invitations.role", Role::parse)?,
        name: found.optional_parsed("invitations.name", Name::from_stored)?,
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
    transaction.put(Item::new(keys::listed_invitation(command.id)).until(invitation.expires_at));
    let pointer = Item::new(keys::invited(&invitation.address))
        .with("invitation_id", text(command.id.to_string()))
        .until(invitation.expires_at);
    match earlier(store, invitation).await? {
        None => transaction.create(pointer),
        Some((id, replaced)) => {
            if replaced.is_some_and(|it| !command.may_replace(it.role, it.expires_at)) {
                return Ok(Some(Err(WriteInvitationError::InsufficientRole)));
            }
            transaction.put_if(pointer, points_to(id));
            transaction.delete(keys::invitation(id));
            transaction.delete(keys::listed_invitation(id));
        }
    }
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
    transaction.delete(keys::listed_invitation(command.id));
    // Whichever invitation it leads to is over with the address's verification.
    transaction.delete(keys::invited(&invitation.address));
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
