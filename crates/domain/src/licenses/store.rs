//! The port that keeps licences.

use async_trait::async_trait;

use super::{License, LicenseSubject, Product};
use crate::{
    clock::Timestamp,
    effects::Effects,
    id::LicenseId,
    page::{Page, PageRequest},
    store_error::StoreError,
};

/// Keeps licences.
#[async_trait]
pub trait LicenseStore: Send + Sync {
    /// Writes a licence.
    async fn grant(&self, license: License, effects: Effects) -> Result<(), StoreError>;

    /// Ends a licence. False, and nothing written, when there is none; true, and nothing but the event written, when it was
    /// ended before. Its device tokens count no more from then on.
    async fn revoke(&self, id: LicenseId, effects: Effects, now: Timestamp) -> Result<bool, StoreError>;

    /// The licences of one subject, or of all, whatever has become of them, newest first.
    async fn list(
        &self,
        subject: Option<&LicenseSubject>,
        page: PageRequest,
    ) -> Result<Page<License>, StoreError>;

    /// The licences of any of these subjects, of this product or of any, that count at `now`: `most` of them, those that end
    /// last, the last one first. Looks at all there are, and reads its own writes.
    async fn held(
        &self,
        subjects: &[LicenseSubject],
        product: Option<&Product>,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<License>, StoreError>;
}
