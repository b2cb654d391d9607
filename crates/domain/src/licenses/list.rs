//! Lists of licences: one's own, and for administrators everybody's (L3).

use super::{KeptElsewhere, License, LicenseSubject, Licensee, Licenses};
use crate::{
    page::{Page, PageRequest},
    store_error::StoreError,
};

/// So many of one's own are shown, those that end last.
const MOST_SHOWN: usize = 100;

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum ListLicensesError {
    /// Licences are not kept here.
    #[error(transparent)]
    KeptElsewhere(#[from] KeptElsewhere),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Licenses {
    /// The licences of one subject, or of all, whatever has become of them, newest first. A page may come back short, or
    /// empty, and go on. For administrators.
    ///
    /// # Errors
    /// See [`ListLicensesError`].
    pub async fn list(
        &self,
        subject: Option<&LicenseSubject>,
        page: PageRequest,
    ) -> Result<Page<License>, ListLicensesError> {
        self.kept_here()?;
        Ok(self.ports.store.list(subject, page).await?)
    }

    /// The licences that count for somebody now, the one that ends last first.
    ///
    /// # Errors
    /// See [`ListLicensesError`].
    pub async fn mine(&self, who: &Licensee) -> Result<Vec<License>, ListLicensesError> {
        self.kept_here()?;
        let now = self.ports.clock.now();
        Ok(self.ports.store.held(&who.subjects(), None, now, MOST_SHOWN).await?)
    }
}
