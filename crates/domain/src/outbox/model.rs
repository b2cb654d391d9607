//! Messages: before, during and after delivery.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Retried;
use crate::{clock::Timestamp, id::MessageId, sealing::SealedBytes};

/// What a message is about; also the name of its template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MessageKind {
    /// The code that verifies a sign-up.
    SignUpCode,
    /// The code that is the second factor of a sign-in.
    SignInCode,
    /// Somebody tried to sign up with the address of an account (S1).
    AccountExists,
    /// Too many wrong passwords: sign-in by password is closed for a while (S14).
    SignInLocked,
    /// The code of a recovery, and its token (S12).
    RecoveryCode,
    /// The token of a recovery, in a link where there is a page for it.
    RecoveryLink,
    /// The password was changed, by whoever it was (S12).
    PasswordChanged,
    /// The token with which an invited person becomes an account (A5), in a link where there is a page for it.
    Invitation,
    /// The claim code of a device token (D5).
    ClaimCode,
    /// An administrator has locked the account (A5).
    AccountLocked,
    /// An administrator has opened it again.
    AccountUnlocked,
    /// An administrator has marked it compromised: it needs a new password (S15).
    AccountCompromised,
    /// An administrator has given it another role.
    RoleChanged,
    /// An operator tries the carrier out; never in the outbox (M4).
    Test,
}

impl MessageKind {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::SignUpCode,
        Self::SignInCode,
        Self::AccountExists,
        Self::SignInLocked,
        Self::RecoveryCode,
        Self::RecoveryLink,
        Self::PasswordChanged,
        Self::Invitation,
        Self::ClaimCode,
        Self::AccountLocked,
        Self::AccountUnlocked,
        Self::AccountCompromised,
        Self::RoleChanged,
        Self::Test,
    ];

    /// Its name in stores, lists and template files.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignUpCode => "sign_up_code",
            Self::SignInCode => "sign_in_code",
            Self::AccountExists => "account_exists",
            Self::SignInLocked => "sign_in_locked",
            Self::RecoveryCode => "recovery_code",
            Self::RecoveryLink => "recovery_link",
            Self::PasswordChanged => "password_changed",
            Self::Invitation => "invitation",
            Self::ClaimCode => "claim_code",
            Self::AccountLocked => "account_locked",
            Self::AccountUnlocked => "account_unlocked",
            Self::AccountCompromised => "account_compromised",
            Self::RoleChanged => "role_changed",
            Self::Test => "test",
        }
    }

    /// Does writing one wake a worker? One that an address without an account does not get waits for a worker's next look: whoever asks
    /// for something right afterwards must not see by the time it takes whether one is being delivered (C9).
    #[must_use]
    pub const fn wakes_workers(self) -> bool {
        !matches!(self, Self::RecoveryCode | Self::RecoveryLink | Self::SignInLocked)
    }

    /// The kind of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

/// The part of a message that is nobody's business: sealed at rest, erased when it is done with (M1).
#[derive(Clone, Serialize, Deserialize)]
pub struct MessageContent {
    /// The address, as its owner typed it.
    pub to: String,
    /// What the template is filled with.
    pub variables: BTreeMap<String, String>,
}

/// A message to be written beside its cause.
#[derive(Clone, Debug)]
pub struct NewMessage {
    /// Its id, also the idempotency key towards the carrier.
    pub id: MessageId,
    /// What it is about.
    pub kind: MessageKind,
    /// The sealed [`MessageContent`].
    pub content: SealedBytes,
    /// When it was caused.
    pub created_at: Timestamp,
    /// From when on it is no longer sent (M2).
    pub expires_at: Timestamp,
}

/// Proof that a worker holds a message: only its holder may say how the delivery ended.
pub type Lease = [u8; 16];

/// A message in a worker's hands.
#[derive(Clone, Debug)]
pub struct LeasedMessage {
    /// The message.
    pub message: NewMessage,
    /// How often its delivery was begun, this time included.
    pub attempts: u32,
}

/// How far a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// Waiting for a worker, or for its next attempt.
    Pending,
    /// Accepted by the carrier.
    Delivered,
    /// Given up.
    Dropped,
}

impl MessageState {
    /// Its name in stores and lists.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dropped => "dropped",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Pending, Self::Delivered, Self::Dropped].into_iter().find(|state| state.as_str() == name)
    }
}

/// What may be shown of a message: never its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageSummary {
    /// Its id.
    pub id: MessageId,
    /// What it is about.
    pub kind: MessageKind,
    /// How far it is.
    pub state: MessageState,
    /// How often its delivery was begun.
    pub attempts: u32,
    /// When it was caused.
    pub created_at: Timestamp,
    /// From when on it is no longer sent.
    pub expires_at: Timestamp,
    /// When a worker may take it (again); only while it is pending.
    pub next_attempt_at: Option<Timestamp>,
    /// When it was delivered or dropped.
    pub ended_at: Option<Timestamp>,
    /// Why the last attempt failed or the message was dropped: a short slug.
    pub reason: Option<String>,
}

impl MessageSummary {
    /// Why a message that a store did not make due at once was not: it has ended, or somebody holds it.
    #[must_use]
    pub const fn not_retried(&self) -> Retried {
        match self.state {
            MessageState::Pending => Retried::Leased,
            MessageState::Delivered | MessageState::Dropped => Retried::Ended(self.state),
        }
    }
}

/// What waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Messages that are pending.
    pub pending: u64,
    /// When the oldest of them was caused.
    pub oldest: Option<Timestamp>,
}
