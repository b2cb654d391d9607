//! The pattern of a path: text, `{name}` and `{name+}`. What is text in it is read as the path of a request is, so that what
//! no request can have is found at the start.

use std::collections::HashSet;

use crate::authorizer::{GatewayPath, UnsafePath};

/// What gateways and their policies read as a wildcard or a variable; it may not stand in the text of a pattern (Z7).
const WILDCARDS: [char; 5] = ['*', '?', '{', '}', '$'];
/// Stands for a parameter while the rest of a pattern is read.
const PLACEHOLDER: &str = "x";

/// A pattern that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    text: String,
    segments: Vec<Segment>,
}

/// What may stand between two slashes. Parameters have names for people only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    /// This, decoded.
    Literal(String),
    /// Something.
    Parameter,
    /// This segment and all that follow.
    Rest,
}

/// What is wrong with a pattern. It reads on after "the path".
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum PatternProblem {
    /// A query is no part of a path.
    #[error("has a query")]
    Query,
    /// No request has such a path, or none that is let through.
    #[error("fits no request that is let through: {0}")]
    Unsafe(#[from] UnsafePath),
    /// Braces that are no parameter.
    #[error("has the segment `{0}`: a parameter is `{{name}}` or, at the end, `{{name+}}`")]
    Parameter(String),
    /// A parameter is named twice.
    #[error("names the parameter `{0}` twice")]
    ParameterTwice(String),
    /// Something follows `{name+}`.
    #[error("goes on after `{{name+}}`")]
    AfterRest,
    /// A character that others read as a wildcard.
    #[error(
        "has `*`, `?`, `$` or a brace in the segment `{0}`: only `{{name}}` and `{{name+}}` stand for others"
    )]
    Wildcard(String),
}

impl Pattern {
    pub(super) fn parse(text: &str) -> Result<Self, PatternProblem> {
        if text.contains('?') {
            return Err(PatternProblem::Query);
        }
        let plain = text.split('/').map(|part| parameter(part).map_or(part, |_| PLACEHOLDER));
        let path = GatewayPath::parse(&plain.collect::<Vec<_>>().join("/"))?;
        let mut segments = Vec::new();
        let mut names = HashSet::new();
        // Decoding neither adds slashes nor takes them away: part and segment are the same.
        for (part, decoded) in text.split('/').skip(1).zip(path.segments()) {
            if segments.last() == Some(&Segment::Rest) {
                return Err(PatternProblem::AfterRest);
            }
            segments.push(match parameter(part) {
                Some((name, _)) if !is_name(name) => return Err(PatternProblem::Parameter(part.to_owned())),
                Some((name, _)) if !names.insert(name) => {
                    return Err(PatternProblem::ParameterTwice(name.to_owned()));
                }
                Some((_, segment)) => segment,
                None if decoded.contains(WILDCARDS) => {
                    return Err(PatternProblem::Wildcard(part.to_owned()));
                }
                None => Segment::Literal(decoded.to_owned()),
            });
        }
        Ok(Self { text: text.to_owned(), segments })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }
}

/// The name and the meaning of a segment that is in braces.
fn parameter(part: &str) -> Option<(&str, Segment)> {
    let inner = part.strip_prefix('{')?.strip_suffix('}')?;
    Some(match inner.strip_suffix('+') {
        Some(name) => (name, Segment::Rest),
        None => (inner, Segment::Parameter),
    })
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}
