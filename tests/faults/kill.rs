//! `kill -9` under load: nothing acknowledged is lost, nothing consumed comes alive again (X1).

use std::{
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use serde_json::json;

use crate::support::{Binary, Call, Host as _, client, command, directory};

const TURNS: usize = 20;
const PEOPLE: usize = 6;

/// What one person's client was told before the service died.
struct Known {
    binding: String,
    /// The first access token.
    access: String,
    /// The refresh token of the last answer.
    newest: String,
    /// The one that was shown for it, if any.
    used: Option<String>,
    sign_up: (String, String, String),
}

impl Known {
    async fn is_active(&self, binary: &Binary) -> bool {
        let body = json!({"access_token": self.access, "binding": self.binding});
        let answer = binary.call("POST", "/v1/sessions/verify").json(&body).send().await.expect(200);
        answer.json["active"] == true
    }
}

async fn try_call(call: Call) -> Option<(u16, serde_json::Value)> {
    call.try_send().await.map(|answer| (answer.status, answer.json))
}

/// Refreshes until the service is gone; keeps what was acknowledged.
async fn refresh_until_it_dies(url: &str, known: &mut Known, dead: &AtomicBool, writes: &Mutex<usize>) {
    let client = client();
    while !dead.load(Ordering::SeqCst) {
        let call = Call::new(&client, "POST", &format!("{url}/v1/sessions/refresh")).binding(&known.binding);
        let Some((200, body)) = try_call(call.json(&json!({"refresh_token": known.newest}))).await else {
            return;
        };
        known.used =
            Some(std::mem::replace(&mut known.newest, body["refresh_token"].as_str().unwrap().to_owned()));
        *writes.lock().unwrap() += 1;
    }
}

/// X1: twenty kills under load. Every acknowledged rotation is there after the restart, every consumed code is
/// dead, and the service is ready again within five seconds.
#[tokio::test(flavor = "multi_thread")]
async fn kills_lose_nothing_and_revive_nothing() {
    let directory = directory();
    // Without a grace a used token that came alive again could not hide.
    let variables = [("SYMBOLON_SESSIONS__GRACE", "0s")];
    let mut binary = Binary::start(directory.path(), &[], &variables);
    let writes = Mutex::new(0);
    for turn in 0..TURNS {
        let mut people = Vec::new();
        for person in 0..PEOPLE {
            let address = format!("person-{turn}-{person}@example.org");
            let pending = binary.user(&address).begin_sign_up().await;
            let code = binary.code_to(&address).await;
            let session = pending.verify(&code).await;
            let sign_up = (pending.token.clone(), pending.binding.clone(), code);
            let (binding, newest) = (session.binding.clone(), session.refresh_token.clone());
            people.push(Known { binding, access: session.token.clone(), newest, used: None, sign_up });
            if person == 0 {
                session.call("DELETE", "/v1/sessions/current").send().await.expect(204);
            }
        }
        let dead = AtomicBool::new(false);
        let url = binary.url.clone();
        let load =
            join_all(people.iter_mut().map(|known| refresh_until_it_dies(&url, known, &dead, &writes)));
        let kill = async {
            tokio::time::sleep(Duration::from_millis(40 + 10 * u64::try_from(turn % 7).unwrap())).await;
            binary.kill();
            dead.store(true, Ordering::SeqCst);
        };
        futures::join!(load, kill);
        binary = Binary::start(directory.path(), &[], &variables);
        let listed = command(directory.path(), &["account", "list", "--output", "json"], &[], "");
        let listed = String::from_utf8(listed.stdout).unwrap();
        for person in 0..PEOPLE {
            assert!(
                listed.contains(&format!("person-{turn}-{person}@example.org")),
                "an acknowledged sign-up is lost"
            );
        }
        assert!(!people[0].is_active(&binary).await, "an acknowledged revocation is lost");
        check(&binary, people).await;
    }
    assert!(*writes.lock().unwrap() > TURNS * PEOPLE, "there was load");
}

async fn check(binary: &Binary, people: Vec<Known>) {
    for known in people {
        let refresh = async |token: &str| {
            let body = json!({"refresh_token": token});
            binary
                .call("POST", "/v1/sessions/refresh")
                .binding(&known.binding)
                .json(&body)
                .send()
                .await
                .status
        };
        let (token, binding, code) = &known.sign_up;
        let again = binary.call("POST", "/v1/sign-up/verify").bearer(token).binding(binding);
        again.json(&json!({"code": code})).send().await.expect(410);
        // The last answer may have been lost with a rotation behind it; then showing its token again is a reuse, and
        // the session ends. A token that an acknowledged rotation has used is never accepted.
        let newest = refresh(&known.newest).await;
        assert!(matches!(newest, 200 | 401), "{newest}");
        if let Some(used) = &known.used {
            assert_eq!(refresh(used).await, 401, "a used token came alive again");
        }
    }
}

/// X1: an acknowledged write is there: the rotation before the kill, with nothing in flight.
#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_rotation_survives_the_kill() {
    let directory = directory();
    let variables = [("SYMBOLON_SESSIONS__GRACE", "0s")];
    let mut binary = Binary::start(directory.path(), &[], &variables);
    let first = binary.user("ada@example.org").sign_up().await;
    let mut newest = first.refresh_token.clone();
    let binding = first.binding.clone();
    for _ in 0..TURNS {
        let body = json!({"refresh_token": newest});
        let call = binary.call("POST", "/v1/sessions/refresh").binding(&binding).json(&body);
        newest = call.send().await.expect(200).text("refresh_token");
        binary.kill();
        binary = Binary::start(directory.path(), &[], &variables);
    }
}
