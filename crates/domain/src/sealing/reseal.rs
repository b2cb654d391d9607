//! Sealing everything anew under the first master key, so that the others can be taken away (C64).
//!
//! A row at a time, each only over the very bytes that were read: nodes go on meanwhile, and whoever was stopped in the
//! middle begins again and finds less to do.

use std::sync::Arc;

use async_trait::async_trait;

use super::{SealError, SealedBytes, SealedFor, Sealer};
use crate::{
    actor::Actor,
    audit::{Act, AuditEvent, AuditStore},
    clock::Clock,
    entropy::Entropy,
    store_error::StoreError,
};

/// So many rows are read at once.
const BATCH: u32 = 100;

/// What is sealed in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedKind {
    /// The private halves of signing keys.
    SigningKey,
    /// Peppers.
    Pepper,
    /// The contents of messages that wait.
    Message,
    /// The secrets of device tokens.
    DeviceToken,
}

impl SealedKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::SigningKey, Self::Pepper, Self::Message, Self::DeviceToken];

    /// The kind of the place that such bytes are sealed for.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SigningKey => "signing_key",
            Self::Pepper => "pepper",
            Self::Message => "message",
            Self::DeviceToken => "device_token",
        }
    }
}

/// A row that has something sealed in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedRow {
    /// Its id, as it is in its place ([`SealedFor`]).
    pub id: Vec<u8>,
    /// What is sealed.
    pub sealed: SealedBytes,
}

/// Gives and takes sealed bytes of every kind.
#[async_trait]
pub trait ResealStore: Send + Sync {
    /// Rows of this kind whose ids sort after this one (the first ones where there is none), in that order, at most `limit`.
    async fn sealed(
        &self,
        kind: SealedKind,
        after: Option<&[u8]>,
        limit: u32,
    ) -> Result<Vec<SealedRow>, StoreError>;

    /// Puts `new` in the place of what this row has. False, and nothing written, when it has something else by now.
    async fn reseal(&self, kind: SealedKind, row: &SealedRow, new: &SealedBytes) -> Result<bool, StoreError>;
}

/// What was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resealed {
    /// Rows that are sealed under the first master key now.
    pub resealed: u64,
    /// Rows that were already.
    pub kept: u64,
    /// Rows that do not open under any configured key; they stay as they are.
    pub unopened: u64,
}

/// Seals everything anew.
#[derive(Clone)]
pub struct Resealing {
    /// Has it.
    pub store: Arc<dyn ResealStore>,
    /// Takes the event.
    pub audit: Arc<dyn AuditStore>,
    /// Opens under any master key and seals under the first.
    pub sealer: Arc<dyn Sealer>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws ids.
    pub entropy: Arc<dyn Entropy>,
}

impl Resealing {
    /// Seals what is not sealed under the first master key, kind by kind.
    ///
    /// # Errors
    /// The store failed; what was done stays done.
    pub async fn run(&self) -> Result<Resealed, StoreError> {
        let mut done = Resealed::default();
        for kind in SealedKind::ALL {
            self.run_kind(kind, &mut done).await?;
        }
        let now = self.clock.now();
        let event = AuditEvent::by_system(Act::MASTER_KEY_ROTATED, now, &*self.entropy).by(Actor::Operator);
        let event = if done.unopened > 0 { event.refused("sealed_under_unknown_key") } else { event };
        self.audit.append(vec![event]).await?;
        Ok(done)
    }

    async fn run_kind(&self, kind: SealedKind, done: &mut Resealed) -> Result<(), StoreError> {
        let mut after: Option<Vec<u8>> = None;
        loop {
            let rows = self.store.sealed(kind, after.as_deref(), BATCH).await?;
            for row in &rows {
                self.run_row(kind, row, done).await?;
            }
            match rows.last() {
                Some(last) => after = Some(last.id.clone()),
                None => return Ok(()),
            }
        }
    }

    async fn run_row(
        &self,
        kind: SealedKind,
        row: &SealedRow,
        done: &mut Resealed,
    ) -> Result<(), StoreError> {
        if self.sealer.is_current(&row.sealed) {
            done.kept += 1;
            return Ok(());
        }
        let place = SealedFor { kind: kind.as_str(), id: &row.id };
        let new = self.sealer.open(place, &row.sealed).and_then(|plain| self.sealer.seal(place, &plain));
        match new {
            // What was changed or erased meanwhile was not by somebody who seals under an older key.
            Ok(new) => done.resealed += u64::from(self.store.reseal(kind, row, &new).await?),
            Err(SealError::UnknownKey | SealError::Damaged) => done.unopened += 1,
        }
        Ok(())
    }
}
