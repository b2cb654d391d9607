//! A new token for the one that is about to end, while the licence holds (D12). The old one ends with it.

use super::{
    DeviceTokenFault, DeviceTokens, ExchangeOutcome, Holder, IssuedDeviceToken, VerifyDeviceTokenError,
};
use crate::{
    actor::Origin, audit::Act, clock::Timestamp, effects::Effects, licenses::Licensee,
    store_error::StoreError,
};

/// Why a token was not exchanged; it stays what it was.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// It does not count.
    #[error(transparent)]
    Fault(#[from] DeviceTokenFault),
    /// Only its last hour is for that; not before then.
    #[error("a device token is exchanged shortly before it ends")]
    TooEarly(Timestamp),
    /// There is no licence any more.
    #[error("there is no licence")]
    NotLicensed,
    /// Every seat of the licence is taken.
    #[error("every seat of the licence is taken")]
    NoSeatLeft,
    /// The store, or whoever keeps licences, failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ExchangeError {
    /// The slug for the audit, where it is not written yet.
    const fn refusal(&self) -> Option<&'static str> {
        match self {
            Self::TooEarly(_) => Some("too_early"),
            Self::NotLicensed => Some("not_licensed"),
            Self::NoSeatLeft => Some("no_seat_left"),
            Self::Fault(_) | Self::Store(_) => None,
        }
    }
}

impl DeviceTokens {
    /// Gives a device a new token, with a new secret, in the place of the one that it shows.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn exchange(
        &self,
        token: &str,
        device_id: &str,
        origin: &Origin,
    ) -> Result<IssuedDeviceToken, ExchangeError> {
        let old = self.judge(Act::DEVICE_TOKEN_EXCHANGED, (token, device_id), origin).await?;
        let holder = old.holder.clone();
        let exchanged = self.try_exchange(old, origin).await;
        if let Some(reason) = exchanged.as_ref().err().and_then(ExchangeError::refusal) {
            self.note(Act::DEVICE_TOKEN_EXCHANGED, reason, &holder, origin);
        }
        exchanged
    }

    async fn try_exchange(
        &self,
        old: super::DeviceToken,
        origin: &Origin,
    ) -> Result<IssuedDeviceToken, ExchangeError> {
        let now = self.ports.clock.now();
        let earliest = old.expires_at - self.settings.exchange_window;
        if now < earliest {
            return Err(ExchangeError::TooEarly(earliest));
        }
        let who = match old.holder {
            Holder::Account(id) => {
                self.ports.licenses.licensee(id).await?.ok_or(DeviceTokenFault::Revoked)?
            }
            Holder::External(_) => {
                Licensee { holder: old.holder.clone(), addresses: old.address.into_iter().collect() }
            }
        };
        let license = self.license(&who).await?.ok_or(ExchangeError::NotLicensed)?;
        let expires_at = license.expires_at.min(now + self.settings.lifetime);
        let issued = self.issue((&who, old.device_id), &license, (now, expires_at))?;
        let event = self.event(Act::DEVICE_TOKEN_EXCHANGED, (&who.holder, issued.kept.id), origin, now);
        let seats = license.seats.map(|(_, seats)| seats);
        let store = &self.ports.store;
        let exchange = || store.exchange(old.id, issued.kept.clone(), seats, Effects::event(event.clone()));
        let mut outcome = exchange().await?;
        if outcome == ExchangeOutcome::NoSeat && store.forget_revoked(&who.holder).await? {
            outcome = exchange().await?;
        }
        match outcome {
            ExchangeOutcome::Exchanged => Ok(issued),
            ExchangeOutcome::Gone => Err(DeviceTokenFault::Unknown.into()),
            ExchangeOutcome::NoSeat => Err(ExchangeError::NoSeatLeft),
        }
    }
}

impl From<VerifyDeviceTokenError> for ExchangeError {
    fn from(error: VerifyDeviceTokenError) -> Self {
        match error {
            VerifyDeviceTokenError::Fault(fault) => Self::Fault(fault),
            VerifyDeviceTokenError::Store(error) => Self::Store(error),
        }
    }
}
