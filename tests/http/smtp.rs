//! Mail over SMTP to a server of our own that fails as it is told to, and to an independent one (M1, M2, M3, M5, M6, X9).

use std::{
    env,
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::Duration,
};

use mail_parser::{MessageParser, MimeHeaders as _};
use rstest::rstest;
use serde_json::Value as Json;
use symbolon::settings::{LanguageTag, Settings, TlsMode};
use symbolon_domain::outbox::{MessageState, MessageSummary};

use crate::support::{
    Binary,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Home, MailServer, TestApp, code_in,
    messages::{all_are, eventually, is_delivered, messages, waits},
    smtp::{Does, Identity, PASSWORD, SENDER, Step, USERNAME},
};

const ADA: &str = "ada.canary@example.org";

fn all_delivered(found: &[MessageSummary]) -> bool {
    found.iter().all(|message| message.state == MessageState::Delivered)
}

/// When the last of these is due.
fn last_due(found: &[MessageSummary]) -> symbolon_domain::clock::Timestamp {
    found.iter().filter_map(|message| message.next_attempt_at).max().unwrap()
}

/// M4, M5: a sign-up's code arrives over TLS, from whom it should, as text and HTML.
#[rstest]
#[tokio::test]
async fn a_code_arrives_over_smtp(
    #[values(Sqlite, Postgres, Dynamodb)] on: Engine,
    #[values(TlsMode::StartTls, TlsMode::Implicit)] tls: TlsMode,
) {
    let server = MailServer::start(tls);
    let app = TestApp::with(on, server.settings()).await;
    let pending = app.user(ADA).begin_sign_up().await;
    is_delivered(&app).await;
    let mail = server.mail();
    let [received] = mail.as_slice() else { panic!("{mail:?}") };
    assert_eq!((received.from.as_str(), received.to.as_str()), (SENDER, ADA));
    assert!(received.encrypted);
    assert_eq!(received.authenticated_by.as_deref(), Some("PLAIN"));
    assert!(server.heard_in_clear().iter().all(|line| line == "EHLO symbolon.example" || line == "STARTTLS"));

    let parsed = MessageParser::default().parse(&received.raw).unwrap();
    assert!(parsed.content_type().unwrap().c_subtype.as_deref() == Some("alternative"));
    assert_eq!(parsed.from().unwrap().first().unwrap().address(), Some(SENDER));
    assert_eq!(parsed.to().unwrap().first().unwrap().address(), Some(ADA));
    let id = messages(&app).await[0].id;
    assert_eq!(parsed.message_id(), Some(format!("{id}@symbolon.example").as_str()));
    let code = received.code();
    assert!(parsed.body_html(0).unwrap().contains(&code));
    pending.verify(&code).await;
}

/// M5: a server on this machine may be spoken to in clear, and one that knows no PLAIN gets LOGIN. M4: in the language
/// that is configured.
#[tokio::test]
async fn a_server_on_this_machine_needs_no_tls() {
    let server = MailServer::with(TlsMode::None, Identity::of(&["localhost"]), "LOGIN");
    let app = TestApp::with(Sqlite, |settings| {
        settings.messages.language = LanguageTag::try_from("de-AT".to_owned()).unwrap();
        server.settings()(settings);
    });
    let app = app.await;
    let pending = app.user(ADA).begin_sign_up().await;
    is_delivered(&app).await;
    let received = server.mail().remove(0);
    assert_eq!((received.encrypted, received.authenticated_by.as_deref()), (false, Some("LOGIN")));
    let parsed = MessageParser::default().parse(&received.raw).unwrap();
    assert_eq!(parsed.subject(), Some("Ihr Code für die Registrierung bei Symbolon"));
    pending.verify(&received.code()).await;
}

/// M5: nothing is said to a server that offers no STARTTLS, that has somebody else's certificate, or one that nobody
/// vouches for.
#[tokio::test]
async fn nothing_is_said_without_tls_that_can_be_trusted() {
    let nobody_vouches = |settings: &mut Settings| settings.messages.email.smtp.ca = None;
    let as_it_is = |_: &mut Settings| {};
    let wants_starttls = |settings: &mut Settings| {
        settings.messages.email.smtp.tls = TlsMode::StartTls;
    };
    let somebody_else = || Identity::of(&["mail.example.com"]);
    type Change = fn(&mut Settings);
    let cases: [(MailServer, Change, &str); 5] = [
        (MailServer::start(TlsMode::None), wants_starttls, "smtp_no_starttls"),
        (MailServer::with(TlsMode::StartTls, somebody_else(), "PLAIN"), as_it_is, "smtp_certificate"),
        (MailServer::with(TlsMode::Implicit, somebody_else(), "PLAIN"), as_it_is, "smtp_certificate"),
        (MailServer::start(TlsMode::StartTls), nobody_vouches, "smtp_certificate"),
        (MailServer::start(TlsMode::Implicit), nobody_vouches, "smtp_certificate"),
    ];
    for (server, change, reason) in cases {
        let app = TestApp::with(Sqlite, |settings| {
            server.settings()(settings);
            change(settings);
        });
        let app = app.await;
        app.user(ADA).begin_sign_up().await;
        waits(&app, 1, reason).await;
        assert!(server.mail().is_empty());
        let heard = server.heard_in_clear();
        assert!(heard.iter().all(|line| line.starts_with("EHLO ") || line == "STARTTLS"), "{heard:?}");
    }
}

/// M2, M3: whatever the server cannot do now, the message waits, and arrives once.
#[tokio::test]
async fn a_message_waits_until_the_server_takes_it() {
    let faults = [
        (Step::Greeting, Does::Say("421 busy"), "smtp_421"),
        (Step::Greeting, Does::Say("554 not you"), "smtp_554"),
        (Step::Hello, Does::Say("550 no"), "smtp_550"),
        (Step::StartTls, Does::Say("454 no TLS now"), "smtp_454"),
        (Step::Authentication, Does::Say("535 no"), "smtp_535"),
        (Step::Authentication, Does::HangUp, "smtp_interrupted"),
        (Step::Mail, Does::Say("452 full"), "smtp_452"),
        (Step::Mail, Does::Say("550 not from you"), "smtp_550"),
        (Step::Recipient, Does::Say("450 greylisted"), "smtp_450"),
        (Step::Recipient, Does::Say("530 who are you"), "smtp_530"),
        (Step::Data, Does::HangUp, "smtp_interrupted"),
        (Step::Content, Does::Say("451 later"), "smtp_451"),
    ];
    let server = MailServer::start(TlsMode::StartTls);
    let app = TestApp::with(Sqlite, server.settings()).await;
    server.fails(faults[0].0, faults[0].1);
    let pending = app.user(ADA).begin_sign_up().await;
    for (attempt, (_, _, reason)) in (1_u32..).zip(faults) {
        let due = waits(&app, attempt, reason).await;
        assert!(server.mail().is_empty());
        match faults.get(usize::try_from(attempt).unwrap()) {
            Some((step, does, _)) => server.fails(*step, *does),
            None => server.behaves(),
        }
        app.clock.set(due);
    }
    is_delivered(&app).await;
    assert_eq!(server.mail().len(), 1);
    pending.verify(&server.mail()[0].code()).await;
}

/// M1: a message whose acceptance nobody heard of is sent again, and is the same one.
#[rstest]
#[tokio::test]
async fn a_lost_answer_costs_a_copy_and_no_message(#[values(Does::HalfClose, Does::HangUp)] does: Does) {
    let server = MailServer::start(TlsMode::StartTls);
    server.fails(Step::Content, does);
    let app = TestApp::with(Sqlite, server.settings()).await;
    let pending = app.user(ADA).begin_sign_up().await;
    let due = waits(&app, 1, "smtp_interrupted").await;
    server.behaves();
    app.clock.set(due);
    is_delivered(&app).await;
    let mail = server.mail();
    assert_eq!(mail.len(), 2);
    assert_eq!(mail[0], mail[1]);
    pending.verify(&mail[0].code()).await;
}

/// M3, G2: what the server has against the recipient or the message is given up at once, with its code as the reason, and
/// audited.
#[rstest]
#[case(Step::Recipient, "550 5.1.1 <ada.canary@example.org> is nobody", "smtp_550")]
#[case(Step::Data, "554 no", "smtp_554")]
#[case(Step::Content, "552 too much for ada.canary@example.org", "smtp_552")]
#[tokio::test]
async fn a_message_that_the_server_refuses_is_dropped_and_audited(
    #[case] at: Step,
    #[case] says: &'static str,
    #[case] reason: &str,
) {
    let server = MailServer::start(TlsMode::StartTls);
    server.fails(at, Does::Say(says));
    let app = TestApp::with(Sqlite, server.settings()).await;
    app.user(ADA).begin_sign_up().await;
    let dropped = eventually(&app, |found| found.state != MessageState::Pending).await;
    let expected = (MessageState::Dropped, 1, Some(reason));
    assert_eq!((dropped.state, dropped.attempts, dropped.reason.as_deref()), expected);
    let events = app.audit().await;
    let event = events.iter().find(|event| event.act.as_str() == "message.dropped").unwrap();
    assert_eq!(event.subject.as_ref().unwrap().as_str(), format!("message:{}", dropped.id));
    assert_eq!(event.reason.as_deref(), Some(reason));
    assert!(server.mail().is_empty());
}

/// X9: while a worker waits for a silent server, whoever signs up is answered without any message having been sent or given
/// back; all arrive when the server is itself again.
#[tokio::test]
async fn sign_up_is_answered_while_the_mail_server_is_silent() {
    let server = MailServer::start(TlsMode::StartTls);
    server.fails(Step::Recipient, Does::Stall);
    let app = TestApp::with(Sqlite, server.settings()).await;
    let mut people = vec![(ADA.to_owned(), app.user(ADA).begin_sign_up().await)];
    server.has_stalled().await;
    for person in 0..3 {
        let address = format!("person{person}@example.org");
        let pending = app.user(&address).begin_sign_up().await;
        people.push((address, pending));
    }
    let found = messages(&app).await;
    assert!(found.iter().all(|message| message.attempts <= 1 && message.reason.is_none()), "{found:?}");
    let timed_out = |message: &MessageSummary| message.reason.as_deref() == Some("smtp_timeout");
    let found = all_are(&app, |found| found.iter().all(timed_out)).await;
    assert!(found.iter().all(|message| message.attempts == 1), "no lease was outlasted: {found:?}");
    server.behaves();
    app.clock.set(last_due(&found));
    all_are(&app, all_delivered).await;
    let mail = server.mail();
    assert_eq!(mail.len(), people.len());
    for (address, pending) in people {
        let received = mail.iter().find(|received| received.to == address).unwrap();
        pending.verify(&received.code()).await;
    }
}

/// X9, M2: while the server is down sign-ups are answered; when it is back each message arrives once, and a code that has
/// ended meanwhile is never sent.
#[rstest]
#[tokio::test]
async fn messages_arrive_after_an_outage_and_ended_codes_do_not(
    #[values(Sqlite, Postgres, Dynamodb)] on: Engine,
) {
    let server = MailServer::down(TlsMode::StartTls, Identity::of(&["localhost"]), "PLAIN");
    let app = TestApp::with(on, server.settings()).await;
    let early = app.user("early@example.org").begin_sign_up().await;
    waits(&app, 1, "smtp_unreachable").await;
    // Ten minutes of outage; the code lives for five of them.
    app.clock.advance(Duration::from_secs(600));
    let mut people = Vec::new();
    for person in 0..6 {
        let address = format!("person{person}@example.org");
        let pending = app.user(&address).begin_sign_up().await;
        people.push((address, pending));
    }
    let is_tried = |message: &MessageSummary| message.reason.is_some();
    let found = all_are(&app, |found| found.len() == 7 && found.iter().all(is_tried)).await;
    assert!(server.mail().is_empty());
    let due = last_due(&found);
    server.comes_up();
    app.clock.set(due);
    let ended = |message: &MessageSummary| message.state != MessageState::Pending;
    let found = all_are(&app, |found| found.iter().all(ended)).await;
    let (last, others) = found.split_last().unwrap();
    assert!(all_delivered(others), "{found:?}");
    assert_eq!((last.state, last.reason.as_deref()), (MessageState::Dropped, Some("expired")));
    let mail = server.mail();
    assert_eq!(mail.len(), people.len(), "each once, and nothing else");
    for (address, pending) in people {
        let received = mail.iter().find(|received| received.to == address).unwrap();
        pending.verify(&received.code()).await;
    }
    drop(early);
}

/// M6, C63: at `trace` the log has neither the address nor the code of a message that the server took, refused or put off
/// with words that hold both, nor the server's password.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_message_over_smtp_reaches_the_log() {
    let server = MailServer::start(TlsMode::StartTls);
    server.fails(Step::Recipient, Does::Say("550 <ada.canary@example.org> is nobody"));
    let home = Home::on(Sqlite).await;
    let variables = server.variables();
    let mut variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    variables.push(("SYMBOLON_LOG__LEVEL", "trace"));
    let mut binary = Binary::of(&home, &[], &variables);
    binary.user(ADA).begin_sign_up().await;
    logged_in_store(&home, "dropped").await;
    server.fails(Step::Content, Does::Say("451 grace.canary@example.org must wait"));
    binary.user("grace.canary@example.org").begin_sign_up().await;
    logged_in_store(&home, "smtp_451").await;
    server.behaves();
    logged_in_store(&home, "delivered").await;
    let mail = server.mail();
    assert_eq!(mail.len(), 1, "one was refused for good");
    assert!(binary.terminate().success());
    let log = binary.log();
    assert!(log.contains("smtp_550") && log.contains("smtp_451"), "{log}");
    assert!(!log.to_lowercase().contains("canary"));
    let code = mail[0].code();
    assert!(!log.split(|letter: char| !letter.is_alphanumeric()).any(|word| word == code));
}

/// G4: a stop does not wait for a mail server that is silent; the message comes back when its lease ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_stop_does_not_wait_for_a_silent_mail_server() {
    let server = MailServer::start(TlsMode::StartTls);
    server.fails(Step::Content, Does::Stall);
    let home = Home::on(Sqlite).await;
    let variables = server.variables();
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut binary = Binary::of(&home, &[], &variables);
    binary.user(ADA).begin_sign_up().await;
    server.has_stalled().await;
    assert!(binary.terminate().success());
    assert!(binary.log().contains("still on their way"));
    logged_in_store(&home, "pending").await;
}

/// Until the list of messages says this word.
async fn logged_in_store(home: &Home, word: &str) {
    for _ in 0..300 {
        let listed = crate::support::command_of(home, &["outbox", "list"], "");
        if String::from_utf8_lossy(&listed.stdout).contains(word) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("no message became {word}");
}

const AIOSMTPD: &str = r#"
import asyncio, json, ssl, sys
from aiosmtpd.smtp import SMTP, AuthResult
certificate, key, username, password = sys.argv[1:5]

class Handler:
    async def handle_DATA(self, server, session, envelope):
        print(json.dumps({
            "from": envelope.mail_from, "to": envelope.rcpt_tos, "tls": session.ssl is not None,
            "authenticated": session.authenticated, "content": envelope.content.decode("ascii"),
        }), flush=True)
        return "250 taken"

def authenticate(server, session, envelope, mechanism, data):
    is_right = (data.login, data.password) == (username.encode(), password.encode())
    return AuthResult(success=is_right, handled=False)

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)

def factory():
    return SMTP(Handler(), hostname="localhost", tls_context=context, require_starttls=True, auth_required=True,
                auth_require_tls=True, authenticator=authenticate)

async def serve():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(factory, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)

asyncio.run(serve())
"#;

/// A server that others have written. It ends when its standard input closes.
struct Aiosmtpd {
    child: Child,
    lines: std::sync::mpsc::Receiver<String>,
    port: u16,
}

impl Aiosmtpd {
    fn start(identity: &Identity) -> Self {
        let python = env::var_os("SYMBOLON_TEST_PYTHON").expect("run the tests by `cargo xtask test`");
        let mut child = Command::new(python)
            .args(["-c", AIOSMTPD, &identity.certificate(), &identity.key(), USERNAME, PASSWORD])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).for_each(|line| drop(sender.send(line)));
        });
        let port = lines.recv_timeout(Duration::from_secs(30)).unwrap().parse().unwrap();
        Self { child, lines, port }
    }

    fn received(&self) -> Json {
        serde_json::from_str(&self.lines.recv_timeout(Duration::from_secs(30)).unwrap()).unwrap()
    }
}

impl Drop for Aiosmtpd {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}

/// M5: the code arrives at an independent server that insists on STARTTLS and on authentication; a wrong password is tried
/// again later and costs no message.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_code_arrives_at_an_independent_server(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let identity = Identity::of(&["localhost"]);
    let server = Aiosmtpd::start(&identity);
    // The settings are those for a server of our own with the same certificate, but for the port.
    let ours = MailServer::down(TlsMode::StartTls, Identity::of(&["localhost"]), "PLAIN");
    let with_password = |password: &'static str| {
        let (settings, ca, port) = (ours.settings(), identity.certificate(), server.port);
        move |changed: &mut Settings| {
            settings(changed);
            let smtp = &mut changed.messages.email.smtp;
            (smtp.port, smtp.ca) = (Some(port), Some(ca.into()));
            smtp.password = Some(password.to_owned().into());
        }
    };
    let app = TestApp::with(on, with_password("a wrong one")).await;
    let pending = app.user(ADA).begin_sign_up().await;
    let token = (pending.token.clone(), pending.binding.clone());
    let due = waits(&app, 1, "smtp_535").await;
    let app = TestApp::of(app.stop().await, with_password(PASSWORD)).await;
    app.clock.set(due);
    is_delivered(&app).await;
    let received = server.received();
    assert_eq!((&received["from"], &received["to"][0]), (&SENDER.into(), &ADA.into()));
    assert_eq!((&received["tls"], &received["authenticated"]), (&true.into(), &true.into()));
    let content = received["content"].as_str().unwrap();
    let parsed = MessageParser::default().parse(content).unwrap();
    let code = code_in(&parsed.body_text(0).unwrap());
    let verified = app.post("/v1/sign-up/verify").bearer(&token.0).binding(&token.1);
    verified.json(&serde_json::json!({"code": code})).send().await.expect(200);
}
