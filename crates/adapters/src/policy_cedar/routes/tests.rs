//! What policies of routes decide, and what is told of broken ones.

use std::{fs, net::IpAddr};

use symbolon_domain::{
    authorizer::{PrincipalKind, PrincipalSubject, RouteContext, RouteDeclaration},
    clock::Timestamp,
    id::AccountId,
    trusted_issuers::ExternalSubject,
};
use tempfile::TempDir;

use super::*;

const OURS: &str = "https://id.example.org";
const SYNC: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

/// Those that the example is about, and one that it says nothing of.
fn routes() -> Routes {
    let declared = [
        ("users-list", "GET", "/users"),
        ("user", "ANY", "/users/{id}"),
        ("files", "GET", "/files/{path+}"),
        ("closed", "POST", "/closed"),
    ];
    let declared = declared.map(|(name, method, path)| RouteDeclaration {
        name: name.to_owned(),
        method: method.to_owned(),
        path: path.to_owned(),
    });
    Routes::new(declared.into()).unwrap()
}

fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

fn load(files: &[(&str, &str)]) -> Result<(CedarRoutePolicies, Vec<String>), Vec<String>> {
    let directory = directory(files);
    let path = format!("{}/", directory.path().display());
    let told = |problems: Vec<PolicyProblem>| -> Vec<String> {
        problems.iter().map(|problem| problem.to_string().replace(&path, "")).collect()
    };
    match CedarRoutePolicies::load(directory.path(), &routes()) {
        Ok((policies, warnings)) => Ok((policies, told(warnings))),
        Err(problems) => Err(told(problems)),
    }
}

fn policies(text: &str) -> CedarRoutePolicies {
    load(&[("own.cedar", text)]).unwrap().0
}

fn example() -> CedarRoutePolicies {
    policies(include_str!("../../../../../config/authorizer/example.cedar"))
}

fn account(kind: PrincipalKind, id: &str) -> Principal {
    let subject = PrincipalSubject::Account(id.parse::<AccountId>().unwrap());
    Principal::new(kind, subject, OURS.to_owned(), Timestamp::MAX)
}

fn texts(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// The policies that permit it; else the ones that forbid it with a bang before, or nothing.
fn asked(
    policies: &CedarRoutePolicies,
    principal: &Principal,
    (method, name): (Method, &str),
    (path, source_ip): (&str, Option<&str>),
) -> String {
    let routes = routes();
    let route = routes.iter().find(|route| route.name() == name).unwrap();
    let source_ip: Option<IpAddr> = source_ip.map(|address| address.parse().unwrap());
    let context = RouteContext { path, host: "api.example.org", source_ip };
    let joined = |ids: Vec<PolicyId>| ids.iter().map(PolicyId::as_str).collect::<Vec<_>>().join(" ");
    match policies.judge(&RouteRequest { principal, method, route, context }).unwrap() {
        Ruling::Permitted(ids) => joined(ids),
        Ruling::Forbidden(ids) => format!("!{}", joined(ids)),
        Ruling::NotPermitted => String::new(),
    }
}

/// Z6: by scopes, groups, roles, entitlements, amr, issuer, name, method, path and address; and nothing by a valid
/// credential alone.
#[test]
fn the_example_decides() {
    let example = example();
    let other = "01890a5d-ac96-774b-bcce-b302099a8058";
    let nobody = account(PrincipalKind::Session, other);
    let staff = Principal { roles: texts(&["staff"]), amr: texts(&["mfa", "otp", "pwd"]), ..nobody.clone() };
    let staff_key = Principal { roles: texts(&["staff"]), ..account(PrincipalKind::ApiKey, other) };
    let sync = Principal { scopes: texts(&["users:write"]), ..account(PrincipalKind::ApiKey, SYNC) };
    let other_key = Principal { scopes: texts(&["users:write"]), ..account(PrincipalKind::ApiKey, other) };
    let device = Principal { entitlements: texts(&["files"]), ..account(PrincipalKind::DeviceToken, other) };
    let subject =
        ExternalSubject { issuer: "https://issuer.example.org".to_owned(), principal: SYNC.to_owned() };
    let issuer = subject.issuer.clone();
    let external = PrincipalSubject::External(subject);
    let support = Principal {
        groups: texts(&["support"]),
        scopes: texts(&["users:write"]),
        ..Principal::new(PrincipalKind::TrustedIssuer, external, issuer, Timestamp::MAX)
    };
    let elsewhere = Principal { issuer: OURS.to_owned(), ..support.clone() };
    let user = ("/users/7", Some("10.1.2.3"));
    for (who, route, context, told) in [
        (&nobody, (Method::Get, "user"), user, ""),
        (&staff, (Method::Get, "user"), user, "staff-read-users"),
        (&staff, (Method::Get, "users-list"), ("/users", None), "staff-read-users"),
        (&staff, (Method::Put, "user"), user, ""),
        (&staff, (Method::Head, "user"), user, ""),
        (&staff, (Method::Post, "closed"), ("/closed", None), ""),
        (&staff_key, (Method::Get, "user"), user, ""),
        (&support, (Method::Get, "user"), user, "support-reads-users"),
        (&support, (Method::Put, "user"), user, ""),
        (&support, (Method::Get, "users-list"), ("/users", None), ""),
        (&elsewhere, (Method::Get, "user"), user, ""),
        (&sync, (Method::Put, "user"), user, "sync-writes-users"),
        (&sync, (Method::Put, "user"), ("/users/7", Some("192.0.2.1")), ""),
        (&sync, (Method::Put, "user"), ("/users/7", Some("2001:db8::1")), ""),
        (&sync, (Method::Put, "user"), ("/users/7", None), ""),
        (&sync, (Method::Patch, "user"), user, ""),
        (&other_key, (Method::Put, "user"), user, ""),
        (&device, (Method::Get, "files"), ("/files/a", None), "licensed-devices-read-files"),
        (&device, (Method::Get, "files"), ("/files/internal/a", None), "!nobody-else-sees-internal-files"),
        (&nobody, (Method::Get, "files"), ("/files/a", None), ""),
    ] {
        assert_eq!(asked(&example, who, route, context), told, "{who:?} {route:?} {context:?}");
    }
    assert_eq!(example.names().len(), 5);
}

/// What is asked fits the schema that policies were held against.
#[test]
fn a_question_fits_the_schema() {
    let policies = example();
    let (schema, _) = Schema::from_cedarschema_str(SCHEMA.1).unwrap();
    let full = Principal {
        audience: Some("reports".to_owned()),
        key_subject: Some("reports/1".to_owned()),
        scopes: texts(&["a", "b"]),
        ..account(PrincipalKind::ApiKey, SYNC)
    };
    let routes = routes();
    for principal in [account(PrincipalKind::Session, SYNC), full] {
        for route in routes.iter() {
            for source_ip in [None, Some("192.0.2.1".parse().unwrap()), Some("2001:db8::1".parse().unwrap())]
            {
                for method in route.method().methods() {
                    let context = RouteContext { path: "/x", host: "", source_ip };
                    let asked = RouteRequest { principal: &principal, method, route, context };
                    let known = policies.routes.get(route.name()).unwrap();
                    let who = policies.caller(&principal, |_| true).unwrap();
                    policies.question(&asked, known, who, Some(&schema)).unwrap();
                }
            }
        }
    }
}

/// Z6: a broken policy stops the start, not a request: with file and line, all at once.
#[test]
fn every_problem_is_told_with_its_file_and_line() {
    let told = load(&[
        ("a.cedar", "@id(\"one\")\npermit (principal, action, resource == Route::\"usres\");\n"),
        ("b.cedar", "@id(\"two\")\npermit (principal, action == Action::\"FETCH\", resource);\n"),
        (
            "c.cedar",
            "@id(\"three\")\npermit (principal, action, resource)\nwhen { principal.scope == \"a\" };\n",
        ),
        ("d.cedar", "permit (principal, action, resource);\n"),
        ("e.cedar", "\npermit (principal action, resource);\n"),
        (
            "f.cedar",
            "@id(\"six\")\npermit (principal, action, resource)\nwhen { context.source_ip.isLoopback() };\n",
        ),
        (
            "g.cedar",
            "@id(\"seven\")\npermit (principal, action, resource)\nwhen { [Route::\"gone\"].contains(resource) };\n",
        ),
    ])
    .map(|_| ())
    .unwrap_err();
    for expected in [
        "a.cedar:2: policy `one`: no route `usres` is declared",
        "b.cedar:2: ",
        "c.cedar:3: ",
        "d.cedar:1: ",
        "e.cedar:2: ",
        "f.cedar:3: ",
        "g.cedar:3: policy `seven`: no route `gone` is declared",
    ] {
        assert!(told.iter().any(|line| line.starts_with(expected)), "{expected}: {told:#?}");
    }
    assert_eq!(load(&[]).map(|_| ()).unwrap_err().len(), 1);
    assert!(CedarRoutePolicies::load(Path::new("/nonexistent"), &routes()).is_err());
}

/// A route that nobody is let into is most likely a mistake.
#[test]
fn a_route_without_a_policy_is_odd() {
    let closed = |warnings: &[String]| -> Vec<String> {
        let told = warnings.iter().filter_map(|warning| warning.split_once(": no policy permits"));
        told.map(|(_, rest)| rest.to_owned()).collect()
    };
    let text = include_str!("../../../../../config/authorizer/example.cedar");
    let (_, warnings) = load(&[("example.cedar", text)]).unwrap();
    assert_eq!(closed(&warnings), [" anything of the route `closed`"], "{warnings:?}");
    let only = "@id(\"one\")\npermit (principal, action == Action::\"GET\", resource == Route::\"user\");";
    let (_, warnings) = load(&[("only.cedar", only)]).unwrap();
    assert_eq!(closed(&warnings).len(), 3, "{warnings:?}");
}

/// C65: a policy that cannot be evaluated makes no answer, rather than one without it.
#[test]
fn a_policy_that_cannot_be_evaluated_is_an_error() {
    let policies = policies(
        "@id(\"all\")\npermit (principal, action, resource);\n\
         @id(\"overflow\")\nforbid (principal, action, resource) when { 9223372036854775807 + 1 > 0 };",
    );
    let routes = routes();
    let principal = account(PrincipalKind::Session, SYNC);
    let context = RouteContext { path: "/users", host: "", source_ip: None };
    let route = routes.iter().next().unwrap();
    let asked = RouteRequest { principal: &principal, method: Method::Get, route, context };
    assert!(policies.judge(&asked).is_err());
}

/// G-11: whatever the scopes, a slice decides as all policies together do.
#[test]
fn a_slice_decides_as_the_whole_does() {
    let methods = ["action", "action == Action::\"GET\"", "action in [Action::\"PUT\", Action::\"POST\"]"];
    let resources = [
        "resource",
        "resource is Route",
        "resource == Route::\"user\"",
        "resource in Route::\"files\"",
        "resource is Route in Route::\"user\"",
    ];
    let mut text = String::new();
    for (number, effect) in (0..15).zip(["permit", "permit", "forbid", "permit"].into_iter().cycle()) {
        let (action, resource) = (methods[number % 3], resources[number / 3]);
        text += &format!("@id(\"p{number}\")\n{effect} (principal, {action}, {resource});\n");
    }
    let policies = policies(&text);
    let whole: PolicySet = text.parse().unwrap();
    let named = whole
        .policies()
        .map(|policy| policy.new_id(cedar_policy::PolicyId::new(policy.annotation("id").unwrap())));
    let whole = PolicySet::from_policies(named.collect::<Vec<_>>()).unwrap();
    let principal = account(PrincipalKind::Session, SYNC);
    let routes = routes();
    let mut smallest = usize::MAX;
    for route in routes.iter() {
        for method in route.method().methods() {
            let context = RouteContext { path: "/x", host: "", source_ip: None };
            let asked = RouteRequest { principal: &principal, method, route, context };
            let known = policies.routes.get(route.name()).unwrap();
            let who = policies.caller(&principal, |_| true).unwrap();
            let (request, entities) = policies.question(&asked, known, who, None).unwrap();
            let all = policies.authorizer.is_authorized(&request, &whole, &entities);
            assert_eq!(policies.judge(&asked).unwrap(), ruling(&all, &policies.names).unwrap(), "{asked:?}");
            smallest = smallest.min(known.slices.get(&method).unwrap().policies.num_of_policies());
        }
    }
    assert!(smallest < 15, "something is left out");
}

/// G-11: who is asked about with what the policies name is judged as with all that is known of them.
#[test]
fn what_no_policy_names_is_not_missed() {
    let full = Principal {
        audience: Some("https://api.example.org".to_owned()),
        key_subject: Some("/v2".to_owned()),
        scopes: ["read".to_owned()].into(),
        groups: ["staff".to_owned()].into(),
        roles: ["user".to_owned()].into(),
        entitlements: ["export".to_owned(), "sync".to_owned()].into(),
        amr: ["pwd".to_owned()].into(),
        ..account(PrincipalKind::ApiKey, SYNC)
    };
    let routes = routes();
    for (condition, of_full, of_plain) in [
        ("true", true, true),
        ("principal.kind == \"session\"", false, true),
        ("principal.scopes.contains(\"read\")", true, false),
        ("principal[\"groups\"].containsAny([\"staff\", \"others\"])", true, false),
        ("principal has audience && principal.audience like \"https://*\"", true, false),
        ("principal has \"key_subject\"", true, false),
        ("if principal.roles.contains(\"user\") then principal.issuer == \"nobody\" else true", false, true),
        ("!(principal.amr.isEmpty()) || principal.name == \"\"", true, false),
        ("principal.entitlements.containsAll([\"export\"]) && resource.name == \"user\"", true, false),
    ] {
        let policies =
            policies(&format!("@id(\"one\")\npermit (principal, action, resource) when {{ {condition} }};"));
        for (principal, is_permitted) in
            [(&full, of_full), (&account(PrincipalKind::Session, SYNC), of_plain)]
        {
            let route = routes.iter().find(|route| route.name() == "user").unwrap();
            let method = route.method().methods().next().unwrap();
            let context = RouteContext { path: "/x", host: "", source_ip: None };
            let asked = RouteRequest { principal, method, route, context };
            let ruled = policies.judge(&asked).unwrap();
            assert_eq!(matches!(ruled, Ruling::Permitted(_)), is_permitted, "{condition} {principal:?}");
        }
    }
}
