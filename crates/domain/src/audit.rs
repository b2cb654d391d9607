//! What happened: who, what, when, from where, and with which result (G2).
//!
//! A write carries its event in the same atomic write. Refusals on read paths are noted in
//! [`refusals::Refusals`], summed per caller and reason and written now and then, so that a flood of bad
//! tokens cannot fill the store.

use std::sync::Arc;

use crate::{
    page::{Page, PageRequest},
    store_error::StoreError,
};

mod filter;
mod model;
mod refusals;
mod store;

pub use self::{
    filter::{AuditFilter, AuditRange},
    model::{Act, AuditEvent, Outcome, Subject},
    refusals::{Refusal, Refusals},
    store::{AuditStore, MOST_EVENTS},
};

/// Reads the audit log.
#[derive(Clone)]
pub struct Audit {
    store: Arc<dyn AuditStore>,
}

impl Audit {
    /// Over this store.
    #[must_use]
    pub fn new(store: Arc<dyn AuditStore>) -> Self {
        Self { store }
    }

    /// The events that are asked for, newest first. A page may come back short, or empty, and go on.
    ///
    /// # Errors
    /// The store failed.
    pub async fn list(
        &self,
        filter: &AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditEvent>, StoreError> {
        self.store.list(filter, page).await
    }
}
