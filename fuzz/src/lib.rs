//! What is fuzzed: a module for each target, whose file in `targets/` only hands it bytes. The seeds go through the same
//! functions in every run of the tests (`tests/seeds.rs`), without libFuzzer and its instruments.
//!
//! And what they share: the whole service in this process over a throw-away SQLite store, and one administrator who is signed
//! in. Its clock stands still and its hashes cost nothing, so that most of the time is spent in parsers.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Request, StatusCode},
};
use serde_json::{Value as Json, json};
use symbolon::{
    serve,
    settings::Settings,
    test_mode::{RecordingCarrier, TestClock},
    wiring::{self, Service, Surroundings},
};
use symbolon_adapters::system::{SystemClock, SystemEntropy};
use symbolon_api::{
    Metrics, Peer, router,
    test_mode::{SentMail as _, SettableClock as _},
};
use symbolon_domain::{
    accounts::{AccountChange, Administrator},
    actor::{Origin, Role},
    clock::Timestamp,
    id::RequestId,
};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

pub mod connection;
pub mod gateway;
pub mod mail_server;
pub mod request;
pub mod sealed;
pub mod settings;
pub mod tokens;
pub mod values;

const PASSWORD: &str = "seven lanterns over the harbour";

/// The moment at which every clock stands.
#[must_use]
pub fn noon() -> Timestamp {
    Timestamp::parse("2026-01-01T12:00:00Z").expect("a moment")
}

/// Settings for a service whose store is in this directory.
#[must_use]
pub fn settings(directory: &TempDir) -> Settings {
    let mut settings = Settings::in_directory(directory.path());
    settings.http.listen = ([127, 0, 0, 1], 0).into();
    settings.management.listen = ([127, 0, 0, 1], 0).into();
    settings.passwords.memory_kib = 8;
    settings.passwords.iterations = 1;
    settings
}

/// A clock that stands at noon, the system's randomness, and mail that is remembered.
#[must_use]
pub fn surroundings(mail: &Arc<RecordingCarrier>) -> Surroundings {
    let clock = TestClock::new(Arc::new(SystemClock));
    clock.set(noon());
    let mail = Arc::clone(mail);
    Surroundings {
        clock: Arc::new(clock),
        entropy: Arc::new(SystemEntropy::new()),
        // Nothing stands behind it, so nothing is written to a disk.
        around_email: Box::new(move |_| mail),
    }
}

/// The tokens of somebody who is signed in.
#[derive(Clone)]
struct SignedIn {
    account: String,
    access: String,
    binding: String,
    refresh: String,
}

/// The service, and its administrator.
pub struct World {
    runtime: Runtime,
    router: Router,
    service: Service,
    mail: Arc<RecordingCarrier>,
    administrator: Mutex<SignedIn>,
    people: Mutex<u32>,
    _directory: TempDir,
}

impl World {
    /// A new service, with nobody in it but the administrator.
    #[must_use]
    pub fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let settings = settings(&directory);
        let mail = Arc::new(RecordingCarrier::new());
        let runtime = Runtime::new().expect("a runtime");
        let service = runtime.block_on(wiring::open(&settings, surroundings(&mail))).expect("the service");
        let router = router(&serve::api(&service, &settings, Metrics::new(Vec::new()), false), None);
        let nobody = String::new;
        let nobody = SignedIn { account: nobody(), access: nobody(), binding: nobody(), refresh: nobody() };
        let administrator = Mutex::new(nobody);
        let world = Self {
            runtime,
            router,
            service,
            mail,
            administrator,
            people: Mutex::new(0),
            _directory: directory,
        };
        world.sign_in_anew();
        world
    }

    /// The text with the administrator's account and tokens in the place of `$ACCOUNT`, `$ACCESS`, `$BINDING` and
    /// `$REFRESH`.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        let known = self.administrator.lock().unwrap_or_else(PoisonError::into_inner);
        let pairs = [
            ("$ACCOUNT", &known.account),
            ("$ACCESS", &known.access),
            ("$BINDING", &known.binding),
            ("$REFRESH", &known.refresh),
        ];
        pairs.iter().fold(text.to_owned(), |text, (name, value)| text.replace(name, value))
    }

    /// Asks, and holds the answer to what every answer is: no failure of ours, and every refusal a problem in JSON; or, where
    /// OAuth 2.0 has its own form of them (RFC 6749, section 5.2), in that.
    pub fn ask(&self, request: Request<Body>) {
        let expected = if request.uri().path() == "/oauth2/token" {
            ["application/json", "application/problem+json"]
        } else {
            ["application/problem+json"; 2]
        };
        let (status, content_type, body) = self.send(request);
        assert!(!status.is_server_error(), "{status}");
        if status.is_client_error() && !body.is_empty() {
            assert!(expected.contains(&content_type.as_str()), "{content_type}");
            assert!(serde_json::from_slice::<Json>(&body).is_ok());
        }
        if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN {
            self.keep_the_administrator();
        }
    }

    fn send(&self, mut request: Request<Body>) -> (StatusCode, String, Vec<u8>) {
        request.extensions_mut().insert(Peer(([127, 0, 0, 1], 4_711).into()));
        self.runtime.block_on(async {
            let Ok(answer) = self.router.clone().oneshot(request).await;
            let (head, body) = answer.into_parts();
            let content_type = head.headers.get("content-type").and_then(|value| value.to_str().ok());
            let content_type = content_type.unwrap_or_default().to_owned();
            let body = to_bytes(body, usize::MAX).await.expect("the whole answer").to_vec();
            (head.status, content_type, body)
        })
    }

    /// What was sent may have ended the session, or locked the account.
    fn keep_the_administrator(&self) {
        let head = Request::get("/v1/admin/accounts").header("host", "localhost");
        let head = head.header("authorization", self.fill("Bearer $ACCESS"));
        let request = head.header("symbolon-binding", self.fill("$BINDING")).body(Body::empty());
        if self.send(request.expect("a request")).0 != StatusCode::OK {
            self.sign_in_anew();
        }
    }

    fn sign_in_anew(&self) {
        let number = {
            let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
            *people += 1;
            *people
        };
        let address = format!("root-{number}@example.org");
        let signed_up = self.both_factors(&address, "/v1/sign-up", "/v1/sign-up/verify");
        let now = noon();
        let id = signed_up.account.parse().expect("an id");
        let origin =
            Origin { request_id: RequestId::new(now, &SystemEntropy::new()), ip: None, user_agent: None };
        let change = AccountChange::ChangeRole(Role::Superuser);
        let changed = self.service.accounts.administer(Administrator::Operator, id, change, &origin);
        self.runtime.block_on(changed).expect("a superuser");
        let signed_in = self.both_factors(&address, "/v1/sign-in", "/v1/sign-in/code");
        *self.administrator.lock().unwrap_or_else(PoisonError::into_inner) = signed_in;
    }

    fn both_factors(&self, address: &str, first: &str, second: &str) -> SignedIn {
        let identifier = json!({"type": "email", "value": address});
        let begun = self.post(first, None, &json!({"identifier": identifier, "password": PASSWORD}));
        let (token, binding) = (text(&begun, "access_token"), text(&begun, "binding"));
        let code = json!({"code": self.code_to(address)});
        let with_method = json!({"method": "email_otp", "code": code["code"]});
        let body = if first == "/v1/sign-up" { code } else { with_method };
        let done = self.post(second, Some((&token, &binding)), &body);
        SignedIn {
            account: text(&done, "account_id"),
            access: text(&done, "access_token"),
            refresh: text(&done, "refresh_token"),
            binding,
        }
    }

    fn post(&self, path: &str, caller: Option<(&str, &str)>, body: &Json) -> Json {
        let mut head =
            Request::post(path).header("host", "localhost").header("content-type", "application/json");
        if let Some((token, binding)) = caller {
            head = head.header("authorization", format!("Bearer {token}"));
            head = head.header("symbolon-binding", binding);
        }
        let request = head.body(Body::from(body.to_string())).expect("a request");
        let (status, _, answer) = self.send(request);
        assert!(status.is_success(), "{path}: {status} {}", String::from_utf8_lossy(&answer));
        serde_json::from_slice(&answer).expect("JSON")
    }

    /// The newest code that went there. Messages that are due at once go in no order: a notice without a code may come last.
    fn code_to(&self, address: &str) -> String {
        let outbox = &self.service.outbox;
        while self.runtime.block_on(outbox.backlog()).expect("the outbox").pending > 0 {
            self.runtime.block_on(outbox.deliver_due()).expect("the outbox");
        }
        let is_code = |word: &&str| word.len() == 6 && word.bytes().all(|byte| byte.is_ascii_digit());
        let emails = self.mail.emails();
        let theirs = emails.iter().rev().filter(|email| email.to == address);
        let mut codes = theirs.filter_map(|email| email.content.text.split_whitespace().find(is_code));
        codes.next().expect("a code").to_owned()
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

fn text(answer: &Json, name: &str) -> String {
    answer[name].as_str().unwrap_or_else(|| panic!("no {name}")).to_owned()
}
