//! The policy that a REST API gets, and may keep for many requests of the same credential (Z7): an allowing statement for
//! each declared route that the principal may call, made from the declaration and never from the request.
//!
//! A resource of IAM fits more than its route does, so what it would open besides is denied: declared routes that are refused,
//! however their text is encoded, longer paths, and those that are denied whoever asks. Where that cannot be said without
//! denying what is permitted, the wider route is left out. At the end the policy is held against the request itself: one
//! that would not say what was decided is not given out. A denial too many costs a 403, and only where an answer is kept.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use symbolon_domain::authorizer::{Method, RouteMethod, RouteVerdict};

use super::{
    MethodArn,
    glob::{Paths, Pattern},
};

/// What API Gateway takes, in bytes (Z7).
const LARGEST: usize = 8 * 1024;

/// What follows a slash in paths that are denied whoever asks (Z8), since whoever is behind the gateway may read them as another's: empty
/// and dot segments; `;`, `\` and their encodings; an encoded slash, dot or control character; what is encoded twice.
pub(super) const UNSAFE: &[&str] = &[
    "/*", ".", "./*", ".%*", "..*", "*;*", "*\\*", "*%2e*", "*%2E*", "*%2f*", "*%2F*", "*%3b*", "*%3B*",
    "*%5c*", "*%5C*", "*%0*", "*%1*", "*%250*", "*%251*", "*%252*", "*%253*", "*%255*",
];

/// A policy of IAM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PolicyDocument {
    version: &'static str,
    statement: Vec<Statement>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    action: &'static str,
    effect: &'static str,
    resource: Vec<String>,
}

/// The request that an answer is for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked<'a> {
    /// Its method and path.
    pub(super) arn: &'a MethodArn,
    /// The name of the route that it is for.
    pub(super) route: Option<&'a str>,
    /// What was decided about it.
    pub(super) is_allowed: bool,
}

impl PolicyDocument {
    /// What opens nothing in this stage.
    pub(super) fn closed(arn: &MethodArn) -> Self {
        Self::of(vec![Statement::new("Deny", vec![arn.resource("*", "*")])])
    }

    /// The policy for what is permitted, and whether it lets the request through: never more than was decided.
    pub(super) fn for_request(asked: &Asked<'_>, verdicts: &[RouteVerdict]) -> (Self, bool) {
        let judged = judged(asked, verdicts);
        let method = Method::parse(asked.arn.method());
        let wanted = asked.is_allowed.then(|| {
            let route = judged.iter().find(|route| Some(route.name.as_str()) == asked.route)?;
            method.filter(|method| route.permitted.contains(method)).map(|method| (route, method))
        });
        let wanted = wanted.flatten();
        let everything: Vec<&Judged> = judged.iter().collect();
        let path = Paths::only(asked.arn.path());
        let fewer: Vec<&Judged> = match wanted {
            Some((route, _)) => vec![route],
            None => judged.iter().filter(|route| !route.opens(&path)).collect(),
        };
        for routes in [everything, fewer] {
            let plan =
                Plan::make(&judged, &routes, wanted.map(|(route, method)| (route.name.as_str(), method)));
            let lets = method.is_some_and(|method| plan.lets(method, &path));
            let policy = Self::of(plan.statements(asked.arn));
            // Of a method that no route can have nothing is known.
            let is_known = method.is_some() && !plan.allowed.is_empty();
            if is_known && lets == wanted.is_some() && policy.is_small() {
                return (policy, lets);
            }
        }
        (Self::closed(asked.arn), false)
    }

    fn of(statement: Vec<Statement>) -> Self {
        Self { version: "2012-10-17", statement }
    }

    fn is_small(&self) -> bool {
        serde_json::to_vec(self).is_ok_and(|text| text.len() <= LARGEST)
    }
}

impl Statement {
    fn new(effect: &'static str, resource: Vec<String>) -> Self {
        Self { action: "execute-api:Invoke", effect, resource }
    }
}

/// A declared route, and by which methods this principal may call it.
#[derive(Debug)]
struct Judged {
    name: String,
    pattern: Pattern,
    /// The paths that it fits.
    paths: Paths,
    permitted: BTreeSet<Method>,
    refused: BTreeSet<Method>,
}

impl Judged {
    /// Would its statement fit this path?
    fn opens(&self, path: &Paths) -> bool {
        self.pattern.allowing().iter().any(|glob| Paths::of_glob(glob).meet(path))
    }
}

/// The routes by what was found of them, where policies may see more of the request than of the route: what was denied to the
/// request is refused.
fn judged(asked: &Asked<'_>, verdicts: &[RouteVerdict]) -> Vec<Judged> {
    let of_verdict = |verdict: &RouteVerdict| {
        let pattern = Pattern::of(&verdict.route);
        Judged {
            name: verdict.route.name().to_owned(),
            paths: pattern.paths(""),
            pattern,
            permitted: verdict.permitted.iter().copied().collect(),
            refused: verdict.refused.iter().copied().collect(),
        }
    };
    let mut judged: Vec<Judged> = verdicts.iter().map(of_verdict).collect();
    // Of two routes with one pattern, the one with the request's method is meant.
    let single: Vec<(Method, Paths)> = verdicts
        .iter()
        .filter_map(|verdict| match verdict.route.method() {
            RouteMethod::Only(method) => Some((method, Pattern::of(&verdict.route).paths(""))),
            RouteMethod::Any => None,
        })
        .collect();
    for (route, verdict) in judged.iter_mut().zip(verdicts) {
        let others = single.iter().filter(|(_, paths)| *paths == route.paths);
        if verdict.route.method() == RouteMethod::Any {
            for (method, _) in others {
                route.permitted.remove(method);
                route.refused.remove(method);
            }
        }
        if !asked.is_allowed && asked.route == Some(route.name.as_str()) {
            let denied = Method::parse(asked.arn.method()).and_then(|method| route.permitted.take(&method));
            route.refused.extend(denied);
        }
    }
    judged
}

/// What is allowed, and what has to be denied beside it.
struct Plan<'a> {
    allowed: Vec<(&'a Judged, BTreeSet<Method>)>,
    denied: BTreeMap<String, BTreeSet<Method>>,
}

impl<'a> Plan<'a> {
    /// Of these routes as many as can be told; the one that was asked for in any case.
    fn make(judged: &[Judged], routes: &[&'a Judged], asked: Option<(&str, Method)>) -> Self {
        let mut plan = Self { allowed: Vec::new(), denied: BTreeMap::new() };
        for route in routes.iter().copied() {
            let mut methods = BTreeSet::new();
            for method in route.permitted.iter().copied() {
                let around = Around::new(judged, method);
                let is_asked = asked == Some((route.name.as_str(), method));
                let Some(denied) =
                    around.carved_out(route).or_else(|| is_asked.then(|| around.all_out(route)))
                else {
                    continue;
                };
                methods.insert(method);
                for glob in denied {
                    plan.denied.entry(glob).or_default().insert(method);
                }
            }
            if !methods.is_empty() {
                plan.allowed.push((route, methods));
            }
        }
        plan
    }

    /// Would it let a request through?
    fn lets(&self, method: Method, path: &Paths) -> bool {
        let allows =
            |(route, methods): &(&Judged, BTreeSet<Method>)| methods.contains(&method) && route.opens(path);
        let denies = |(glob, methods): (&String, &BTreeSet<Method>)| {
            methods.contains(&method) && Paths::of_glob(glob).meet(path)
        };
        self.allowed.iter().any(allows)
            && !self.denied.iter().any(denies)
            && !self.unsafe_paths().any(|glob| Paths::of_glob(&format!("*/{glob}")).meet(&path.rooted()))
    }

    /// What is unsafe behind some slash; nothing where no wildcard could stand for it.
    fn unsafe_paths(&self) -> impl Iterator<Item = &'static str> {
        let is_wide = self.allowed.iter().any(|(route, _)| !route.pattern.is_plain());
        UNSAFE.iter().copied().filter(move |_| is_wide)
    }

    fn statements(&self, arn: &MethodArn) -> Vec<Statement> {
        let resources = |methods: &BTreeSet<Method>, glob: &str| -> Vec<String> {
            let is_any = methods.len() == Method::ALL.len();
            let names =
                if is_any { vec!["*"] } else { methods.iter().map(|method| method.as_str()).collect() };
            names.into_iter().map(|method| arn.resource(method, glob)).collect()
        };
        let allowing = self.allowed.iter().map(|(route, methods)| {
            let globs = route.pattern.allowing();
            Statement::new("Allow", globs.iter().flat_map(|glob| resources(methods, glob)).collect())
        });
        // The `*` for the method stands for what is before the slash, too.
        let unsafe_paths = self.unsafe_paths().map(|glob| arn.resource("*", glob));
        let denied: Vec<String> = self
            .denied
            .iter()
            .flat_map(|(glob, methods)| resources(methods, glob))
            .chain(unsafe_paths)
            .collect();
        let denying = (!denied.is_empty()).then(|| Statement::new("Deny", denied));
        allowing.chain(denying).collect()
    }
}

/// What is declared for one method.
struct Around<'a> {
    permitted: Vec<&'a Judged>,
    refused: Vec<&'a Judged>,
}

impl<'a> Around<'a> {
    fn new(judged: &'a [Judged], method: Method) -> Self {
        Self {
            permitted: judged.iter().filter(|route| route.permitted.contains(&method)).collect(),
            refused: judged.iter().filter(|route| route.refused.contains(&method)).collect(),
        }
    }

    /// What has to be denied beside this route so that no more is open; none where that would deny what is permitted.
    fn carved_out(&self, route: &Judged) -> Option<BTreeSet<String>> {
        let mut denied = self.slashes(route);
        for other in self.before(route) {
            if self.is_harmed_by(other) {
                return None;
            }
            denied.extend([other.pattern.denying(), route.pattern.encoded()]);
        }
        for guard in route.pattern.guards() {
            let beyond = Paths::of_glob(&guard);
            if !self.permitted.iter().any(|permitted| permitted.paths.meet(&beyond)) {
                denied.insert(guard);
                continue;
            }
            // Something permitted is there, so each refused route there is denied by its own name.
            for other in self.refused.iter().filter(|other| other.paths.meet(&beyond)) {
                if self.is_harmed_by(other) {
                    return None;
                }
                denied.insert(other.pattern.denying());
            }
        }
        Some(denied)
    }

    /// The same where what is permitted besides does not matter.
    fn all_out(&self, route: &Judged) -> BTreeSet<String> {
        let mut denied = self.slashes(route);
        for other in self.before(route) {
            denied.extend([other.pattern.denying(), route.pattern.encoded()]);
        }
        denied.extend(route.pattern.guards());
        denied
    }

    /// The refused routes that a request would be for although this one fits it too.
    fn before(&self, route: &Judged) -> impl Iterator<Item = &'a Judged> {
        let goes_before = move |other: &&'a Judged| {
            other.paths.meet(&route.paths) && other.pattern.goes_before(&route.pattern) == Some(true)
        };
        self.refused.iter().copied().filter(goes_before)
    }

    /// Refused paths with a slash behind them, where this route would open them: some take both for the same.
    fn slashes(&self, route: &Judged) -> BTreeSet<String> {
        if route.pattern.is_plain() {
            return BTreeSet::new();
        }
        let opened: Vec<Paths> = route.pattern.allowing().iter().map(|glob| Paths::of_glob(glob)).collect();
        let is_open = |other: &&&Judged| {
            let slashed = other.pattern.paths("/");
            opened.iter().any(|opened| opened.meet(&slashed))
                && !self.permitted.iter().any(|permitted| permitted.paths.meet(&slashed))
        };
        self.refused.iter().filter(is_open).map(|other| other.pattern.denying() + "/").collect()
    }

    /// Would a denial of this refused route hit one that is permitted, and not only where this one goes before it?
    fn is_harmed_by(&self, refused: &Judged) -> bool {
        let denied = Paths::of_glob(&refused.pattern.denying());
        self.permitted.iter().any(|permitted| {
            permitted.paths.meet(&denied) && refused.pattern.goes_before(&permitted.pattern) != Some(true)
        })
    }
}

#[cfg(test)]
mod tests;
