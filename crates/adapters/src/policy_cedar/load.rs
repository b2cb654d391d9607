//! Reading the policies and validating them against the schema, so that a broken one stops the start and not a question
//! (P4). Everything that is wrong is told at once.

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    str::FromStr,
};

use cedar_policy::{
    Authorizer, Policy, PolicySet, PolicySetError, Schema, SchemaFragment, ValidationMode, Validator,
    ffi::DetailedError,
};
use symbolon_domain::access::{Action, DecisionRole, Items, Party, PolicyId, PolicyRequest, Visibility};

use super::{
    CedarPolicies, Fault, Slices, Vocabulary,
    source::{PolicyProblem, Source, Sources},
};

/// The longest name of a policy in bytes.
const LONGEST_NAME: usize = 128;

/// What is wrong, and what is only odd.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) errors: Vec<PolicyProblem>,
    pub(super) warnings: Vec<PolicyProblem>,
}

impl CedarPolicies {
    /// Reads the policies of a directory (`*.cedar`, and its own `*.cedarschema` if it has one), or else the embedded
    /// ones, and says what is odd about them.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn load(
        directory: Option<&Path>,
        items: &Items,
    ) -> Result<(Self, Vec<PolicyProblem>), Vec<PolicyProblem>> {
        let sources = Sources::read(directory)?;
        let mut findings = Findings::default();
        let schema = schema(&sources.schema, items, &mut findings);
        let named = Named::read(&sources.policies, &mut findings);
        let Some(schema) = schema else { return Err(findings.sorted_errors()) };
        let vocabulary = Vocabulary::new(items.iter(), &schema)
            .and_then(|vocabulary| vocabulary.fits(items, &schema).map(|()| vocabulary));
        let vocabulary = vocabulary.map_err(|fault| {
            let problem = format!("does not fit what is asked: {fault}");
            findings.errors.push(sources.schema.problem_at(None, problem));
        });
        named.validate(schema, &mut findings);
        let vocabulary = match vocabulary {
            Ok(vocabulary) if findings.errors.is_empty() => vocabulary,
            _ => return Err(findings.sorted_errors()),
        };
        let slices = Slices::new(&named.policies, &vocabulary).map_err(|error| vec![of_set(&error)])?;
        let names = named.names();
        findings.warnings.sort();
        Ok((Self { authorizer: Authorizer::new(), slices, names, vocabulary }, findings.warnings))
    }
}

impl Findings {
    pub(super) fn sorted_errors(mut self) -> Vec<PolicyProblem> {
        self.errors.sort();
        self.errors.dedup();
        self.errors
    }
}

/// The schema with the kinds of the configuration; none where it is broken.
fn schema(source: &Source, items: &Items, findings: &mut Findings) -> Option<Schema> {
    let kinds: Vec<String> = items.iter().map(|kind| format!("\"{}\"", kind.as_str())).collect();
    let kinds = format!("entity Kind enum [{}];", kinds.join(", "));
    let fragment = |text: &str| match SchemaFragment::from_cedarschema_str(text) {
        Ok((fragment, _)) => Ok(fragment),
        Err(error) => Err(Box::new(DetailedError::from(&error))),
    };
    let joined = fragment(&source.text).and_then(|fragments| {
        Schema::from_schema_fragments([fragments, fragment(&kinds)?])
            .map_err(|error| Box::new(DetailedError::from(&error)))
    });
    joined.map_err(|error| findings.errors.extend(source.problems(&error))).ok()
}

/// The policies under the names that they give themselves.
pub(super) struct Named<'a> {
    pub(super) policies: Vec<Policy>,
    /// Where each stands.
    pub(super) files: BTreeMap<String, &'a Source>,
}

impl<'a> Named<'a> {
    pub(super) fn read(sources: &'a [Source], findings: &mut Findings) -> Self {
        let mut named = Self { policies: Vec::new(), files: BTreeMap::new() };
        for source in sources {
            match PolicySet::from_str(&source.text) {
                Ok(set) => named.take(source, &set, findings),
                Err(errors) => {
                    // The first error stands for all of them, the others are related to it.
                    findings.errors.extend(source.problems(&DetailedError::from(&errors)));
                }
            }
        }
        named
    }

    fn take(&mut self, source: &'a Source, set: &PolicySet, findings: &mut Findings) {
        let offsets = offsets(source, set);
        for template in set.templates() {
            let problem = "has a slot (`?principal`, `?resource`): there is nothing to fill it with";
            findings.errors.push(source.problem_at(offsets.get(template.id()).copied(), problem));
        }
        for policy in set.policies() {
            match self.name(policy) {
                Ok(name) => {
                    self.policies.push(policy.new_id(cedar_policy::PolicyId::new(&name)));
                    self.files.insert(name, source);
                }
                Err(problem) => {
                    findings.errors.push(source.problem_at(offsets.get(policy.id()).copied(), problem));
                }
            }
        }
    }

    fn name(&self, policy: &Policy) -> Result<String, String> {
        let Some(name) = policy.annotation("id") else {
            return Err("the policy has no name: write @id(\"...\") before it".to_owned());
        };
        match self.files.get(name) {
            _ if !is_name(name) => {
                Err("@id: 1 to 128 letters, digits, `-`, `_` and `.` are allowed".to_owned())
            }
            Some(other) => Err(format!("a policy `{name}` is there already, in {}", other.origin)),
            None => Ok(name.to_owned()),
        }
    }

    /// Each name as the engine and as the domain has it.
    pub(super) fn names(&self) -> HashMap<cedar_policy::PolicyId, PolicyId> {
        self.files.keys().map(|name| (cedar_policy::PolicyId::new(name), PolicyId::new(name))).collect()
    }

    /// Held against the schema.
    pub(super) fn validate(&self, schema: Schema, findings: &mut Findings) {
        let set = match PolicySet::from_policies(self.policies.iter().cloned()) {
            Ok(set) => set,
            Err(error) => {
                findings.errors.push(of_set(&error));
                return;
            }
        };
        let result = Validator::new(schema).validate(&set, ValidationMode::Strict);
        for error in result.validation_errors() {
            findings.errors.extend(self.located(error.policy_id(), &DetailedError::from(error)));
        }
        for warning in result.validation_warnings() {
            findings.warnings.extend(self.located(warning.policy_id(), &DetailedError::from(warning)));
        }
    }

    fn located(&self, id: &cedar_policy::PolicyId, error: &DetailedError) -> Vec<PolicyProblem> {
        let name: &str = id.as_ref();
        match self.files.get(name) {
            Some(source) => source.problems(error),
            None => vec![PolicyProblem { file: name.to_owned(), line: None, problem: error.message.clone() }],
        }
    }
}

/// The policies do not go together, which their names should have told before.
pub(super) fn of_set(error: &PolicySetError) -> PolicyProblem {
    PolicyProblem { file: "policies".to_owned(), line: None, problem: error.to_string() }
}

/// Where in a file each of its policies begins. The engine numbers them as they come.
fn offsets(source: &Source, set: &PolicySet) -> HashMap<cedar_policy::PolicyId, usize> {
    let policies = set.policies().filter_map(|policy| Some((policy.id().clone(), policy.to_cedar()?)));
    let templates = set.templates().map(|template| (template.id().clone(), template.to_cedar()));
    let number = |id: &cedar_policy::PolicyId| {
        let id: &str = id.as_ref();
        id.trim_start_matches(|letter: char| !letter.is_ascii_digit()).parse::<usize>().unwrap_or(usize::MAX)
    };
    let mut texts: Vec<(cedar_policy::PolicyId, String)> = policies.chain(templates).collect();
    texts.sort_by_key(|(id, _)| number(id));
    let mut from = 0;
    let mut offsets = HashMap::new();
    for (id, text) in texts {
        let Some(found) = source.text.get(from..).and_then(|rest| rest.find(&text)) else { continue };
        offsets.insert(id, from + found);
        from += found + text.len();
    }
    offsets
}

fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(is_allowed)
}

impl Vocabulary {
    /// Does this schema take every kind of question? One of the operator's own may not.
    fn fits(&self, items: &Items, schema: &Schema) -> Result<(), Fault> {
        let party = |role| Party { account: None, role };
        let item = items.iter().next().ok_or("there are no kinds of items")?;
        for action in Action::ALL {
            for role in DecisionRole::ALL {
                let request = PolicyRequest {
                    who: party(*role),
                    action: *action,
                    item,
                    owner: party(DecisionRole::Superuser),
                    visibility: Visibility::Private,
                    shared_with: &[],
                };
                self.question(&request, Some(schema))?;
            }
        }
        Ok(())
    }
}
