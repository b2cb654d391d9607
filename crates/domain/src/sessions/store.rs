//! The port that keeps sessions. They are created by the ceremonies' own ports.

use async_trait::async_trait;

use super::{RefreshClient, RefreshOutcome, RefreshRefusal, RefreshSession, Session, SessionState};
use crate::{
    clock::Timestamp,
    effects::Effects,
    id::{AccountId, SessionId},
    page::{Page, PageRequest},
    rotation::{RotationVerdict, TokenUse, judge},
    secret::SecretHash,
    store_error::StoreError,
};

/// Which sessions of an account are to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RevokeSessions {
    /// All of them.
    All,
    /// All but this one.
    Except(SessionId),
}

/// Keeps sessions and their refresh tokens.
#[async_trait]
pub trait SessionStore: Send + Sync {
    /// The session with its account as it is now, ended ones included. Reads its own writes.
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError>;

    /// Judges a presentation by [`RefreshSession::judge`] and carries out the verdict, in one write. A rotation
    /// also touches the account's and the session's last use.
    async fn refresh(&self, command: RefreshSession) -> Result<RefreshOutcome, StoreError>;

    /// Ends one session of this account. False when there is none; true, and nothing but the event written,
    /// when it has ended already.
    async fn revoke(
        &self,
        account: AccountId,
        id: SessionId,
        effects: Effects,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// The same of a session that ends itself: every API key of the account ends with it (K11), in one write. Afterwards none can
    /// be issued in it.
    async fn sign_out(
        &self,
        account: AccountId,
        id: SessionId,
        effects: Effects,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Ends sessions by adding one to the account's epoch; the one to be kept is stamped anew (S10).
    async fn revoke_many(
        &self,
        account: AccountId,
        which: RevokeSessions,
        effects: Effects,
    ) -> Result<(), StoreError>;

    /// The sessions of an account, ended ones included, newest first.
    async fn list(&self, account: AccountId, page: PageRequest) -> Result<Page<Session>, StoreError>;
}

/// A refresh token that a presentation names, with its session.
#[derive(Clone, Debug)]
pub struct FoundToken {
    /// The SHA-256 of the whole token.
    pub hash: SecretHash,
    /// From when on it no longer counts.
    pub expires_at: Timestamp,
    /// What happened to it so far.
    pub used: TokenUse,
    /// Its session.
    pub session: Session,
}

/// What a store has to do about a presentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshVerdict {
    /// Retire the token and its sibling, insert the successor.
    Rotate,
    /// Insert the successor as the first one's sibling.
    RotateAgain,
    /// End the session and write the event.
    RevokeFamily,
    /// Write nothing.
    Refuse(RefreshRefusal),
}

impl RefreshSession {
    /// Judges this presentation of a token that was found (S9, K8). To be asked inside the write.
    #[must_use]
    pub fn judge(&self, found: &FoundToken) -> RefreshVerdict {
        use RefreshVerdict::Refuse;
        if self.token_hash != found.hash {
            return Refuse(RefreshRefusal::Unknown);
        }
        match found.session.state(self.now) {
            SessionState::Revoked => return Refuse(RefreshRefusal::Revoked),
            SessionState::Expired => return Refuse(RefreshRefusal::Expired),
            SessionState::Active => {}
        }
        let verdict = judge(found.used, self.grace, self.now);
        if verdict == RotationVerdict::RevokeFamily {
            return RefreshVerdict::RevokeFamily;
        }
        if let RefreshClient::Bound(shown) = self.client
            && shown != found.session.binding
        {
            return Refuse(RefreshRefusal::WrongClient);
        }
        if self.now >= found.expires_at {
            return Refuse(RefreshRefusal::Expired);
        }
        match verdict {
            RotationVerdict::Rotate => RefreshVerdict::Rotate,
            RotationVerdict::RotateAgain => RefreshVerdict::RotateAgain,
            RotationVerdict::Refuse | RotationVerdict::RevokeFamily => Refuse(RefreshRefusal::AlreadyUsed),
        }
    }
}
