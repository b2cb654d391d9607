//! The second half: the code from the mail, by the same user for the same device (D7, D8).

use super::{
    ATTEMPTS, ClaimCode, ClaimOutcome, DeviceId, DeviceTokens, IssuedDeviceToken, NewDeviceToken,
    ReserveClaimError, TokenGone,
};
use crate::{
    actor::Origin,
    audit::Act,
    effects::Effects,
    id::{SessionId, TokenRequestId},
    licenses::Licensee,
    store_error::StoreError,
};

/// A token as it is claimed.
pub struct ClaimDeviceToken {
    /// The half that was given to the caller.
    pub id: TokenRequestId,
    /// The session in which it is claimed; none where a trusted issuer vouches for the caller. Whoever keeps licences may take a
    /// while: the session must still be there when the token is written.
    pub session: Option<SessionId>,
    /// Which device claims it.
    pub device_id: DeviceId,
    /// The half that came by e-mail.
    pub code: ClaimCode,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// There is no such request, or it is another user's. Not counted.
    #[error("there is no such request")]
    Unknown,
    /// The account may not be used any more, or the session has ended meanwhile. The request stays.
    #[error("the account may not be used, or the session has ended")]
    Denied,
    /// Another device or code; the guess is counted.
    #[error("the device or the code is wrong")]
    Wrong,
    /// It cannot be claimed any more.
    #[error(transparent)]
    Gone(#[from] TokenGone),
    /// There is no licence any more.
    #[error("there is no licence")]
    NotLicensed,
    /// Every seat of the licence is taken (L5). The request stays.
    #[error("every seat of the licence is taken")]
    NoSeatLeft,
    /// The store, or whoever keeps licences, failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ClaimError {
    /// The slug for the audit; none where nothing was refused.
    const fn refusal(&self) -> Option<&'static str> {
        match self {
            Self::Unknown => Some("unknown_request"),
            Self::Denied => Some("session_ended"),
            Self::Wrong => Some("wrong_claim"),
            Self::Gone(gone) => Some(gone.as_str()),
            Self::NotLicensed => Some("not_licensed"),
            Self::NoSeatLeft => Some("no_seat_left"),
            Self::Store(_) => None,
        }
    }
}

impl DeviceTokens {
    /// Judges a claim, and gives the device its token in the place of the one that it had.
    ///
    /// # Errors
    /// See [`ClaimError`].
    pub async fn claim(
        &self,
        caller: &Licensee,
        command: ClaimDeviceToken,
        origin: &Origin,
    ) -> Result<IssuedDeviceToken, ClaimError> {
        let claimed = self.try_claim(caller, command, origin).await;
        if let Some(reason) = claimed.as_ref().err().and_then(ClaimError::refusal) {
            self.note(Act::DEVICE_TOKEN_CLAIMED, reason, &caller.holder, origin);
        }
        claimed
    }

    /// The licence is asked for first: that whoever keeps it is away must cost no guess.
    async fn try_claim(
        &self,
        caller: &Licensee,
        command: ClaimDeviceToken,
        origin: &Origin,
    ) -> Result<IssuedDeviceToken, ClaimError> {
        let license = self.license(caller).await?;
        let now = self.ports.clock.now();
        let store = &self.ports.store;
        let reserved = store.reserve_claim(command.id, &caller.holder, ATTEMPTS, now).await?;
        // Both are looked at, whatever the first says.
        let is_right = self.ports.peppers.claim_code(command.id, command.code.reveal()) == reserved.code;
        if !(is_right & (command.device_id == reserved.device_id)) {
            return Err(ClaimError::Wrong);
        }
        let license = license.ok_or(ClaimError::NotLicensed)?;
        let expires_at = reserved.token_expires_at.min(license.expires_at);
        let issued = self.issue((caller, command.device_id), &license, (now, expires_at))?;
        let event = self.event(Act::DEVICE_TOKEN_CLAIMED, (&caller.holder, issued.kept.id), origin, now);
        let right = NewDeviceToken {
            request: command.id,
            session: command.session,
            token: issued.kept.clone(),
            seats: license.seats.map(|(_, seats)| seats),
            effects: Effects::event(event),
        };
        let mut claimed = store.claim(right.clone()).await?;
        if claimed == ClaimOutcome::NoSeat && store.forget_revoked(&caller.holder).await? {
            claimed = store.claim(right).await?;
        }
        match claimed {
            ClaimOutcome::Claimed => Ok(issued),
            ClaimOutcome::Gone(gone) => Err(gone.into()),
            ClaimOutcome::NoSeat => Err(ClaimError::NoSeatLeft),
            ClaimOutcome::Denied => Err(ClaimError::Denied),
        }
    }
}

impl From<ReserveClaimError> for ClaimError {
    fn from(error: ReserveClaimError) -> Self {
        match error {
            ReserveClaimError::Unknown => Self::Unknown,
            ReserveClaimError::Gone(gone) => Self::Gone(gone),
            ReserveClaimError::Store(error) => Self::Store(error),
        }
    }
}
