//! What a policy opens, read as IAM would read it: for the request that it was made for, and for those that may come while it is
//! kept.

use std::sync::Arc;

use serde_json::{Value as Json, json};
use symbolon_domain::authorizer::{GatewayPath, RouteDeclaration, Routes};

use super::*;

const STAGE: &str = "arn:aws:execute-api:eu-west-1:123456789012:abcdef1234/prod";

/// Whether a principal may call each route: by all its methods, or by none.
fn verdicts(routes: &[(&str, &str, bool)]) -> Vec<RouteVerdict> {
    let declared = routes.iter().map(|(method, path, _)| RouteDeclaration {
        name: name(method, path),
        method: (*method).to_owned(),
        path: (*path).to_owned(),
    });
    let declared = Routes::new(declared.collect()).unwrap();
    let judged = declared.iter().zip(routes).map(|(route, (_, _, permitted))| {
        let methods: Vec<Method> = route.method().methods().collect();
        let (permitted, refused) = if *permitted { (methods, Vec::new()) } else { (Vec::new(), methods) };
        RouteVerdict { route: Arc::clone(route), permitted, refused }
    });
    judged.collect()
}

fn name(method: &str, path: &str) -> String {
    let path: String =
        path.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '.' }).collect();
    format!("{method}{path}")
}

/// The policy for a request that is for this route, if any.
fn policy(
    request: &str,
    route: Option<(&str, &str)>,
    is_allowed: bool,
    verdicts: &[RouteVerdict],
) -> (Json, bool) {
    let arn = MethodArn::parse(&format!("{STAGE}/{request}")).unwrap();
    let route = route.map(|(method, path)| name(method, path));
    let asked = Asked { arn: &arn, route: route.as_deref(), is_allowed };
    let (policy, lets) = PolicyDocument::for_request(&asked, verdicts);
    (serde_json::to_value(&policy).unwrap(), lets)
}

/// Does IAM let this request through?
fn opens(policy: &Json, request: &str) -> bool {
    let request = Paths::only(&format!("{STAGE}/{request}"));
    let fits = |effect: &str| {
        let statements = policy["Statement"].as_array().unwrap().iter();
        let resources = statements.filter(|one| one["Effect"] == effect).flat_map(|one| {
            assert_eq!(one["Action"], "execute-api:Invoke");
            one["Resource"].as_array().unwrap()
        });
        resources.map(|one| one.as_str().unwrap()).any(|glob| Paths::of_glob(glob).meet(&request))
    };
    assert_eq!(policy["Version"], "2012-10-17");
    fits("Allow") && !fits("Deny")
}

fn closed() -> Json {
    json!({"Version": "2012-10-17", "Statement": [
        {"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": [format!("{STAGE}/*/*")]},
    ]})
}

/// Z7: a statement for each declared route that the principal may call, in its words and not in the request's.
#[test]
fn a_policy_has_a_statement_for_each_route() {
    let routes = verdicts(&[
        ("GET", "/users", true),
        ("ANY", "/users/{id}", true),
        ("GET", "/reports", false),
        ("GET", "/", true),
    ]);
    let (policy, lets) = policy("GET/users/7", Some(("ANY", "/users/{id}")), true, &routes);
    let allow = |resource: &str| json!({"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": [format!("{STAGE}/{resource}")]});
    let unsafe_paths = UNSAFE.iter().map(|glob| format!("{STAGE}/*/{glob}"));
    let denied: Vec<String> = std::iter::once(format!("{STAGE}/*/users/*/*")).chain(unsafe_paths).collect();
    let deny = json!({"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": denied});
    let statements = [allow("GET/users"), allow("*/users/*"), allow("GET/"), deny];
    assert_eq!((policy, lets), (json!({"Version": "2012-10-17", "Statement": statements}), true));
}

/// Z7: a `*` in the path of a request is a letter.
#[test]
fn a_star_of_the_request_opens_nothing() {
    let routes = verdicts(&[("GET", "/users/{id}", true), ("GET", "/admin", false)]);
    let route = Some(("GET", "/users/{id}"));
    for request in ["GET/users/*", "GET/users/%2A", "GET/users/?"] {
        let (policy, lets) = policy(request, route, true, &routes);
        assert!(lets && opens(&policy, request));
        for other in ["GET/admin", "GET/users", "GET/users/7/secrets", "POST/users/7"] {
            assert!(!opens(&policy, other), "{request} {other}");
        }
        assert!(!policy.to_string().contains("users/?") && !policy.to_string().contains("%2A"));
    }
    for request in ["GET/*", "GET/a*", "GET/"] {
        let (policy, lets) = policy(request, None, false, &routes);
        assert!(!lets && !opens(&policy, request) && !opens(&policy, "GET/admin"), "{request}");
        assert!(opens(&policy, "GET/users/7"), "what was not asked for stays open: {request}");
    }
}

/// Z7: what a wildcard of an allowed route would open besides stays closed, however it is written.
#[test]
fn refused_routes_under_an_allowed_wildcard_stay_closed() {
    for (routes, asked, open, shut) in [
        (
            vec![("GET", "/users/{id}", true), ("GET", "/users/me", false)],
            ("GET/users/7", "/users/{id}"),
            vec!["GET/users/8"],
            vec!["GET/users/me", "GET/users/me/", "GET/users/%6De", "GET/users/m%65", "GET/users/me/x"],
        ),
        (
            vec![("GET", "/{proxy+}", true), ("GET", "/admin/{path+}", false), ("GET", "/admin", false)],
            ("GET/a/b", "/{proxy+}"),
            vec!["GET/a", "GET/a/b/c", "GET/administrators"],
            vec!["GET/admin", "GET/admin/x", "GET/admin/x/y", "GET/%61dmin/x", "GET/a%64min"],
        ),
        (
            vec![
                ("GET", "/users/{id}", true),
                ("GET", "/users/{id}/orders", true),
                ("GET", "/users/{id}/secrets", false),
            ],
            ("GET/users/7", "/users/{id}"),
            vec!["GET/users/8", "GET/users/8/orders"],
            vec!["GET/users/8/secrets", "GET/users/8/x/secrets", "POST/users/7"],
        ),
        (
            vec![("ANY", "/a/{x}", true), ("DELETE", "/a/{x}", false), ("PUT", "/a/b", false)],
            ("GET/a/1", "/a/{x}"),
            vec!["POST/a/1", "PUT/a/1", "GET/a/b"],
            vec!["DELETE/a/1", "PUT/a/b", "GET/a/1/2"],
        ),
        (
            vec![("ANY", "/a/{x}", false), ("GET", "/a/{x}", true)],
            ("GET/a/1", "/a/{x}"),
            vec!["GET/a/2"],
            vec!["PUT/a/1", "GET/a/1/b"],
        ),
        (
            vec![
                ("GET", "/files/a%20b", true),
                ("GET", "/files/{rest+}", true),
                ("GET", "/files/c%20d", false),
            ],
            ("GET/files/x", "/files/{rest+}"),
            vec!["GET/files/x/y", "GET/files/x.txt"],
            vec!["GET/files/c d", "GET/files/c%20d", "GET/files/c+d", "GET/files/%63 d"],
        ),
    ] {
        let method = routes.iter().find(|(_, path, permitted)| *path == asked.1 && *permitted).unwrap().0;
        let judged = verdicts(&routes);
        let (policy, lets) = policy(asked.0, Some((method, asked.1)), true, &judged);
        assert!(lets && opens(&policy, asked.0), "{asked:?} {policy}");
        for request in open {
            assert!(opens(&policy, request), "{request} {policy}");
        }
        for request in shut {
            assert!(!opens(&policy, request), "{request} {policy}");
        }
    }
}

/// Paths that are denied whoever asks.
const UNSAFE_PATHS: &[&str] = &[
    "/files/../admin",
    "/files/%2e%2e/admin",
    "/files/.%2e/admin",
    "/files/..%2fadmin",
    "/files/..%5Cadmin",
    "/files//x",
    "/files/x//",
    "//files/x",
    "/files/x/../secret",
    "/files/./secret",
    "/files/x/.",
    "/files/x/..",
    "/files/a;b",
    "/files/..;/admin",
    "/files/a%3Bb",
    "/files/a\\b",
    "/files/%00",
    "/files/a%0d%0ab",
    "/files/a%1fb",
    "/files/...",
    "/files/.%20/x",
    "/files/a%2fb",
    "/files/a%2Fb",
    "/users/..",
    "/users/..%2fadmin",
    "/users/a%2fb",
    "/users/%252f",
    "/users/%255c",
    "/users/7;x",
];
/// Paths that look a little like them.
const HARMLESS_PATHS: &[&str] = &[
    "/files/a.b/c..d",
    "/files/.hidden",
    "/files/x.",
    "/users/a%20b",
    "/users/100%25",
    "/files/a:b@c,d~e",
    "/users/ada.lovelace",
    "/.well-known/about",
];

/// Z7, Z8: a kept policy opens no path that is denied whoever asks, since what is behind the gateway may take it for a refused one.
#[test]
fn unsafe_paths_stay_closed() {
    let routes = verdicts(&[
        ("GET", "/users/{id}", true),
        ("GET", "/files/{path+}", true),
        ("GET", "/files/secret", false),
        ("GET", "/.well-known/about", true),
        ("GET", "/admin", false),
    ]);
    for asked in [("GET/files/a/b", "/files/{path+}"), ("GET/users/7", "/users/{id}")] {
        let (policy, lets) = policy(asked.0, Some(("GET", asked.1)), true, &routes);
        assert!(lets, "{asked:?}");
        let is_open = |path: &str| opens(&policy, &format!("GET{path}"));
        for path in UNSAFE_PATHS {
            assert!(GatewayPath::parse(path).is_err() && !is_open(path), "{path} {policy}");
        }
        for path in HARMLESS_PATHS {
            assert!(GatewayPath::parse(path).is_ok() && is_open(path), "{path} {policy}");
        }
    }
    // What is denied although it could be read in one way only.
    for request in ["GET/users/a%2eb", "GET/users/..a"] {
        let (policy, lets) = policy(request, Some(("GET", "/users/{id}")), true, &routes);
        assert!(!lets && !opens(&policy, request), "{request}");
    }
    let plain = verdicts(&[("GET", "/users", true)]);
    let (policy, _) = policy("GET/users", Some(("GET", "/users")), true, &plain);
    assert!(!policy.to_string().contains("Deny"), "a policy without wildcards opens no more than it says");
}

/// Z7: a wide route that could be told only together with what is refused is left out, unless it was asked for.
#[test]
fn a_route_that_cannot_be_told_apart_is_left_out() {
    let routes = verdicts(&[
        ("GET", "/{proxy+}", true),
        ("GET", "/users/{id}", false),
        ("GET", "/users/{id}/orders", true),
    ]);
    let (narrow, lets) = policy("GET/users/7/orders", Some(("GET", "/users/{id}/orders")), true, &routes);
    assert!(lets && opens(&narrow, "GET/users/8/orders"));
    assert!(!opens(&narrow, "GET/users/7") && !opens(&narrow, "GET/other"));
    let (wide, lets) = policy("GET/other", Some(("GET", "/{proxy+}")), true, &routes);
    assert!(lets && opens(&wide, "GET/other") && !opens(&wide, "GET/users/7"));
}

/// Z7: a policy never lets a request through that was denied, for whatever reason.
#[test]
fn what_was_denied_is_not_opened() {
    let routes =
        verdicts(&[("GET", "/users/{id}", true), ("GET", "/users/{id}/orders", true), ("GET", "/me", true)]);
    let by_path = policy("GET/users/7", Some(("GET", "/users/{id}")), false, &routes);
    assert!(!by_path.1 && !opens(&by_path.0, "GET/users/7") && opens(&by_path.0, "GET/me"));
    for request in ["GET/users/7/undeclared", "GET/users/7/undeclared/orders", "PUT/users/7", "GET/users//7"]
    {
        let (policy, lets) = policy(request, None, false, &routes);
        assert!(!lets && !opens(&policy, request), "{request}");
        assert!(opens(&policy, "GET/me"), "{request}");
    }
    let unknown = policy("TRACE/me", None, false, &routes);
    assert_eq!(unknown, (closed(), false));
    // Permitted for this path alone: a policy could only say it of the whole route.
    let refused = verdicts(&[("GET", "/users/{id}", false)]);
    assert_eq!(policy("GET/users/7", Some(("GET", "/users/{id}")), true, &refused), (closed(), false));
    assert_eq!(policy("GET/", None, false, &[]), (closed(), false));
}

/// Z7: at most 8 KiB; then this one route alone.
#[test]
fn a_large_policy_is_of_one_route() {
    let paths: Vec<String> = (0..200).map(|number| format!("/resources/number-{number}/{{id}}")).collect();
    let routes: Vec<(&str, &str, bool)> = paths.iter().map(|path| ("GET", path.as_str(), true)).collect();
    let judged = verdicts(&routes);
    let asked = Some(("GET", paths[7].as_str()));
    let (policy_of_one, lets) = policy("GET/resources/number-7/x", asked, true, &judged);
    assert!(lets && opens(&policy_of_one, "GET/resources/number-7/y"));
    assert!(!opens(&policy_of_one, "GET/resources/number-8/y"));
    assert!(policy_of_one.to_string().len() <= LARGEST);
    assert_eq!(policy("GET/other", None, false, &judged), (closed(), false));
}
