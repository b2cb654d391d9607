//! Messages whose carrier fails: tried again, given up at their end, refused for good (M1, M2, M3).

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use rstest::rstest;
use symbolon_domain::{
    outbox::{CarrierError, Email, EmailCarrier, MessageState, MessageSummary},
    page::PageRequest,
};

use crate::support::{
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Host as _, TestApp,
};

const ADA: &str = "ada@example.org";

/// How a carrier takes what it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Accepting,
    Down,
    Refusing,
}

/// A carrier that fails when it is told to: a fault that no file system gives on demand.
struct MoodyCarrier(Mutex<Mood>);

impl MoodyCarrier {
    fn new(mood: Mood) -> Arc<Self> {
        Arc::new(Self(Mutex::new(mood)))
    }

    fn becomes(&self, mood: Mood) {
        *self.0.lock().unwrap() = mood;
    }
}

#[async_trait]
impl EmailCarrier for MoodyCarrier {
    async fn send(&self, _: &Email) -> Result<(), CarrierError> {
        match *self.0.lock().unwrap() {
            Mood::Accepting => Ok(()),
            Mood::Down => Err(CarrierError::Transient("down".into())),
            Mood::Refusing => Err(CarrierError::Permanent("refused".into())),
        }
    }
}

async fn message(app: &TestApp) -> MessageSummary {
    app.service.outbox.list(PageRequest::first()).await.unwrap().items.remove(0)
}

/// Until this holds of the newest message; the service's own worker may have it in its hands.
async fn eventually(app: &TestApp, wanted: impl Fn(&MessageSummary) -> bool) -> MessageSummary {
    for _ in 0..500 {
        app.service.outbox.deliver_due().await.unwrap();
        let found = message(app).await;
        if wanted(&found) {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    panic!("the message stays as it is: {:?}", message(app).await);
}

/// M2: tried again after min(30, 2·n) seconds and up to one of jitter; delivered when the carrier is back.
#[rstest]
#[tokio::test]
async fn a_message_waits_for_its_carrier(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let carrier = MoodyCarrier::new(Mood::Down);
    let app = TestApp::with_carrier(on, carrier.clone()).await;
    let pending = app.user(ADA).begin_sign_up().await;
    for attempt in 1..=12 {
        let postponed = eventually(&app, |found| found.attempts == attempt && found.reason.is_some()).await;
        let next = postponed.next_attempt_at.unwrap();
        let wait = next.since(app.clock_now());
        let least = Duration::from_secs(u64::from(attempt * 2).min(30));
        assert!(wait >= least && wait <= least + Duration::from_secs(1), "{attempt}: {wait:?}");
        assert_eq!((postponed.state, postponed.reason.as_deref()), (MessageState::Pending, Some("down")));
        app.clock.set(next);
    }
    carrier.becomes(Mood::Accepting);
    pending.verify(&app.code_to(ADA).await).await;
    assert_eq!(message(&app).await.state, MessageState::Delivered);
}

/// M2: a code that has ended is never sent; that is counted and audited.
#[rstest]
#[tokio::test]
async fn an_ended_code_is_not_sent(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let carrier = MoodyCarrier::new(Mood::Down);
    let app = TestApp::with_carrier(on, carrier.clone()).await;
    app.user(ADA).begin_sign_up().await;
    eventually(&app, |found| found.attempts == 1 && found.reason.is_some()).await;
    carrier.becomes(Mood::Accepting);
    app.clock.advance(Duration::from_secs(300));
    let dropped = eventually(&app, |found| found.state != MessageState::Pending).await;
    assert_eq!((dropped.state, dropped.reason.as_deref()), (MessageState::Dropped, Some("expired")));
    assert!(app.mail_to(ADA).await.is_empty());
    let events = app.audit().await;
    let event = events.iter().find(|event| event.act.as_str() == "message.dropped").unwrap();
    assert_eq!(event.subject.as_ref().unwrap().as_str(), format!("message:{}", dropped.id));
    assert_eq!(event.reason.as_deref(), Some("expired"));
}

/// M3: a permanent refusal is not tried again.
#[rstest]
#[tokio::test]
async fn a_refused_message_is_given_up(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::with_carrier(on, MoodyCarrier::new(Mood::Refusing)).await;
    app.user(ADA).begin_sign_up().await;
    let dropped = eventually(&app, |found| found.state != MessageState::Pending).await;
    assert_eq!(
        (dropped.state, dropped.attempts, dropped.reason.as_deref()),
        (MessageState::Dropped, 1, Some("refused"))
    );
}

/// M1: a message that an interrupted worker had in its hands is delivered after its lease.
#[rstest]
#[tokio::test]
async fn a_restart_delivers_what_was_waiting(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let carrier = MoodyCarrier::new(Mood::Down);
    let app = TestApp::with_carrier(on, carrier).await;
    app.user(ADA).begin_sign_up().await;
    let waiting = eventually(&app, |found| found.attempts == 1 && found.reason.is_some()).await;
    let restarted = TestApp::of(app.stop().await, |_| {}).await;
    restarted.clock.set(waiting.next_attempt_at.unwrap());
    assert_eq!(restarted.mail_to(ADA).await.len(), 1);
}
