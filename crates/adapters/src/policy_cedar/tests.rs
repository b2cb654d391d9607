//! What is told of broken policies, and the default ones. Whom they let do what is held against a table of its own in
//! `tests/access`.

use std::{fs, path::Path};

use symbolon_domain::access::ItemClass;
use tempfile::TempDir;

use super::*;
use symbolon_domain::access::Items;

fn items() -> Items {
    let shareable = ["object", "dataset", "collection"].map(|name| (name.to_owned(), ItemClass::Shareable));
    Items::new(shareable).unwrap()
}

fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

/// What is wrong with these files, without the directory's own path.
fn problems(files: &[(&str, &str)]) -> Vec<String> {
    let directory = directory(files);
    let problems = CedarPolicies::load(Some(directory.path()), &items()).map(|_| ()).unwrap_err();
    let path = format!("{}/", directory.path().display());
    problems.iter().map(|problem| problem.to_string().replace(&path, "")).collect()
}

const FINE: &str = "@id(\"all\")\npermit (principal, action, resource);\n";

/// P4: the default policies are valid, with nothing odd about them.
#[test]
fn the_default_policies_are_fine() {
    let (policies, warnings) = CedarPolicies::load(None, &items()).unwrap();
    assert_eq!(warnings, []);
    assert_eq!(policies.names().len(), 8);
}

/// P4: with file and line, all at once.
#[test]
fn every_problem_is_told_with_its_file_and_line() {
    let told = problems(&[
        (
            "a.cedar",
            "// A comment.\n@id(\"first\")\npermit (principal in Role::\"staf\", action, resource);\n",
        ),
        (
            "b.cedar",
            "@id(\"second\")\npermit (principal, action, resource)\nwhen { resource.colour == \"red\" };\n",
        ),
        ("c.cedar", "\n\npermit (principal, action resource);\n"),
        (
            "d.cedar",
            "@id(\"first\")\npermit (principal, action, resource);\n\npermit (principal, action, resource);",
        ),
        ("e.cedar", "@id(\"kind\")\npermit (principal, action, resource in Kind::\"objekt\");\n"),
        ("f.cedar", "@id(\"open\")\npermit (principal == ?principal, action, resource);\n"),
        ("g.cedar", "@id(\"act\")\npermit (principal, action == Action::\"veiw\", resource);\n"),
    ]);
    let start =
        |expected: &str| assert!(told.iter().any(|line| line.starts_with(expected)), "{expected}: {told:#?}");
    for expected in [
        "a.cedar:3: ",
        "b.cedar:3: ",
        "c.cedar:3: ",
        "d.cedar:1: ",
        "d.cedar:4: ",
        "e.cedar:2: ",
        "f.cedar:1: ",
        "g.cedar:2: ",
    ] {
        start(expected);
    }
    assert_eq!(told.len(), 8, "{told:#?}");
}

/// P4: a directory must be there and have policies; one schema at most, and it must fit.
#[test]
fn a_directory_without_policies_or_with_a_schema_that_does_not_fit_is_refused() {
    assert_eq!(problems(&[]).len(), 1);
    assert!(CedarPolicies::load(Some(Path::new("/nonexistent")), &items()).is_err());
    let schema = include_str!("../../../../config/policies/symbolon.cedarschema");
    let told = problems(&[("a.cedar", FINE), ("a.cedarschema", schema), ("b.cedarschema", schema)]);
    assert!(
        matches!(told.as_slice(), [one] if one.starts_with("a.cedarschema: is a second schema")),
        "{told:?}"
    );
    let stricter =
        schema.replace("  visibility: Visibility,", "  visibility: Visibility,\n  colour: String,");
    let told = problems(&[("a.cedar", FINE), ("own.cedarschema", &stricter)]);
    assert!(matches!(told.as_slice(), [one] if one.starts_with("own.cedarschema: does not fit")), "{told:?}");
    let broken = schema.replace("entity Visibility enum", "entity Visibility enm");
    let told = problems(&[("a.cedar", FINE), ("own.cedarschema", &broken)]);
    assert!(told.iter().any(|one| one.starts_with("own.cedarschema:8: ")), "{told:?}");
}

/// P4: a schema of the operator's may put actions in groups, and policies may speak of them.
#[test]
fn actions_may_have_groups() {
    let schema = include_str!("../../../../config/policies/symbolon.cedarschema");
    let schema = schema.replace("action list, view, create,", "action look;\naction list, view in [look] appliesTo { principal: Account, resource: Item };\naction create,");
    let policy = "@id(\"look\")\npermit (principal, action in Action::\"look\", resource);";
    let directory = directory(&[("own.cedar", policy), ("own.cedarschema", &schema)]);
    let (policies, _) = CedarPolicies::load(Some(directory.path()), &items()).unwrap();
    for (action, ruling) in
        [(Action::View, Ruling::Permitted(vec![PolicyId::new("look")])), (Action::Edit, Ruling::NotPermitted)]
    {
        let who = Party { account: None, role: DecisionRole::Anonymous };
        let request = PolicyRequest {
            who,
            action,
            item: &ItemKind::ACCOUNT,
            owner: who,
            visibility: Visibility::Public,
            shared_with: &[],
        };
        assert_eq!(policies.judge(&request).unwrap(), ruling);
    }
}

/// C65: a policy that cannot be evaluated makes no answer, rather than one without it.
#[test]
fn a_policy_that_cannot_be_evaluated_is_an_error() {
    let policy =
        "@id(\"overflow\")\nforbid (principal, action, resource) when { 9223372036854775807 + 1 > 0 };";
    let directory = directory(&[("own.cedar", policy), ("fine.cedar", FINE)]);
    let (policies, _) = CedarPolicies::load(Some(directory.path()), &items()).unwrap();
    let who = Party { account: None, role: DecisionRole::Superuser };
    let request = PolicyRequest {
        who,
        action: Action::View,
        item: &ItemKind::ACCOUNT,
        owner: who,
        visibility: Visibility::Private,
        shared_with: &[],
    };
    assert!(policies.judge(&request).is_err());
}
