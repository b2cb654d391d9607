//! The source against an entitlement service that does as it is told, and remembers what it is asked.

use std::{
    io,
    sync::{Arc, Mutex},
};

use futures::future::join_all;
use serde_json::json;
use symbolon_domain::{identifiers::EmailAddress, trusted_issuers::ExternalSubject};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::*;

const ACCOUNT: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
const TOKEN: &str = "canary-token";

/// How the service answers.
#[derive(Clone)]
enum Mood {
    /// With this status and body.
    Says(u16, String),
    /// By sending elsewhere.
    Elsewhere(String),
    /// Never.
    Never,
    /// By a body without end.
    Endless,
    /// By closing the connection.
    Not,
}

impl Mood {
    fn well(licenses: &Json) -> Self {
        Self::Says(200, json!({ "licenses": licenses, "unknown": { "member": 1 } }).to_string())
    }
}

/// A request as it came.
#[derive(Clone)]
struct Asked {
    head: String,
    body: Json,
}

struct Server {
    url: String,
    state: Arc<State>,
    task: JoinHandle<()>,
}

struct State {
    mood: Mutex<Mood>,
    asked: Mutex<Vec<Asked>>,
}

impl Server {
    async fn start(mood: Mood) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/licenses", listener.local_addr().unwrap());
        let state = Arc::new(State { mood: Mutex::new(mood), asked: Mutex::default() });
        let shared = Arc::clone(&state);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&shared);
                // Who asks may go away at any time.
                tokio::spawn(async move { drop(state.answer(stream).await) });
            }
        });
        Self { url, state, task }
    }

    fn becomes(&self, mood: Mood) {
        *self.state.mood.lock().unwrap() = mood;
    }

    fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    async fn answer(&self, mut stream: TcpStream) -> io::Result<()> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await?);
        }
        let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
        let length = |line: &str| line.strip_prefix("content-length: ")?.parse::<usize>().ok();
        let mut body = vec![0_u8; head.lines().find_map(length).unwrap_or(0)];
        stream.read_exact(&mut body).await?;
        let body = serde_json::from_slice(&body).unwrap_or_default();
        self.asked.lock().unwrap().push(Asked { head, body });
        let mood = self.mood.lock().unwrap().clone();
        match mood {
            Mood::Says(status, body) => whole(&mut stream, &status.to_string(), "", &body).await,
            Mood::Elsewhere(url) => whole(&mut stream, "307", &format!("location: {url}\r\n"), "").await,
            Mood::Never => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                Ok(())
            }
            Mood::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
                loop {
                    stream.write_all(b"400\r\n").await?;
                    stream.write_all(&[b' '; 1024]).await?;
                    stream.write_all(b"\r\n").await?;
                }
            }
            Mood::Not => Ok(()),
        }
    }
}

async fn whole(stream: &mut TcpStream, status: &str, headers: &str, body: &str) -> io::Result<()> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status} Said\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await
}

struct Given {
    server: Server,
    source: LicensesHttp,
}

impl Given {
    async fn new(mood: Mood) -> Self {
        Self::with(mood, |_| {}).await
    }

    async fn with(mood: Mood, change: impl FnOnce(&mut LicensesHttpOptions)) -> Self {
        let server = Server::start(mood).await;
        let mut options = LicensesHttpOptions {
            url: server.url.clone(),
            token: Some(TOKEN.into()),
            timeout: Duration::from_secs(20),
            cache: Duration::from_secs(60),
        };
        change(&mut options);
        Self { source: LicensesHttp::new(options).unwrap(), server }
    }

    async fn best(&self, product: Option<&str>, at: Timestamp) -> Option<HeldLicense> {
        let product = product.map(|product| product.parse::<Product>().unwrap());
        self.source.best(&ada(), product.as_ref(), at).await.unwrap()
    }

    /// What is wrong, which is always an outage.
    async fn fault(&self) -> String {
        match self.source.best(&ada(), None, now()).await {
            Err(StoreError::Elsewhere(source)) => {
                let fault = source.to_string();
                assert!(!fault.contains("canary"), "{fault}");
                fault
            }
            other => panic!("{other:?}"),
        }
    }
}

fn now() -> Timestamp {
    Timestamp::parse("2026-01-01T12:00:00Z").unwrap()
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn ada() -> Licensee {
    let addresses = ["Ada@Example.org", "ada@example.com"].map(|text| text.parse::<EmailAddress>().unwrap());
    Licensee { holder: ACCOUNT.parse().unwrap(), addresses: addresses.to_vec() }
}

fn licence(id: &str, product: &str, expires_at: &str) -> Json {
    json!({ "id": id, "product": product, "expires_at": expires_at, "colour": "blue" })
}

/// L4: the service is told who asks, by account or by issuer, with their verified addresses as they are compared.
#[tokio::test]
async fn the_service_is_told_who_asks_and_for_what() {
    let given = Given::new(Mood::well(&json!([]))).await;
    assert_eq!(given.best(None, now()).await, None);
    assert_eq!(given.best(Some("editor"), now()).await, None);
    let external = ExternalSubject { issuer: "https://id.example.org".into(), principal: "a|b".into() };
    let external = Licensee { holder: Holder::External(external), addresses: Vec::new() };
    assert_eq!(given.source.best(&external, None, now()).await.unwrap(), None);
    let addresses = json!(["ada@example.org", "ada@example.com"]);
    let asked = given.server.asked();
    let bodies: Vec<Json> = asked.iter().map(|asked| asked.body.clone()).collect();
    let expected = [
        json!({ "account_id": ACCOUNT, "addresses": addresses }),
        json!({ "account_id": ACCOUNT, "addresses": addresses, "product": "editor" }),
        json!({ "issuer": "https://id.example.org", "principal": "a|b", "addresses": [] }),
    ];
    assert_eq!(bodies, expected);
    for Asked { head, .. } in asked {
        assert!(head.starts_with("post /licenses http/1.1"), "{head}");
        assert!(head.contains("authorization: bearer canary-token\r\n"), "{head}");
        assert!(head.contains("content-type: application/json\r\n"), "{head}");
    }
}

/// X13: the token is shown to the service, and to nobody else.
#[tokio::test]
async fn the_token_is_in_no_debug_print() {
    let given = Given::new(Mood::Not).await;
    let shown = format!("{:?}{:?}", given.source, given.source.options);
    assert!(!shown.contains("canary"), "{shown}");
    let untold = Given::with(Mood::well(&json!([])), |options| options.token = None).await;
    untold.best(None, now()).await;
    assert!(!untold.server.asked()[0].head.contains("authorization"));
}

/// L2: the unexpired one of the product that ends last, over all of them.
#[tokio::test]
async fn the_best_licence_is_the_unexpired_one_that_ends_last() {
    let mut best = licence("best", "editor", "2026-03-01T00:00:00+01:00");
    best["seats"] = 3.into();
    best["entitlements"] = json!(["pro", "export"]);
    let given = Given::new(Mood::well(&json!([
        licence("ended", "editor", "2026-01-01T12:00:00Z"),
        licence("short", "editor", "2026-02-01T00:00:00Z"),
        best,
        licence("other", "viewer", "2027-01-01T00:00:00Z"),
    ])))
    .await;
    let expected = HeldLicense {
        id: None,
        product: "editor".parse().unwrap(),
        expires_at: Timestamp::parse("2026-02-28T23:00:00Z").unwrap(),
        seats: Some((SeatKey::of_foreign("best"), NonZeroU32::new(3).unwrap())),
        entitlements: Scopes::try_from(vec!["pro".to_owned(), "export".to_owned()]).unwrap(),
    };
    assert_eq!(given.best(Some("editor"), now()).await, Some(expected));
    let other = given.best(None, now()).await.unwrap();
    assert_eq!(
        (other.product.as_str(), other.seats, other.entitlements),
        ("viewer", None, Scopes::default())
    );
    assert_eq!(given.best(Some("painter"), now()).await, None);
}

/// L2: one that has ended is none.
#[tokio::test]
async fn an_expired_licence_does_not_count() {
    let given = Given::new(Mood::well(&json!([licence("a", "editor", "2026-01-01T12:00:00Z")]))).await;
    assert_eq!(given.best(None, now()).await, None);
    assert!(given.best(None, now() - seconds(30)).await.is_some());
}

/// L4: an answer counts for its time, "none" too, and never past its licence.
#[tokio::test]
async fn an_answer_is_remembered_for_its_time() {
    for (licenses, lasts) in [
        (json!([]), 60),
        (json!([licence("a", "editor", "2027-01-01T00:00:00Z")]), 60),
        (json!([licence("a", "editor", "2026-01-01T12:00:20Z")]), 20),
    ] {
        let given = Given::new(Mood::well(&licenses)).await;
        for (after, asked) in [(0, 1), (lasts - 1, 1), (lasts, 2)] {
            given.best(None, now() + seconds(after)).await;
            assert_eq!(given.server.asked().len(), asked, "after {after} of {lasts} seconds");
        }
        // A clock that was set back makes nothing fresh.
        given.best(None, now() - seconds(3_600)).await;
        assert_eq!(given.server.asked().len(), 3);
    }
    let given = Given::with(Mood::well(&json!([])), |options| options.cache = Duration::ZERO).await;
    given.best(None, now()).await;
    given.best(None, now()).await;
    assert_eq!(given.server.asked().len(), 2);
}

#[tokio::test]
async fn who_asks_the_same_at_once_waits_for_one_answer() {
    let given = Given::new(Mood::well(&json!([licence("a", "editor", "2027-01-01T00:00:00Z")]))).await;
    // Their clocks were not read in the order in which they ask.
    let asking = (0..16).map(|place| given.best(Some("editor"), now() - Duration::from_millis(place)));
    assert!(join_all(asking).await.iter().all(Option::is_some));
    assert_eq!(given.server.asked().len(), 1);
}

/// D2: whatever the service does but answer is an outage, never "no licence", and is over when the service is well again.
#[tokio::test]
async fn an_outage_is_no_answer_and_is_not_remembered() {
    let other = Server::start(Mood::well(&json!([]))).await;
    let given = Given::new(Mood::Not).await;
    for (mood, said) in [
        (Mood::Says(500, "canary".into()), "it answered 500"),
        (Mood::Says(404, "canary".into()), "it answered 404"),
        (Mood::Says(204, String::new()), "it answered 204"),
        (Mood::Elsewhere(other.url.clone()), "it answered 307"),
        (Mood::Not, "broke off"),
        (Mood::Endless, "longer than 256 KiB"),
        (Mood::Says(200, "<html>canary</html>".into()), "no JSON object with a list `licenses`"),
        (Mood::Says(200, "{}".into()), "no JSON object with a list `licenses`"),
        (Mood::Says(200, r#"{"licenses":[{"id":"a","id":"b"}]}"#.into()), "names a member twice"),
        (Mood::Says(200, r#"{"licenses":"canary"}"#.into()), "no JSON object with a list `licenses`"),
    ] {
        given.server.becomes(mood);
        let fault = given.fault().await;
        assert!(fault.contains(said), "{fault} should say: {said}");
    }
    assert!(other.asked().is_empty());
    given.server.becomes(Mood::well(&json!([])));
    assert_eq!(given.best(None, now()).await, None);
}

/// L4: it has a time, also for who waits behind another.
#[tokio::test]
async fn a_slow_service_is_an_outage() {
    let given = Given::with(Mood::Never, |options| options.timeout = Duration::from_millis(100)).await;
    for fault in join_all([given.fault(), given.fault(), given.fault()]).await {
        assert!(fault.contains("licensing.timeout"), "{fault}");
    }
}

#[tokio::test]
async fn a_service_that_is_not_there_is_an_outage() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let url = format!("http://{closed}/");
    let given = Given::with(Mood::Not, |options| options.url = url).await;
    assert!(given.fault().await.contains("it cannot be reached"));
}

/// What is wrong is told by its name, and not by what it says.
#[tokio::test]
async fn a_licence_that_is_malformed_is_an_outage() {
    let given = Given::new(Mood::Not).await;
    for (member, wrong) in [
        ("id", json!("")),
        ("id", json!("canary".repeat(50))),
        ("id", json!(7)),
        ("id", Json::Null),
        ("product", json!("canary canary")),
        ("product", Json::Null),
        ("expires_at", json!("canary")),
        ("expires_at", json!(1_800_000_000)),
        ("expires_at", Json::Null),
        ("seats", json!(0)),
        ("seats", json!(1_001)),
        ("seats", json!(4_294_967_297_u64)),
        ("seats", json!(-1)),
        ("seats", json!(1.5)),
        ("seats", json!("canary")),
        ("entitlements", json!("canary")),
        ("entitlements", json!(["canary canary"])),
        ("entitlements", json!(["symbolon:canary"])),
        ("entitlements", json!([1])),
    ] {
        let good = licence("good", "editor", "2027-01-01T00:00:00Z");
        let mut bad = good.clone();
        bad[member] = wrong.clone();
        given.server.becomes(Mood::well(&json!([good, bad])));
        let fault = given.fault().await;
        assert!(fault.contains(&format!("`licenses[1].{member}` is not")), "{wrong}: {fault}");
    }
    let mut edge = licence(&"i".repeat(256), "editor", "2027-01-01T00:00:00Z");
    edge["seats"] = 1_000.into();
    edge["entitlements"] = Json::Null;
    given.server.becomes(Mood::well(&json!([edge])));
    assert!(given.best(None, now()).await.is_some());
}

/// C57: the token is shown over TLS, or on this machine.
#[test]
fn a_service_that_others_overhear_is_refused() {
    let made = |url: &str, token: Option<&str>| {
        let (timeout, cache) = (seconds(1), seconds(1));
        let token = token.map(SecretString::from);
        LicensesHttp::new(LicensesHttpOptions { url: url.to_owned(), token, timeout, cache }).err()
    };
    for url in ["https://example.com/licenses", "http://127.0.0.1:1", "http://localhost/"] {
        assert_eq!(made(url, Some("a~b")), None, "{url}");
    }
    for url in ["", "http://example.com", "ftp://localhost", "https://ada@example.com"] {
        assert_eq!(made(url, None), Some(LicensesHttpError::Url), "{url}");
    }
    for token in ["", "two words", "line\nend", "é"] {
        assert_eq!(made("https://example.com", Some(token)), Some(LicensesHttpError::Token), "{token:?}");
    }
}
