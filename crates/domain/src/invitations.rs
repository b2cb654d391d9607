//! Invitations: how an administrator makes an account without choosing its password (A5, C8).
//!
//! The token in the mail proves the address. Whoever redeems it chooses the password, and signs in afterwards like
//! anybody else. An invitation counts while its writer may still write it: one who was locked or lost their role
//! leaves no door open. An address has one invitation at a time: the newest.

use std::{sync::Arc, time::Duration};

use crate::{
    audit::Refusals,
    clock::Clock,
    entropy::Entropy,
    outbox::Outbox,
    passwords::{PasswordHasher, PasswordPolicy},
    sealing::Peppers,
};

mod invite;
mod model;
mod redeem;
mod store;
mod withdraw;

pub use self::{
    invite::{InvitationSecret, Invite, InviteError, Invited},
    model::{
        Invitation, NewInvitation, PendingInvitation, RedeemInvitation, Superusers, WithdrawInvitation,
        Withdrawn,
    },
    redeem::{Redeem, RedeemError},
    store::{InvitationStore, RedeemRefusal, WriteInvitationError},
    withdraw::WithdrawError,
};

/// How invitations are made.
#[derive(Clone, Debug)]
pub struct InvitationSettings {
    /// The life of an invitation.
    pub lifetime: Duration,
    /// The page that asks for a password and redeems the invitation, where there is one; the only base of a link (C29).
    pub page: Option<String>,
}

/// What invitations stand on.
#[derive(Clone)]
pub struct InvitationPorts {
    /// Keeps them.
    pub store: Arc<dyn InvitationStore>,
    /// Judges new passwords.
    pub policy: PasswordPolicy,
    /// Hashes them.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Composes messages.
    pub outbox: Outbox,
    /// Counts what is refused.
    pub refusals: Refusals,
    /// Hashes addresses.
    pub peppers: Peppers,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws ids and secrets.
    pub entropy: Arc<dyn Entropy>,
}

/// Writes and redeems invitations.
#[derive(Clone)]
pub struct Invitations {
    ports: InvitationPorts,
    settings: InvitationSettings,
}

impl Invitations {
    /// The life of an invitation.
    pub const LIFETIME: Duration = Duration::from_secs(86_400);

    /// Over these ports.
    #[must_use]
    pub const fn new(ports: InvitationPorts, settings: InvitationSettings) -> Self {
        Self { ports, settings }
    }
}
