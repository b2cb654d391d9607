//! How far the messages of a service in this process are, whoever carries them.

use std::time::Duration;

use symbolon_domain::{
    clock::Timestamp,
    outbox::{MessageState, MessageSummary},
    page::PageRequest,
};

use super::TestApp;

/// The newest message.
pub(crate) async fn message(app: &TestApp) -> MessageSummary {
    messages(app).await.remove(0)
}

/// Every message, newest first.
pub(crate) async fn messages(app: &TestApp) -> Vec<MessageSummary> {
    app.service.outbox.list(PageRequest::new(100, None)).await.unwrap().items
}

/// Until this holds of the newest message; the service's own worker may have it in its hands.
pub(crate) async fn eventually(app: &TestApp, wanted: impl Fn(&MessageSummary) -> bool) -> MessageSummary {
    for _ in 0..3_000 {
        app.service.outbox.deliver_due().await.unwrap();
        let found = message(app).await;
        if wanted(&found) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the message stays as it is: {:?}", message(app).await);
}

/// After this attempt the newest message waits for another one, for this reason; when that is due.
pub(crate) async fn waits(app: &TestApp, attempt: u32, reason: &str) -> Timestamp {
    // While a worker has it, it is due at the end of the lease, which is later.
    let is_postponed = |due: Timestamp| due.since(app.clock_now()) <= Duration::from_secs(31);
    let waiting = eventually(app, |found| {
        found.attempts == attempt && found.reason.is_some() && found.next_attempt_at.is_some_and(is_postponed)
    });
    let waiting = waiting.await;
    assert_eq!((waiting.state, waiting.reason.as_deref()), (MessageState::Pending, Some(reason)));
    waiting.next_attempt_at.unwrap()
}

/// Until the newest message is delivered.
pub(crate) async fn is_delivered(app: &TestApp) {
    eventually(app, |found| found.state == MessageState::Delivered).await;
}

/// Until this holds of all messages; only the service's own worker delivers them.
pub(crate) async fn all_are(
    app: &TestApp,
    wanted: impl Fn(&[MessageSummary]) -> bool,
) -> Vec<MessageSummary> {
    for _ in 0..3_000 {
        let found = messages(app).await;
        if wanted(&found) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the messages stay as they are: {:?}", messages(app).await);
}
