//! `symbolon outbox list|show`: messages without their content (M1).

use serde::Serialize;
use symbolon_domain::{clock::Timestamp, id::MessageId, outbox::MessageSummary};

use crate::arguments::OutboxCommand;
use crate::output::{Output, or_dash};
use crate::wiring::Service;
use crate::{CommandError, CommandResult, page};

/// A message as an operator sees it.
#[derive(Serialize)]
struct MessageRow {
    id: MessageId,
    kind: &'static str,
    state: &'static str,
    attempts: u32,
    created: Timestamp,
    expires: Timestamp,
    next_attempt: Option<Timestamp>,
    ended: Option<Timestamp>,
    reason: Option<String>,
}

/// Runs one of them.
///
/// # Errors
/// There is no such message, or the store failed.
pub async fn run(command: &OutboxCommand, service: &Service, output: &mut Output<'_>) -> CommandResult {
    match command {
        OutboxCommand::List(arguments) => {
            let listed = service.outbox.list(page::request(arguments)?).await?;
            let rows: Vec<_> = listed.items.iter().map(MessageRow::from).collect();
            output.list(&["id", "kind", "state", "attempts", "created", "ended", "reason"], &rows, cells)?;
            page::tell_next(&listed, output)
        }
        OutboxCommand::Show { id } => {
            let id = id.parse().map_err(|_| CommandError::Argument("not a message id"))?;
            let found = service.outbox.find(id).await?.ok_or(CommandError::NotFound("message"))?;
            Ok(output.record(&MessageRow::from(&found))?)
        }
    }
}

fn cells(row: &MessageRow) -> Vec<String> {
    vec![
        row.id.to_string(),
        row.kind.to_owned(),
        row.state.to_owned(),
        row.attempts.to_string(),
        row.created.to_string(),
        or_dash(row.ended),
        or_dash(row.reason.as_ref()),
    ]
}

impl From<&MessageSummary> for MessageRow {
    fn from(message: &MessageSummary) -> Self {
        Self {
            id: message.id,
            kind: message.kind.as_str(),
            state: message.state.as_str(),
            attempts: message.attempts,
            created: message.created_at,
            expires: message.expires_at,
            next_attempt: message.next_attempt_at,
            ended: message.ended_at,
            reason: message.reason.clone(),
        }
    }
}
