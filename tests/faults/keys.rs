//! `symbolon keys rotate-master`, killed again and again in the middle: what was sealed anew stays so, and the next run
//! goes on (C64).

use std::{
    fs,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use async_trait::async_trait;
use rstest::rstest;
use serde_json::Value as Json;
use symbolon_domain::{
    effects::Effects,
    outbox::{CarrierError, Email, EmailCarrier, MessageKind, MessageLife},
    sealing::Peppers,
    sign_in::SignInStore,
};

use crate::support::{
    Binary,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Home, TestApp, command_of, program,
};

const ADA: &str = "ada@example.org";

/// Takes nothing, so that messages wait.
struct Closed;

#[async_trait]
impl EmailCarrier for Closed {
    async fn send(&self, _: &Email) -> Result<(), CarrierError> {
        Err(CarrierError::Transient("closed".into()))
    }
}

/// A store with so many messages that wait, sealed under the first master key.
async fn with_messages(on: Engine, count: usize) -> Arc<Home> {
    let app = TestApp::with_carrier(on, Arc::new(Closed)).await;
    let now = app.clock_now();
    for _ in 0..count.div_ceil(50) {
        let compose = |_| {
            let life = MessageLife::notice(now);
            app.service.outbox.compose(MessageKind::AccountExists, &ADA.parse().unwrap(), &[], life).unwrap()
        };
        let effects = Effects { messages: (0..50).map(compose).collect(), events: Vec::new() };
        SignInStore::refuse(&*app.service.store, effects).await.unwrap();
    }
    app.stop().await
}

fn configure(home: &Home, keys: &[&str]) {
    let keys: Vec<String> = keys.iter().map(|key| format!("{{ file = \"{key}\" }}")).collect();
    let text = format!("[secrets]\nmaster_keys = [{}]\n", keys.join(", "));
    fs::write(home.directory().join("symbolon.toml"), text).unwrap();
}

/// C64: interrupted at many moments, it ends with everything under the new key; the old one is not needed any more.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn sealing_anew_goes_on_where_it_was_killed(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let messages = if on == Dynamodb { 300 } else { 1_500 };
    let home = with_messages(on, messages).await;
    assert!(command_of(&home, &["keys", "new-master", "data/new.key"], "").status.success());
    configure(&home, &["data/new.key"]);
    let refused = command_of(&home, &["keys", "rotate-master"], "");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && said.contains("secrets.master_keys"), "{said}");

    configure(&home, &["data/new.key", "data/master.key"]);
    let (mut kills, mut last) = (0, Json::Null);
    for patience in (1..200).map(|turn| Duration::from_millis(100 + 40 * turn)) {
        let mut child = Command::new(program())
            .args(["keys", "rotate-master", "--output", "json"])
            .current_dir(home.directory())
            .env_clear()
            .envs(home.variables())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        tokio::time::sleep(patience).await;
        if child.try_wait().unwrap().is_none() {
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            continue;
        }
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        last = serde_json::from_slice(&output.stdout).unwrap();
        break;
    }
    assert!(kills > 0, "it was never killed");
    assert!(last["kept"].as_u64() > Some(0), "nothing of the killed runs stayed: {last}");
    assert_eq!(last["unopened"], 0);
    let total = last["kept"].as_u64().unwrap() + last["resealed"].as_u64().unwrap();
    let (peppers, signing_keys) = (Peppers::NAMES.len(), 1);
    assert_eq!(total, u64::try_from(messages + peppers + signing_keys).unwrap());

    configure(&home, &["data/new.key"]);
    fs::remove_file(home.data().join("master.key")).unwrap();
    let again = command_of(&home, &["keys", "rotate-master", "--output", "json"], "");
    let advice = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(advice.contains("with the backups that were made under it"), "{advice}");
    let again: Json = serde_json::from_slice(&again.stdout).unwrap();
    assert_eq!((&again["resealed"], &again["unopened"]), (&0.into(), &0.into()));
    let binary = Binary::of(&home, &[], &[]);
    binary.user("eve@example.org").sign_up().await;
}
