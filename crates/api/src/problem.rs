//! The one shape of every error: RFC 9457 `application/problem+json`. Which problems there are is [`catalogue`]'s;
//! which error is which problem is each feature's own.
//!
//! A handler's [`Problem`] travels to the boundary inside an empty response; only there does it get its request id,
//! its body and, when it is ours to answer for, its one log line.

use std::{borrow::Cow, error::Error, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, Response, StatusCode, header},
    response::IntoResponse,
};
use serde::Serialize;
use symbolon_domain::{
    clock::Timestamp, id::RequestId, passwords::HashError, signing_keys::SignError, store_error::StoreError,
};
use utoipa::ToSchema;

mod catalogue;
mod documented;

pub(crate) use self::{catalogue::ProblemType, documented::*};
use crate::fields::Fault;

/// The media type of every error.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// A wait is never announced as longer than this, in seconds.
const LONGEST_WAIT: u64 = 86_400;

/// Why a request was not answered as its caller wished.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    kind: ProblemType,
    detail: Option<String>,
    errors: Vec<FieldError>,
    retry: Option<Retry>,
    max_age: Option<Duration>,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// When it may be tried again.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Retry {
    /// After so many seconds.
    After(u64),
    /// At this moment.
    At(Timestamp),
}

/// One thing that is wrong with a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = FieldError, example = json!({"slug": "missing", "pointer": "/password", "detail": "this member is required"}))]
pub(crate) struct FieldError {
    /// What is wrong, for programs.
    pub(crate) slug: Slug,
    /// Where it is wrong.
    #[serde(flatten)]
    pub(crate) place: Place,
    /// What is wrong, for people.
    #[schema(value_type = String)]
    pub(crate) detail: Cow<'static, str>,
}

/// What can be wrong with one part of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FieldErrorSlug)]
pub(crate) enum Slug {
    /// It is required.
    Missing,
    /// It is too short.
    Insufficient,
    /// It is too long.
    Overflow,
    /// It is not of the right form.
    InvalidFormat,
    /// It is of the right form, and not acceptable.
    InvalidValue,
}

/// The part of a request that is meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = FieldErrorPlace)]
pub(crate) enum Place {
    /// A member of the body, as a JSON pointer (RFC 6901).
    Pointer(String),
    /// A parameter of the query.
    Parameter(String),
    /// A header.
    Header(String),
}

/// The body of every error (RFC 9457).
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// Which problem, as a reference to its description.
    #[serde(rename = "type")]
    #[schema(format = "uri-reference", example = "/problems/invalid_request")]
    kind: String,
    /// The problem in a few words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What to do about it.
    #[schema(value_type = String)]
    detail: Cow<'static, str>,
    /// The request's id, also in `X-Request-Id`; quote it when you ask for help.
    #[schema(value_type = String, format = "uuid")]
    request_id: RequestId,
    /// Everything that is wrong with the request, where there is more to say.
    errors: Vec<FieldError>,
}

impl Problem {
    /// A problem with nothing more to say.
    pub(crate) const fn new(kind: ProblemType) -> Self {
        Self { kind, detail: None, errors: Vec::new(), retry: None, max_age: None, source: None }
    }

    /// A request with these faults.
    pub(crate) fn invalid(errors: Vec<FieldError>) -> Self {
        Self { errors, ..Self::new(ProblemType::InvalidRequest) }
    }

    /// A sign-in that is older than this, which is too old (RFC 9470, section 3).
    pub(crate) fn stale(max_age: Duration) -> Self {
        Self { max_age: Some(max_age), ..Self::new(ProblemType::InsufficientUserAuthentication) }
    }

    /// One fault of one member of the body.
    pub(crate) fn at(pointer: &str, fault: Fault) -> Self {
        Self::invalid(vec![fault.at(Place::Pointer(pointer.to_owned()))])
    }

    /// The same problem, which this member of the body is to blame for.
    pub(crate) fn blaming(mut self, pointer: &str, fault: Fault) -> Self {
        self.errors.push(fault.at(Place::Pointer(pointer.to_owned())));
        self
    }

    /// A problem that one header is to blame for.
    pub(crate) fn of_header(kind: ProblemType, name: &str, fault: Fault) -> Self {
        Self { errors: vec![fault.at(Place::Header(name.to_owned()))], ..Self::new(kind) }
    }

    /// Our own failure, with what caused it for the log.
    pub(crate) fn internal(source: impl Error + Send + Sync + 'static) -> Self {
        Self { source: Some(Arc::new(source)), ..Self::new(ProblemType::Internal) }
    }

    /// An outage or an overload that may soon be over.
    pub(crate) fn unavailable(source: impl Error + Send + Sync + 'static) -> Self {
        let problem = Self { source: Some(Arc::new(source)), ..Self::new(ProblemType::Unavailable) };
        problem.retry(Retry::After(1))
    }

    /// The same problem, to be tried again then.
    pub(crate) const fn retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// The same problem, which says more than its kind does.
    pub(crate) fn detailed(mut self, detail: String) -> Self {
        self.detail = Some(detail);
        self
    }

    /// Which problem it is.
    pub(crate) const fn kind(&self) -> ProblemType {
        self.kind
    }

    /// Is a parameter of the query among what is wrong?
    pub(crate) fn is_of_query(&self) -> bool {
        self.errors.iter().any(|error| matches!(error.place, Place::Parameter(_)))
    }

    /// What caused it.
    pub(crate) fn source(&self) -> Option<&(dyn Error + Send + Sync)> {
        self.source.as_deref()
    }

    /// The answer, complete.
    pub(crate) fn render(self, request_id: RequestId, now: Timestamp) -> axum::response::Response {
        let body = ProblemBody {
            kind: self.kind.reference(),
            title: self.kind.title(),
            status: self.kind.status().as_u16(),
            detail: self.detail.map_or(Cow::Borrowed(self.kind.detail()), Cow::Owned),
            request_id,
            errors: self.errors,
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.kind.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(challenge) = self.kind.challenge() {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(challenge) = self.max_age.and_then(step_up) {
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if let Some(retry) = self.retry {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(retry.seconds(now)));
        }
        response
    }
}

impl Retry {
    /// Whole seconds, rounded up, at least one.
    fn seconds(self, now: Timestamp) -> u64 {
        let seconds = match self {
            Self::After(seconds) => seconds,
            Self::At(moment) => whole_seconds(moment.since(now)),
        };
        seconds.clamp(1, LONGEST_WAIT)
    }
}

/// What `WWW-Authenticate` says of a sign-in that is older than this (RFC 9470, section 3).
fn step_up(max_age: Duration) -> Option<HeaderValue> {
    let slug = ProblemType::InsufficientUserAuthentication.slug();
    format!("Bearer error=\"{slug}\", max_age={}", max_age.as_secs()).parse().ok()
}

/// Rounded up.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0))
}

impl IntoResponse for Problem {
    /// An empty response that carries the problem to the boundary.
    fn into_response(self) -> axum::response::Response {
        let mut response = self.kind.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

/// An outage is told as one, never as a "no" (rule 6).
impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::unavailable(error)
    }
}

impl From<HashError> for Problem {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::unavailable(error),
            HashError::Failed(_) => Self::internal(error),
        }
    }
}

impl From<SignError> for Problem {
    fn from(error: SignError) -> Self {
        Self::internal(error)
    }
}

/// The problem that stands for a bare status, such as the framework gives.
pub(crate) fn of_status(status: StatusCode) -> Problem {
    let kind = ProblemType::ALL.into_iter().find(|kind| kind.stands_for(status));
    Problem::new(kind.unwrap_or(if status.is_server_error() {
        ProblemType::Internal
    } else {
        ProblemType::InvalidRequest
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_rounded_up_and_never_endless() {
        let now = Timestamp::from_seconds(1_000);
        let wait = |micros: i64| Retry::At(Timestamp::from_micros(1_000_000_000 + micros)).seconds(now);
        assert_eq!([wait(-5_000_000), wait(0), wait(1), wait(1_000_000), wait(1_000_001)], [1, 1, 1, 1, 2]);
        assert_eq!(Retry::At(Timestamp::MAX).seconds(now), 86_400);
        assert_eq!(Retry::After(0).seconds(now), 1);
    }

    /// A bare status of the framework never becomes a finding about a token, a code or a ceremony.
    #[test]
    fn a_bare_status_has_its_general_problem() {
        for (status, slug) in [
            (400, "invalid_request"),
            (401, "unauthorized"),
            (404, "not_found"),
            (405, "method_not_allowed"),
            (413, "payload_too_large"),
            (418, "invalid_request"),
            (500, "internal_error"),
            (503, "unavailable"),
            (504, "internal_error"),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(of_status(status).kind().slug(), slug, "{status}");
        }
    }
}
