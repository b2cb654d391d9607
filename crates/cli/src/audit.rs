//! `symbolon audit tail`: what happened last.

use serde::Serialize;
use symbolon_domain::{
    actor::Actor,
    audit::AuditEvent,
    clock::Timestamp,
    id::{AuditEventId, RequestId},
};

use crate::arguments::AuditCommand;
use crate::output::{Output, or_dash};
use crate::wiring::Service;
use crate::{CommandResult, page};

/// An event as an operator sees it.
#[derive(Serialize)]
struct EventRow {
    id: AuditEventId,
    at: Timestamp,
    actor: String,
    act: String,
    outcome: &'static str,
    reason: Option<String>,
    subject: Option<String>,
    ip: Option<String>,
    request_id: Option<RequestId>,
    count: u32,
}

/// Runs it: the latest events, the oldest of them first, as `tail` does.
///
/// # Errors
/// The store failed.
pub async fn run(command: &AuditCommand, service: &Service, output: &mut Output<'_>) -> CommandResult {
    let AuditCommand::Tail(arguments) = command;
    let listed = service.audit.list(page::request(arguments)?).await?;
    let rows: Vec<_> = listed.items.iter().rev().map(EventRow::from).collect();
    output.list(&["at", "actor", "act", "outcome", "reason", "subject", "ip", "count"], &rows, cells)?;
    page::tell_next(&listed, output)
}

fn cells(row: &EventRow) -> Vec<String> {
    vec![
        row.at.to_string(),
        row.actor.clone(),
        row.act.clone(),
        row.outcome.to_owned(),
        or_dash(row.reason.as_ref()),
        or_dash(row.subject.as_ref()),
        or_dash(row.ip.as_ref()),
        row.count.to_string(),
    ]
}

impl From<&AuditEvent> for EventRow {
    fn from(event: &AuditEvent) -> Self {
        let actor = match event.actor {
            Actor::Anonymous => "anonymous".to_owned(),
            Actor::Account(id) => format!("account:{id}"),
            Actor::Operator => "operator".to_owned(),
            Actor::System => "system".to_owned(),
        };
        Self {
            id: event.id,
            at: event.at,
            actor,
            act: event.act.as_str().to_owned(),
            outcome: event.outcome.as_str(),
            reason: event.reason.as_ref().map(ToString::to_string),
            subject: event.subject.as_ref().map(|subject| subject.as_str().to_owned()),
            ip: event.ip.map(|ip| ip.to_string()),
            request_id: event.request_id,
            count: event.count,
        }
    }
}
