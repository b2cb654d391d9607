//! The port that keeps requests for device tokens and what is claimed of them.

use std::num::NonZeroU32;

use async_trait::async_trait;

use super::{DeviceId, DeviceToken, Holder};
use crate::{
    clock::Timestamp,
    effects::Effects,
    id::{DeviceTokenId, SessionId, TokenRequestId},
    one_time_codes::SlotLimit,
    page::{Page, PageRequest},
    secret::SecretHash,
    store_error::StoreError,
};

/// Keeps requests and device tokens.
#[async_trait]
pub trait DeviceTokenStore: Send + Sync {
    /// Writes a request with its message, and takes a slot of its user's limit; nothing where there is none free before a moment.
    /// It takes the place of the one of the same device that could be claimed until then (D6). Clocks differ from node to node: the
    /// order in which they are written is what counts.
    async fn request(&self, command: NewTokenRequest) -> Result<Result<(), Timestamp>, StoreError>;

    /// Pays for a guess, before anything is compared (D8). A refusal costs nothing.
    async fn reserve_claim(
        &self,
        id: TokenRequestId,
        holder: &Holder,
        attempts: u32,
        now: Timestamp,
    ) -> Result<ReservedClaim, ReserveClaimError>;

    /// Consumes a request and writes its device's token in the place of the one that the device had, under its account's
    /// present epoch; takes its seat until it expires: the one that the device holds of that licence, or the first free one,
    /// of at most `seats`. The seat that the device held of another licence is given back. One write: of N at once exactly
    /// one wins, and where there is no seat, or the session has ended, the request stays.
    async fn claim(&self, command: NewDeviceToken) -> Result<ClaimOutcome, StoreError>;

    /// One device token. Reads its own writes.
    async fn find(&self, id: DeviceTokenId) -> Result<Option<FoundDeviceToken>, StoreError>;

    /// Writes `token` in the place of the one of this id, which must be there, of the same device, and count; its seat as in
    /// [`Self::claim`]. Of N at once exactly one wins.
    async fn exchange(
        &self,
        id: DeviceTokenId,
        token: DeviceToken,
        seats: Option<NonZeroU32>,
        effects: Effects,
    ) -> Result<ExchangeOutcome, StoreError>;

    /// Removes a device token and gives its seat back. False, and nothing written, when there is none of this id and holder.
    async fn revoke(&self, id: DeviceTokenId, holder: &Holder, effects: Effects) -> Result<bool, StoreError>;

    /// Removes the device tokens of a holder that ended with their account's rights or their licence, and gives their seats back:
    /// nobody lists them any more, and so nobody could end them. Says whether there were any.
    async fn forget_revoked(&self, holder: &Holder) -> Result<bool, StoreError>;

    /// The device tokens of a holder that count at `now`, newest first. A page may come back short, or empty, and go on.
    async fn list(
        &self,
        holder: &Holder,
        now: Timestamp,
        page: PageRequest,
    ) -> Result<Page<DeviceToken>, StoreError>;
}

/// A request to be written.
#[derive(Clone, Debug)]
pub struct NewTokenRequest {
    /// Its id, the half of the token that its holder gets.
    pub id: TokenRequestId,
    /// Whose.
    pub holder: Holder,
    /// For which device.
    pub device_id: DeviceId,
    /// The HMAC of the other half.
    pub code: SecretHash,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it can no longer be claimed.
    pub expires_at: Timestamp,
    /// When the device token will expire at the latest (D4).
    pub token_expires_at: Timestamp,
    /// How many its user may make.
    pub limit: SlotLimit,
    /// The message and its event.
    pub effects: Effects,
}

/// A guess that was paid for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReservedClaim {
    /// The device that was asked for.
    pub device_id: DeviceId,
    /// The HMAC of the right code.
    pub code: SecretHash,
    /// When the device token will expire at the latest.
    pub token_expires_at: Timestamp,
}

/// A request as it is found: what every store judges in the same way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// Guesses that were paid for.
    pub attempts: u32,
    /// From when on it can no longer be claimed.
    pub expires_at: Timestamp,
    /// What a guess is judged by.
    pub reserved: ReservedClaim,
    /// Was it claimed?
    pub is_consumed: bool,
    /// Is there a newer one of the same device?
    pub is_superseded: bool,
}

impl TokenRequest {
    /// Why it cannot be claimed at `now`; where a guess is still to be paid for, also for want of one.
    #[must_use]
    pub fn gone(&self, attempts: Option<u32>, now: Timestamp) -> Option<TokenGone> {
        if self.is_consumed {
            Some(TokenGone::Consumed)
        } else if self.is_superseded {
            Some(TokenGone::Superseded)
        } else if attempts.is_some_and(|most| self.attempts >= most) {
            Some(TokenGone::AttemptsExhausted)
        } else if now >= self.expires_at {
            Some(TokenGone::Expired)
        } else {
            None
        }
    }
}

/// A device token to be written for a request.
#[derive(Clone, Debug)]
pub struct NewDeviceToken {
    /// The request that it is claimed of.
    pub request: TokenRequestId,
    /// The session in which it is claimed: once that has ended, nothing is written (C26).
    pub session: Option<SessionId>,
    /// The token.
    pub token: DeviceToken,
    /// So many seats its licence has; none where it counts none.
    pub seats: Option<NonZeroU32>,
    /// The event.
    pub effects: Effects,
}

/// Why a request cannot be claimed any more, in the order in which it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenGone {
    /// It was claimed.
    #[error("it was claimed already")]
    Consumed,
    /// A newer one of the same device is in its place.
    #[error("a newer request of the same device is in its place")]
    Superseded,
    /// Its guesses are used up.
    #[error("too many wrong claims")]
    AttemptsExhausted,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
}

impl TokenGone {
    /// Its slug in answers and in the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Consumed => "consumed",
            Self::Superseded => "superseded",
            Self::AttemptsExhausted => "attempts_exhausted",
            Self::Expired => "expired",
        }
    }
}

/// Why a guess is not judged.
#[derive(Debug, thiserror::Error)]
pub enum ReserveClaimError {
    /// There is no request of this id and holder.
    #[error("no such request")]
    Unknown,
    /// There was one.
    #[error(transparent)]
    Gone(#[from] TokenGone),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClaimOutcome {
    /// The device has its token.
    Claimed,
    /// The request cannot be claimed any more.
    Gone(TokenGone),
    /// Every seat of the licence is taken.
    NoSeat,
    /// The account is not there or may not be used, or the session has ended.
    Denied,
}

/// What became of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeOutcome {
    /// The device has the new token.
    Exchanged,
    /// The old one is not there any more, or does not count.
    Gone,
    /// Every seat of the licence is taken.
    NoSeat,
}

/// A device token that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundDeviceToken {
    /// What was written.
    pub token: DeviceToken,
    /// Was it ended with something else: its account's rights, or its licence (D11)?
    pub is_revoked: bool,
}

impl FoundDeviceToken {
    /// Does it count at the moment at which `next` is issued, and is that for the same device?
    #[must_use]
    pub fn may_become(&self, next: &DeviceToken) -> bool {
        !self.is_revoked
            && next.issued_at < self.token.expires_at
            && self.token.holder == next.holder
            && self.token.device_id == next.device_id
    }
}
