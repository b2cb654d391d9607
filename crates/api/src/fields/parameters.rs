//! The parameters of a query (A2): what is wrong with them is told as it is of a body, with each parameter's name.

use axum::http::Uri;
use symbolon_domain::page::{Cursor, PageRequest};

use super::{Fault, MOST_FAULTS};
use crate::problem::{FieldError, Place, Problem, Slug};

/// The parameters of a query, read like the members of a body.
pub(crate) struct Parameters {
    pairs: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl Parameters {
    /// Of this request.
    pub(crate) fn of(uri: &Uri) -> Self {
        let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri);
        Self { pairs: pairs.map(|query| query.0).unwrap_or_default(), errors: Vec::new() }
    }

    /// A parameter that may be absent.
    pub(crate) fn optional<T: std::str::FromStr>(
        &mut self,
        name: &'static str,
        detail: &'static str,
    ) -> Option<T> {
        self.parsed(name, detail, |value| value.parse().ok())
    }

    /// A parameter that may be absent, and that this function reads.
    pub(crate) fn parsed<T>(
        &mut self,
        name: &'static str,
        detail: &'static str,
        read: impl FnOnce(String) -> Option<T>,
    ) -> Option<T> {
        let mut values: Vec<String> =
            self.pairs.extract_if(.., |(key, _)| key == name).map(|(_, value)| value).collect();
        match (values.pop(), values.is_empty()) {
            (None, _) => None,
            (Some(value), true) => read(value).or_else(|| self.fault(name, Slug::InvalidFormat, detail)),
            (Some(_), false) => {
                self.fault(name, Slug::InvalidValue, "this parameter is given more than once")
            }
        }
    }

    /// The page of a list that is asked for.
    pub(crate) fn page(&mut self) -> PageRequest {
        let limit = self.optional("limit", "a number from 1 to 200 is expected");
        let after: Option<Cursor> = self.optional("after", "the `next` of an earlier page is expected");
        if limit.is_some_and(|limit| !(1..=PageRequest::MAX_LIMIT).contains(&limit)) {
            self.refuse("limit", "a number from 1 to 200 is expected");
        }
        PageRequest::new(limit.unwrap_or(PageRequest::DEFAULT_LIMIT), after)
    }

    /// Notes that a value cannot be accepted.
    pub(crate) fn refuse(&mut self, name: &'static str, detail: &'static str) {
        self.fault::<()>(name, Slug::InvalidValue, detail);
    }

    /// Nothing may be wrong or left over.
    pub(crate) fn finish(self) -> Result<(), Problem> {
        let errors = self.faults();
        if errors.is_empty() { Ok(()) } else { Err(Problem::invalid(errors)) }
    }

    /// Everything that is wrong, and what is left over.
    pub(super) fn faults(mut self) -> Vec<FieldError> {
        for (name, _) in std::mem::take(&mut self.pairs) {
            self.fault::<()>(&name, Slug::InvalidValue, "no such parameter is known here");
        }
        self.errors
    }

    fn fault<T>(&mut self, name: &str, slug: Slug, detail: &'static str) -> Option<T> {
        if self.errors.len() < MOST_FAULTS {
            self.errors.push(Fault::new(slug, detail).at(Place::Parameter(name.to_owned())));
        }
        None
    }
}
