//! The port that keeps the audit log.

use async_trait::async_trait;

use super::{AuditEvent, AuditFilter};
use crate::{
    page::{Page, PageRequest},
    store_error::StoreError,
};

/// So many events every engine can write at once.
pub const MOST_EVENTS: usize = 100;

/// Keeps audit events. Most are written by other ports, beside their cause.
#[async_trait]
pub trait AuditStore: Send + Sync {
    /// Adds these events, all or none; at most [`MOST_EVENTS`]. An event whose id is there already is left as it is.
    async fn append(&self, events: Vec<AuditEvent>) -> Result<(), StoreError>;

    /// The events that are asked for, newest first. Who and what is looked for among a bounded number of events, by
    /// [`AuditFilter::range`]: such a page may come back short, or empty, and go on.
    async fn list(&self, filter: &AuditFilter, page: PageRequest) -> Result<Page<AuditEvent>, StoreError>;
}
