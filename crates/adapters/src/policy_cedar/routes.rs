//! The policies of the gateway authorizer in Cedar (Z6): who may call which declared route. Read and validated once, against a
//! schema of ours and the routes of the configuration; then a question costs what it is about, and no more.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet, btree_map::Entry},
    path::Path,
    str::FromStr,
    sync::Arc,
};

use cedar_policy::{
    ActionConstraint, Authorizer, Context, Effect, Entities, Entity, EntityId, EntityTypeName, EntityUid,
    Policy, PolicySet, Request, ResourceConstraint, RestrictedExpression, Schema, ffi::DetailedError,
};
use serde_json::Value as Json;
use symbolon_domain::{
    access::{PolicyFault, PolicyId, Ruling},
    authorizer::{Method, Principal, Route, RoutePolicy, RouteRequest, Routes},
};

use super::{
    Fault, PolicyProblem, entities, entity, known,
    load::{Findings, Named},
    ruling,
    source::{Source, read_policies},
};

const SCHEMA: (&str, &str) =
    ("embedded authorizer.cedarschema", include_str!("../../../../config/authorizer/authorizer.cedarschema"));
/// What the schema calls routes.
const ROUTE: &str = "Route";

/// The policies as they were at the start, for the routes that were declared then.
#[derive(Debug)]
pub struct CedarRoutePolicies {
    authorizer: Authorizer,
    names: HashMap<cedar_policy::PolicyId, PolicyId>,
    principal: EntityTypeName,
    actions: HashMap<Method, EntityUid>,
    routes: HashMap<String, KnownRoute>,
}

/// A declared route in the engine's terms, and the policies that can decide about it.
#[derive(Debug)]
struct KnownRoute {
    uid: EntityUid,
    entity: Entity,
    /// For each of its methods.
    slices: HashMap<Method, Arc<Slice>>,
}

/// Policies, and what of a caller they look at: what they do not name need not be told.
#[derive(Debug)]
struct Slice {
    policies: PolicySet,
    attributes: HashSet<String>,
}

impl CedarRoutePolicies {
    /// Reads the policies of a directory (`*.cedar`), holds them against the schema and these routes, and says what is odd
    /// about them: also which route nobody is let into.
    ///
    /// # Errors
    /// Everything that is wrong with them, a policy about a route that is not declared included.
    pub fn load(directory: &Path, routes: &Routes) -> Result<(Self, Vec<PolicyProblem>), Vec<PolicyProblem>> {
        let sources = read_policies(directory)?;
        let schema_source = Source::embedded(SCHEMA);
        let mut findings = Findings::default();
        let named = Named::read(&sources, &mut findings);
        let Some(schema) = schema(&schema_source, &mut findings) else {
            return Err(findings.sorted_errors());
        };
        let unusable = |fault: Fault| vec![schema_source.problem_at(None, format!("is of no use: {fault}"))];
        let mut policies = Self::new(&named, routes).map_err(unusable)?;
        named.validate(schema, &mut findings);
        policies.check_routes(&named, &mut findings);
        if !findings.errors.is_empty() {
            return Err(findings.sorted_errors());
        }
        policies.slice(&named.policies, routes).map_err(unusable)?;
        let closed = routes.iter().filter(|route| !policies.is_open(route.name())).map(|route| {
            let problem = format!("no policy permits anything of the route `{}`", route.name());
            PolicyProblem { file: directory.display().to_string(), line: None, problem }
        });
        findings.warnings.extend(closed);
        findings.warnings.sort();
        Ok((policies, findings.warnings))
    }

    /// Their names, in order.
    #[must_use]
    pub fn names(&self) -> Vec<&PolicyId> {
        let mut names: Vec<&PolicyId> = self.names.values().collect();
        names.sort_unstable();
        names
    }

    /// Without the policies of each route yet.
    fn new(named: &Named<'_>, routes: &Routes) -> Result<Self, Fault> {
        let named_route = |route: &Arc<Route>| -> Result<(String, KnownRoute), Fault> {
            Ok((route.name().to_owned(), KnownRoute::new(route)?))
        };
        Ok(Self {
            authorizer: Authorizer::new(),
            names: named.names(),
            principal: EntityTypeName::from_str("Principal")?,
            actions: entities("Action", &Method::ALL, Method::as_str)?,
            routes: routes.iter().map(named_route).collect::<Result<_, Fault>>()?,
        })
    }

    /// The engine takes any id of an entity for a good one.
    fn check_routes(&self, named: &Named<'_>, findings: &mut Findings) {
        let is_undeclared = |uid: &EntityUid| {
            uid.type_name().to_string() == ROUTE && !self.routes.contains_key(uid.id().unescaped())
        };
        for policy in &named.policies {
            let name: &str = policy.id().as_ref();
            let Some(source) = named.files.get(name) else { continue };
            for uid in policy.entity_literals().iter().filter(|uid| is_undeclared(uid)) {
                let problem = format!("policy `{name}`: no route `{}` is declared", uid.id().unescaped());
                let offset = source.text.find(&uid.to_string());
                findings.errors.push(source.problem_at(offset, problem));
            }
        }
    }

    /// Finds the policies of each route and method, once (G-11).
    fn slice(&mut self, policies: &[Policy], routes: &Routes) -> Result<(), Fault> {
        let mut slicer = Slicer::new(policies);
        for route in routes.iter() {
            let Some(known) = self.routes.get_mut(route.name()) else { continue };
            for method in route.method().methods() {
                let Some(action) = self.actions.get(&method) else { continue };
                known.slices.insert(method, slicer.slice(action, &known.uid)?);
            }
        }
        Ok(())
    }

    /// Is there a policy that may let somebody in?
    fn is_open(&self, route: &str) -> bool {
        let permits =
            |slice: &Arc<Slice>| slice.policies.policies().any(|one| matches!(one.effect(), Effect::Permit));
        self.routes.get(route).is_some_and(|route| route.slices.values().any(permits))
    }

    fn rule(&self, asked: &RouteRequest<'_>) -> Result<Ruling, Fault> {
        let route = known(self.routes.get(asked.route.name()))?;
        let slice = known(route.slices.get(&asked.method))?;
        if slice.policies.is_empty() {
            return Ok(Ruling::NotPermitted);
        }
        let who = self.caller(asked.principal, |name| slice.attributes.contains(name))?;
        let (request, entities) = self.question(asked, route, who, None)?;
        ruling(&self.authorizer.is_authorized(&request, &slice.policies, &entities), &self.names)
    }

    /// The question of this caller in the engine's terms; checked against the schema where one is given.
    fn question(
        &self,
        asked: &RouteRequest<'_>,
        route: &KnownRoute,
        who: Entity,
        schema: Option<&Schema>,
    ) -> Result<(Request, Entities), Fault> {
        let action = known(self.actions.get(&asked.method))?.clone();
        let request = Request::new(who.uid(), action, route.uid.clone(), context(asked)?, schema)?;
        Ok((request, Entities::from_entities([who, route.entity.clone()], schema)?))
    }

    /// A caller with those of the attributes that are wanted.
    fn caller(&self, principal: &Principal, is_wanted: impl Fn(&str) -> bool) -> Result<Entity, Fault> {
        let name = principal.name();
        let uid = EntityUid::from_type_name_and_id(self.principal.clone(), EntityId::new(&name));
        let texts = [
            ("name", Some(name.as_str())),
            ("kind", Some(principal.kind.as_str())),
            ("issuer", Some(principal.issuer.as_str())),
            ("audience", principal.audience.as_deref()),
            ("key_subject", principal.key_subject.as_deref()),
        ];
        let sets = [
            ("scopes", &principal.scopes),
            ("groups", &principal.groups),
            ("roles", &principal.roles),
            ("entitlements", &principal.entitlements),
            ("amr", &principal.amr),
        ];
        let texts = texts
            .into_iter()
            .filter(|(name, _)| is_wanted(name))
            .filter_map(|(name, value)| Some((name.to_owned(), text(value?))));
        let sets =
            sets.into_iter().filter(|(name, _)| is_wanted(name)).map(|(name, of)| (name.to_owned(), set(of)));
        Ok(Entity::new(uid, texts.chain(sets).collect(), HashSet::new())?)
    }
}

impl RoutePolicy for CedarRoutePolicies {
    fn judge(&self, request: &RouteRequest<'_>) -> Result<Ruling, PolicyFault> {
        self.rule(request).map_err(PolicyFault)
    }
}

impl KnownRoute {
    fn new(route: &Route) -> Result<Self, Fault> {
        let uid = entity(ROUTE, route.name())?;
        let attributes = HashMap::from([
            ("name".to_owned(), text(route.name())),
            ("method".to_owned(), text(route.method().as_str())),
            ("path".to_owned(), text(route.path())),
        ]);
        let entity = Entity::new(uid.clone(), attributes, HashSet::new())?;
        Ok(Self { uid, entity, slices: HashMap::new() })
    }
}

/// Sorts policies by their scopes, as [`super::slices`] does: the engine evaluates every policy that it is given. Equal sets
/// are kept once.
struct Slicer<'a> {
    policies: Vec<Scoped<'a>>,
    sets: BTreeMap<Vec<usize>, Arc<Slice>>,
}

struct Scoped<'a> {
    policy: &'a Policy,
    action: ActionConstraint,
    resource: ResourceConstraint,
}

impl<'a> Slicer<'a> {
    fn new(policies: &'a [Policy]) -> Self {
        let scoped = policies.iter().map(|policy| Scoped {
            policy,
            action: policy.action_constraint(),
            resource: policy.resource_constraint(),
        });
        Self { policies: scoped.collect(), sets: BTreeMap::new() }
    }

    fn slice(&mut self, action: &EntityUid, route: &EntityUid) -> Result<Arc<Slice>, Fault> {
        let numbered = self.policies.iter().enumerate();
        let needed = numbered.filter(|(_, scoped)| scoped.concerns(action, route));
        let (numbers, needed): (Vec<usize>, Vec<&Policy>) =
            needed.map(|(number, scoped)| (number, scoped.policy)).unzip();
        match self.sets.entry(numbers) {
            Entry::Occupied(same) => Ok(Arc::clone(same.get())),
            Entry::Vacant(new) => {
                let mut attributes = HashSet::new();
                for policy in &needed {
                    name_attributes(&policy.to_json()?, &mut attributes);
                }
                let policies = PolicySet::from_policies(needed.into_iter().cloned())?;
                Ok(Arc::clone(new.insert(Arc::new(Slice { policies, attributes }))))
            }
        }
    }
}

impl Scoped<'_> {
    /// Neither methods nor routes are in anything else.
    fn concerns(&self, action: &EntityUid, route: &EntityUid) -> bool {
        let concerns_action = match &self.action {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(only) => only == action,
            ActionConstraint::In(some) => some.contains(action),
        };
        concerns_action
            && match &self.resource {
                ResourceConstraint::Any | ResourceConstraint::Is(_) => true,
                ResourceConstraint::Eq(only)
                | ResourceConstraint::In(only)
                | ResourceConstraint::IsIn(_, only) => only == route,
            }
    }
}

/// Adds every attribute that this policy names, of whatever: in the engine's JSON `attr` says which one is read or asked for.
fn name_attributes(policy: &Json, names: &mut HashSet<String>) {
    match policy {
        Json::Object(members) => {
            for (name, value) in members {
                match value {
                    Json::String(attribute) if name == "attr" => drop(names.insert(attribute.clone())),
                    Json::Array(path) if name == "attr" => {
                        names.extend(path.iter().filter_map(Json::as_str).map(str::to_owned));
                    }
                    value => name_attributes(value, names),
                }
            }
        }
        Json::Array(values) => values.iter().for_each(|value| name_attributes(value, names)),
        _ => {}
    }
}

/// None where it cannot be read, which is a fault of this build.
fn schema(source: &Source, findings: &mut Findings) -> Option<Schema> {
    match Schema::from_cedarschema_str(&source.text) {
        Ok((schema, _)) => Some(schema),
        Err(error) => {
            findings.errors.extend(source.problems(&DetailedError::from(&error)));
            None
        }
    }
}

fn context(asked: &RouteRequest<'_>) -> Result<Context, Fault> {
    let address = asked.context.source_ip.map(|address| RestrictedExpression::new_ip(address.to_string()));
    let always =
        [("path".to_owned(), text(asked.context.path)), ("host".to_owned(), text(asked.context.host))];
    let pairs = always.into_iter().chain(address.map(|address| ("source_ip".to_owned(), address)));
    Ok(Context::from_pairs(pairs)?)
}

fn text(text: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(text.to_owned())
}

fn set(texts: &BTreeSet<String>) -> RestrictedExpression {
    RestrictedExpression::new_set(texts.iter().map(|one| text(one)))
}

#[cfg(test)]
mod tests;
