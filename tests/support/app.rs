//! The whole service in this process, on a free port, over a throw-away store and a clock that stands still.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use futures::future::join_all;
use symbolon::{
    serve::{Running, start},
    settings::Settings,
    test_mode::RecordingCarrier,
    wiring::{Service, Surroundings},
};
use symbolon_adapters::system::SystemEntropy;
use symbolon_api::test_mode::SentMail as _;
use symbolon_domain::{
    audit::{AuditEvent, AuditFilter},
    clock::{Clock, Timestamp},
    outbox::{Email, EmailCarrier},
    page::PageRequest,
};

use super::{
    call::{Call, client},
    engines::{Engine, Home},
    user::{Host, User},
};

/// A clock that stands still until it is moved.
pub(crate) struct FixedClock(AtomicI64);

impl FixedClock {
    /// Stands at noon of the first of January 2026.
    pub(crate) fn new() -> Self {
        Self(AtomicI64::new(Timestamp::parse("2026-01-01T12:00:00Z").unwrap().micros()))
    }

    /// Moves the clock on.
    pub(crate) fn advance(&self, by: Duration) {
        self.set(self.now() + by);
    }

    /// Moves the clock anywhere.
    pub(crate) fn set(&self, now: Timestamp) {
        self.0.store(now.micros(), Ordering::SeqCst);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }
}

/// What nodes may have in common besides their store.
#[derive(Clone)]
struct Surrounding {
    clock: Arc<FixedClock>,
    mail: Arc<RecordingCarrier>,
}

impl Default for Surrounding {
    fn default() -> Self {
        Self { clock: Arc::new(FixedClock::new()), mail: Arc::new(RecordingCarrier::new()) }
    }
}

/// The service, and what a test may do to its surroundings.
pub(crate) struct TestApp {
    /// The public listener, as `http://127.0.0.1:PORT`.
    pub(crate) url: String,
    /// The clock that the service reads.
    pub(crate) clock: Arc<FixedClock>,
    /// The use cases behind the service.
    pub(crate) service: Arc<Service>,
    /// Everything that the service keeps.
    pub(crate) home: Arc<Home>,
    mail: Arc<RecordingCarrier>,
    client: reqwest::Client,
    running: Option<Running>,
}

impl TestApp {
    /// The service on this engine with default settings.
    pub(crate) async fn start(on: Engine) -> Self {
        Self::with(on, |_| {}).await
    }

    /// The service with settings that this function has changed.
    pub(crate) async fn with(on: Engine, change: impl FnOnce(&mut Settings)) -> Self {
        Self::of(Home::on(on).await, change).await
    }

    /// The service with this carrier in the place of the configured one.
    pub(crate) async fn with_carrier(on: Engine, carrier: Arc<dyn EmailCarrier>) -> Self {
        let home = Arc::new(Home::on(on).await);
        Self::assemble(home, Surrounding::default(), |_| {}, Some(carrier)).await
    }

    /// The service over a store that may have something in it already, with this carrier in the place of the configured one.
    pub(crate) async fn of_with_carrier(home: impl Into<Arc<Home>>, carrier: Arc<dyn EmailCarrier>) -> Self {
        Self::assemble(home.into(), Surrounding::default(), |_| {}, Some(carrier)).await
    }

    /// The service over a store that may have something in it already.
    pub(crate) async fn of(home: impl Into<Arc<Home>>, change: impl FnOnce(&mut Settings)) -> Self {
        Self::assemble(home.into(), Surrounding::default(), change, None).await
    }

    /// Another node on the same store, under the same clock and with the same mail.
    pub(crate) async fn beside(&self) -> Self {
        self.beside_with(|_| {}).await
    }

    /// Another node with settings that this function has changed.
    pub(crate) async fn beside_with(&self, change: impl FnOnce(&mut Settings)) -> Self {
        let shared = Surrounding { clock: self.clock.clone(), mail: self.mail.clone() };
        Self::assemble(self.home.clone(), shared, change, None).await
    }

    /// So many nodes that start at once on an empty store, under the same clock and with the same mail.
    pub(crate) async fn start_at_once(on: Engine, nodes: usize) -> Vec<Self> {
        let home = Arc::new(Home::on(on).await);
        let shared = Surrounding::default();
        let start = |_| Self::assemble(home.clone(), shared.clone(), |_| {}, None);
        join_all((0..nodes).map(start)).await
    }

    async fn assemble(
        home: Arc<Home>,
        surrounding: Surrounding,
        change: impl FnOnce(&mut Settings),
        carrier: Option<Arc<dyn EmailCarrier>>,
    ) -> Self {
        let mut settings = home.settings();
        settings.http.listen = ([127, 0, 0, 1], 0).into();
        settings.management.listen = ([127, 0, 0, 1], 0).into();
        change(&mut settings);
        let Surrounding { clock, mail } = surrounding;
        let recording = Arc::clone(&mail);
        let surroundings = Surroundings {
            clock: clock.clone(),
            entropy: Arc::new(SystemEntropy::new()),
            around_email: Box::new(move |configured| {
                recording.stand_before(carrier.unwrap_or(configured));
                recording
            }),
        };
        let running = Box::pin(start(&settings, surroundings, None)).await.unwrap();
        Self {
            url: format!("http://{}", running.address),
            clock,
            service: Arc::clone(&running.service),
            home,
            mail,
            client: client(),
            running: Some(running),
        }
    }

    /// Stops the service as SIGTERM would, and gives back what it kept.
    pub(crate) async fn stop(mut self) -> Arc<Home> {
        if let Some(running) = self.running.take() {
            running.stop().await.unwrap();
        }
        self.home.clone()
    }

    /// `GET`.
    pub(crate) fn get(&self, path: &str) -> Call {
        self.call("GET", path)
    }

    /// `POST`.
    pub(crate) fn post(&self, path: &str) -> Call {
        self.call("POST", path)
    }

    /// A person who has not signed up yet.
    pub(crate) fn user(&self, address: &str) -> User<'_> {
        User::new(self, address)
    }

    /// What the clock says.
    pub(crate) fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Every message to this address, newest first.
    pub(crate) async fn mail_to(&self, address: &str) -> Vec<Email> {
        self.deliver_all().await;
        let mut mail = self.mail.emails();
        mail.reverse();
        mail.retain(|email| email.to == address);
        mail
    }

    /// Waits until no message is pending.
    pub(crate) async fn deliver_all(&self) {
        // What a worker of the service has leased is sent in a moment.
        for _ in 0..1_000 {
            if self.service.outbox.backlog().await.unwrap().pending == 0 {
                break;
            }
            self.service.outbox.deliver_due().await.unwrap();
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// The audit log, newest first, refusals that were noted included.
    pub(crate) async fn audit(&self) -> Vec<AuditEvent> {
        self.service.refusals.flush().await.unwrap();
        self.service.audit.list(&AuditFilter::default(), PageRequest::new(200, None)).await.unwrap().items
    }
}

#[async_trait]
impl Host for TestApp {
    fn call(&self, method: &str, path: &str) -> Call {
        Call::new(&self.client, method, &format!("{}{path}", self.url))
    }

    async fn code_to(&self, address: &str) -> String {
        let mail = self.mail_to(address).await;
        let newest = mail.first().unwrap_or_else(|| panic!("no message to the address"));
        code_in(&newest.content.text)
    }
}

/// The six digits that stand alone in a message's text.
pub(crate) fn code_in(text: &str) -> String {
    digits_in(text, 6)
}

/// A credential with one character of it changed.
pub(crate) fn tampered(credential: &str, at: usize) -> String {
    let other = if credential[at..].starts_with('A') { 'B' } else { 'A' };
    format!("{}{other}{}", &credential[..at], &credential[at + 1..])
}

/// The only token of this kind (`sym_pr_`) in a text, whether it stands by itself or behind a link.
pub(crate) fn token_in(text: &str, kind: &str) -> String {
    assert_eq!(text.matches(kind).count(), 1, "one token and no more");
    let start = text.find(kind).unwrap();
    text[start..].split_whitespace().next().unwrap().to_owned()
}

/// The only word of a message's text that is so many digits.
pub(crate) fn digits_in(text: &str, length: usize) -> String {
    let digits = |word: &&str| word.len() == length && word.bytes().all(|byte| byte.is_ascii_digit());
    let mut codes = text.split_whitespace().filter(digits);
    let code = codes.next().unwrap_or_else(|| panic!("no code in the message"));
    assert_eq!(codes.next(), None, "one code and no more");
    code.to_owned()
}
