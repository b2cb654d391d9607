//! Granting a licence (L1, L3).

use std::{num::NonZeroU32, time::Duration};

use super::{KeptElsewhere, License, LicenseSubject, Licenses, Product};
use crate::{
    accounts::Administrator,
    actor::Origin,
    api_keys::Scopes,
    audit::{Act, AuditEvent},
    effects::Effects,
    id::LicenseId,
    store_error::StoreError,
};

/// A licence to be granted.
#[derive(Clone, Debug)]
pub struct GrantLicense {
    /// To whom.
    pub subject: LicenseSubject,
    /// For what.
    pub product: Product,
    /// For how long from now on.
    pub lifetime: Duration,
    /// On how many devices at a time; on any number where it is not said.
    pub seats: Option<NonZeroU32>,
    /// What its device tokens say besides.
    pub entitlements: Scopes,
}

/// Why nothing was granted.
#[derive(Debug, thiserror::Error)]
pub enum GrantError {
    /// Licences are not kept here.
    #[error(transparent)]
    KeptElsewhere(#[from] KeptElsewhere),
    /// It would end at once, or later than anybody could mean.
    #[error("a licence lasts 1 second to 100 years")]
    Lifetime,
    /// More seats than are looked at one by one.
    #[error("a licence has 1 to 1000 seats, or any number of them when it is not said")]
    Seats,
    /// There is no account of this id.
    #[error("there is no such account")]
    NoSuchAccount,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Licenses {
    /// The longest life of a licence.
    pub const LONGEST_LIFE: Duration = Duration::from_secs(100 * 365 * 86_400);

    /// Grants a licence. An address needs no account: its licence is held by whoever has it verified.
    ///
    /// # Errors
    /// See [`GrantError`].
    pub async fn grant(
        &self,
        by: Administrator,
        command: GrantLicense,
        origin: &Origin,
    ) -> Result<License, GrantError> {
        self.kept_here()?;
        if command.lifetime.as_secs() == 0 || command.lifetime > Self::LONGEST_LIFE {
            return Err(GrantError::Lifetime);
        }
        if command.seats.is_some_and(|seats| seats.get() > License::MOST_SEATS) {
            return Err(GrantError::Seats);
        }
        if let LicenseSubject::Account(id) = command.subject
            && self.ports.accounts.find(id).await?.is_none()
        {
            return Err(GrantError::NoSuchAccount);
        }
        let now = self.ports.clock.now();
        let license = License {
            id: LicenseId::new(now, &*self.ports.entropy),
            subject: command.subject,
            product: command.product,
            issued_at: now,
            expires_at: now + command.lifetime,
            seats: command.seats,
            entitlements: command.entitlements,
            revoked_at: None,
        };
        let event = AuditEvent::done(Act::LICENSE_GRANTED, by.actor(), origin, now, &*self.ports.entropy)
            .on(license.id);
        self.ports.store.grant(license.clone(), Effects::event(event)).await?;
        Ok(license)
    }
}
