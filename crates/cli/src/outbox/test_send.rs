//! `symbolon outbox test-send`: one message straight through the configured carrier, past the outbox (M4). It needs no store;
//! where there is one, its audit log says that it was sent.

use serde::Serialize;
use symbolon_domain::{
    actor::{Actor, Origin},
    audit::{Act, AuditEvent, Outcome},
    id::{MessageId, RequestId},
    identifiers::EmailAddress,
    outbox::{CarrierError, Email, MessageKind},
};

use crate::output::Output;
use crate::settings::{EmailCarrier, Settings};
use crate::wiring::{self, Questions, Surroundings, WiringError};
use crate::{CommandError, CommandResult, chain};

/// What became of the message.
#[derive(Serialize)]
struct Sent {
    message: MessageId,
    carrier: EmailCarrier,
    result: &'static str,
}

/// Sends it, once.
///
/// # Errors
/// The carrier did not take it, for a reason that is a slug.
pub async fn run(address: &str, settings: &Settings, output: &mut Output<'_>) -> CommandResult {
    let to: EmailAddress = address.parse().map_err(|_| CommandError::Argument("not an e-mail address"))?;
    let templates = wiring::templates(settings, &settings.messages.language)?;
    let carrier = wiring::email::carrier(&settings.messages.email).await?;
    let Surroundings { clock, entropy, .. } = Surroundings::real();
    let now = clock.now();
    let id = MessageId::new(now, &*entropy);
    let (content, _) = templates.preview(MessageKind::Test)?;
    let email = Email { id, created_at: now, to: to.as_typed().to_owned(), content };
    let sent = carrier.send(&email).await;

    let origin = Origin { request_id: RequestId::new(now, &*entropy), ip: None, user_agent: None };
    let mut event = AuditEvent::done(Act::MESSAGE_TEST_SENT, Actor::Operator, &origin, now, &*entropy).on(id);
    if let Err(CarrierError::Transient(reason) | CarrierError::Permanent(reason)) = &sent {
        (event.outcome, event.reason) = (Outcome::Refused, Some(reason.clone()));
    }
    if let Err(why) = Box::pin(note(event, settings)).await {
        output.notice(&format!("this is in no audit log: {why}"))?;
    }
    sent?;
    let carrier = settings.messages.email.carrier;
    Ok(output.record(&Sent { message: id, carrier, result: "accepted" })?)
}

/// Writes the event where there is a store. The test itself is over, so nothing here can fail it.
async fn note(event: AuditEvent, settings: &Settings) -> Result<(), String> {
    let told = |error: WiringError| chain(&error);
    let opening = wiring::open_existing(settings, Surroundings::real(), Questions::NoneAsked);
    let service = opening.await.map_err(told)?;
    let noted = service.store.append(vec![event]).await;
    service.close().await;
    noted.map_err(|error| chain(&error))
}
