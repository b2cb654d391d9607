//! Limits per role (P6): how many items of a kind, how many requests a minute. They are told, not counted, here.

use std::{collections::BTreeMap, fmt};

use super::{DecisionRole, Items};

/// What is limited.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// `max.<kind>`: how many items of this kind an account may have.
    Max(String),
    /// `rate`: how many requests a minute.
    Rate,
}

/// There is no such limit: an error, not a pass.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("there is no limit `{0}`: `rate` and `max.<item>` are known")]
pub struct UnknownLimit(pub String);

impl Limit {
    /// The limit of this name, where these kinds are known.
    ///
    /// # Errors
    /// There is none.
    pub fn parse(name: &str, items: &Items) -> Result<Self, UnknownLimit> {
        match name.strip_prefix("max.") {
            Some(kind) if items.find(kind).is_some() => Ok(Self::Max(kind.to_owned())),
            None if name == "rate" => Ok(Self::Rate),
            _ => Err(UnknownLimit(name.to_owned())),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Max(kind) => write!(formatter, "max.{kind}"),
            Self::Rate => formatter.write_str("rate"),
        }
    }
}

/// The limits of every role. What is not there is not limited, but for `locked`, which has nothing.
#[derive(Clone, Debug, Default)]
pub struct Limits(BTreeMap<(DecisionRole, Limit), u64>);

impl Limits {
    /// The limit of a role; none where there is none.
    #[must_use]
    pub fn of(&self, role: DecisionRole, limit: &Limit) -> Option<u64> {
        match role {
            DecisionRole::Locked => Some(0),
            _ => self.0.get(&(role, limit.clone())).copied(),
        }
    }

    /// All of them, by role and name.
    pub fn iter(&self) -> impl Iterator<Item = (DecisionRole, &Limit, u64)> {
        self.0.iter().map(|((role, limit), most)| (*role, limit, *most))
    }
}

impl FromIterator<(DecisionRole, Limit, u64)> for Limits {
    fn from_iter<I: IntoIterator<Item = (DecisionRole, Limit, u64)>>(limits: I) -> Self {
        Self(limits.into_iter().map(|(role, limit, most)| ((role, limit), most)).collect())
    }
}
