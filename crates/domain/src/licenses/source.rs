//! The port that says what somebody holds (L4), and two of its three implementations. The one that asks another service
//! is an adapter.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{HeldLicense, License, LicenseStore, Licensee, Product};
use crate::{api_keys::Scopes, clock::Timestamp, store_error::StoreError};

/// Says which licence of somebody counts.
#[async_trait]
pub trait LicenseSource: Send + Sync {
    /// The licence of this product, or of any, that counts at `now` and ends last.
    ///
    /// # Errors
    /// Whoever keeps them does not answer; never taken for "none" (D2).
    async fn best(
        &self,
        who: &Licensee,
        product: Option<&Product>,
        now: Timestamp,
    ) -> Result<Option<HeldLicense>, StoreError>;
}

/// Licences that are kept in this store.
pub struct StoredLicenses(pub Arc<dyn LicenseStore>);

#[async_trait]
impl LicenseSource for StoredLicenses {
    async fn best(
        &self,
        who: &Licensee,
        product: Option<&Product>,
        now: Timestamp,
    ) -> Result<Option<HeldLicense>, StoreError> {
        let held = self.0.held(&who.subjects(), product, now, 1).await?;
        Ok(held.into_iter().next().map(License::held))
    }
}

/// Everybody has a licence, of any product, for so long from each moment on, on any number of devices.
pub struct EveryoneLicensed {
    /// What it is called where no product is asked for.
    pub product: Product,
    /// How long.
    pub lifetime: Duration,
}

#[async_trait]
impl LicenseSource for EveryoneLicensed {
    async fn best(
        &self,
        _: &Licensee,
        product: Option<&Product>,
        now: Timestamp,
    ) -> Result<Option<HeldLicense>, StoreError> {
        Ok(Some(HeldLicense {
            id: None,
            product: product.unwrap_or(&self.product).clone(),
            expires_at: now + self.lifetime,
            seats: None,
            entitlements: Scopes::default(),
        }))
    }
}
