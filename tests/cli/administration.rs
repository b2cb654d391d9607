//! What an operator does to accounts beside a running service, from the very first superuser on (A5).

use std::{collections::BTreeSet, process::Output};

use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::support::{
    Binary,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Home, Host as _, PASSWORD, command_of, mail_to, token_in,
};

const ROOT: &str = "root@example.org";
const ADA: &str = "ada@example.org";

fn run(home: &Home, arguments: &[&str]) -> Output {
    command_of(home, arguments, "")
}

#[track_caller]
fn done(home: &Home, arguments: &[&str]) -> Json {
    let output = run(home, &[arguments, &["--output", "json"]].concat());
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[track_caller]
fn refused(home: &Home, arguments: &[&str]) -> String {
    let output = run(home, arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}");
    String::from_utf8(output.stderr).unwrap()
}

/// A5: from a store without administrators to one, as the README has it; the link is printed for the first one only.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_first_superuser_is_invited_by_the_operator(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let home = Home::on(on).await;
    let at = &home;
    let binary = Binary::of(at, &[], &[]);
    let plain = run(at, &["account", "create", "--email", "guest@example.org"]);
    assert!(plain.status.success());
    assert!(!String::from_utf8_lossy(&plain.stdout).contains("sym_iv_"));

    let created = run(at, &["account", "create", "--email", ROOT, "--role", "superuser", "--name", "Root"]);
    assert!(created.status.success());
    let shown = String::from_utf8(created.stdout).unwrap();
    assert_eq!(shown.matches("sym_iv_").count(), 1, "once, on standard output");
    assert!(!String::from_utf8_lossy(&created.stderr).contains("sym_iv_"));
    let token = token_in(&shown, "sym_iv_");
    let body = json!({"token": token, "password": PASSWORD});
    let redeem = async || binary.call("POST", "/v1/invitations/redeem").json(&body).send().await;
    let redeemed = redeem().await.expect(201);
    redeem().await.expect(410);
    let root = binary.user(ROOT).sign_in().await;
    assert_eq!(root.account_id, redeemed.text("account_id"));
    let listed = root.call("GET", "/v1/admin/accounts").send().await.expect(200).json;
    assert_eq!(
        (&listed["items"][0]["role"], &listed["items"][0]["name"]),
        (&json!("superuser"), &json!("Root"))
    );

    let second = done(at, &["account", "create", "--email", "two@example.org", "--role", "superuser"]);
    let members: BTreeSet<&str> = second.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        members,
        BTreeSet::from(["email", "expires", "invitation_id", "role"]),
        "from now on it is in the mail only"
    );
    assert!(refused(at, &["account", "create", "--email", ROOT]).contains("has an account"));
    assert!(refused(at, &["account", "create", "--email", "nobody"]).contains("--email"));
    assert!(refused(at, &["account", "create", "--email", ADA, "--name", ""]).contains("--name"));
    for arguments in [["account", "create", "--role", "king"].as_slice(), &["account", "role", ADA, "king"]] {
        assert_eq!(run(at, arguments).status.code(), Some(2));
    }
    let mails = mail_to(at.directory(), ROOT);
    assert!(mails.iter().any(|(_, text)| text.contains(&token)), "it is in the mail too");
}

/// A5, S15, C26: locked, unlocked, marked, given a role; and the last superuser stays for the operator too.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_administers_accounts(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let home = Home::on(on).await;
    let at = &home;
    let binary = Binary::of(at, &[], &[]);
    let ada = binary.user(ADA).sign_up().await;
    let root = binary.user(ROOT).sign_up().await;

    assert_eq!(done(at, &["account", "lock", ADA])["state"], "locked");
    assert!(!ada.is_active().await);
    assert_eq!(done(at, &["account", "unlock", &ada.account_id])["state"], "active");
    assert_eq!(done(at, &["account", "role", ROOT, "superuser"])["role"], "superuser");
    assert!(!root.is_active().await);
    for arguments in [
        ["account", "lock", ROOT].as_slice(),
        &["account", "role", ROOT, "staff"],
        &["account", "compromised", ROOT],
    ] {
        let output = run(at, arguments);
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1));
        assert!(said.contains("last superuser") || said.contains("last_superuser"), "{said}");
    }
    let nobody = "01890000-0000-7000-8000-000000000000";
    let said = refused(at, &["account", "compromised", ADA, "nobody@example.org", nobody, "ada"]);
    assert!(said.contains(&format!("no such account: nobody@example.org, {nobody}, ada;")), "{said}");
    assert_eq!(done(at, &["account", "show", ADA])["state"], "active", "nothing is half done");
    let marked = done(at, &["account", "compromised", ADA, &ada.account_id]);
    let results: Vec<&Json> = marked.as_array().unwrap().iter().map(|row| &row["result"]).collect();
    assert_eq!(results, ["done", "unchanged"]);
    assert!(refused(at, &["account", "unlock", ADA]).contains("compromised"));
    assert!(refused(at, &["account", "lock", "nobody@example.org"]).contains("no such account"));

    let tail = |filter: &[&str]| -> Vec<String> {
        let events = done(at, &[&["audit", "tail"], filter].concat());
        let told = |event: &Json| format!("{} {}", event["act"], event["outcome"]).replace('"', "");
        events.as_array().unwrap().iter().map(told).collect()
    };
    assert_eq!(
        tail(&["--account", &ada.account_id, "--limit", "4"])[1..],
        ["account.unlocked done", "account.compromised done", "account.unlocked refused"]
    );
    assert_eq!(tail(&["--act", "account.locked", "--outcome", "done"]), ["account.locked done"]);
    assert_eq!(tail(&["--until", "2020-01-01T00:00:00Z"]), Vec::<String>::new());
    assert_eq!(run(at, &["audit", "tail", "--since", "soon"]).status.code(), Some(2));
}

/// G2: every event as a line of JSON, however many pages there are.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_is_exported_as_lines(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let home = Home::on(on).await;
    let binary = Binary::of(&home, &[], &[]);
    let ada = binary.user(ADA).sign_up().await;
    for number in 0..220 {
        let body = json!({"name": format!("Ada {number}")});
        ada.call("PATCH", "/v1/account").json(&body).send().await.expect(200);
    }
    let exported = |filter: &[&str]| -> Vec<Json> {
        let output = run(&home, &[&["audit", "export"], filter].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let all = exported(&[]);
    assert_eq!(all.iter().filter(|event| event["act"] == "account.updated").count(), 220);
    assert_eq!(all.iter().filter(|event| event["act"] == "sign_up.completed").count(), 1);
    let ids: std::collections::HashSet<_> = all.iter().map(|event| event["id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), all.len());
    assert!(all.is_sorted_by(|one, other| one["id"].as_str() > other["id"].as_str()), "the newest first");
    let middle = all[100]["at"].as_str().unwrap();
    let (before, after) = (exported(&["--until", middle]), exported(&["--since", middle]));
    assert_eq!(before.len() + after.len(), all.len());
    assert!(after.contains(&all[100]) && !before.contains(&all[100]));
}
