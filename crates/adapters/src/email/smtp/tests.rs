//! What a server's words and silences become, from a server in clear on this machine that follows a script. TLS is tried
//! end to end.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicUsize, Ordering},
};

use futures::future::join_all;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    time::timeout,
};

use super::*;
use crate::email::mime::testing::{email, sender};

/// Short, so that no test waits for long; a test is given up after much more.
const SHORT: Limits = Limits {
    turn: Duration::from_millis(300),
    connect: Duration::from_millis(500),
    command: Duration::from_millis(200),
    conversation: Duration::from_millis(1_000),
};

/// What the server answers to the words that begin with the first; `None` is silence.
type Script = &'static [(&'static str, Option<&'static str>)];

struct Scripted {
    port: u16,
    /// Lines that it got.
    heard: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Scripted {
    async fn start(script: Script) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (heard, connections) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicUsize::new(0)));
        let (lines, count) = (Arc::clone(&heard), Arc::clone(&connections));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(talk(stream, script, Arc::clone(&lines)));
            }
        });
        Self { port, heard, connections }
    }

    fn carrier(&self) -> SmtpCarrier {
        self.carrier_with(None)
    }

    fn carrier_with(&self, login: Option<SmtpLogin>) -> SmtpCarrier {
        SmtpCarrier::limited(options(self.port, login), sender(), SHORT).unwrap()
    }

    fn heard(&self, start: &str) -> usize {
        self.heard.lock().unwrap().iter().filter(|line| line.starts_with(start)).count()
    }
}

fn options(port: u16, login: Option<SmtpLogin>) -> SmtpOptions {
    SmtpOptions { host: "127.0.0.1".to_owned(), port, tls: SmtpTls::None, login, authorities: None }
}

/// What the script says, else what a friendly server says.
fn answer_to(line: &str, script: Script) -> Option<&'static str> {
    let friendly = [
        ("greeting", Some("220 here")),
        ("EHLO", Some("250-here\r\n250 AUTH PLAIN LOGIN")),
        ("AUTH", Some("235 welcome")),
        ("DATA", Some("354 go on")),
        ("QUIT", Some("221 bye")),
    ];
    let all = script.iter().chain(&friendly);
    all.copied().find(|(start, _)| line.starts_with(start)).map_or(Some("250 fine"), |(_, answer)| answer)
}

async fn talk(stream: TcpStream, script: Script, heard: Arc<Mutex<Vec<String>>>) {
    let mut stream = BufReader::new(stream);
    let mut in_data = false;
    let mut line = "greeting".to_owned();
    loop {
        let is_content = in_data && line != ".";
        if !is_content {
            let of = if in_data { "content" } else { line.as_str() };
            match answer_to(of, script) {
                Some("hang up") => return,
                Some(answer) => {
                    stream.get_mut().write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
                    in_data = answer.starts_with("354");
                }
                None => std::future::pending().await,
            }
        }
        line.clear();
        if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
            return;
        }
        line.truncate(line.trim_end().len());
        heard.lock().unwrap().push(line.clone());
    }
}

async fn sent(script: Script) -> Result<(), CarrierError> {
    Scripted::start(script).await.carrier().send(&email("ada@example.org")).await
}

fn is_permanent(error: &CarrierError) -> bool {
    matches!(error, CarrierError::Permanent(_))
}

fn reason(error: CarrierError) -> String {
    let (CarrierError::Transient(reason) | CarrierError::Permanent(reason)) = error;
    reason.into_owned()
}

/// M3: any 2xx is success, at whichever step.
#[tokio::test]
async fn any_2xx_is_success() {
    sent(&[]).await.unwrap();
    sent(&[("MAIL", Some("259 fine")), ("RCPT", Some("251 will forward")), ("content", Some("200 ok"))])
        .await
        .unwrap();
}

/// M3, M6: what the server has against the recipient or the message for good is given up; what it has against us, or for
/// now, waits. The reason is the code alone.
#[tokio::test]
async fn the_step_decides_what_a_no_is_about() {
    let cases: [(Script, bool); 22] = [
        (&[("RCPT", Some("550 no ada@example.org here"))], true),
        (&[("RCPT", Some("551 ada@example.org has moved"))], true),
        (&[("RCPT", Some("552-full\r\n552 ada@example.org"))], true),
        (&[("RCPT", Some("501 what is ada@example.org"))], true),
        (&[("DATA", Some("554 no"))], true),
        (&[("content", Some("550 looks like spam to ada@example.org"))], true),
        (&[("content", Some("554 no"))], true),
        (&[("RCPT", Some("450 greylisted"))], false),
        (&[("RCPT", Some("421 later"))], false),
        (&[("RCPT", Some("530 who are you"))], false),
        (&[("RCPT", Some("503 out of order"))], false),
        (&[("RCPT", Some("354 out of step"))], false),
        (&[("DATA", Some("451 later"))], false),
        (&[("DATA", Some("250 out of step"))], false),
        (&[("content", Some("451 later"))], false),
        (&[("content", Some("354 out of step"))], false),
        (&[("MAIL", Some("550 not from you"))], false),
        (&[("MAIL", Some("452 full"))], false),
        (&[("EHLO", Some("550 no"))], false),
        (&[("EHLO", Some("421 no"))], false),
        (&[("greeting", Some("554 no"))], false),
        (&[("greeting", Some("421 busy"))], false),
    ];
    for (script, expected) in cases {
        let error = sent(script).await.unwrap_err();
        assert_eq!(is_permanent(&error), expected, "{script:?}: {error}");
        let code = script[0].1.unwrap().get(..3).unwrap();
        assert_eq!(reason(error), format!("smtp_{code}"), "{script:?}");
    }
}

/// M2, M3: a conversation that breaks off or makes no sense is tried again.
#[tokio::test]
async fn a_broken_conversation_is_tried_again() {
    for step in ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "content"] {
        let script: Script = Box::leak(Box::new([(step, Some("hang up"))]));
        let error = sent(script).await.unwrap_err();
        assert!(!is_permanent(&error));
        assert_eq!(reason(error), "smtp_interrupted", "{step}");
        let script: Script = Box::leak(Box::new([(step, Some("<html>ada@example.org"))]));
        let error = sent(script).await.unwrap_err();
        assert!(!is_permanent(&error));
        assert_eq!(reason(error), "smtp_not_understood", "{step}");
    }
}

/// M2, X15: at an answer that the library panics at the message is tried again, and the carrier lives.
#[tokio::test]
async fn an_answer_that_the_library_cannot_bear_is_tried_again() {
    let server = Scripted::start(&[("EHLO", Some("250-here\r\n250-8BITMIME\r\n250   "))]).await;
    let carrier = server.carrier();
    for _ in 0..2 {
        let error = carrier.send(&email("ada@example.org")).await.unwrap_err();
        assert!(!is_permanent(&error));
        assert_eq!(reason(error), "smtp_not_understood");
    }
}

/// M2, M3: silence at any step ends in time.
#[tokio::test]
async fn silence_is_tried_again() {
    for step in ["greeting", "EHLO", "MAIL", "RCPT", "DATA", "content"] {
        let script: Script = Box::leak(Box::new([(step, None)]));
        let error = timeout(Duration::from_secs(20), sent(script)).await.unwrap().unwrap_err();
        assert!(!is_permanent(&error));
        assert_eq!(reason(error), "smtp_timeout", "{step}");
    }
}

/// M2: however many messages wait for a server that is silent, each is given back within the time of one: no lease is
/// outlasted. Those that found no free connection were not begun.
#[tokio::test]
async fn many_messages_at_a_silent_server_end_together() {
    let server = Scripted::start(&[("content", None)]).await;
    let carrier = server.carrier();
    let messages: Vec<_> = (0..40).map(|_| email("ada@example.org")).collect();
    let ends = join_all(messages.iter().map(|message| carrier.send(message))).await;
    let ends: Vec<String> = ends.into_iter().map(|sent| reason(sent.unwrap_err())).collect();
    let count = |wanted: &str| ends.iter().filter(|reason| *reason == wanted).count();
    assert_eq!((count("smtp_timeout"), count("smtp_busy")), (4, 36), "{ends:?}");
    assert_eq!(server.connections.load(Ordering::SeqCst), 4);
}

/// M2: no one is there.
#[tokio::test]
async fn a_server_that_is_not_there_is_tried_again() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let carrier = SmtpCarrier::limited(options(port, None), sender(), SHORT).unwrap();
    let error = carrier.send(&email("ada@example.org")).await.unwrap_err();
    assert!(!is_permanent(&error));
    assert_eq!(reason(error), "smtp_unreachable");
    assert_eq!(carrier.check().await.unwrap_err(), "smtp_unreachable");
}

/// Connections are kept, used again, and never more than four at a time.
#[tokio::test]
async fn connections_are_few_and_used_again() {
    let server = Scripted::start(&[]).await;
    let carrier = SmtpCarrier::new(options(server.port, None), sender()).unwrap();
    let message = email("ada@example.org");
    for _ in 0..5 {
        carrier.send(&message).await.unwrap();
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
    for sent in join_all((0..20).map(|_| carrier.send(&message))).await {
        sent.unwrap();
    }
    assert!(server.connections.load(Ordering::SeqCst) <= 4);
    assert_eq!(server.heard("DATA"), 25);
}

/// A connection that the server has closed meanwhile costs no message.
#[tokio::test]
async fn a_connection_that_has_gone_stale_is_replaced() {
    let server = Scripted::start(&[("NOOP", Some("hang up"))]).await;
    let carrier = server.carrier();
    for _ in 0..3 {
        carrier.send(&email("ada@example.org")).await.unwrap();
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 3);
}

/// M3: after a no the next message is not sent on what is left of that conversation.
#[tokio::test]
async fn a_refused_message_leaves_nothing_behind() {
    let server = Scripted::start(&[("RCPT TO:<eve", Some("550 no"))]).await;
    let carrier = server.carrier();
    assert!(is_permanent(&carrier.send(&email("eve@example.org")).await.unwrap_err()));
    carrier.send(&email("ada@example.org")).await.unwrap();
    assert_eq!((server.heard("MAIL"), server.heard("DATA")), (2, 1));
}

/// M3: wrong credentials are somebody's to mend, and a server that wants none is told none.
#[tokio::test]
async fn credentials_that_do_not_work_are_transient() {
    let login = || Some(SmtpLogin { username: "symbolon".to_owned(), password: "canary".to_owned() });
    let server = Scripted::start(&[("AUTH", Some("535 no"))]).await;
    let carrier = server.carrier_with(login());
    let error = carrier.send(&email("ada@example.org")).await.unwrap_err();
    assert!(!is_permanent(&error));
    assert_eq!(reason(error), "smtp_535");
    assert_eq!(server.heard("MAIL"), 0);
    assert!(!format!("{carrier:?}{:?}", options(1, login())).contains("canary"));
    let server = Scripted::start(&[("EHLO", Some("250 here"))]).await;
    let error = server.carrier_with(login()).send(&email("ada@example.org")).await.unwrap_err();
    assert_eq!(reason(error), "smtp_no_auth");
    assert_eq!(server.heard("AUTH"), 0);
}

/// M5: in clear nothing goes to another machine, whatever its name.
#[tokio::test]
async fn nothing_goes_to_another_machine_in_clear() {
    let options = SmtpOptions { host: "192.0.2.1".to_owned(), ..options(25, None) };
    let carrier = SmtpCarrier::limited(options, sender(), SHORT).unwrap();
    let error = carrier.send(&email("ada@example.org")).await.unwrap_err();
    assert_eq!(reason(error), "smtp_host_not_found");
}

/// M5: a server that offers no STARTTLS hears nothing but a hello.
#[tokio::test]
async fn without_starttls_nothing_is_said() {
    let server = Scripted::start(&[]).await;
    let login = Some(SmtpLogin { username: "symbolon".to_owned(), password: "canary".to_owned() });
    let options = SmtpOptions { tls: SmtpTls::StartTls, ..options(server.port, login) };
    let carrier = SmtpCarrier::limited(options, sender(), SHORT).unwrap();
    let error = carrier.send(&email("ada@example.org")).await.unwrap_err();
    assert_eq!(reason(error), "smtp_no_starttls");
    assert_eq!((server.heard("AUTH"), server.heard("MAIL")), (0, 0));
    assert_eq!(server.heard("EHLO example.com"), 1, "the sender's domain, not this machine's name");
}

/// M3: an address that the server cannot write is refused for good.
#[tokio::test]
async fn an_address_beyond_ascii_needs_a_server_that_can() {
    let server = Scripted::start(&[]).await;
    let error = server.carrier().send(&email("jörg@example.org")).await.unwrap_err();
    assert!(is_permanent(&error));
    assert_eq!(reason(error), "smtp_no_smtputf8");
    let server = Scripted::start(&[("EHLO", Some("250-here\r\n250-8BITMIME\r\n250 SMTPUTF8"))]).await;
    server.carrier().send(&email("jörg@example.org")).await.unwrap();
    assert_eq!(server.heard("RCPT TO:<jörg@example.org>"), 1);
}

/// X13: certificates that cannot be read are told by their file.
#[test]
fn certificates_that_are_none_are_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ca.pem");
    let with = |path: &std::path::Path| {
        let authorities = Some(path.to_owned());
        let options = SmtpOptions { tls: SmtpTls::Implicit, authorities, ..options(465, None) };
        SmtpCarrier::new(options, sender()).unwrap_err()
    };
    assert!(matches!(with(&path), SmtpError::Unreadable { .. }));
    for text in ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
        fs::write(&path, text).unwrap();
        assert!(!with(&path).to_string().is_empty(), "{text}");
    }
}
