//! `symbolon outbox list|show|retry`: messages without their content (M1). Trying mail out, in [`test_send`] and
//! [`preview`], needs none that is in the outbox.

use serde::Serialize;
use symbolon_domain::{
    actor::{Actor, Origin},
    clock::Timestamp,
    id::{MessageId, RequestId},
    outbox::{MessageState, MessageSummary, Retried},
};

use crate::arguments::OutboxCommand;
use crate::output::{Output, or_dash};
use crate::wiring::Service;
use crate::{CommandError, CommandResult, page};

pub mod preview;
pub mod test_send;

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
            let found = service.outbox.find(parse(id)?).await?.ok_or(CommandError::NotFound("message"))?;
            Ok(output.record(&MessageRow::from(&found))?)
        }
        OutboxCommand::Retry { id } => retry(parse(id)?, service, output).await,
        // They need no store.
        OutboxCommand::TestSend { .. } | OutboxCommand::Preview(_) => Ok(()),
    }
}

fn parse(id: &str) -> Result<MessageId, CommandError> {
    id.parse().map_err(|_| CommandError::Argument("not a message id"))
}

async fn retry(id: MessageId, service: &Service, output: &mut Output<'_>) -> CommandResult {
    let request_id = RequestId::new(service.clock.now(), &*service.entropy);
    let origin = Origin { request_id, ip: None, user_agent: None };
    match service.outbox.retry(id, Actor::Operator, &origin).await? {
        Retried::Due => Ok(output.line("the message is due now: `symbolon serve` sends it")?),
        Retried::Leased => Err(CommandError::Refused("a worker has the message in its hands: wait a minute")),
        Retried::Ended(MessageState::Dropped) => Err(CommandError::Refused(
            "the message was given up, and its content is gone: whoever needs it asks for a new one",
        )),
        Retried::Ended(_) => Err(CommandError::Refused("the message was delivered, and its content is gone")),
        Retried::Unknown => Err(CommandError::NotFound("message")),
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
