//! The routes that are declared, and which of them a request is for (Z6).
//!
//! A pattern is a path with `{name}` for one segment that is not empty, and, at the end, `{name+}` for one or more, as Amazon
//! API Gateway writes them. Of the routes that fit a request, the most specific one is it: from the left, segment by segment,
//! the text itself goes before `{name}`, and that before `{name+}`; of two with the same pattern the one with the
//! request's method goes before one with `ANY`. A route whose method does not fit does not count, however specific. A final
//! slash is part of a path: `/a` and `/a/` are two.

use std::{
    collections::{BTreeMap, HashMap, HashSet, btree_map::Entry},
    fmt,
    sync::Arc,
};

use self::pattern::{Pattern, Segment};
use super::{GatewayPath, Method};

mod pattern;

pub use self::pattern::PatternProblem;

/// The longest name of a route in bytes.
const LONGEST_NAME: usize = 128;

/// A route as an operator writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteDeclaration {
    /// What policies call it: 1 to 128 letters, digits, `-`, `_` and `.`.
    pub name: String,
    /// One of [`Method::ALL`], or `ANY`.
    pub method: String,
    /// The pattern of its path.
    pub path: String,
}

/// Which methods a route has. One method goes before any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteMethod {
    /// This one.
    Only(Method),
    /// Every one of [`Method::ALL`].
    Any,
}

impl RouteMethod {
    /// Its name in declarations and policies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Only(method) => method.as_str(),
            Self::Any => "ANY",
        }
    }

    /// The one of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        if name == Self::Any.as_str() { Some(Self::Any) } else { Method::parse(name).map(Self::Only) }
    }

    /// Each method that it stands for.
    pub fn methods(self) -> impl Iterator<Item = Method> {
        Method::ALL.into_iter().filter(move |method| self == Self::Any || self == Self::Only(*method))
    }
}

impl fmt::Display for RouteMethod {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A declared route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    name: String,
    method: RouteMethod,
    pattern: Pattern,
}

impl Route {
    /// What policies call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Which methods it has.
    #[must_use]
    pub const fn method(&self) -> RouteMethod {
        self.method
    }

    /// The pattern of its path, as it was declared.
    #[must_use]
    pub fn path(&self) -> &str {
        self.pattern.as_str()
    }
}

/// Why a route cannot be declared so.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum RouteProblem {
    /// The name is not one.
    #[error("`{0}` is no name of a route: 1 to 128 letters, digits, `-`, `_` and `.` are allowed")]
    Name(String),
    /// The name is another's.
    #[error("there are two routes `{0}`")]
    DuplicateName(String),
    /// The method is not one that routes have.
    #[error("route `{route}`: `{method}` is none of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS and ANY")]
    Method {
        /// Whose.
        route: String,
        /// What stands there.
        method: String,
    },
    /// The path is not a pattern.
    #[error("route `{route}`: the path {problem}")]
    Pattern {
        /// Whose.
        route: String,
        /// What is wrong with it.
        problem: PatternProblem,
    },
    /// Another route has the same method and the same pattern, whatever its parameters are called.
    #[error("route `{route}`: `{other}` has the same method and path")]
    Duplicate {
        /// The later one.
        route: String,
        /// The earlier one.
        other: String,
    },
}

/// Every declared route.
#[derive(Clone, Debug, Default)]
pub struct Routes {
    routes: Vec<Arc<Route>>,
    tree: Node,
}

impl Routes {
    /// These.
    ///
    /// # Errors
    /// Everything that is wrong with any of them.
    pub fn new(declared: Vec<RouteDeclaration>) -> Result<Self, Vec<RouteProblem>> {
        let (mut routes, mut problems) = (Self::default(), Vec::new());
        let mut names = HashSet::new();
        for RouteDeclaration { name, method, path } in declared {
            if !is_name(&name) {
                problems.push(RouteProblem::Name(name.clone()));
            } else if !names.insert(name.clone()) {
                problems.push(RouteProblem::DuplicateName(name.clone()));
            }
            let parsed_method = RouteMethod::parse(&method);
            if parsed_method.is_none() {
                problems.push(RouteProblem::Method { route: name.clone(), method });
            }
            match (Pattern::parse(&path), parsed_method) {
                (Err(problem), _) => problems.push(RouteProblem::Pattern { route: name, problem }),
                (Ok(pattern), Some(method)) => {
                    problems.extend(routes.add(Route { name, method, pattern }).err());
                }
                (Ok(_), None) => {}
            }
        }
        if problems.is_empty() { Ok(routes) } else { Err(problems) }
    }

    /// Each of them, in the order in which they were declared.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Route>> {
        self.routes.iter()
    }

    /// Is none declared? Then everything is denied.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.routes.is_empty()
    }

    /// The most specific route for this method and path.
    #[must_use]
    pub fn find(&self, method: Method, path: &GatewayPath) -> Option<&Arc<Route>> {
        let segments: Vec<&str> = path.segments().collect();
        self.tree.find(&segments, method).and_then(|place| self.routes.get(place))
    }

    fn add(&mut self, route: Route) -> Result<(), RouteProblem> {
        match self.tree.place(route.pattern.segments()).entry(route.method) {
            Entry::Occupied(place) => {
                let other = self.routes.get(*place.get()).map(|other| other.name.clone());
                Err(RouteProblem::Duplicate { route: route.name, other: other.unwrap_or_default() })
            }
            Entry::Vacant(place) => {
                place.insert(self.routes.len());
                self.routes.push(Arc::new(route));
                Ok(())
            }
        }
    }
}

/// The routes that end in one place of the tree, by their place in the list.
type Ends = BTreeMap<RouteMethod, usize>;

/// The routes whose patterns begin alike. A search meets each node at most once, as a node has one depth: so no path, however
/// it is made, costs more than a look at every route.
#[derive(Clone, Debug, Default)]
struct Node {
    literals: HashMap<String, Node>,
    parameter: Option<Box<Node>>,
    here: Ends,
    rest: Ends,
}

impl Node {
    /// Where a pattern of these segments ends.
    fn place(&mut self, segments: &[Segment]) -> &mut Ends {
        match segments.split_first() {
            None => &mut self.here,
            Some((Segment::Rest, _)) => &mut self.rest,
            Some((Segment::Literal(text), rest)) => {
                self.literals.entry(text.clone()).or_default().place(rest)
            }
            Some((Segment::Parameter, rest)) => self.parameter.get_or_insert_default().place(rest),
        }
    }

    fn find(&self, segments: &[&str], method: Method) -> Option<usize> {
        let Some((first, rest)) = segments.split_first() else { return find(&self.here, method) };
        let literal = self.literals.get(*first).and_then(|node| node.find(rest, method));
        if literal.is_some() || first.is_empty() {
            return literal;
        }
        let parameter = self.parameter.as_ref().and_then(|node| node.find(rest, method));
        parameter.or_else(|| find(&self.rest, method))
    }
}

fn find(ends: &Ends, method: Method) -> Option<usize> {
    ends.get(&RouteMethod::Only(method)).or_else(|| ends.get(&RouteMethod::Any)).copied()
}

fn is_name(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests;
