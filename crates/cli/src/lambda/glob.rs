//! Which paths a pattern of a route fits, and which ones a resource of IAM does, whose `*` stands for anything, slashes and
//! nothing at all included. The two are not the same: `/users/{id}` is `users/*` there, which fits `users/7/orders` too.
//! Whether two of them have a path in common is what a policy needs to know to give away no more than was permitted.

use std::collections::HashSet;

use symbolon_domain::authorizer::{GatewayPath, Route};

/// What may stand in one place of a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Letter {
    This(char),
    NoSlash,
    Any,
}

/// One letter of these, or any number of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Step {
    letter: Letter,
    repeats: bool,
}

/// A set of paths, without their first slash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Paths(Vec<Step>);

/// One segment of a route's pattern, in the order in which a request is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    /// As it is declared, and decoded.
    Literal { declared: String, decoded: String },
    /// `{name}`.
    Parameter,
    /// `{name+}`.
    Rest,
}

/// The pattern of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Segment>);

impl Paths {
    /// This path alone.
    pub(super) fn only(path: &str) -> Self {
        Self(path.chars().map(|letter| Step { letter: Letter::This(letter), repeats: false }).collect())
    }

    /// What a resource of IAM fits.
    pub(super) fn of_glob(glob: &str) -> Self {
        let step = |letter| match letter {
            '*' => Step { letter: Letter::Any, repeats: true },
            letter => Step { letter: Letter::This(letter), repeats: false },
        };
        Self(glob.chars().map(step).collect())
    }

    /// The same with the slash that they begin with.
    pub(super) fn rooted(&self) -> Self {
        Self([Self::only("/").0, self.0.clone()].concat())
    }

    /// Is there a path in both of them?
    pub(super) fn meet(&self, other: &Self) -> bool {
        let is_single = |(one, two): &(&Step, &Step)| !one.repeats && !two.repeats;
        let mut beginning = self.0.iter().zip(&other.0).take_while(is_single);
        // Most of them begin differently, and nothing has to be remembered to see that.
        if beginning.any(|(one, two)| !one.letter.meets(two.letter)) {
            return false;
        }
        let mut seen = HashSet::new();
        let mut open = vec![(0, 0)];
        while let Some((here, there)) = open.pop() {
            if !seen.insert((here, there)) {
                continue;
            }
            let (one, two) = (self.0.get(here), other.0.get(there));
            if one.is_none() && two.is_none() {
                return true;
            }
            // What may be there any number of times may be there no time more.
            if one.is_some_and(|step| step.repeats) {
                open.push((here + 1, there));
            }
            if two.is_some_and(|step| step.repeats) {
                open.push((here, there + 1));
            }
            if let (Some(one), Some(two)) = (one, two)
                && one.letter.meets(two.letter)
            {
                open.push((here + usize::from(!one.repeats), there + usize::from(!two.repeats)));
            }
        }
        false
    }
}

impl Letter {
    fn meets(self, other: Self) -> bool {
        match (self, other) {
            (Self::This(one), Self::This(two)) => one == two,
            (Self::This(letter), Self::NoSlash) | (Self::NoSlash, Self::This(letter)) => letter != '/',
            _ => true,
        }
    }
}

impl Pattern {
    pub(super) fn of(route: &Route) -> Self {
        let segment = |text: &str| match text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
            Some(name) if name.ends_with('+') => Segment::Rest,
            Some(_) => Segment::Parameter,
            None => Segment::Literal { declared: text.to_owned(), decoded: decoded(text) },
        };
        let path = route.path();
        Self(path.strip_prefix('/').unwrap_or(path).split('/').map(segment).collect())
    }

    /// The paths that it fits: those that a request can have, and with a slash behind them what some take for the same.
    pub(super) fn paths(&self, end: &str) -> Paths {
        let mut steps = Vec::new();
        let some_of = |letter| [Step { letter, repeats: false }, Step { letter, repeats: true }];
        for (place, segment) in self.0.iter().enumerate() {
            if place > 0 {
                steps.extend(Paths::only("/").0);
            }
            match segment {
                Segment::Literal { decoded, .. } => steps.extend(Paths::only(decoded).0),
                Segment::Parameter => steps.extend(some_of(Letter::NoSlash)),
                Segment::Rest => steps.extend(some_of(Letter::Any)),
            }
        }
        steps.extend(Paths::only(end).0);
        Paths(steps)
    }

    /// The resources that it is in an allowing statement: its text as it is declared, and decoded where that is another.
    pub(super) fn allowing(&self) -> Vec<String> {
        let declared = self.joined(|_, segment| match segment {
            Segment::Literal { declared, .. } => declared.clone(),
            Segment::Parameter | Segment::Rest => "*".to_owned(),
        });
        let decoded = self.joined(|_, segment| match segment {
            Segment::Literal { decoded, .. } => decoded.clone(),
            Segment::Parameter | Segment::Rest => "*".to_owned(),
        });
        if declared == decoded { vec![declared] } else { vec![declared, decoded] }
    }

    /// The resource that it is in a denying statement: what can be written in more than one way is anything there.
    pub(super) fn denying(&self) -> String {
        self.joined(|_, segment| match segment {
            Segment::Literal { decoded, .. } => loosened(decoded),
            Segment::Parameter | Segment::Rest => "*".to_owned(),
        })
    }

    /// For each of its `{name}`, the resource of what [`Self::allowing`] opens too much: paths with more in that place than
    /// one segment. Where nothing but parameters follows and the last takes any number of segments, there is no such path.
    pub(super) fn guards(&self) -> Vec<String> {
        let ends_open = self.0.last() == Some(&Segment::Rest);
        let after_text = self.0.iter().rposition(|segment| matches!(segment, Segment::Literal { .. }));
        let is_guarded = |place: usize, segment: &Segment| {
            *segment == Segment::Parameter && !(ends_open && after_text.is_none_or(|text| text < place))
        };
        let guard = |guarded: usize| {
            self.joined(|place, segment| match segment {
                Segment::Literal { decoded, .. } => loosened(decoded),
                Segment::Parameter if place == guarded => "*/*".to_owned(),
                Segment::Parameter | Segment::Rest => "*".to_owned(),
            })
        };
        let numbered = self.0.iter().enumerate();
        numbered
            .filter(|(place, segment)| is_guarded(*place, segment))
            .map(|(place, _)| guard(place))
            .collect()
    }

    /// The resource of everything behind its literal beginning that is percent-encoded anywhere.
    pub(super) fn encoded(&self) -> String {
        let literal = self.0.iter().map_while(|segment| match segment {
            Segment::Literal { decoded, .. } => Some(decoded.as_str()),
            Segment::Parameter | Segment::Rest => None,
        });
        let mut glob = String::new();
        for text in literal {
            glob.push_str(&loosened(text));
            glob.push('/');
        }
        glob + "*%*"
    }

    /// Would a request that fits both be this one's? From the left, segment by segment, text goes before `{name}` and that
    /// before `{name+}`; none where they are alike and the method decides.
    pub(super) fn goes_before(&self, other: &Self) -> Option<bool> {
        let rank = |segment: &Segment| match segment {
            Segment::Literal { .. } => 0,
            Segment::Parameter => 1,
            Segment::Rest => 2,
        };
        let (own, others) = (self.0.iter().map(rank), other.0.iter().map(rank));
        own.zip(others).find(|(one, two)| one != two).map(|(one, two)| one < two)
    }

    /// Has it text alone?
    pub(super) fn is_plain(&self) -> bool {
        self.0.iter().all(|segment| matches!(segment, Segment::Literal { .. }))
    }

    fn joined(&self, text: impl Fn(usize, &Segment) -> String) -> String {
        let texts = self.0.iter().enumerate().map(|(place, segment)| text(place, segment));
        texts.collect::<Vec<_>>().join("/")
    }
}

/// The text of a literal segment as a request's is read. It was read once when the route was declared.
fn decoded(text: &str) -> String {
    let path = GatewayPath::parse(&format!("/{text}"));
    path.map_or_else(|_| text.to_owned(), |path| path.as_str().trim_start_matches('/').to_owned())
}

/// The text with a wildcard for every letter that somebody may encode (RFC 3986, section 2.3).
fn loosened(text: &str) -> String {
    let is_loose =
        |letter: char| !(letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_' | '~'));
    text.replace(is_loose, "*")
}

#[cfg(test)]
mod tests {
    use symbolon_domain::authorizer::{RouteDeclaration, Routes};

    use super::*;

    fn pattern(path: &str) -> Pattern {
        let declared =
            RouteDeclaration { name: "route".to_owned(), method: "ANY".to_owned(), path: path.to_owned() };
        let routes = Routes::new(vec![declared]).unwrap();
        Pattern::of(routes.iter().next().unwrap())
    }

    #[test]
    fn globs_and_patterns_meet_where_a_path_fits_both() {
        for (path, glob, meets) in [
            ("/", "", true),
            ("/", "*", true),
            ("/users", "users", true),
            ("/users", "users/*", false),
            ("/users/{id}", "users/*", true),
            ("/users/{id}", "users/*/*", false),
            ("/users/{id}", "users/", false),
            ("/users/{id}/orders", "users/*", true),
            ("/users/{id}/orders", "users/*/secrets", false),
            ("/users/{id}/orders", "users/me*", true),
            ("/files/{path+}", "files/*/*", true),
            ("/files/{path+}", "*.txt", true),
            ("/files/{path+}", "files/", false),
            ("/{rest+}", "admin", true),
        ] {
            assert_eq!(pattern(path).paths("").meet(&Paths::of_glob(glob)), meets, "{path} {glob}");
            assert_eq!(Paths::of_glob(glob).meet(&pattern(path).paths("")), meets, "{path} {glob}");
        }
        assert!(Paths::of_glob("a*c").meet(&Paths::only("a/b*c")));
        assert!(!Paths::of_glob("a*c").meet(&Paths::only("a/b")));
        let many = "*a".repeat(60);
        assert!(Paths::of_glob(&many).meet(&Paths::only(&"a".repeat(60))));
        assert!(!Paths::of_glob(&many).meet(&Paths::only(&"a".repeat(59))));
    }

    #[test]
    fn a_pattern_has_its_resources() {
        let user = pattern("/users/{id}/orders/{order}");
        assert_eq!(user.allowing(), ["users/*/orders/*"]);
        assert_eq!(user.denying(), "users/*/orders/*");
        assert_eq!(user.guards(), ["users/*/*/orders/*", "users/*/orders/*/*"]);
        assert_eq!(user.encoded(), "users/*%*");
        let odd = pattern("/a%20b/{rest+}");
        assert_eq!(odd.allowing(), ["a%20b/*", "a b/*"]);
        assert_eq!(odd.denying(), "a*b/*");
        assert!(odd.guards().is_empty());
        assert!(pattern("/a/{x}/{rest+}").guards().is_empty());
        assert_eq!(pattern("/a/{x}/b/{y}/{rest+}").guards(), ["a/*/*/b/*/*"]);
        assert_eq!(pattern("/").allowing(), [""]);
        assert!(pattern("/a/b").is_plain() && !user.is_plain());
    }

    #[test]
    fn the_more_specific_pattern_goes_first() {
        for (one, two, expected) in [
            ("/users/me", "/users/{id}", Some(true)),
            ("/users/{id}", "/users/me", Some(false)),
            ("/{a}/x", "/{b+}", Some(true)),
            ("/{a}/{b}", "/{c}/{d}", None),
            ("/users/{id}", "/{a}/me", Some(true)),
        ] {
            assert_eq!(pattern(one).goes_before(&pattern(two)), expected, "{one} {two}");
        }
    }
}
