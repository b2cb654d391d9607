//! `symbolon authorize`: the gateway's decision about an event of a Lambda authorizer, and the answer that API Gateway would
//! get. It decides as the service does: what is refused is noted in the audit log.

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
};

use serde::Serialize;
use symbolon_domain::{
    access::PolicyId,
    authorizer::{AuthorizeError, GatewayDecision},
};

use crate::accounts::operator;
use crate::arguments::{AuthorizeArguments, OutputFormat};
use crate::lambda::{
    answer::{Answer, answer},
    events::AuthorizerEvent,
};
use crate::output::Output;
use crate::wiring::Service;
use crate::{CommandError, CommandResult};

/// The longest event that is looked at, in bytes.
const LONGEST: u64 = 1024 * 1024;

/// Why something was shown and there is `no_credential` all the same.
const NO_BEARER: &str =
    "the event's authorization is not in the form `Bearer …`, so nothing of it was looked at";

/// How an answer came about. The credential is no part of it.
#[derive(Debug, Serialize)]
struct Explanation {
    decision: &'static str,
    reason: Option<&'static str>,
    kind: Option<&'static str>,
    principal: Option<String>,
    route: Option<String>,
    policies: Vec<String>,
    lets_through: bool,
}

/// An answer with its explanation.
#[derive(Serialize)]
struct Explained<'a> {
    answer: &'a Answer,
    explanation: &'a Explanation,
}

/// Decides about an event and prints the answer.
///
/// # Errors
/// The request would not be let through; or there is no decision.
pub async fn run(
    arguments: &AuthorizeArguments,
    service: &Service,
    output: &mut Output<'_>,
) -> CommandResult {
    let event = AuthorizerEvent::parse(&read(&arguments.event)?)
        .map_err(|error| CommandError::Option { option: "event", detail: error.to_string() })?;
    let decision = service.authorizer.decide(&event.request(), &operator(service)).await?;
    let answered = answer(&event, &decision, &service.authorizer).map_err(AuthorizeError::from)?;
    let explanation = explain(&decision, answered.lets_through);
    if arguments.explain && event.is_without_bearer() {
        output.notice(NO_BEARER)?;
    }
    match (arguments.explain, output.format()) {
        (false, _) => output.json(&answered.answer)?,
        (true, OutputFormat::Json) => {
            output.json(&Explained { answer: &answered.answer, explanation: &explanation })?;
        }
        (true, OutputFormat::Table) => {
            output.json(&answered.answer)?;
            output.record(&explanation)?;
        }
    }
    if answered.lets_through {
        return Ok(());
    }
    Err(CommandError::NotAllowed(explanation.reason.unwrap_or("no policy for many requests can say it")))
}

fn explain(decision: &GatewayDecision, lets_through: bool) -> Explanation {
    let (name, reason, principal, route, policies) = match decision {
        GatewayDecision::Allowed { principal, route, policies } => {
            ("allowed", None, Some(principal), Some(route), policies.as_slice())
        }
        GatewayDecision::Denied { reason, principal, route, policies } => {
            ("denied", Some(reason.as_str()), principal.as_ref(), route.as_ref(), policies.as_slice())
        }
        GatewayDecision::Unauthenticated { reason } => {
            ("unauthenticated", Some(*reason), None, None, <&[PolicyId]>::default())
        }
        GatewayDecision::RateLimited { .. } => {
            ("rate_limited", Some("rate_limited"), None, None, <&[PolicyId]>::default())
        }
    };
    Explanation {
        decision: name,
        reason,
        kind: principal.map(|principal| principal.kind.as_str()),
        principal: principal.map(|principal| principal.name()),
        route: route.map(|route| route.name().to_owned()),
        policies: policies.iter().map(ToString::to_string).collect(),
        lets_through,
    }
}

/// The event of a file, or of standard input.
fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    let mut text = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(LONGEST + 1).read_to_end(&mut text)
    } else {
        fs::File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut text))
    };
    read.map_err(CommandError::Input)?;
    if text.len() as u64 > LONGEST {
        return Err(CommandError::Argument("longer than any event: more than 1 MiB"));
    }
    Ok(text)
}
