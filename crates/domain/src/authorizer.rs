//! The authorizer of gateways: one decision for every front (Z5). May whoever shows this credential call this method on
//! this path?
//!
//! A request is decided in this order, and the first "no" is the answer: a path that two programs might read differently
//! is denied whoever asks (Z8); without a credential that counts nobody is known (Z9); what is not declared is denied; and
//! then the policies say (Z6). What none of them permits is denied: a valid credential alone opens nothing. An outage
//! is an error, never a "no".
//!
//! Fronts (forward-auth, Lambda, the command line) only translate: none of them decides anything.

use std::sync::Arc;

use crate::audit::Refusals;

mod decide;
mod identify;
mod model;
mod path;
mod policy;
mod routes;

pub use self::{
    decide::{AuthorizeError, RouteVerdict},
    identify::{CredentialPorts, CredentialSettings, CredentialVerifiers, Credentials, IdentifyError},
    model::{
        GatewayDecision, GatewayDenial, GatewayRequest, Method, Principal, PrincipalKind, PrincipalSubject,
    },
    path::{GatewayPath, UnsafePath},
    policy::{RouteContext, RoutePolicy, RouteRequest},
    routes::{PatternProblem, Route, RouteDeclaration, RouteMethod, RouteProblem, Routes},
};

/// What the authorizer stands on.
#[derive(Clone)]
pub struct AuthorizerPorts {
    /// Says who shows a credential; [`CredentialVerifiers`] where no test stands in for it.
    pub credentials: Arc<dyn Credentials>,
    /// Says what is permitted.
    pub policy: Arc<dyn RoutePolicy>,
    /// Counts what is refused.
    pub refusals: Refusals,
}

/// Decides what gateways ask.
#[derive(Clone)]
pub struct Authorizer {
    ports: AuthorizerPorts,
    routes: Arc<Routes>,
}

impl Authorizer {
    /// Over these ports, for these routes: those that the policies were loaded for.
    #[must_use]
    pub fn new(ports: AuthorizerPorts, routes: Arc<Routes>) -> Self {
        Self { ports, routes }
    }

    /// The routes that are declared.
    #[must_use]
    pub fn routes(&self) -> &Routes {
        &self.routes
    }
}
