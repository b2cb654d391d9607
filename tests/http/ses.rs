//! Mail through Amazon SES, that is through moto, which shows what it got; and an SES that throttles, fails, stalls, talks
//! nonsense or is not there (M1, M2, M3, M5, M6).

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use mail_parser::MessageParser;
use symbolon::settings::{EmailCarrier, Mailbox, Settings};
use symbolon_domain::outbox::MessageState;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
};

use crate::support::{
    Binary,
    Engine::Sqlite,
    Home, TestApp,
    engines::told,
    messages::{eventually, is_delivered, waits},
    ses::{code_of, sent_by, verified},
};

const ADA: &str = "ada.canary@example.org";

/// What a server in SES's place does.
#[derive(Clone, Copy, Debug)]
enum Mood {
    /// Hands on to moto.
    Pass,
    /// Hands on to moto, and hangs up instead of answering.
    LoseAnswer,
    /// Answers with this status and SES's own form of an error with this code.
    Say(u16, &'static str),
    /// Answers with something that SES never says.
    Babble,
    /// Never answers.
    Stall,
}

/// A server in SES's place.
struct Ses {
    endpoint: String,
    mood: Arc<Mutex<Mood>>,
    answered: Arc<AtomicUsize>,
}

impl Ses {
    async fn start(mood: Mood) -> Self {
        Self::on(TcpListener::bind(("127.0.0.1", 0)).await.unwrap(), mood)
    }

    fn on(listener: TcpListener, mood: Mood) -> Self {
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let mood = Arc::new(Mutex::new(mood));
        let answered = Arc::new(AtomicUsize::new(0));
        let (current, count) = (Arc::clone(&mood), Arc::clone(&answered));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (current, count) = (Arc::clone(&current), Arc::clone(&count));
                tokio::spawn(async move {
                    serve(stream, current).await;
                    count.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        Self { endpoint, mood, answered }
    }

    async fn has_answered(&self, requests: usize) {
        for _ in 0..1_500 {
            if self.answered.load(Ordering::SeqCst) >= requests {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{requests} requests did not come");
    }

    fn becomes(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }
}

/// One request, answered, and the connection closed.
async fn serve(mut stream: TcpStream, mood: Arc<Mutex<Mood>>) {
    let Some(request) = read_request(&mut stream).await else { return };
    let mood = *mood.lock().unwrap();
    let answer = match mood {
        Mood::Pass => from_moto(&request).await,
        Mood::LoseAnswer => {
            from_moto(&request).await;
            return;
        }
        Mood::Say(status, code) => answer(
            status,
            &format!(
                "<ErrorResponse xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\"><Error><Type>Sender</Type>\
                 <Code>{code}</Code><Message>{ADA}</Message></Error></ErrorResponse>"
            ),
        ),
        Mood::Babble => answer(200, &format!("<html>Sign in to this network, {ADA}</html>")),
        Mood::Stall => std::future::pending().await,
    };
    drop(stream.write_all(&answer).await);
}

async fn read_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.map_or(0, |length| length.trim().parse().unwrap());
        if bytes.len() >= end + 4 + length {
            return Some(bytes);
        }
    }
}

/// Moto closes the connection after each answer.
async fn from_moto(request: &[u8]) -> Vec<u8> {
    let mut moto = TcpStream::connect(told("SYMBOLON_TEST_AWS").trim_start_matches("http://")).await.unwrap();
    moto.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    moto.read_to_end(&mut answer).await.unwrap();
    answer
}

fn answer(status: u16, body: &str) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} X\r\ncontent-type: text/xml\r\ncontent-length: {}", body.len());
    format!("{head}\r\nconnection: close\r\n\r\n{body}").into_bytes()
}

fn through(endpoint: &str, sender: &str) -> impl FnOnce(&mut Settings) {
    let from = Mailbox::try_from(format!("Symbolon <{sender}>")).unwrap();
    let endpoint = endpoint.to_owned().try_into().unwrap();
    |settings| {
        let email = &mut settings.messages.email;
        (email.carrier, email.from, email.ses.endpoint) = (EmailCarrier::Ses, from, Some(endpoint));
    }
}

/// M5: a sign-up's code arrives through SES, as the message that it is with every carrier.
#[tokio::test]
async fn a_code_arrives_through_ses() {
    let sender = verified("arrives").await;
    let app = TestApp::with(Sqlite, through(&told("SYMBOLON_TEST_AWS"), &sender)).await;
    let pending = app.user(ADA).begin_sign_up().await;
    is_delivered(&app).await;
    let sent = sent_by(&sender).await;
    assert_eq!(sent.len(), 1);
    let parsed = MessageParser::default().parse(&sent[0]).unwrap();
    let from = parsed.from().unwrap().first().unwrap();
    assert_eq!((from.name(), from.address()), (Some("Symbolon"), Some(sender.as_str())));
    assert_eq!(parsed.to().unwrap().first().unwrap().address(), Some(ADA));
    assert!(parsed.subject().unwrap().contains("Symbolon"), "{:?}", parsed.subject());
    let code = code_of(&sent[0]);
    assert!(parsed.body_html(0).unwrap().contains(&code));
    pending.verify(&code).await;
}

/// M2, M3: whatever SES cannot do now, the message waits, and arrives once.
#[tokio::test]
async fn a_message_waits_until_ses_takes_it() {
    let sender = verified("waits").await;
    let faults = [
        (Mood::Say(400, "Throttling"), "ses:Throttling"),
        (Mood::Say(500, "InternalFailure"), "ses:InternalFailure"),
        (Mood::Say(503, "ServiceUnavailable"), "ses:ServiceUnavailable"),
        (Mood::Say(403, "ExpiredToken"), "ses:ExpiredToken"),
        (Mood::Say(400, "AccountSendingPausedException"), "ses:AccountSendingPausedException"),
        (Mood::Babble, "ses:status_200"),
    ];
    let ses = Ses::start(faults[0].0).await;
    let app = TestApp::with(Sqlite, through(&ses.endpoint, &sender)).await;
    let pending = app.user(ADA).begin_sign_up().await;
    let next = faults.iter().skip(1).map(|(mood, _)| *mood).chain([Mood::Pass]);
    for (attempt, ((_, reason), next)) in (1..).zip(faults.iter().zip(next)) {
        let due = waits(&app, attempt, reason).await;
        assert!(sent_by(&sender).await.is_empty());
        ses.becomes(next);
        app.clock.set(due);
    }
    is_delivered(&app).await;
    let sent = sent_by(&sender).await;
    assert_eq!(sent.len(), 1);
    pending.verify(&code_of(&sent[0])).await;
}

/// M2: an SES that never answers holds a worker up for ten seconds, and loses nothing.
#[tokio::test]
async fn a_message_outlives_an_ses_that_stalls() {
    let sender = verified("stalls").await;
    let ses = Ses::start(Mood::Stall).await;
    let app = TestApp::with(Sqlite, through(&ses.endpoint, &sender)).await;
    let pending = app.user(ADA).begin_sign_up().await;
    let due = waits(&app, 1, "ses:timeout").await;
    ses.becomes(Mood::Pass);
    app.clock.set(due);
    is_delivered(&app).await;
    pending.verify(&code_of(&sent_by(&sender).await[0])).await;
}

/// M2: a message waits for an SES that is not there, and arrives when it is back.
#[tokio::test]
async fn a_message_waits_while_ses_is_down() {
    let sender = verified("down").await;
    // Bound and not listening: the port is ours, and whoever connects is refused.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let endpoint = format!("http://{}", socket.local_addr().unwrap());
    let app = TestApp::with(Sqlite, through(&endpoint, &sender)).await;
    let pending = app.user(ADA).begin_sign_up().await;
    let due = waits(&app, 1, "ses:unreachable").await;
    app.clock.set(due);
    let due = waits(&app, 2, "ses:unreachable").await;
    let _ses = Ses::on(socket.listen(16).unwrap(), Mood::Pass);
    app.clock.set(due);
    is_delivered(&app).await;
    let sent = sent_by(&sender).await;
    assert_eq!(sent.len(), 1);
    pending.verify(&code_of(&sent[0])).await;
}

/// M1: a message whose acceptance nobody heard of is sent again, and is the same one.
#[tokio::test]
async fn a_lost_answer_costs_a_copy_and_no_message() {
    let sender = verified("lost").await;
    let ses = Ses::start(Mood::LoseAnswer).await;
    let app = TestApp::with(Sqlite, through(&ses.endpoint, &sender)).await;
    let pending = app.user(ADA).begin_sign_up().await;
    let due = waits(&app, 1, "ses:interrupted").await;
    ses.becomes(Mood::Pass);
    app.clock.set(due);
    is_delivered(&app).await;
    let sent = sent_by(&sender).await;
    assert!(sent.len() > 1 && sent.iter().all(|copy| *copy == sent[0]), "{} copies", sent.len());
    pending.verify(&code_of(&sent[0])).await;
}

/// M3, G2: what SES refuses is given up at once, with its code as the reason, and audited.
#[tokio::test]
async fn a_message_that_ses_refuses_is_dropped_and_audited() {
    let app = TestApp::with(Sqlite, through(&told("SYMBOLON_TEST_AWS"), "unverified@symbolon.example")).await;
    app.user(ADA).begin_sign_up().await;
    let dropped = eventually(&app, |found| found.state != MessageState::Pending).await;
    let expected = (MessageState::Dropped, 1, Some("ses:MessageRejected"));
    assert_eq!((dropped.state, dropped.attempts, dropped.reason.as_deref()), expected);
    let events = app.audit().await;
    let event = events.iter().find(|event| event.act.as_str() == "message.dropped").unwrap();
    assert_eq!(event.subject.as_ref().unwrap().as_str(), format!("message:{}", dropped.id));
    assert_eq!(event.reason.as_deref(), Some("ses:MessageRejected"));
    assert!(sent_by("unverified@symbolon.example").await.is_empty());
}

/// M6, C63: at `trace` the log has neither the address nor the code of a message that SES took, refused, or answered with
/// nonsense, nor a key.
#[tokio::test]
async fn nothing_of_a_message_through_ses_reaches_the_log() {
    let sender = verified("log").await;
    let ses = Ses::start(Mood::Say(400, "MessageRejected")).await;
    let home = Home::on(Sqlite).await;
    let mut binary = Binary::of(
        &home,
        &[],
        &[
            ("SYMBOLON_LOG__LEVEL", "trace"),
            ("SYMBOLON_MESSAGES__EMAIL__CARRIER", "ses"),
            ("SYMBOLON_MESSAGES__EMAIL__FROM", sender.as_str()),
            ("SYMBOLON_MESSAGES__EMAIL__SES__ENDPOINT", ses.endpoint.as_str()),
            ("AWS_SECRET_ACCESS_KEY", "canary-key"),
        ],
    );
    binary.user(ADA).begin_sign_up().await;
    ses.has_answered(1).await;
    ses.becomes(Mood::Babble);
    binary.user("grace.canary@example.org").begin_sign_up().await;
    ses.has_answered(2).await;
    ses.becomes(Mood::Pass);
    ses.has_answered(3).await;
    let sent = sent_by(&sender).await;
    assert_eq!(sent.len(), 1, "one was refused for good");
    assert!(binary.terminate().success());
    let log = binary.log();
    assert!(log.contains("ses:status_200") && log.contains("ses:MessageRejected"), "{log}");
    assert!(!log.to_lowercase().contains("canary"));
    let code = code_of(&sent[0]);
    assert!(!log.split(|letter: char| !letter.is_alphanumeric()).any(|word| word == code));
}
