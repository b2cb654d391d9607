//! The port that keeps API keys.

use std::{net::IpAddr, time::Duration};

use async_trait::async_trait;

use super::{ApiKey, ApiKeyToken, NewApiKey, NewApiKeyToken, RefreshHash};
use crate::{
    actor::Actor,
    audit::{Act, AuditEvent},
    clock::Timestamp,
    effects::Effects,
    id::{AccountId, ApiKeyId, ApiKeyTokenId, SessionId},
    page::{Page, PageRequest},
    rotation::{RotationVerdict, TokenUse, judge},
    secret::SecretHash,
    store_error::StoreError,
};

/// Keeps API keys: families, their keys, and the numbered slots that limit how many an owner has.
#[async_trait]
pub trait ApiKeyStore: Send + Sync {
    /// Writes a family with its first key under its owner's present epochs, and takes the first free slot of the owner until
    /// the key ends (K12): the slots of kind [`super::SLOTS`] under [`slot_key`] of these epochs, held by the family. One write:
    /// nothing is written when the owner is not active with that role, when the session has ended, or when there is no free slot.
    async fn issue(&self, command: IssueApiKey) -> Result<IssueOutcome, StoreError>;

    /// One key of a family, with the family and its owner as they are now. Reads its own writes.
    async fn find(&self, id: ApiKeyTokenId) -> Result<Option<FoundApiKey>, StoreError>;

    /// Judges a presentation by [`RefreshApiKey::judge`] and carries out the verdict, in one write. A rotation retires the
    /// key shown and its sibling, inserts the successor, moves the family's slot to the end of the successor, and shows
    /// the successor's prefix and end in the family.
    async fn refresh(&self, command: RefreshApiKey) -> Result<RefreshApiKeyOutcome, StoreError>;

    /// Ends a family and gives its slot back. False when there is none of this id and owner; true, and nothing but the
    /// event written, when it has ended already.
    async fn revoke(&self, command: RevokeApiKey) -> Result<bool, StoreError>;

    /// Whose family this is. Reads its own writes.
    async fn owner(&self, id: ApiKeyId) -> Result<Option<AccountId>, StoreError>;

    /// Ends every family of this owner by adding one to the owner's epoch of keys, and says how many were live. None, and
    /// nothing written, when there is no such account.
    async fn revoke_all(
        &self,
        owner: AccountId,
        effects: Effects,
        now: Timestamp,
    ) -> Result<Option<u64>, StoreError>;

    /// The families of an owner, ended ones included, newest first.
    async fn list(&self, owner: AccountId, page: PageRequest) -> Result<Page<ApiKey>, StoreError>;

    /// Sets the last uses of families, where these are later than what is kept. What is not there is left out.
    async fn touch(&self, uses: Vec<(ApiKeyId, Timestamp)>) -> Result<(), StoreError>;
}

/// What stands for an owner's keys where slots are counted: with every "all of them" the slots begin anew.
#[must_use]
pub fn slot_key(owner: AccountId, (epoch, key_epoch): (u64, u64)) -> SecretHash {
    let mut bytes = owner.as_bytes().to_vec();
    bytes.extend(epoch.to_be_bytes());
    bytes.extend(key_epoch.to_be_bytes());
    SecretHash::sha256(&bytes)
}

/// A family to be written.
#[derive(Clone, Debug)]
pub struct IssueApiKey {
    /// The family and its first key.
    pub key: NewApiKey,
    /// The session in which it was asked for: once that has ended, nothing is written (C26).
    pub session: Option<SessionId>,
    /// So many live ones its owner may have, this one included.
    pub most: u32,
    /// The event.
    pub effects: Effects,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueOutcome {
    /// It was written.
    Issued,
    /// The owner is not there, not active, or has another role by now; or the session has ended.
    Denied,
    /// The owner has as many as they may; at this moment one of them ends by itself.
    Full {
        /// When.
        free_at: Timestamp,
    },
}

/// A key with its family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundApiKey {
    /// The key.
    pub token: ApiKeyToken,
    /// Its family.
    pub key: ApiKey,
}

/// One presentation of a refresh token that was found to match.
#[derive(Clone, Debug)]
pub struct RefreshApiKey {
    /// The key whose refresh token it is.
    pub token_id: ApiKeyTokenId,
    /// The stored hash that it was found to match, which must still be there.
    pub proved: RefreshHash,
    /// The SHA-256 of the `tkn` of the key shown with it.
    pub hash: SecretHash,
    /// The caller's address.
    pub ip: Option<IpAddr>,
    /// The successor, if there is to be one.
    pub successor: NewApiKeyToken,
    /// What the successor begins with.
    pub prefix: String,
    /// See [`crate::rotation`].
    pub grace: Duration,
    /// The present.
    pub now: Timestamp,
    /// The event, still without subject, actor and outcome.
    pub event: AuditEvent,
}

/// What became of a presentation. A refusal that revokes is a success of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshApiKeyOutcome {
    /// The successor was written.
    Rotated,
    /// Nothing was changed.
    Refused(RefreshApiKeyRefusal),
    /// A used token was shown again: the family was ended and the event written.
    ReuseDetected,
}

/// Why a refresh token was refused without anything being changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshApiKeyRefusal {
    /// No such token, or not the key's that was shown with it.
    Unknown,
    /// It does not count yet.
    NotYetValid,
    /// It, or its family, is past its limits.
    Expired,
    /// The family, or its owner's right to it, was ended.
    Revoked,
    /// The caller is outside the addresses that the key is bound to.
    WrongAddress,
    /// Used already, within the grace (K8).
    AlreadyUsed,
}

impl RefreshApiKeyRefusal {
    /// Its slug in the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown_token",
            Self::NotYetValid => "not_yet_valid",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::WrongAddress => "wrong_address",
            Self::AlreadyUsed => "already_used",
        }
    }
}

/// What a store has to do about a presentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshApiKeyVerdict {
    /// Retire the key and its sibling, insert the successor.
    Rotate,
    /// Insert the successor as the first one's sibling.
    RotateAgain,
    /// End the family and write the event.
    RevokeFamily,
    /// Write nothing.
    Refuse(RefreshApiKeyRefusal),
}

impl RefreshApiKey {
    /// Judges this presentation of a key that was found (K7, K8). To be asked inside the write.
    #[must_use]
    pub fn judge(&self, found: &FoundApiKey) -> RefreshApiKeyVerdict {
        use RefreshApiKeyRefusal as Refusal;
        use RefreshApiKeyVerdict::Refuse;
        let FoundApiKey { token: ApiKeyToken { token, used }, key } = found;
        let Some(refresh) = token.refresh.as_ref().filter(|refresh| refresh.hash == self.proved) else {
            return Refuse(Refusal::Unknown);
        };
        if token.hash != self.hash {
            return Refuse(Refusal::Unknown);
        }
        if key.is_revoked() {
            return Refuse(Refusal::Revoked);
        }
        if self.now >= key.expires_at {
            return Refuse(Refusal::Expired);
        }
        // Before everything that the caller could have wrong by accident: a used token is known to somebody else.
        let verdict = judge(*used, self.grace, self.now);
        if verdict == RotationVerdict::RevokeFamily {
            return RefreshApiKeyVerdict::RevokeFamily;
        }
        if let Some(address) = &key.address
            && !self.ip.is_some_and(|ip| address.holds(ip))
        {
            return Refuse(Refusal::WrongAddress);
        }
        if self.now < refresh.not_before {
            return Refuse(Refusal::NotYetValid);
        }
        if self.now >= refresh.expires_at {
            return Refuse(Refusal::Expired);
        }
        match verdict {
            RotationVerdict::Rotate => RefreshApiKeyVerdict::Rotate,
            RotationVerdict::RotateAgain => RefreshApiKeyVerdict::RotateAgain,
            RotationVerdict::Refuse | RotationVerdict::RevokeFamily => Refuse(Refusal::AlreadyUsed),
        }
    }

    /// The event of a rotation in this family.
    #[must_use]
    pub fn rotated_event(&self, key: &ApiKey) -> AuditEvent {
        self.event.clone().by(Actor::Account(key.owner)).on(key.id)
    }

    /// The event of a used token shown again.
    #[must_use]
    pub fn reuse_event(&self, key: &ApiKey) -> AuditEvent {
        let mut event = self.event.clone().refused("reuse_detected").on(key.id);
        event.act = Act::API_KEY_REUSE_DETECTED;
        event
    }
}

impl FoundApiKey {
    /// Is it the key of its family that counts, apart from its times?
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.token.used == TokenUse::Live && !self.key.is_revoked()
    }
}

/// A family to be ended.
#[derive(Clone, Debug)]
pub struct RevokeApiKey {
    /// Whose it must be.
    pub owner: AccountId,
    /// Which.
    pub id: ApiKeyId,
    /// The event.
    pub effects: Effects,
    /// The present.
    pub now: Timestamp,
}
