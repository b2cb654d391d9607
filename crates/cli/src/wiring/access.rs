//! The access policies and limits of the configuration.

use std::{path::Path, sync::Arc};

use symbolon_adapters::policy_cedar::{CedarPolicies, PolicyProblem};
use symbolon_domain::{
    access::{
        Access, AccessPolicy, AccessPorts, Items, Limit, Limits, PolicyFault, PolicyRequest, Ruling,
        UnknownLimit,
    },
    audit::Refusals,
    store::Store,
};

use super::{Questions, WiringError};
use crate::settings::Settings;

pub(super) fn access(
    configured: &Settings,
    questions: Questions,
    store: &Arc<dyn Store>,
    refusals: &Refusals,
) -> Result<Access, WiringError> {
    let items = items(configured)?;
    let limits = limits(configured, &items)?;
    let policy: Arc<dyn AccessPolicy> = if questions.are_of_access() {
        let (policy, warnings) = policies(configured.access.policies.as_deref(), &items)?;
        for warning in warnings {
            tracing::warn!(%warning, "an access policy is odd");
        }
        Arc::new(policy)
    } else {
        Arc::new(Unread)
    };
    let (accounts, refusals) = (store.clone(), refusals.clone());
    Ok(Access::new(AccessPorts { accounts, policy, refusals }, items, limits))
}

/// Policies that were not read, and so permit nothing.
struct Unread;

impl AccessPolicy for Unread {
    fn judge(&self, _: &PolicyRequest<'_>) -> Result<Ruling, PolicyFault> {
        Err(PolicyFault("they were not read".into()))
    }
}

/// The policies of a directory, or the embedded ones, and what is odd about them.
pub(crate) fn policies(
    directory: Option<&Path>,
    items: &Items,
) -> Result<(CedarPolicies, Vec<PolicyProblem>), WiringError> {
    CedarPolicies::load(directory, items).map_err(WiringError::Policies)
}

/// The kinds of items.
pub(crate) fn items(configured: &Settings) -> Result<Items, WiringError> {
    configured.access.kinds().map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        WiringError::Access(problems.join("; "))
    })
}

/// The limits of each role.
pub(crate) fn limits(configured: &Settings, items: &Items) -> Result<Limits, WiringError> {
    let of_roles = configured.access.limits.by_role().into_iter();
    let all = of_roles.flat_map(|(role, _, limits)| limits.iter().map(move |limit| (role, limit)));
    all.map(|(role, limit)| Ok((role, Limit::parse(&limit.name, items)?, limit.most)))
        .collect::<Result<Limits, UnknownLimit>>()
        .map_err(|unknown| WiringError::Access(unknown.to_string()))
}
