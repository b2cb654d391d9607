//! The port that keeps invitations and turns one into an account.

use async_trait::async_trait;

use super::{
    Invitation, NewInvitation, PendingInvitation, RedeemInvitation, Superusers, WithdrawInvitation, Withdrawn,
};
use crate::{
    clock::Timestamp,
    id::InvitationId,
    page::{Page, PageRequest},
    secret::SecretHash,
    store_error::StoreError,
};

/// Why no invitation was written.
#[derive(Debug, thiserror::Error)]
pub enum WriteInvitationError {
    /// An account has the address.
    #[error("the address has an account")]
    AddressTaken,
    /// The address has an invitation that its writer may not replace ([`NewInvitation::may_replace`]).
    #[error("the address has an invitation to a higher role")]
    InsufficientRole,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why an invitation was not redeemed.
#[derive(Debug, thiserror::Error)]
pub enum RedeemRefusal {
    /// It was redeemed, has expired, its address has an account, or its writer may not invite any more.
    #[error("the invitation is over")]
    Gone,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Keeps invitations.
#[async_trait]
pub trait InvitationStore: Send + Sync {
    /// Writes an invitation and its message, unless an account has the address. One that the address has already is
    /// replaced: of N at once exactly one is left. Tells whether there is a superuser.
    async fn write(&self, command: NewInvitation) -> Result<Superusers, WriteInvitationError>;

    /// What the invitation with this token is about, expired ones included. Reads its own writes.
    async fn find(&self, id: InvitationId, hash: SecretHash) -> Result<Option<Invitation>, StoreError>;

    /// The invitations that still count, newest first; a page may be short, and still have a next one.
    async fn list(&self, page: PageRequest, now: Timestamp) -> Result<Page<PendingInvitation>, StoreError>;

    /// Ends an invitation; of this and a redemption at once exactly one wins.
    async fn withdraw(&self, command: WithdrawInvitation) -> Result<Withdrawn, StoreError>;

    /// Consumes an invitation (unexpired, once, still backed by its writer: [`Invitation::is_backed_by`]), creates the
    /// account with its address and role, ends the address's other invitations and its sign-ups, forgets its failed
    /// sign-ins; of N at once, and of N invitations of one address, exactly one wins.
    async fn redeem(&self, command: RedeemInvitation) -> Result<(), RedeemRefusal>;
}
