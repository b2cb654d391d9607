//! What frees the room of what has expired. It decides nothing: whether something still counts is judged by its own
//! moments each time, whether it has been swept or not.
//!
//! Of all nodes one sweeps, by a lease; in steps that are bounded, so that nobody waits behind one. An engine that
//! deletes what has expired by itself leaves it nothing to do.

use std::{sync::Arc, time::Duration};

use crate::{
    api_keys::FAMILY_LIFETIME,
    clock::{Clock, Timestamp},
    entropy::{Entropy, random_bytes},
    id,
    store_error::StoreError,
};

mod store;

pub use self::store::{Sweep, SweepStore, Swept};

/// The login history goes back so far past the absolute limit of a session (S11), and the list of API keys past that of a
/// family (K9).
pub const SESSION_HISTORY: Duration = Duration::from_secs(90 * 86_400);
/// A message that is done with is listed for so long.
pub const MESSAGE_HISTORY: Duration = Duration::from_secs(30 * 86_400);
/// What is left of sign-ups and sign-ins goes no sooner than this after their beginning.
const CEREMONY_HISTORY: Duration = Duration::from_secs(86_400);
/// So much of each kind goes in one step.
const STEP: u32 = 200;

/// How the sweeper works.
#[derive(Clone, Debug)]
pub struct SweeperSettings {
    /// Who has swept goes on sweeping for so long; when it is gone, another takes over after that.
    pub lease: Duration,
    /// The longest life of a session, and so of its refresh tokens.
    pub session_life: Duration,
    /// The longest life of a device token.
    pub device_token_life: Duration,
}

/// Frees the room of what has expired.
#[derive(Clone)]
pub struct Sweeper {
    store: Arc<dyn SweepStore>,
    clock: Arc<dyn Clock>,
    settings: SweeperSettings,
    /// This node, among those that share the store.
    holder: [u8; 16],
}

impl Sweeper {
    /// Over this store.
    #[must_use]
    pub fn new(
        store: Arc<dyn SweepStore>,
        clock: Arc<dyn Clock>,
        entropy: &dyn Entropy,
        settings: SweeperSettings,
    ) -> Self {
        Self { store, clock, settings, holder: random_bytes(entropy) }
    }

    /// One step, if it is this node's to take.
    ///
    /// # Errors
    /// The store failed; nothing was swept.
    pub async fn sweep(&self) -> Result<Swept, StoreError> {
        let now = self.clock.now();
        let SweeperSettings { session_life, device_token_life, .. } = self.settings;
        self.store
            .sweep(Sweep {
                holder: self.holder,
                now,
                until: now + self.settings.lease,
                limit: STEP,
                ceremonies: Horizon::new(now - CEREMONY_HISTORY, now),
                refresh_tokens: Horizon::new(now - session_life, now),
                sessions: Horizon::new(now - session_life - SESSION_HISTORY, now - SESSION_HISTORY),
                api_key_tokens: Horizon::new(now - FAMILY_LIFETIME, now),
                api_keys: Horizon::new(now - FAMILY_LIFETIME - SESSION_HISTORY, now - SESSION_HISTORY),
                token_requests: Horizon::new(now - CEREMONY_HISTORY, now),
                device_tokens: Horizon::new(now - device_token_life, now),
                messages: Horizon::new(now - MESSAGE_HISTORY, now - MESSAGE_HISTORY),
            })
            .await
    }
}

/// What goes of one kind. Ids sort by age, so that a store looks through the oldest only, by their key, and needs no
/// index over the moments at which things end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Horizon {
    created_before: Timestamp,
    /// What has ended at this moment or earlier.
    pub ended_by: Timestamp,
}

impl Horizon {
    /// What was created before one moment and has ended by another.
    #[must_use]
    pub const fn new(created_before: Timestamp, ended_by: Timestamp) -> Self {
        Self { created_before, ended_by }
    }

    /// The ids of what was created before sort below this one.
    #[must_use]
    pub fn first_kept(self) -> [u8; 16] {
        id::first_at(self.created_before)
    }
}
