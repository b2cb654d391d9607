//! What an operator does with API keys beside a running service.

use std::{fs, process::Output};

use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::support::{
    Binary,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Home, Host as _, command_of,
};

const ADA: &str = "ada@example.org";
const ASKED: [&str; 11] = [
    "api-key",
    "issue",
    ADA,
    "--issuer",
    "ops",
    "--audience",
    "https://api.example.org",
    "--subject",
    "/v2/datasets",
    "--subject-version",
    "2",
];

fn run(home: &Home, arguments: &[&str], input: &str) -> Output {
    command_of(home, arguments, input)
}

#[track_caller]
fn done(home: &Home, arguments: &[&str], input: &str) -> Json {
    let output = run(home, &[arguments, &["--output", "json"]].concat(), input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn refused(home: &Home, arguments: &[&str], input: &str) -> String {
    let output = run(home, arguments, input);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

/// K1, K5, K9: an operator issues a key to an account, lists, explains and ends it; the service takes it all the same.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_issues_explains_and_ends_keys(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let home = Home::on(on).await;
    let at = &home;
    let binary = Binary::of(at, &[], &[]);
    let ada = binary.user(ADA).sign_up().await;
    let more = [
        "--expires-in",
        "2h",
        "--scope",
        "read",
        "--scope",
        "write",
        "--name",
        "nightly",
        "--ip-address",
        "10.0.0.0/8",
    ];
    let issued = done(at, &[&ASKED[..], &more].concat(), "");
    let key = issued["api_key"].as_str().unwrap();
    assert_eq!(issued["account_id"], ada.account_id.as_str());

    let question = json!({"api_key": key, "expect": {"ip_address": "10.1.2.3", "scopes": ["write"]}});
    let answer = binary.call("POST", "/v1/api-keys/verify").json(&question).send().await.expect(200).json;
    assert_eq!((&answer["active"], &answer["uid"]), (&json!(true), &json!(ada.account_id)));
    assert_eq!(answer["exp"].as_i64().unwrap() - answer["iat"].as_i64().unwrap(), 7_200);
    let verify = ["api-key", "verify", "--ip-address", "10.1.2.3"];
    let shown = done(at, &verify, key);
    assert_eq!(
        (&shown["result"], &shown["id"], &shown["role"]),
        (&json!("active"), &issued["id"], &json!("authenticated"))
    );
    assert!(refused(at, &["api-key", "verify"], key).contains("wrong_address"));
    assert!(refused(at, &[&verify[..], &["--scope", "admin"]].concat(), key).contains("missing_scope"));
    assert!(refused(at, &verify, "sym_ak_nonsense").contains("format"));
    let file = home.directory().join("key.txt");
    fs::write(&file, key).unwrap();
    done(at, &[&verify[..], &["--file", file.to_str().unwrap()]].concat(), "");

    let other = done(at, &[&ASKED[..], &["--not-refreshable"]].concat(), "");
    assert!(other["refresh_token"].is_null());
    let listed = done(at, &["api-key", "list", ADA], "");
    assert_eq!((listed.as_array().unwrap().len(), &listed[1]["name"]), (2, &json!("nightly")));
    assert!(!listed.to_string().contains(key));
    done(at, &["api-key", "revoke", issued["id"].as_str().unwrap()], "");
    assert!(refused(at, &verify, key).contains("revoked"));
    done(at, &[&verify[..], &["--stateless"]].concat(), key);
    assert_eq!(done(at, &["api-key", "revoke", "--all-of", ADA], ""), json!({"revoked": 1}));
    done(at, &["account", "lock", ADA], "");
    assert_eq!(done(at, &["api-key", "list", ADA], "")[0]["state"], "revoked", "also of who is locked");
    assert!(refused(at, &ASKED, "").contains("may not have this key"));
    let events = done(at, &["audit", "tail"], "").to_string();
    assert!(
        events.contains("api_key.issued") && events.contains("api_keys.revoked") && !events.contains(key)
    );
}

/// K1, K3: an argument that is wrong is named, and nothing is issued.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_asks_for_keeps_to_the_ceilings(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let home = Home::on(on).await;
    let at = &home;
    let binary = Binary::of(at, &[], &[]);
    binary.user(ADA).sign_up().await;
    for (wrong, named) in [
        (["--expires-in", "2d"], "--expires-in: from 1s to 86400s is expected"),
        (["--expires-in", "0s"], "--expires-in: from 1s"),
        (["--not-before", "15m"], "--not-before: it must be shorter"),
        (["--refresh-expires-in", "31d"], "--refresh-expires-in: from 1s to 2592000s"),
        (["--scope", "symbolon:admin"], "--scope: scopes `symbolon:*` are never given"),
        (["--name", ""], "--name is empty"),
    ] {
        let said = refused(at, &[&ASKED[..], &wrong].concat(), "");
        assert!(said.contains(named), "{said}");
    }
    for wrong in [["--ip-address", "10.0.0.1/8"], ["--issuer", ""], ["--rate-requests", "5"]] {
        assert_eq!(run(at, &[&ASKED[..], &wrong].concat(), "").status.code(), Some(2), "{wrong:?}");
    }
    assert!(refused(at, &["api-key", "list", "nobody@example.org"], "").contains("no such account"));
    assert!(
        refused(at, &["api-key", "revoke", "01890000-0000-7000-8000-000000000000"], "")
            .contains("no such key")
    );
    assert!(refused(at, &["api-key", "revoke", "seven"], "").contains("not the id"));
    assert_eq!(done(at, &["api-key", "list", ADA], ""), json!([]));
}
