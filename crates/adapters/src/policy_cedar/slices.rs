//! Which policies a question needs (G-11). The engine evaluates every policy that it is given, about a microsecond each. A
//! policy's scope, its head, says about which roles, actions and kinds of items it is; one whose scope rules a question
//! out cannot decide it. So the policies are sorted by scope once, and a question meets only what is left. What a policy says
//! in `when` and `unless` is not looked at here: that is the engine's to judge.

use std::{
    collections::{BTreeMap, HashMap, btree_map::Entry},
    sync::Arc,
};

use cedar_policy::{
    ActionConstraint, Entities, EntityUid, Policy, PolicySet, PolicySetError, PrincipalConstraint,
    ResourceConstraint,
};
use symbolon_domain::access::{Action, DecisionRole, ItemKind};

use super::Vocabulary;

/// The policies for each role, action and kind; equal ones are kept once.
#[derive(Debug)]
pub(super) struct Slices(HashMap<ItemKind, HashMap<(DecisionRole, Action), Arc<PolicySet>>>);

impl Slices {
    /// Sorts policies.
    pub(super) fn new(policies: &[Policy], vocabulary: &Vocabulary) -> Result<Self, Box<PolicySetError>> {
        let mut sets: BTreeMap<Vec<usize>, Arc<PolicySet>> = BTreeMap::new();
        let mut by_kind = HashMap::new();
        for (kind, kind_uid) in &vocabulary.kinds {
            let mut slices = HashMap::new();
            for (role, role_uid) in &vocabulary.roles {
                for (action, action_uid) in &vocabulary.actions {
                    let is_needed = |policy: &Policy| {
                        concerns_role(policy, role_uid)
                            && concerns_action(policy, action_uid, &vocabulary.declared)
                            && concerns_kind(policy, kind_uid)
                    };
                    let numbered = policies.iter().enumerate().filter(|(_, policy)| is_needed(policy));
                    let (numbers, needed): (Vec<usize>, Vec<&Policy>) = numbered.unzip();
                    let set = match sets.entry(numbers) {
                        Entry::Occupied(same) => same.into_mut(),
                        Entry::Vacant(new) => {
                            new.insert(Arc::new(PolicySet::from_policies(needed.into_iter().cloned())?))
                        }
                    };
                    slices.insert((*role, *action), Arc::clone(set));
                }
            }
            by_kind.insert(kind.clone(), slices);
        }
        Ok(Self(by_kind))
    }

    /// The policies that can decide a question of this role about this action with an item of this kind.
    pub(super) fn find(&self, role: DecisionRole, action: Action, kind: &ItemKind) -> Option<&PolicySet> {
        self.0.get(kind)?.get(&(role, action)).map(Arc::as_ref)
    }
}

/// Who asks is in one role, and in nothing else.
fn concerns_role(policy: &Policy, role: &EntityUid) -> bool {
    match policy.principal_constraint() {
        PrincipalConstraint::In(group) | PrincipalConstraint::IsIn(_, group) => {
            group == *role || group.type_name() != role.type_name()
        }
        PrincipalConstraint::Any | PrincipalConstraint::Eq(_) | PrincipalConstraint::Is(_) => true,
    }
}

fn concerns_action(policy: &Policy, action: &EntityUid, declared: &Entities) -> bool {
    match policy.action_constraint() {
        ActionConstraint::Any => true,
        ActionConstraint::Eq(only) => only == *action,
        ActionConstraint::In(groups) => {
            groups.iter().any(|group| group == action || declared.is_ancestor_of(group, action))
        }
    }
}

/// An item is of one kind, and in nothing else.
fn concerns_kind(policy: &Policy, kind: &EntityUid) -> bool {
    match policy.resource_constraint() {
        ResourceConstraint::In(group) | ResourceConstraint::IsIn(_, group) => {
            group == *kind || group.type_name() != kind.type_name()
        }
        ResourceConstraint::Any | ResourceConstraint::Eq(_) | ResourceConstraint::Is(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use symbolon_domain::{
        access::{ItemClass, Items, Party, PolicyRequest, Visibility},
        id::AccountId,
    };

    use super::*;
    use crate::policy_cedar::CedarPolicies;

    const ROLES: [&str; 4] = [
        "principal",
        "principal in Role::\"staff\"",
        "principal is Account in Role::\"authenticated\"",
        "principal is Account",
    ];
    const ACTIONS: [&str; 4] = [
        "action",
        "action == Action::\"view\"",
        "action in Action::\"look\"",
        "action in [Action::\"edit\", Action::\"delete\"]",
    ];
    const KINDS: [&str; 4] = [
        "resource",
        "resource in Kind::\"object\"",
        "resource is Item in Kind::\"api_key\"",
        "resource == Item::\"asked\"",
    ];

    /// G-11: whatever the scopes, a slice decides as all policies together do.
    #[test]
    fn a_slice_decides_as_the_whole_does() {
        let mut text = String::new();
        for (number, effect) in
            (0..64).zip(["permit", "permit", "permit", "forbid", "permit"].into_iter().cycle())
        {
            let scope = [ROLES[number % 4], ACTIONS[number / 4 % 4], KINDS[number / 16]].join(", ");
            text += &format!("@id(\"p{number}\")\n{effect} ({scope});\n");
        }
        let schema = include_str!("../../../../config/policies/symbolon.cedarschema").replace(
            "action list, view, create,",
            "action look;\naction list, view in [look] appliesTo { principal: Account, resource: Item };\naction create,",
        );
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("own.cedar"), &text).unwrap();
        fs::write(directory.path().join("own.cedarschema"), schema).unwrap();
        let items = Items::new([("object".to_owned(), ItemClass::Shareable)]).unwrap();
        let (policies, _) = CedarPolicies::load(Some(directory.path()), &items).unwrap();
        let whole = {
            let set: PolicySet = text.parse().unwrap();
            let named = set
                .policies()
                .map(|policy| policy.new_id(cedar_policy::PolicyId::new(policy.annotation("id").unwrap())));
            PolicySet::from_policies(named.collect::<Vec<_>>()).unwrap()
        };
        let mut smallest = usize::MAX;
        for role in DecisionRole::ALL {
            for action in Action::ALL {
                for item in items.iter() {
                    let who = Party { account: Some(AccountId::from_bytes([1; 16])), role: *role };
                    let request = PolicyRequest {
                        who,
                        action: *action,
                        item,
                        owner: who,
                        visibility: Visibility::Private,
                        shared_with: &[],
                    };
                    let (question, entities) = policies.vocabulary.question(&request, None).unwrap();
                    let slice = policies.slices.find(*role, *action, item).unwrap();
                    let decide = |set: &PolicySet| {
                        let response = policies.authorizer.is_authorized(&question, set, &entities);
                        let mut reasons: Vec<String> =
                            response.diagnostics().reason().map(ToString::to_string).collect();
                        reasons.sort();
                        (response.decision(), reasons)
                    };
                    assert_eq!(decide(slice), decide(&whole), "{role:?} {action:?} {item:?}");
                    smallest = smallest.min(slice.num_of_policies());
                }
            }
        }
        assert!(smallest < 64, "something is left out");
    }
}
