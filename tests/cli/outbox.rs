//! Messages and the mail server from an operator's side: another attempt, a test message, a preview, the doctor (M1, M4, G8).

use std::process::Output;

use rstest::rstest;
use serde_json::Value as Json;
use symbolon::settings::TlsMode;

use crate::support::{
    Binary,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Home, MailServer, command,
    smtp::{Does, Identity, SENDER, Step},
};

const ADA: &str = "ada.canary@example.org";

/// Runs a command of this home with these settings besides.
fn run(home: &Home, variables: &[(String, String)], arguments: &[&str]) -> Output {
    let own = home.variables();
    let all: Vec<(&str, &str)> =
        own.iter().chain(variables).map(|(name, value)| (name.as_str(), value.as_str())).collect();
    command(home.directory(), arguments, &all, "")
}

#[track_caller]
fn json(home: &Home, variables: &[(String, String)], arguments: &[&str]) -> Json {
    let output = run(home, variables, &[arguments, &["--output", "json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn refused(home: &Home, variables: &[(String, String)], arguments: &[&str]) -> String {
    let output = run(home, variables, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn serve(home: &Home, variables: &[(String, String)]) -> Binary {
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Binary::of(home, &[], &variables)
}

/// Until the newest message is this far.
async fn newest_is(home: &Home, wanted: impl Fn(&Json) -> bool) -> Json {
    for _ in 0..300 {
        let newest = json(home, &[], &["outbox", "list"])[0].take();
        if wanted(&newest) {
            return newest;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("the message stays as it is: {}", json(home, &[], &["outbox", "list"]));
}

/// M1: a message that waits is due at once when an operator says so, and one that is done with never again.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_message_is_tried_again_at_once(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let home = Home::on(on).await;
    let server = MailServer::down(TlsMode::StartTls, Identity::of(&["localhost"]), "PLAIN");
    let mut binary = serve(&home, &server.variables());
    binary.user(ADA).begin_sign_up().await;
    let waiting = newest_is(&home, |message| message["reason"] == "smtp_unreachable").await;
    let id = waiting["id"].as_str().unwrap();
    // Nobody has it in their hands any more.
    assert!(binary.terminate().success());
    let before = json(&home, &[], &["outbox", "show", id]);
    assert!(run(&home, &[], &["outbox", "retry", id]).status.success());
    let after = json(&home, &[], &["outbox", "show", id]);
    assert_eq!((&after["state"], &after["attempts"]), (&"pending".into(), &before["attempts"]));
    assert_ne!(after["next_attempt"], before["next_attempt"]);
    let event = &json(&home, &[], &["audit", "tail", "--limit", "1"])[0];
    assert_eq!((&event["act"], &event["actor"]), (&"message.retried".into(), &"operator".into()));
    assert_eq!(event["subject"], format!("message:{id}"));

    server.comes_up();
    let _binary = serve(&home, &server.variables());
    newest_is(&home, |message| message["state"] == "delivered").await;
    assert!(refused(&home, &[], &["outbox", "retry", id]).contains("was delivered"));
    assert!(refused(&home, &[], &["outbox", "retry", "7"]).contains("not a message id"));
    let unknown = "0190a000-0000-7000-8000-000000000000";
    assert!(refused(&home, &[], &["outbox", "retry", unknown]).contains("no such message"));
}

/// M1: what was given up is not brought back.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_was_given_up_is_not_brought_back() {
    let home = Home::on(Sqlite).await;
    let server = MailServer::start(TlsMode::StartTls);
    server.fails(Step::Recipient, Does::Say("550 nobody"));
    let binary = serve(&home, &server.variables());
    binary.user(ADA).begin_sign_up().await;
    let dropped = newest_is(&home, |message| message["state"] == "dropped").await;
    let said = refused(&home, &[], &["outbox", "retry", dropped["id"].as_str().unwrap()]);
    assert!(said.contains("was given up"), "{said}");
}

/// M4: a test message goes straight to the server, without a store, and the server's answer is told without its words.
#[tokio::test(flavor = "multi_thread")]
async fn a_test_message_needs_no_store() {
    let home = Home::on(Sqlite).await;
    let server = MailServer::start(TlsMode::Implicit);
    let variables = server.variables();
    let sent = json(&home, &variables, &["outbox", "test-send", ADA]);
    assert_eq!((&sent["carrier"], &sent["result"]), (&"smtp".into(), &"accepted".into()));
    let mail = server.mail();
    let [received] = mail.as_slice() else { panic!("{mail:?}") };
    assert_eq!((received.from.as_str(), received.to.as_str()), (SENDER, ADA));
    assert!(received.raw.contains("A test message from Symbolon") && received.encrypted);
    assert!(received.raw.contains(sent["message"].as_str().unwrap()), "the Message-ID is told");

    server.fails(Step::Recipient, Does::Say("550 <ada.canary@example.org> is nobody"));
    let said = refused(&home, &variables, &["outbox", "test-send", ADA]);
    assert!(said.contains("the carrier refused the message: smtp_550") && !said.contains("canary"), "{said}");
    server.fails(Step::Authentication, Does::Say("535 no"));
    let said = refused(&home, &variables, &["outbox", "test-send", ADA]);
    assert!(said.contains("the carrier did not take the message: smtp_535"), "{said}");
    assert!(said.contains("in no audit log"), "{said}");
    assert!(refused(&home, &variables, &["outbox", "test-send", "nobody"]).contains("not an e-mail address"));
    assert!(!home.data().exists(), "nothing was made");
}

/// G2: where there is a store, it remembers that a test was made and how it ended.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_test_message_is_audited(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let home = Home::on(on).await;
    let _binary = serve(&home, &[]);
    let server = MailServer::start(TlsMode::StartTls);
    json(&home, &server.variables(), &["outbox", "test-send", ADA]);
    server.fails(Step::Content, Does::Say("554 spam"));
    let said = refused(&home, &server.variables(), &["outbox", "test-send", ADA]);
    assert!(!said.contains("audit"), "{said}");
    let events = json(&home, &[], &["audit", "tail", "--limit", "2"]);
    let told: Vec<_> = [0, 1]
        .into_iter()
        .map(|index| (&events[index]["act"], &events[index]["outcome"], &events[index]["reason"]))
        .collect();
    let sent = Json::from("message.test_sent");
    let expected = [(&sent, &"done".into(), &Json::Null), (&sent, &"refused".into(), &"smtp_554".into())];
    assert_eq!(told, expected);
    assert!(!events.to_string().contains("canary"), "M6");
}

/// M4: a message is shown as it would be, in any language, from the operator's own templates too, and nothing is made.
#[tokio::test]
async fn a_message_is_previewed() {
    let home = Home::on(Sqlite).await;
    let shown = |arguments: &[&str]| {
        let output = run(&home, &[], &[&["outbox", "preview"], arguments].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let text = shown(&["sign_in_code"]);
    assert!(text.starts_with("Subject: Your sign-in code for Symbolon\n\nHello,\n"), "{text}");
    assert!(text.contains("123456") && text.contains("http://localhost:8080"), "{text}");
    let text = shown(&["sign_in_code", "--language", "de"]);
    assert!(text.starts_with("Subject: Ihr Code für die Anmeldung bei Symbolon\n"), "{text}");
    let html = shown(&["sign_in_code", "--language", "de-CH", "--html"]);
    assert!(html.starts_with("<!doctype html>\n<html lang=\"de\">"), "{html}");
    let preview: Json =
        serde_json::from_str(&shown(&["test", "--language", "fr", "--output", "json"])).unwrap();
    assert_eq!((&preview["kind"], &preview["language"]), (&"test".into(), &"en".into()));

    std::fs::create_dir_all(home.directory().join("own/de")).unwrap();
    std::fs::write(home.directory().join("own/de/test.txt"), "Na?").unwrap();
    let own = [("SYMBOLON_MESSAGES__TEMPLATES".to_owned(), "own".to_owned())];
    let output = run(&home, &own, &["outbox", "preview", "test", "--language", "de"]);
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "Subject: Eine Testnachricht von Symbolon\n\nNa?\n"
    );
    std::fs::write(home.directory().join("own/de/test.html"), "{{").unwrap();
    let said = refused(&home, &own, &["outbox", "preview", "test", "--language", "de"]);
    assert!(said.contains("own/de/test.html:1: syntax error"), "{said}");

    for wrong in [["preview", "sign_off"].as_slice(), &["preview", "test", "--language", "x"]] {
        let output = run(&home, &[], &[&["outbox"], wrong].concat());
        assert_eq!(output.status.code(), Some(2), "{wrong:?}");
    }
    assert!(!home.data().exists(), "nothing was made");
}

/// G8: the doctor talks to the mail server, sends nothing, and says what to do.
#[tokio::test(flavor = "multi_thread")]
async fn the_doctor_sees_the_mail_server() {
    let home = Home::on(Sqlite).await;
    let examined = |variables: &[(String, String)]| {
        let output = run(&home, variables, &["doctor", "--output", "json"]);
        let checks: Json = serde_json::from_slice(&output.stdout).unwrap();
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("canary"), "{said}");
        let mail = checks.as_array().unwrap().iter().find(|check| check["check"] == "mail").unwrap().clone();
        let text = |field: &str| mail[field].as_str().unwrap_or_default().to_owned();
        (text("verdict"), text("found"), text("advice"))
    };
    let server = MailServer::start(TlsMode::StartTls);
    let (verdict, found, _) = examined(&server.variables());
    assert!(verdict == "fine" && found.contains("answers over TLS, and takes our password"), "{found}");
    server.fails(Step::Authentication, Does::Say("535 not canary"));
    let (verdict, found, advice) = examined(&server.variables());
    assert!(verdict == "wrong" && found.contains("smtp_535"), "{found}");
    assert!(advice.contains("messages.email.smtp.password"), "{advice}");
    assert!(server.mail().is_empty());

    let other = MailServer::with(TlsMode::Implicit, Identity::of(&["mail.example.com"]), "PLAIN");
    let (_, found, advice) = examined(&other.variables());
    assert!(found.contains("smtp_certificate") && advice.contains("messages.email.smtp.ca"), "{found}");
    let down = MailServer::down(TlsMode::StartTls, Identity::of(&["localhost"]), "PLAIN");
    let (_, found, advice) = examined(&down.variables());
    assert!(found.contains("smtp_unreachable") && advice.contains("messages.email.smtp.port"), "{found}");
    let mut gone = down.variables();
    gone.iter_mut().filter(|(name, _)| name.ends_with("SMTP__CA")).for_each(|(_, path)| path.push('x'));
    let (_, found, advice) = examined(&gone);
    assert!(found.contains("cannot be read") && advice.contains("messages.email.smtp"), "{found}");
}
