//! Access: who may do what with whose things (P1–P6).
//!
//! A question names who asks, an action, a kind of item, its owner, its visibility and whom it is shared with. The store
//! says who of them exists, is active and has which role (P3); the policies say the rest (P4), and are named in the answer.
//! What no policy permits is not allowed. Limits per role stand beside the policies (P6): they are told here, and
//! enforced by whoever counts.

use std::sync::Arc;

use crate::{accounts::AccountStore, audit::Refusals};

mod ask;
mod check;
mod limits;
mod model;
mod policy;

pub use self::{
    ask::{AskError, NotAboutOneself},
    check::AccessError,
    limits::{Limit, Limits, UnknownLimit},
    model::{
        Action, Decision, DecisionRole, Denial, InvalidItem, ItemClass, ItemKind, Items, PolicyId, Question,
        Visibility, Who,
    },
    policy::{AccessPolicy, Party, PolicyFault, PolicyRequest, Ruling},
};

/// What access stands on.
#[derive(Clone)]
pub struct AccessPorts {
    /// Says who exists and is active.
    pub accounts: Arc<dyn AccountStore>,
    /// Says what is permitted.
    pub policy: Arc<dyn AccessPolicy>,
    /// Counts what is refused.
    pub refusals: Refusals,
}

/// Answers questions of access.
#[derive(Clone)]
pub struct Access {
    ports: AccessPorts,
    items: Arc<Items>,
    limits: Arc<Limits>,
}

impl Access {
    /// Over these ports, about these kinds of items, with these limits.
    #[must_use]
    pub fn new(ports: AccessPorts, items: Items, limits: Limits) -> Self {
        Self { ports, items: Arc::new(items), limits: Arc::new(limits) }
    }

    /// The kinds of items that may be asked about.
    #[must_use]
    pub fn items(&self) -> &Items {
        &self.items
    }

    /// The limits per role.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}
