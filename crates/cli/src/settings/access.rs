//! `[access]`: who may do what, and how much of it (P1, P4, P6).

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use symbolon_domain::access::{DecisionRole, InvalidItem, ItemClass, Items, Limit};

use super::Conflict;

/// Who may do what, and how much of it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccessSettings {
    /// A directory of Cedar policies (`*.cedar`) in the place of the embedded ones, and perhaps a schema of their own
    /// (`*.cedarschema`). Not set: the embedded ones.
    #[schemars(length(min = 1))]
    pub policies: Option<PathBuf>,
    /// The kinds of items, beside this service's own, whose visibility decides who sees them.
    pub items: Vec<String>,
    /// The kinds of items, beside this service's own, that are private always.
    pub private_items: Vec<String>,
    /// Limits by role.
    pub limits: AccessLimitsSettings,
}

/// Limits by role, as `rate = 300` (requests a minute) and `max.<item> = 100`. What is not said is not limited.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AccessLimitsSettings {
    /// Of superusers.
    pub superuser: Vec<RoleLimit>,
    /// Of staff.
    pub staff: Vec<RoleLimit>,
    /// Of signed-in people.
    pub authenticated: Vec<RoleLimit>,
    /// Of who is not signed in.
    pub anonymous: Vec<RoleLimit>,
}

/// One limit, as `max.api_key = 100`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline)]
pub struct RoleLimit {
    /// What is limited.
    pub name: String,
    /// To how much.
    pub most: u64,
}

/// A text that is no limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be a limit such as `max.api_key = 100` or `rate = 300`")]
pub struct InvalidRoleLimit;

impl TryFrom<String> for RoleLimit {
    type Error = InvalidRoleLimit;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (name, most) = text.split_once('=').ok_or(InvalidRoleLimit)?;
        let most = most.trim().parse().map_err(|_| InvalidRoleLimit)?;
        Ok(Self { name: name.trim().to_owned(), most })
    }
}

impl From<RoleLimit> for String {
    fn from(limit: RoleLimit) -> Self {
        limit.to_string()
    }
}

impl fmt::Display for RoleLimit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} = {}", self.name, self.most)
    }
}

impl Default for AccessSettings {
    fn default() -> Self {
        Self {
            policies: None,
            items: ["object", "dataset", "collection"].map(str::to_owned).to_vec(),
            private_items: Vec::new(),
            limits: AccessLimitsSettings::default(),
        }
    }
}

impl Default for AccessLimitsSettings {
    fn default() -> Self {
        let keys = || vec![RoleLimit { name: "max.api_key".to_owned(), most: 100 }];
        Self { superuser: keys(), staff: keys(), authenticated: keys(), anonymous: Vec::new() }
    }
}

impl AccessSettings {
    /// The kinds of items.
    ///
    /// # Errors
    /// Every one that cannot be.
    pub fn kinds(&self) -> Result<Items, Vec<InvalidItem>> {
        let of = |names: &Vec<String>, class| {
            names.iter().map(move |name| (name.clone(), class)).collect::<Vec<_>>()
        };
        let shareable = of(&self.items, ItemClass::Shareable);
        Items::new(shareable.into_iter().chain(of(&self.private_items, ItemClass::Private)))
    }

    pub(super) fn conflicts(&self, found: &mut Vec<Conflict>) {
        let items = match self.kinds() {
            Ok(items) => items,
            Err(problems) => {
                found.extend(problems.iter().map(|problem| {
                    Conflict::new(
                        &["access.items", "access.private_items"],
                        format!("is not right: {problem}"),
                    )
                }));
                return;
            }
        };
        for (_, key, limits) in self.limits.by_role() {
            for (place, limit) in limits.iter().enumerate() {
                let is_twice = limits.iter().take(place).any(|other| other.name == limit.name);
                let problem = match Limit::parse(&limit.name, &items) {
                    Err(unknown) => unknown.to_string(),
                    Ok(_) if is_twice => format!("`{}` is said twice", limit.name),
                    Ok(_) => continue,
                };
                found.push(Conflict::new(key, format!("item {place}: {problem}")));
            }
        }
    }
}

impl AccessLimitsSettings {
    /// The limits of each role, under the keys that they stand on.
    #[must_use]
    pub fn by_role(&self) -> [(DecisionRole, &'static [&'static str], &[RoleLimit]); 4] {
        [
            (
                DecisionRole::Superuser,
                &["access.limits.superuser", "access.items", "access.private_items"],
                &self.superuser,
            ),
            (
                DecisionRole::Staff,
                &["access.limits.staff", "access.items", "access.private_items"],
                &self.staff,
            ),
            (
                DecisionRole::Authenticated,
                &["access.limits.authenticated", "access.items", "access.private_items"],
                &self.authenticated,
            ),
            (
                DecisionRole::Anonymous,
                &["access.limits.anonymous", "access.items", "access.private_items"],
                &self.anonymous,
            ),
        ]
    }
}
