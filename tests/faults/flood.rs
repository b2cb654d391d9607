//! A flood of passwords: bounded memory, 503 past the queue, and tokens still verified (X11, C6).

#![expect(clippy::disallowed_methods, reason = "the test measures how long an answer takes")]

use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::json;

use super::turn;
use crate::support::{Answer, Binary, Call, SignedIn, client, directory};

/// Four hundred sign-ins at once, of people whom no other turn has.
async fn flood(binary: &Binary, turn: usize) -> Vec<Answer> {
    let client = client();
    let url = format!("{}/v1/sign-in", binary.url);
    let calls = (0..400).map(|person| {
        let call = Call::new(&client, "POST", &url);
        let body = json!({
            "identifier": {"type": "email", "value": format!("flood-{turn}-{person}@example.org")},
            "password": "not the password at all",
        });
        async move { call.json(&body).send().await }
    });
    join_all(calls).await
}

/// The median of the time that a verification takes.
async fn verify(ada: &SignedIn<'_>) -> Duration {
    let mut times = Vec::new();
    for _ in 0..200 {
        let begun = Instant::now();
        assert!(ada.is_active().await);
        times.push(begun.elapsed());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    times.sort();
    times[times.len() / 2]
}

/// X11: again and again some are answered, the rest are told to come back; verification goes on quickly, and memory stays
/// within what the hash threads need.
#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_passwords_is_bounded() {
    let directory = directory();
    let binary = Binary::start(directory.path(), &[], &[]);
    let ada = binary.user("ada@example.org").sign_up().await;
    let before = binary.resident_kib();
    for turn in 0..turn::of(1, 20) {
        let (answers, median) = futures::join!(flood(&binary, turn), verify(&ada));
        let (mut judged, mut refused) = (0, 0);
        for answer in &answers {
            match answer.status {
                401 => judged += 1,
                503 => {
                    assert!(!answer.header("retry-after").is_empty());
                    refused += 1;
                }
                other => panic!("{other}"),
            }
        }
        assert!(judged >= 64 && refused > 0, "{judged} judged, {refused} refused");
        assert!(median < Duration::from_millis(500), "verification stands still: {median:?}");
        // Who was told to come back has no failure against them.
        let turned_away = answers.iter().position(|answer| answer.status == 503).unwrap();
        let address = format!("flood-{turn}-{turned_away}@example.org");
        binary.user(&address).try_sign_in().await.expect(401);
    }
    let grown = binary.resident_kib().saturating_sub(before);
    let cores = std::thread::available_parallelism().unwrap().get() as u64;
    let bound = cores * 19 * 1_024 + 40 * 1_024;
    assert!(grown <= bound, "memory grew by {grown} KiB");
}
