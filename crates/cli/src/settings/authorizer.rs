//! `[authorizer]`: what gateways ask about, and who may call what (Z5, Z6).

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use symbolon_domain::authorizer::{RouteDeclaration, RouteProblem, Routes};

use super::Conflict;

/// What gateways ask about, and who may call what (Z6).
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AuthorizerSettings {
    /// A directory of Cedar policies (`*.cedar`) that say who may call which route. Not set: nobody may call any.
    #[schemars(length(min = 1))]
    pub policies: Option<PathBuf>,
    /// Whom this service's own access tokens must be for, to the letter: one of these. Empty: `http.public_url`.
    pub audiences: Vec<String>,
    /// The routes that are declared. What is not declared is denied.
    pub routes: Vec<AuthorizerRouteSettings>,
}

/// A route that is declared (Z6).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct AuthorizerRouteSettings {
    /// What policies call it: 1 to 128 letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// `GET`, `HEAD`, `POST`, `PUT`, `PATCH`, `DELETE`, `OPTIONS` or `ANY`.
    pub method: String,
    /// Its path, with `{name}` for one segment and, at the end, `{name+}` for one or more.
    pub path: String,
}

impl AuthorizerSettings {
    /// The routes.
    ///
    /// # Errors
    /// Everything that is wrong with any of them.
    pub fn declared(&self) -> Result<Routes, Vec<RouteProblem>> {
        let declaration = |route: &AuthorizerRouteSettings| RouteDeclaration {
            name: route.name.clone(),
            method: route.method.clone(),
            path: route.path.clone(),
        };
        Routes::new(self.routes.iter().map(declaration).collect())
    }

    pub(super) fn conflicts(&self, found: &mut Vec<Conflict>) {
        if let Err(problems) = self.declared() {
            let of_route = |problem: RouteProblem| Conflict::new(&["authorizer.routes"], problem.to_string());
            found.extend(problems.into_iter().map(of_route));
        }
        if !self.routes.is_empty() && self.policies.is_none() {
            let message =
                "is not set, and there are `authorizer.routes`: without policies nobody may call any of them";
            found.push(Conflict::new(&["authorizer.policies", "authorizer.routes"], message.to_owned()));
        }
        if self.audiences.iter().any(String::is_empty) {
            found.push(Conflict::new(&["authorizer.audiences"], "has an empty audience".to_owned()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(name: &str, method: &str, path: &str) -> AuthorizerRouteSettings {
        AuthorizerRouteSettings { name: name.to_owned(), method: method.to_owned(), path: path.to_owned() }
    }

    fn wrong(settings: &AuthorizerSettings) -> Vec<String> {
        let mut found = Vec::new();
        settings.conflicts(&mut found);
        found.iter().map(|conflict| format!("{}: {}", conflict.keys[0], conflict.message)).collect()
    }

    /// Z6: what is wrong with routes is told together, each by its name.
    #[test]
    fn every_mistake_in_the_routes_is_told() {
        let routes = vec![
            route("users", "GET", "/users"),
            route("users", "FETCH", "/users/{id}"),
            route("files", "GET", "/files/*"),
            route("same", "GET", "/users"),
        ];
        let settings = AuthorizerSettings { routes, ..AuthorizerSettings::default() };
        let found = wrong(&settings);
        assert_eq!(found.len(), 5, "{found:?}");
        let expected = [
            ("authorizer.routes: ", "two routes `users`"),
            ("authorizer.routes: ", "`FETCH`"),
            ("authorizer.routes: ", "the segment `*`"),
            ("authorizer.routes: ", "route `same`"),
            ("authorizer.policies: ", "is not set"),
        ];
        for (problem, (key, part)) in found.iter().zip(expected) {
            assert!(problem.starts_with(key) && problem.contains(part), "{problem}");
        }
    }

    /// Z6: none declared is no mistake; everything is denied then.
    #[test]
    fn nothing_needs_to_be_declared() {
        let settings = AuthorizerSettings::default();
        assert!(wrong(&settings).is_empty());
        assert!(settings.declared().unwrap().is_empty());
        let settings = AuthorizerSettings {
            policies: Some("policies".into()),
            audiences: vec!["https://api.example.org".to_owned()],
            routes: vec![route("user", "ANY", "/users/{id}")],
        };
        assert!(wrong(&settings).is_empty());
        assert_eq!(settings.declared().unwrap().iter().count(), 1);
        let settings = AuthorizerSettings { audiences: vec![String::new()], ..settings };
        assert_eq!(wrong(&settings), ["authorizer.audiences: has an empty audience"]);
    }
}
