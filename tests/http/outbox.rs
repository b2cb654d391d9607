//! Messages whose carrier fails: tried again, given up at their end, refused for good (M1, M2, M3).

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use rstest::rstest;
use symbolon_domain::outbox::{CarrierError, Email, EmailCarrier, MessageState, MessageSummary};
use tokio::sync::{Barrier, Notify};

use crate::support::{
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Host as _, TestApp,
    messages::{all_are, eventually, message},
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

/// A carrier that takes its time with one address, until it is told to get on.
#[derive(Default)]
struct SlowCarrier {
    is_asked: AtomicBool,
    gets_on: Notify,
}

const SLOW: &str = "slow@example.org";

#[async_trait]
impl EmailCarrier for SlowCarrier {
    async fn send(&self, email: &Email) -> Result<(), CarrierError> {
        if email.to == SLOW {
            self.is_asked.store(true, Ordering::SeqCst);
            self.gets_on.notified().await;
        }
        Ok(())
    }
}

/// M1: a message that its carrier takes long over holds up neither those that were leased with it nor those that come
/// after it, and nobody else sends it meanwhile.
#[rstest]
#[tokio::test]
async fn a_slow_message_holds_up_no_other(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let carrier = Arc::new(SlowCarrier::default());
    let app = TestApp::with_carrier(on, carrier.clone()).await;
    app.user(SLOW).begin_sign_up().await;
    for person in 0..3 {
        app.user(&format!("beside{person}@example.org")).begin_sign_up().await;
    }
    let delivered = |wanted: usize| {
        move |found: &[MessageSummary]| {
            found.iter().filter(|message| message.state == MessageState::Delivered).count() == wanted
        }
    };
    all_are(&app, delivered(3)).await;
    assert!(carrier.is_asked.load(Ordering::SeqCst));
    app.user("later@example.org").begin_sign_up().await;
    let found = all_are(&app, delivered(4)).await;
    let slow = found.iter().find(|message| message.state == MessageState::Pending).unwrap();
    assert_eq!((slow.attempts, slow.reason.as_deref()), (1, None), "{slow:?}");
    carrier.gets_on.notify_one();
    let found = all_are(&app, delivered(5)).await;
    assert!(found.iter().all(|message| message.attempts == 1), "{found:?}");
}

/// M2: what is leased together is sent together: the last is given back when the first is.
#[rstest]
#[tokio::test]
async fn a_leased_batch_is_sent_at_once(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::with_carrier(on, MoodyCarrier::new(Mood::Down)).await;
    for person in 0..4 {
        app.user(&format!("person{person}@example.org")).begin_sign_up().await;
    }
    let due = all_are(&app, |found| found.iter().all(|message| message.reason.is_some())).await;
    let due = due.iter().filter_map(|message| message.next_attempt_at).max().unwrap();
    let home = app.stop().await;

    // They meet at a carrier that lets nobody through before all are there.
    let together = Arc::new(TogetherCarrier(Barrier::new(4)));
    let app = TestApp::of_with_carrier(home, together).await;
    app.clock.set(due + Duration::from_secs(60));
    all_are(&app, |found| found.iter().all(|message| message.state == MessageState::Delivered)).await;
}

/// Takes four messages at a time, or none.
struct TogetherCarrier(Barrier);

#[async_trait]
impl EmailCarrier for TogetherCarrier {
    async fn send(&self, _: &Email) -> Result<(), CarrierError> {
        self.0.wait().await;
        Ok(())
    }
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
