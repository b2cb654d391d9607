//! What an operator sees of a store that a service is running on.

use std::{process::Output, time::Duration};

use rstest::rstest;
use serde_json::Value as Json;

use crate::support::{
    Binary,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Home, Host as _, command_of,
};

const ADA: &str = "ada@example.org";

fn run(home: &Home, arguments: &[&str], input: &str) -> Output {
    command_of(home, arguments, input)
}

pub(super) fn json(home: &Home, arguments: &[&str], input: &str) -> Json {
    let output = run(home, &[arguments, &["--output", "json"]].concat(), input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

pub(super) fn refused(home: &Home, arguments: &[&str], input: &str) -> String {
    let output = run(home, arguments, input);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty(), "results only go to standard output");
    String::from_utf8(output.stderr).unwrap()
}

/// The CLI looks at accounts, messages, events and tokens beside the running service (A6, M1, G2, Z10).
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_looks_beside_a_running_service(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let home = Home::on(on).await;
    let at = &home;
    let binary = Binary::of(at, &[], &[]);
    let ada = binary.user(ADA).sign_up().await;

    let accounts = json(at, &["account", "list"], "");
    assert_eq!(accounts[0]["identifiers"][0]["value"], ADA);
    for name in [ADA, "ADA@EXAMPLE.ORG", &ada.account_id] {
        let shown = json(at, &["account", "show", name], "");
        assert_eq!(shown["id"], ada.account_id.as_str());
        assert_eq!(shown["sessions"][0]["id"], ada.session_id.as_str());
        for secret in ["hash", "salt", "password", "argon2"] {
            assert!(!shown.to_string().contains(secret), "{secret}");
        }
    }
    assert!(refused(at, &["account", "show", "nobody@example.org"], "").contains("no such account"));
    assert!(refused(at, &["account", "show", "7"], "").contains("neither"));

    let messages = json(at, &["outbox", "list"], "");
    assert_eq!((&messages[0]["kind"], &messages[0]["state"]), (&"sign_up_code".into(), &"delivered".into()));
    let shown = json(at, &["outbox", "show", messages[0]["id"].as_str().unwrap()], "");
    let code = binary.code_to(ADA).await;
    assert!(!shown.to_string().contains(ADA) && !shown.to_string().contains(&code), "M1");

    let events = json(at, &["audit", "tail", "--limit", "2"], "");
    let acts: Vec<&str> =
        events.as_array().unwrap().iter().map(|event| event["act"].as_str().unwrap()).collect();
    assert_eq!(acts, ["sign_up.started", "sign_up.completed"], "the oldest first, as tail does");

    let inspected = json(at, &["token", "inspect"], &ada.token);
    assert_eq!(inspected["header"]["typ"], "session+jwt");
    assert_eq!(inspected["claims"]["sub"], ada.account_id.as_str());
    let verified = json(at, &["token", "verify"], &format!("{}\n", ada.token));
    assert_eq!((&verified["result"], &verified["sid"]), (&"active".into(), &ada.session_id.as_str().into()));
    ada.call("DELETE", "/v1/sessions/current").send().await.expect(204);
    assert!(refused(at, &["token", "verify"], &ada.token).contains("ended"));
    let tampered = format!("{}x", &ada.token[..ada.token.len() - 1]);
    assert!(refused(at, &["token", "verify"], &tampered).contains("token"));
    assert!(refused(at, &["token", "inspect"], "no token").contains("not a JWT"));
    assert!(refused(at, &["token", "verify"], "").contains("standard input"));

    let wrong = binary.user(ADA).with_password("not her password at all");
    wrong.try_sign_in().await.expect(401);
    binary.user(ADA).try_sign_in().await.expect(429);
    assert!(run(at, &["account", "unlock", ADA], "").status.success());
    binary.user(ADA).try_sign_in().await.expect(200);
    let unlocked = &json(at, &["audit", "tail", "--limit", "2"], "")[0];
    assert_eq!((&unlocked["act"], &unlocked["actor"]), (&"account.unlocked".into(), &"operator".into()));

    let checks = json(at, &["doctor"], "");
    assert!(checks.as_array().unwrap().iter().all(|check| check["verdict"] != "wrong"), "{checks}");
}

/// A command that only looks makes no store, and says what would.
#[tokio::test]
async fn looking_makes_no_store() {
    let home = Home::on(Sqlite).await;
    for arguments in [["account", "list"], ["outbox", "list"], ["audit", "tail"]] {
        let said = refused(&home, &arguments, "");
        assert!(said.contains("no store") && said.contains("symbolon serve"), "{said}");
    }
    assert!(run(&home, &["doctor"], "").status.success());
    assert!(!home.data().exists());
}

/// Wrong usage ends with 2, and help with 0.
#[tokio::test]
async fn usage_is_told_apart_from_failure() {
    let home = Home::on(Sqlite).await;
    let code = |arguments: &[&str]| run(&home, arguments, "").status.code();
    assert_eq!(code(&["account", "frobnicate"]), Some(2));
    assert_eq!(code(&["--help"]), Some(0));
    assert_eq!(code(&["completions", "bash"]), Some(0));
    assert_eq!(code(&["account", "list"]), Some(1));
}

/// G6: the schema is made, shown, and not touched by a dry run.
#[tokio::test]
async fn migrations_are_shown_and_applied() {
    let home = Home::on(Sqlite).await;
    let at = &home;
    run(at, &["migrate", "up", "--dry-run"], "");
    assert!(!at.data().exists(), "a dry run makes nothing");
    let status = json(at, &["migrate", "status"], "");
    assert!(status.as_array().unwrap().iter().all(|step| step["applied"] == false));
    assert!(run(at, &["migrate", "up"], "").status.success());
    let status = json(at, &["migrate", "status"], "");
    assert!(status.as_array().unwrap().iter().all(|step| step["applied"] == true));
    assert!(json(at, &["account", "list"], "").as_array().unwrap().is_empty());
    let nothing = run(at, &["migrate", "up", "--dry-run"], "");
    assert!(nothing.stdout.is_empty());
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("nothing is pending"));
}

/// G2, X13: an act that does not exist is an error that lists those that do, and no empty list.
#[tokio::test(flavor = "multi_thread")]
async fn a_mistyped_act_is_told() {
    let home = Home::on(Sqlite).await;
    for command in ["tail", "export"] {
        let output = run(&home, &["audit", command, "--act", "acount.locked"], "");
        assert_eq!(output.status.code(), Some(2));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            said.contains("acount.locked") && said.contains("account.locked, account.unlocked"),
            "{said}"
        );
    }
}

/// O8: beside a running server, which takes over within seconds what an operator has done to the keys.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_listed_rotated_and_retired(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let home = Home::on(on).await;
    let binary = Binary::of(&home, &[], &[]);
    let at = &home;
    let states = || {
        let keys = json(at, &["keys", "list"], "");
        let state = |key: &Json| key["state"].as_str().unwrap().to_owned();
        keys.as_array().unwrap().iter().map(state).collect::<Vec<_>>()
    };
    let kid = |index: usize| json(at, &["keys", "list"], "")[index]["kid"].as_str().unwrap().to_owned();
    assert_eq!(states(), ["signing"]);
    assert!(refused(at, &["keys", "retire", "nonsense"], "").contains("not the id of a key"));
    let said = refused(at, &["keys", "retire", &kid(0)], "");
    assert!(said.contains("symbolon keys rotate --now"), "{said}");
    let published = json(at, &["keys", "rotate"], "");
    assert_eq!((&published[0]["state"], &published[1]["state"]), (&"signing".into(), &"published".into()));
    assert!(refused(at, &["keys", "rotate"], "").contains("published already"));
    assert!(run(at, &["keys", "retire", &kid(1)], "").status.success());
    assert_eq!(states(), ["signing", "retired"]);
    let count = async || {
        let set = binary.call("GET", "/.well-known/jwks.json").send().await.expect(200).json;
        set["keys"].as_array().unwrap().len()
    };
    // A new one takes the place of the retired one, made by the server itself.
    for _ in 0..200 {
        if count().await == 2 && states() == ["signing", "retired", "published"] {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("the server does not tend its keys: {:?}", states());
}
