//! Test mode (G7): a clock that can be set and the mail that was sent, for authors of tests and for trying things out.
//! Mounted only where the operator has asked for it, on loopback; nothing here is authenticated or documented.

use std::{fmt::Write as _, sync::Arc, time::Duration};

use axum::{
    Extension, Json, Router,
    extract::State,
    http::{HeaderMap, Uri, header},
    response::{Html, IntoResponse as _, Response},
    routing::get,
};
use serde::Serialize;
use symbolon_domain::{
    clock::Timestamp,
    id::MessageId,
    identifiers::EmailAddress,
    outbox::{Email, Outbox},
    store_error::StoreError,
};

use crate::{
    Api,
    fields::{Body, Fields, FromFields, Parameters, parsed},
    problem::Problem,
};

/// Looked for so often, with [`PAUSE`] in between, until nothing waits for delivery.
const MOST_TURNS: usize = 50;
const PAUSE: Duration = Duration::from_millis(20);

/// A clock that stands where it was put.
pub trait SettableClock: Send + Sync {
    /// From now on it is this moment.
    fn set(&self, now: Timestamp);
}

/// The mail that was sent.
pub trait SentMail: Send + Sync {
    /// Every e-mail that the carrier has taken, in the order in which it took them.
    fn emails(&self) -> Vec<Email>;
}

/// What test mode needs of whoever puts the service together.
#[derive(Clone)]
pub struct TestMode {
    /// The clock behind the service's own.
    pub clock: Arc<dyn SettableClock>,
    /// What the carrier has taken.
    pub mail: Arc<dyn SentMail>,
}

/// The present moment.
#[derive(Serialize)]
struct Now {
    now: Timestamp,
}

/// A message that was sent.
#[derive(Serialize)]
struct SentMessage {
    id: MessageId,
    to: String,
    /// What it is about; null when the store has forgotten it.
    kind: Option<&'static str>,
    subject: String,
    text: String,
    html: String,
    created: Timestamp,
}

pub(crate) fn routes(test_mode: TestMode) -> Router<Arc<Api>> {
    Router::new()
        .route("/test/clock", get(clock).put(set_clock))
        .route("/test/outbox", get(outbox))
        .layer(Extension(test_mode))
}

impl FromFields for Now {
    fn read(fields: &mut Fields, _: &Api) -> Option<Self> {
        let now = fields.required("now", |text| {
            parsed::<Moment>(&text, "an RFC 3339 date and time between 1970 and 9999 is expected")
        })?;
        Some(Self { now: now.0 })
    }
}

struct Moment(Timestamp);

impl std::str::FromStr for Moment {
    type Err = symbolon_domain::clock::InvalidTimestamp;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Timestamp::parse(text).map(Self)
    }
}

async fn clock(State(api): State<Arc<Api>>) -> Json<Now> {
    Json(Now { now: api.use_cases.clock.now() })
}

async fn set_clock(
    State(api): State<Arc<Api>>,
    Extension(test_mode): Extension<TestMode>,
    Body(body): Body<Now>,
) -> Json<Now> {
    test_mode.clock.set(body.now);
    clock(State(api)).await
}

/// The messages to one address or to all, newest first, once everything that is due has been delivered.
async fn outbox(
    State(api): State<Arc<Api>>,
    Extension(test_mode): Extension<TestMode>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let mut parameters = Parameters::of(&uri);
    let to: Option<EmailAddress> = parameters.optional("to", "an e-mail address is expected");
    parameters.finish()?;
    let outbox = &api.use_cases.outbox;
    deliver_everything(outbox).await?;
    let messages = messages(outbox, &*test_mode.mail, to.as_ref()).await?;
    let wants_page =
        headers.get(header::ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"text/html"));
    Ok(if wants_page { Html(page(&messages)).into_response() } else { Json(messages).into_response() })
}

/// Delivers until nothing is due; a message in another worker's hands is waited for.
async fn deliver_everything(outbox: &Outbox) -> Result<(), StoreError> {
    for _ in 0..MOST_TURNS {
        if outbox.deliver_due().await?.total() > 0 {
            continue;
        }
        if outbox.backlog().await?.pending == 0 {
            break;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

async fn messages(
    outbox: &Outbox,
    mail: &dyn SentMail,
    to: Option<&EmailAddress>,
) -> Result<Vec<SentMessage>, StoreError> {
    let is_wanted = |email: &Email| to.is_none_or(|to| email.to.parse().as_ref() == Ok(to));
    let mut emails: Vec<Email> = mail.emails().into_iter().filter(is_wanted).collect();
    // Where the clock stands still, what was taken last is the newest.
    emails.reverse();
    emails.sort_by_key(|email| std::cmp::Reverse(email.created_at));
    let mut messages = Vec::with_capacity(emails.len());
    for email in emails {
        let summary = outbox.find(email.id).await?;
        messages.push(SentMessage {
            id: email.id,
            to: email.to,
            kind: summary.map(|summary| summary.kind.as_str()),
            subject: email.content.subject,
            text: email.content.text,
            html: email.content.html,
            created: email.created_at,
        });
    }
    Ok(messages)
}

/// The messages for a person with a browser. Nothing of a message is trusted to be harmless.
fn page(messages: &[SentMessage]) -> String {
    let mut page = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Sent mail</title><h1>Sent mail</h1>",
    );
    if messages.is_empty() {
        page.push_str("<p>Nothing was sent.</p>");
    }
    for message in messages {
        let (subject, to, text) = (escape(&message.subject), escape(&message.to), escape(&message.text));
        // Writing to a string cannot fail.
        let _ = write!(
            page,
            "<article><h2>{subject}</h2><p>To {to}, {}</p><pre>{text}</pre></article>",
            message.created
        );
    }
    page.push_str("</html>");
    page
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_message_becomes_markup() {
        assert_eq!(escape("<b a=\"1\" b='2'>&"), "&lt;b a=&quot;1&quot; b=&#39;2&#39;&gt;&amp;");
    }
}
