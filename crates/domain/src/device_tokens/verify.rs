//! Checking a device token (D10). Whatever is wrong, the caller learns nothing of it; the audit log does.

use super::{DeviceId, DeviceToken, DeviceTokenFault, DeviceTokens, Holder, token::Shown};
use crate::{
    actor::{Actor, Origin},
    api_keys::Scopes,
    audit::{Act, Refusal},
    clock::Timestamp,
    id::DeviceTokenId,
    sealing::{SealedFor, SealedKind},
    store_error::StoreError,
};

/// A device token that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedDeviceToken {
    /// Its id.
    pub id: DeviceTokenId,
    /// Whose.
    pub holder: Holder,
    /// Which device's.
    pub device_id: DeviceId,
    /// What its licence gives besides.
    pub entitlements: Scopes,
    /// From when on it no longer counts.
    pub expires_at: Timestamp,
}

/// Why a device token does not count.
#[derive(Debug, thiserror::Error)]
pub enum VerifyDeviceTokenError {
    /// A check failed, which is for the log only.
    #[error(transparent)]
    Fault(#[from] DeviceTokenFault),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl DeviceTokens {
    /// Checks a token that this device shows: form, signature under the token's own secret, claims, revocation, expiry,
    /// device.
    ///
    /// # Errors
    /// See [`VerifyDeviceTokenError`].
    pub async fn verify(
        &self,
        token: &str,
        device_id: &str,
        origin: &Origin,
    ) -> Result<VerifiedDeviceToken, VerifyDeviceTokenError> {
        let kept = self.judge(Act::DEVICE_TOKEN_VERIFIED, (token, device_id), origin).await?;
        let DeviceToken { id, holder, device_id, entitlements, expires_at, .. } = kept;
        Ok(VerifiedDeviceToken { id, holder, device_id, entitlements, expires_at })
    }

    /// What is kept of a token that counts, whatever it is shown for.
    pub(super) async fn judge(
        &self,
        act: Act,
        (token, device_id): (&str, &str),
        origin: &Origin,
    ) -> Result<DeviceToken, VerifyDeviceTokenError> {
        let judged = self.try_judge(token, device_id).await;
        if let Err(VerifyDeviceTokenError::Fault(fault)) = judged {
            let refusal = Refusal { act, reason: fault.as_str(), actor: Actor::Anonymous, subject: None };
            self.note_refusal(refusal, origin);
        }
        judged
    }

    async fn try_judge(&self, token: &str, device_id: &str) -> Result<DeviceToken, VerifyDeviceTokenError> {
        let shown = Shown::read(token)?;
        let found = self.ports.store.find(shown.id).await?.ok_or(DeviceTokenFault::Unknown)?;
        let kept = found.token;
        let place = SealedFor { kind: SealedKind::DeviceToken.as_str(), id: kept.id.as_bytes() };
        let secret = self.ports.sealer.open(place, &kept.secret).map_err(StoreError::unavailable)?;
        shown.prove(&kept, &self.settings.public_url, &secret)?;
        if found.is_revoked || !self.is_vouched_for(&kept.holder) {
            return Err(DeviceTokenFault::Revoked.into());
        }
        if self.ports.clock.now() >= kept.expires_at {
            return Err(DeviceTokenFault::Expired.into());
        }
        if kept.device_id.as_str() != device_id {
            return Err(DeviceTokenFault::WrongDevice.into());
        }
        Ok(kept)
    }
}
