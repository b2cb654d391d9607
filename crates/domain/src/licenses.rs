//! Licences: who may have device tokens, for how long, on how many devices (L1–L5).
//!
//! Where they are is the operator's choice: in this store, with a service of their own, or nowhere, and then everybody has
//! one. What decides is the best licence of somebody: the one that ends last.

mod grant;
mod list;
mod model;
mod revoke;
mod source;
mod store;

use std::sync::Arc;

pub use self::{
    grant::{GrantError, GrantLicense},
    list::ListLicensesError,
    model::{
        HeldLicense, InvalidLicenseSubject, InvalidProduct, License, LicenseState, LicenseSubject, Licensee,
        Product, SeatKey,
    },
    revoke::RevokeLicenseError,
    source::{EveryoneLicensed, LicenseSource, StoredLicenses},
    store::LicenseStore,
};
use crate::{
    accounts::AccountStore, clock::Clock, device_tokens::Holder, entropy::Entropy, id::AccountId,
    store_error::StoreError,
};

/// What licences stand on.
#[derive(Clone)]
pub struct LicensePorts {
    /// Keeps them, where they are kept here.
    pub store: Arc<dyn LicenseStore>,
    /// Says what somebody holds.
    pub source: Arc<dyn LicenseSource>,
    /// Knows whom an account id names, and its verified addresses.
    pub accounts: Arc<dyn AccountStore>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws ids.
    pub entropy: Arc<dyn Entropy>,
}

/// Where licences are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Licensing {
    /// In this store, where administrators grant them.
    Kept,
    /// With another service, or nowhere: here there is nothing to grant, list or revoke.
    Elsewhere,
}

/// Grants, lists and revokes licences, and says which one counts.
#[derive(Clone)]
pub struct Licenses {
    ports: LicensePorts,
    licensing: Licensing,
}

/// Licences are not kept in this store, so that there are none to administer.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("licences are kept elsewhere (licensing.source): there are none here to grant, list or revoke")]
pub struct KeptElsewhere;

impl Licenses {
    /// Over these ports.
    #[must_use]
    pub const fn new(ports: LicensePorts, licensing: Licensing) -> Self {
        Self { ports, licensing }
    }

    /// The unexpired licence of this product, or of any, that ends last (L2); none where there is none.
    ///
    /// # Errors
    /// Whoever keeps licences does not answer, which is never a "no" (D2).
    pub async fn best(
        &self,
        who: &Licensee,
        product: Option<&Product>,
    ) -> Result<Option<HeldLicense>, StoreError> {
        self.ports.source.best(who, product, self.ports.clock.now()).await
    }

    /// An account as one that may hold licences; none where there is no such account.
    ///
    /// # Errors
    /// The store failed.
    pub async fn licensee(&self, account: AccountId) -> Result<Option<Licensee>, StoreError> {
        let found = self.ports.accounts.find(account).await?;
        Ok(found.map(|account| Licensee {
            holder: Holder::Account(account.id),
            addresses: account.identifiers.into_iter().map(|identifier| identifier.address).collect(),
        }))
    }

    const fn kept_here(&self) -> Result<(), KeptElsewhere> {
        match self.licensing {
            Licensing::Kept => Ok(()),
            Licensing::Elsewhere => Err(KeptElsewhere),
        }
    }
}
