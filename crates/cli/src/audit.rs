//! `symbolon audit tail|export`: what happened.

use serde::Serialize;
use symbolon_domain::{
    actor::Actor,
    audit::{AuditEvent, AuditFilter},
    clock::Timestamp,
    id::{AuditEventId, RequestId},
    page::PageRequest,
};

use crate::arguments::{AuditCommand, EventArguments, TailArguments};
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

/// Runs one of them.
///
/// # Errors
/// The store failed.
pub async fn run(command: &AuditCommand, service: &Service, output: &mut Output<'_>) -> CommandResult {
    match command {
        AuditCommand::Tail(arguments) => tail(arguments, service, output).await,
        AuditCommand::Export(arguments) => export(arguments, service, output).await,
    }
}

/// The latest events, the oldest of them first, as `tail` does.
async fn tail(arguments: &TailArguments, service: &Service, output: &mut Output<'_>) -> CommandResult {
    let filter = filter(&arguments.events);
    let wanted = page::request(&arguments.page)?;
    let mut found = service.audit.list(&filter, wanted).await?;
    // A page may come back short and go on.
    while found.items.len() < wanted.limit() && found.next.is_some() {
        let rest = PageRequest::new(wanted.limit() - found.items.len(), found.next);
        let more = service.audit.list(&filter, rest).await?;
        found.items.extend(more.items);
        found.next = more.next;
    }
    let rows: Vec<_> = found.items.iter().rev().map(EventRow::from).collect();
    output.list(&["at", "actor", "act", "outcome", "reason", "subject", "ip", "count"], &rows, cells)?;
    page::tell_next(&found, output)
}

/// Every event, the newest first, a page in memory at a time.
async fn export(arguments: &EventArguments, service: &Service, output: &mut Output<'_>) -> CommandResult {
    let filter = filter(arguments);
    let mut page = PageRequest::new(PageRequest::MAX_LIMIT, None);
    loop {
        let found = service.audit.list(&filter, page).await?;
        for event in &found.items {
            output.json_line(&EventRow::from(event))?;
        }
        page.after = found.next;
        if page.after.is_none() {
            return Ok(());
        }
    }
}

fn filter(arguments: &EventArguments) -> AuditFilter {
    AuditFilter {
        account: arguments.account,
        act: arguments.act.clone(),
        outcome: arguments.outcome,
        since: arguments.since,
        until: arguments.until,
    }
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
