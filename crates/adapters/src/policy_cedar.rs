//! The access policies in Cedar (P4), the language of Amazon Verified Permissions: read and validated once, asked often.
//! Nothing is looked up here: what a question is about is in the question.

use std::{
    collections::{HashMap, HashSet},
    str::FromStr,
};

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, Response,
    RestrictedExpression, Schema,
};
use symbolon_domain::{
    access::{
        AccessPolicy, Action, DecisionRole, ItemKind, Party, PolicyFault, PolicyId, PolicyRequest, Ruling,
        Visibility,
    },
    id::AccountId,
};

mod load;
mod routes;
mod slices;
mod source;

use self::slices::Slices;
pub use self::{routes::CedarRoutePolicies, source::PolicyProblem};

/// An entity or a request that the engine does not take.
type Fault = Box<dyn std::error::Error + Send + Sync>;

/// The policies as they were at the start.
#[derive(Debug)]
pub struct CedarPolicies {
    authorizer: Authorizer,
    slices: Slices,
    names: HashMap<cedar_policy::PolicyId, PolicyId>,
    vocabulary: Vocabulary,
}

/// What the schema calls things, parsed once.
#[derive(Debug)]
struct Vocabulary {
    account: EntityTypeName,
    roles: HashMap<DecisionRole, EntityUid>,
    kinds: HashMap<ItemKind, EntityUid>,
    visibilities: HashMap<Visibility, EntityUid>,
    actions: HashMap<Action, EntityUid>,
    /// What the schema says of actions.
    declared: Entities,
    /// Actions with the groups that a schema of the operator's puts them in.
    action_groups: HashMap<Action, Entity>,
    item: EntityUid,
}

impl CedarPolicies {
    /// Their names, in order.
    #[must_use]
    pub fn names(&self) -> Vec<&PolicyId> {
        let mut names: Vec<&PolicyId> = self.names.values().collect();
        names.sort_unstable();
        names
    }

    fn rule(&self, asked: &PolicyRequest<'_>) -> Result<Ruling, Fault> {
        let (request, entities) = self.vocabulary.question(asked, None)?;
        let policies = known(self.slices.find(asked.who.role, asked.action, asked.item))?;
        ruling(&self.authorizer.is_authorized(&request, policies, &entities), &self.names)
    }
}

impl AccessPolicy for CedarPolicies {
    fn judge(&self, request: &PolicyRequest<'_>) -> Result<Ruling, PolicyFault> {
        self.rule(request).map_err(PolicyFault)
    }
}

impl Vocabulary {
    /// Of these kinds, with the groups that this schema puts actions in.
    fn new<'a>(kinds: impl Iterator<Item = &'a ItemKind>, schema: &Schema) -> Result<Self, Fault> {
        let actions: HashMap<Action, EntityUid> = entities("Action", Action::ALL, |action| action.as_str())?;
        let declared = schema.action_entities()?;
        let in_groups = actions.iter().filter_map(|(action, uid)| {
            let has_groups = declared.ancestors(uid)?.next().is_some();
            has_groups.then(|| declared.get(uid).cloned().map(|entity| (*action, entity)))?
        });
        Ok(Self {
            account: EntityTypeName::from_str("Account")?,
            roles: entities("Role", DecisionRole::ALL, |role| role.as_str())?,
            visibilities: entities("Visibility", Visibility::ALL, |visibility| visibility.as_str())?,
            kinds: kinds
                .map(|kind| Ok((kind.clone(), entity("Kind", kind.as_str())?)))
                .collect::<Result<_, Fault>>()?,
            action_groups: in_groups.collect(),
            declared,
            actions,
            item: entity("Item", "asked")?,
        })
    }

    /// The question in the engine's terms; checked against the schema where one is given.
    fn question(
        &self,
        asked: &PolicyRequest<'_>,
        schema: Option<&Schema>,
    ) -> Result<(Request, Entities), Fault> {
        let action = known(self.actions.get(&asked.action))?;
        let owner = self.party(asked.owner);
        let shared_with =
            asked.shared_with.iter().map(|id| RestrictedExpression::new_entity_uid(self.by_id(*id)));
        let attributes = HashMap::from([
            ("owner".to_owned(), RestrictedExpression::new_entity_uid(owner.clone())),
            (
                "visibility".to_owned(),
                RestrictedExpression::new_entity_uid(
                    known(self.visibilities.get(&asked.visibility))?.clone(),
                ),
            ),
            ("shared_with".to_owned(), RestrictedExpression::new_set(shared_with)),
        ]);
        let kind = HashSet::from([known(self.kinds.get(asked.item))?.clone()]);
        let mut entities = vec![Entity::new(self.item.clone(), attributes, kind)?];
        let who = self.party(asked.who);
        entities.push(self.in_role(&owner, asked.owner)?);
        if who != owner {
            entities.push(self.in_role(&who, asked.who)?);
        }
        entities.extend(self.action_groups.get(&asked.action).cloned());
        let request = Request::new(who, action.clone(), self.item.clone(), Context::empty(), schema)?;
        Ok((request, Entities::from_entities(entities, schema)?))
    }

    fn party(&self, party: Party) -> EntityUid {
        let name = match (party.account, party.role) {
            (Some(id), _) => return self.by_id(id),
            (None, DecisionRole::Anonymous | DecisionRole::Locked) => "anonymous",
            (None, _) => "operator",
        };
        EntityUid::from_type_name_and_id(self.account.clone(), EntityId::new(name))
    }

    fn by_id(&self, id: AccountId) -> EntityUid {
        EntityUid::from_type_name_and_id(self.account.clone(), EntityId::new(id.to_string()))
    }

    fn in_role(&self, uid: &EntityUid, party: Party) -> Result<Entity, Fault> {
        let role = known(self.roles.get(&party.role))?.clone();
        Ok(Entity::new_no_attrs(uid.clone(), HashSet::from([role])))
    }
}

/// What the engine's answer says. It has left out a policy that it could not evaluate, so that there is none then.
fn ruling(response: &Response, names: &HashMap<cedar_policy::PolicyId, PolicyId>) -> Result<Ruling, Fault> {
    if let Some(error) = response.diagnostics().errors().next() {
        return Err(Box::new(error.clone()));
    }
    let reasons = response.diagnostics().reason();
    let mut policies: Vec<PolicyId> = reasons.filter_map(|id| names.get(id)).cloned().collect();
    policies.sort_unstable();
    Ok(match response.decision() {
        Decision::Allow => Ruling::Permitted(policies),
        Decision::Deny if policies.is_empty() => Ruling::NotPermitted,
        Decision::Deny => Ruling::Forbidden(policies),
    })
}

fn entities<T: Copy + Eq + std::hash::Hash>(
    of: &str,
    all: &[T],
    name: impl Fn(T) -> &'static str,
) -> Result<HashMap<T, EntityUid>, Fault> {
    all.iter().map(|one| Ok((*one, entity(of, name(*one))?))).collect()
}

fn entity(of: &str, id: &str) -> Result<EntityUid, Fault> {
    Ok(EntityUid::from_type_name_and_id(EntityTypeName::from_str(of)?, EntityId::new(id)))
}

/// What is asked about was there when the policies were loaded.
fn known<T>(found: Option<T>) -> Result<T, Fault> {
    found.ok_or_else(|| "the question is about something that the schema does not know".into())
}

#[cfg(test)]
mod tests;
