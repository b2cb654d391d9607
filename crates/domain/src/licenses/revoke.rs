//! Ending a licence before its time (L3).

use super::{KeptElsewhere, Licenses};
use crate::{
    accounts::Administrator,
    actor::Origin,
    audit::{Act, AuditEvent},
    effects::Effects,
    id::LicenseId,
    store_error::StoreError,
};

/// Why nothing was ended.
#[derive(Debug, thiserror::Error)]
pub enum RevokeLicenseError {
    /// Licences are not kept here.
    #[error(transparent)]
    KeptElsewhere(#[from] KeptElsewhere),
    /// There is none of this id.
    #[error("there is no such licence")]
    NotFound,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Licenses {
    /// Ends a licence, and with it the device tokens that were given for it. One that has ended already stays so. Whose it is
    /// is not asked: licences are sold, and every administrator sees to them, whatever the role of who holds them.
    ///
    /// # Errors
    /// See [`RevokeLicenseError`].
    pub async fn revoke(
        &self,
        by: Administrator,
        id: LicenseId,
        origin: &Origin,
    ) -> Result<(), RevokeLicenseError> {
        self.kept_here()?;
        let now = self.ports.clock.now();
        let event =
            AuditEvent::done(Act::LICENSE_REVOKED, by.actor(), origin, now, &*self.ports.entropy).on(id);
        if self.ports.store.revoke(id, Effects::event(event), now).await? {
            Ok(())
        } else {
            Err(RevokeLicenseError::NotFound)
        }
    }
}
