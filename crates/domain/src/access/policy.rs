//! The port that judges: the policies as they were loaded at the start (P4).

use std::error::Error;

use super::{Action, DecisionRole, ItemKind, PolicyId, Visibility};
use crate::id::AccountId;

/// One of those that a question is about, as the store knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Party {
    /// Their account; who asks may have none.
    pub account: Option<AccountId>,
    /// Their role.
    pub role: DecisionRole,
}

/// A question after everything in it was looked up.
#[derive(Clone, Copy, Debug)]
pub struct PolicyRequest<'a> {
    /// Who asks.
    pub who: Party,
    /// What they would do.
    pub action: Action,
    /// With what.
    pub item: &'a ItemKind,
    /// Whose it is.
    pub owner: Party,
    /// Who may see it; always private where the kind is.
    pub visibility: Visibility,
    /// Those it is shared with who are active.
    pub shared_with: &'a [AccountId],
}

/// What the policies say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ruling {
    /// These permit it, and none forbids it.
    Permitted(Vec<PolicyId>),
    /// These forbid it.
    Forbidden(Vec<PolicyId>),
    /// None permits it.
    NotPermitted,
}

/// A policy could not be evaluated; the answer is not known.
#[derive(Debug, thiserror::Error)]
#[error("the access policies could not be evaluated")]
pub struct PolicyFault(#[source] pub Box<dyn Error + Send + Sync>);

/// Judges by policies. It computes only; it looks nothing up.
pub trait AccessPolicy: Send + Sync {
    /// What the policies say.
    ///
    /// # Errors
    /// One of them could not be evaluated: a policy that forbids might be left out then, so nothing is said.
    fn judge(&self, request: &PolicyRequest<'_>) -> Result<Ruling, PolicyFault>;
}
