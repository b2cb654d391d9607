//! Ending a device token, which gives its seat back (D11, L5).

use super::{DeviceTokens, DeviceTokensError, list::TokensCaller};
use crate::{
    access::Action,
    actor::Origin,
    audit::{Act, AuditEvent},
    effects::Effects,
    id::DeviceTokenId,
};

impl DeviceTokens {
    /// Ends one's own device token, or as an administrator another's.
    ///
    /// # Errors
    /// See [`DeviceTokensError`].
    pub async fn revoke(
        &self,
        by: &TokensCaller,
        id: DeviceTokenId,
        origin: &Origin,
    ) -> Result<(), DeviceTokensError> {
        let found = self.ports.store.find(id).await?.ok_or(DeviceTokensError::NotFound)?;
        let holder = found.token.holder;
        self.may(by, (Action::Delete, Act::DEVICE_TOKEN_REVOKED), &holder, origin).await?;
        let now = self.ports.clock.now();
        let event = self.event(Act::DEVICE_TOKEN_REVOKED, (&holder, id), origin, now);
        let effects = Effects::event(AuditEvent { actor: by.actor(), ..event });
        if self.ports.store.revoke(id, &holder, effects).await? {
            Ok(())
        } else {
            Err(DeviceTokensError::NotFound)
        }
    }
}
