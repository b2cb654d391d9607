//! The port that keeps the audit log.

use async_trait::async_trait;

use super::AuditEvent;
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

    /// The events, newest first.
    async fn list(&self, page: PageRequest) -> Result<Page<AuditEvent>, StoreError>;
}
