//! What a Lambda authorizer answers (Z7): a REST API a policy of IAM, an HTTP API a yes or a no, either the error
//! `Unauthorized`, which both make a 401 of, where nobody is known. Who it names is from verified claims only, and what it says
//! of them are texts; the credential is in none of it.

use std::collections::BTreeMap;

use serde::Serialize;
use symbolon_api::describe;
use symbolon_domain::{
    access::PolicyFault,
    authorizer::{Authorizer, GatewayDecision, Principal},
};

use super::{
    MethodArn,
    events::{AuthorizerEvent, Front},
    policy::{Asked, PolicyDocument},
};

/// Whom a policy is for that opens nothing, where it is not known who asked.
const NOBODY: &str = "anonymous";
/// The error that API Gateway knows.
const UNAUTHORIZED: &str = "Unauthorized";

/// What is told of the principal, by name.
type Context = BTreeMap<&'static str, String>;

/// What the function returns, or fails with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged, rename_all_fields = "camelCase")]
pub enum Answer {
    /// To a REST API.
    Policy {
        /// Whom it is for.
        principal_id: String,
        /// What they may call.
        policy_document: PolicyDocument,
        /// What is known of them.
        context: Context,
    },
    /// To an HTTP API.
    Simple {
        /// May they?
        is_authorized: bool,
        /// What is known of them.
        context: Context,
    },
    /// The error that the invocation fails with.
    Failure {
        /// Its kind.
        error_type: &'static str,
        /// What API Gateway looks at.
        error_message: &'static str,
    },
}

/// An answer, and what comes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// What the function returns.
    pub answer: Answer,
    /// Whether API Gateway lets the request through. Where an answer for many requests cannot say what was decided for this
    /// one, it does not, whatever the decision.
    pub lets_through: bool,
}

/// The answer to an event that was decided so.
///
/// # Errors
/// A policy could not be evaluated.
pub fn answer(
    event: &AuthorizerEvent,
    decision: &GatewayDecision,
    authorizer: &Authorizer,
) -> Result<Answered, PolicyFault> {
    match (&event.front, decision) {
        (_, GatewayDecision::Unauthenticated { .. }) => Ok(unauthorized()),
        (Front::Http, decision) => Ok(simple(decision)),
        (Front::Rest(arn), decision) => rest(event, arn, decision, authorizer),
    }
}

fn unauthorized() -> Answered {
    let answer = Answer::Failure { error_type: UNAUTHORIZED, error_message: UNAUTHORIZED };
    Answered { answer, lets_through: false }
}

/// For this one request.
fn simple(decision: &GatewayDecision) -> Answered {
    let is_authorized = decision.is_allowed();
    let mut context = principal(decision).map(context).unwrap_or_default();
    if let GatewayDecision::Allowed { route, .. } = decision {
        // A route's name needs no encoding: letters, digits, `-`, `_` and `.` are all that is in it.
        context.insert("route", route.name().to_owned());
    }
    Answered { answer: Answer::Simple { is_authorized, context }, lets_through: is_authorized }
}

/// For every request of this principal, as far as it can be told.
fn rest(
    event: &AuthorizerEvent,
    arn: &MethodArn,
    decision: &GatewayDecision,
    authorizer: &Authorizer,
) -> Result<Answered, PolicyFault> {
    let Some(principal) = principal(decision) else {
        let (policy_document, context) = (PolicyDocument::closed(arn), Context::new());
        let answer = Answer::Policy { principal_id: NOBODY.to_owned(), policy_document, context };
        return Ok(Answered { answer, lets_through: false });
    };
    let request = event.request();
    let verdicts = authorizer.judge_routes(principal, request.host, request.source_ip)?;
    let asked = Asked { arn, route: route(decision), is_allowed: decision.is_allowed() };
    let (policy_document, lets_through) = PolicyDocument::for_request(&asked, &verdicts);
    let (principal_id, context) = (principal.name(), context(principal));
    Ok(Answered { answer: Answer::Policy { principal_id, policy_document, context }, lets_through })
}

fn context(principal: &Principal) -> Context {
    describe(principal).into_iter().collect()
}

fn principal(decision: &GatewayDecision) -> Option<&Principal> {
    match decision {
        GatewayDecision::Allowed { principal, .. } => Some(principal),
        GatewayDecision::Denied { principal, .. } => principal.as_ref(),
        GatewayDecision::Unauthenticated { .. } | GatewayDecision::RateLimited { .. } => None,
    }
}

fn route(decision: &GatewayDecision) -> Option<&str> {
    match decision {
        GatewayDecision::Allowed { route, .. } => Some(route.name()),
        GatewayDecision::Denied { route, .. } => route.as_ref().map(|route| route.name()),
        GatewayDecision::Unauthenticated { .. } | GatewayDecision::RateLimited { .. } => None,
    }
}

#[cfg(test)]
mod tests;
