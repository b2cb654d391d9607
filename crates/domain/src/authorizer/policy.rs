//! The port that judges: the route policies as they were loaded at the start (Z6). Nothing in a question is a credential, a
//! code or a header of the request's own choosing but its path and host.

use std::net::IpAddr;

use super::{Method, Principal, Route};
use crate::access::{PolicyFault, Ruling};

/// What a policy may know of a request besides who calls what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteContext<'a> {
    /// The path: decoded and without its query. The route's pattern where the question is about the route as a whole.
    pub path: &'a str,
    /// The host in lower case, without port or final dot.
    pub host: &'a str,
    /// The caller's address, where it is known; an IPv4 address that is written as an IPv6 one is that IPv4 address.
    pub source_ip: Option<IpAddr>,
}

/// May this principal call this route?
#[derive(Clone, Copy, Debug)]
pub struct RouteRequest<'a> {
    /// Who.
    pub principal: &'a Principal,
    /// By this method, which is one of the route's.
    pub method: Method,
    /// What: one of the routes that the policies were loaded for.
    pub route: &'a Route,
    /// What else a policy may look at.
    pub context: RouteContext<'a>,
}

/// Judges by policies. It computes only; it looks nothing up.
pub trait RoutePolicy: Send + Sync {
    /// What the policies say.
    ///
    /// # Errors
    /// One of them could not be evaluated: a policy that forbids might be left out then, so nothing is said.
    fn judge(&self, request: &RouteRequest<'_>) -> Result<Ruling, PolicyFault>;
}
