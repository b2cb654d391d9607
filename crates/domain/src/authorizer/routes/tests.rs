//! Which route a request is for, and what cannot be declared.

use super::*;
use crate::authorizer::UnsafePath;

fn declaration(&(name, method, path): &(&str, &str, &str)) -> RouteDeclaration {
    RouteDeclaration { name: name.to_owned(), method: method.to_owned(), path: path.to_owned() }
}

fn routes(declared: &[(&str, &str, &str)]) -> Result<Routes, Vec<RouteProblem>> {
    Routes::new(declared.iter().map(declaration).collect())
}

/// The name of the route that this request is for.
fn found<'a>(routes: &'a Routes, method: &str, path: &str) -> Option<&'a str> {
    let path = GatewayPath::parse(path).unwrap();
    routes.find(Method::parse(method).unwrap(), &path).map(|route| route.name())
}

/// Z6: the most specific one, whatever the order of declaration.
#[test]
fn the_most_specific_route_is_found() {
    let mut declared = vec![
        ("root", "GET", "/"),
        ("users", "GET", "/users"),
        ("users-slash", "GET", "/users/"),
        ("user", "GET", "/users/{id}"),
        ("me", "GET", "/users/me"),
        ("user-any", "ANY", "/users/{id}"),
        ("user-keys", "GET", "/users/{id}/keys"),
        ("my-rest", "GET", "/users/me/{rest+}"),
        ("rest", "ANY", "/users/{rest+}"),
        ("files", "GET", "/files/{path+}"),
        ("a-any", "ANY", "/b/{x}"),
        ("any-c", "ANY", "/{x}/c"),
        ("encoded", "GET", "/caf%C3%A9"),
        ("only-post", "POST", "/mixed/exact"),
        ("mixed", "GET", "/mixed/{id}"),
    ];
    for _ in 0..2 {
        let routes = routes(&declared).unwrap();
        for (method, path, name) in [
            ("GET", "/", Some("root")),
            ("HEAD", "/", None),
            ("GET", "/users", Some("users")),
            ("GET", "/%75sers", Some("users")),
            ("GET", "/Users", None),
            ("GET", "/users?x=/users/me", Some("users")),
            ("GET", "/users/", Some("users-slash")),
            ("GET", "/users/me", Some("me")),
            ("GET", "/users/7", Some("user")),
            ("HEAD", "/users/7", Some("user-any")),
            ("GET", "/users/me/keys", Some("my-rest")),
            ("GET", "/users/7/keys", Some("user-keys")),
            ("POST", "/users/7/keys", Some("rest")),
            ("GET", "/users/7/keys/1", Some("rest")),
            ("GET", "/users/7/", Some("rest")),
            ("POST", "/users/", None),
            ("GET", "/files", None),
            ("GET", "/files/", None),
            ("GET", "/files/a", Some("files")),
            ("GET", "/files/a/b/", Some("files")),
            ("GET", "/b/c", Some("a-any")),
            ("GET", "/z/c", Some("any-c")),
            ("GET", "/b/c/d", None),
            ("GET", "/café", Some("encoded")),
            ("GET", "/caf%c3%a9", Some("encoded")),
            ("POST", "/mixed/exact", Some("only-post")),
            ("GET", "/mixed/exact", Some("mixed")),
            ("DELETE", "/mixed/exact", None),
            ("GET", "/nowhere", None),
        ] {
            assert_eq!(found(&routes, method, path), name, "{method} {path}");
        }
        declared.reverse();
    }
}

/// A route that is more specific at its end does not win over one that is so earlier.
#[test]
fn segments_are_compared_from_the_left() {
    let routes = routes(&[
        ("late", "GET", "/{a}/b/c"),
        ("early", "GET", "/a/{b}/{c}"),
        ("rest", "GET", "/a/{b+}"),
        ("all", "GET", "/{all+}"),
    ])
    .unwrap();
    assert_eq!(found(&routes, "GET", "/a/b/c"), Some("early"));
    assert_eq!(found(&routes, "GET", "/x/b/c"), Some("late"));
    assert_eq!(found(&routes, "GET", "/a/b"), Some("rest"));
    assert_eq!(found(&routes, "GET", "/x/b"), Some("all"));
    assert_eq!(found(&routes, "GET", "/"), None);
}

/// A path that fits many patterns half-way costs no more than they are.
#[test]
fn a_search_ends() {
    let names: Vec<String> = (0..12).map(|number| format!("r{number}")).collect();
    let paths: Vec<String> = (0..12_u32)
        .map(|number| {
            let parts = (0..12).map(|place| if place == number { "{p}" } else { "a" });
            format!("/{}/end", parts.collect::<Vec<_>>().join("/"))
        })
        .collect();
    let declared: Vec<_> =
        names.iter().zip(&paths).map(|(name, path)| (name.as_str(), "GET", path.as_str())).collect();
    let routes = routes(&declared).unwrap();
    assert_eq!(found(&routes, "GET", &format!("{}/other", "/a".repeat(12))), None);
    assert_eq!(found(&routes, "GET", &format!("{}/end", "/a".repeat(12))), Some("r11"));
}

/// Z6: everything that is wrong is told at once.
#[test]
fn every_problem_is_told() {
    let route = |route: &str| route.to_owned();
    let pattern = |name: &str, problem| RouteProblem::Pattern { route: name.to_owned(), problem };
    let problems = routes(&[
        ("fine", "GET", "/a/{id}"),
        ("fine", "POST", "/a/{id}"),
        ("same", "GET", "/a/{other}"),
        ("no name", "GET", "/n"),
        ("method", "get", "/m"),
        ("both", "LINK", "b"),
        ("query", "GET", "/a?b"),
        ("dots", "GET", "/a/../b"),
        ("empty", "GET", "//"),
        ("slash", "GET", "/a%2fb"),
        ("star", "GET", "/a/*"),
        ("hidden-star", "GET", "/a/%2A"),
        ("half", "GET", "/a/x{id}"),
        ("unnamed", "GET", "/a/{}"),
        ("greedy", "GET", "/a/{b+}/c"),
        ("greedy-slash", "GET", "/a/{b+}/"),
        ("twice", "GET", "/{a}/{a}"),
    ])
    .unwrap_err();
    let expected = [
        RouteProblem::DuplicateName(route("fine")),
        RouteProblem::Duplicate { route: route("same"), other: route("fine") },
        RouteProblem::Name(route("no name")),
        RouteProblem::Method { route: route("method"), method: route("get") },
        RouteProblem::Method { route: route("both"), method: route("LINK") },
        pattern("both", PatternProblem::Unsafe(UnsafePath::NotAbsolute)),
        pattern("query", PatternProblem::Query),
        pattern("dots", PatternProblem::Unsafe(UnsafePath::DotSegment)),
        pattern("empty", PatternProblem::Unsafe(UnsafePath::EmptySegment)),
        pattern("slash", PatternProblem::Unsafe(UnsafePath::EncodedSlash)),
        pattern("star", PatternProblem::Wildcard(route("*"))),
        pattern("hidden-star", PatternProblem::Wildcard(route("%2A"))),
        pattern("half", PatternProblem::Wildcard(route("x{id}"))),
        pattern("unnamed", PatternProblem::Parameter(route("{}"))),
        pattern("greedy", PatternProblem::AfterRest),
        pattern("greedy-slash", PatternProblem::AfterRest),
        pattern("twice", PatternProblem::ParameterTwice(route("a"))),
    ];
    assert_eq!(problems, expected);
}

/// The order is the operator's, for whoever asks about each.
#[test]
fn routes_are_listed_as_declared() {
    let routes = routes(&[("b", "ANY", "/b"), ("a", "GET", "/a/{x}"), ("c", "GET", "/b")]).unwrap();
    let listed: Vec<_> =
        routes.iter().map(|route| (route.name(), route.method().as_str(), route.path())).collect();
    assert_eq!(listed, [("b", "ANY", "/b"), ("a", "GET", "/a/{x}"), ("c", "GET", "/b")]);
    assert!(RouteMethod::Any.methods().eq(Method::ALL));
    assert!(RouteMethod::Only(Method::Put).methods().eq([Method::Put]));
}
