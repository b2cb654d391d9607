//! The mail server is away for as long as ten minutes, by the real clock and with the real program (X9). What a clock that is
//! moved can show, `http::smtp` shows on every store.

#![expect(clippy::disallowed_methods, reason = "the test measures how long an answer takes")]

use std::time::{Duration, Instant};

use serde_json::Value as Json;
use symbolon::settings::TlsMode;

use super::turn;
use crate::support::{Binary, Engine, Home, MailServer, command_of, smtp::Identity};

/// So many sign-ups tell how long one takes.
const SAMPLE: usize = 9;

/// The median of the time that these sign-ups take.
async fn sign_ups(binary: &Binary, whose: &str, pause: Duration) -> Duration {
    let mut times = Vec::new();
    for person in 0..SAMPLE {
        let begun = Instant::now();
        binary.user(&format!("{whose}-{person}@example.org")).begin_sign_up().await;
        times.push(begun.elapsed());
        tokio::time::sleep(pause).await;
    }
    times.sort();
    times[SAMPLE / 2]
}

/// X9: with the server up and with it down a sign-up takes as long; when it is back every message arrives, once, but for the
/// codes that have ended.
#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_mail_server_delays_mail_and_nothing_else() {
    let outage = turn::of(Duration::from_secs(1), Duration::from_secs(600));
    let server = MailServer::down(TlsMode::StartTls, Identity::of(&["localhost"]), "PLAIN");
    let home = Home::on(Engine::Sqlite).await;
    let variables = server.variables();
    let variables: Vec<(&str, &str)> =
        variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let binary = Binary::of(&home, &[], &variables);
    let begun = Instant::now();
    let pause = outage / u32::try_from(SAMPLE).unwrap();
    let during = sign_ups(&binary, "during", pause).await;
    tokio::time::sleep(outage.saturating_sub(begun.elapsed())).await;
    server.comes_up();
    let after = sign_ups(&binary, "after", Duration::ZERO).await;
    assert!(during < after * 2 + Duration::from_millis(50), "{during:?} during, {after:?} after");

    // After so many failures the next attempt is half a minute away.
    let patience = Duration::from_secs(90);
    let waiting = Instant::now();
    let messages = loop {
        let listed = command_of(&home, &["outbox", "list", "--output", "json", "--limit", "100"], "");
        let messages: Vec<Json> = serde_json::from_slice(&listed.stdout).unwrap();
        if messages.iter().all(|message| message["state"] != "pending") {
            break messages;
        }
        assert!(waiting.elapsed() < patience, "messages wait after the outage");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert_eq!(messages.len(), 2 * SAMPLE);
    let count = |state: &str| messages.iter().filter(|message| message["state"] == state).count();
    let expired =
        messages.iter().filter(|message| message["state"] == "dropped" && message["reason"] == "expired");
    let expired = expired.count();
    assert_eq!(count("delivered") + expired, 2 * SAMPLE, "{messages:?}");
    // A code lives for five minutes.
    assert_eq!(expired > 0, outage > Duration::from_secs(300), "{messages:?}");
    let mut recipients: Vec<String> = server.mail().into_iter().map(|received| received.to).collect();
    assert_eq!(recipients.len(), count("delivered"), "each once");
    recipients.sort();
    recipients.dedup();
    assert_eq!(recipients.len(), count("delivered"), "each once");
    let after = recipients.iter().filter(|to| to.starts_with("after-")).count();
    assert_eq!(after, SAMPLE);
}
