//! What an operator does with API keys beside a running service.

use std::{fs, process::Output};

use rstest::rstest;
use serde_json::{Value as Json, json};
use symbolon_domain::secret::SecretHash;

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
    assert!(issued["expires_at"].is_string() && issued["refresh_expires_at"].is_string(), "as over HTTP");

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
        (["--scope", "symbolon:admin"], "--scope: what begins with `symbolon:` is never given"),
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

/// K15: keys of another system are taken over by their SHA-256, all or none of a file, each once; they verify against the store only.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn keys_of_another_system_are_taken_over(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let home = Home::on(on).await;
    let at = &home;
    let binary = Binary::of(at, &[], &[]);
    let ada = binary.user(ADA).sign_up().await;
    let import = [
        "api-key",
        "import",
        "-",
        "--issuer",
        "old",
        "--audience",
        "https://api.example.org",
        "--subject",
        "/v1",
        "--subject-version",
        "1",
    ];
    let hex = |key: &str| {
        let hash = SecretHash::sha256(key.as_bytes());
        hash.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let line = |key: &str, more: Json| {
        let mut line = json!({"sha256": hex(key), "account": ADA, "expires_at": "2199-01-01T00:00:00Z"});
        line.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        line.to_string()
    };
    let (first, second) = ("old-system-key-of-some-length-1", "old-system-key-of-some-length-2");
    let wrong = [
        line(first, json!({})),
        line(second, json!({"sha256": "abc"})),
        line(second, json!({"account": "nobody@example.org"})),
        line(second, json!({"expires_at": "2001-01-01T00:00:00Z"})),
        line(second, json!({"scopes": ["symbolon:x"]})),
        line(second, json!({"color": "canary"})),
        "canary".to_owned(),
    ];
    let said = refused(at, &import, &wrong.join("\n"));
    for told in [
        "line 2: sha256",
        "line 3: account",
        "line 4: expires_at",
        "line 5: scopes: what begins with `symbolon:` is never given",
        "line 6: color: no such member",
        "line 7: column",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    assert!(said.contains("6 lines are wrong; nothing was done") && !said.contains("canary"));
    assert!(
        refused(at, &import[..5], &line(first, json!({})))
            .contains("line 1: audience: it is neither in the line")
    );
    assert_eq!(done(at, &["api-key", "list", ADA], ""), json!([]));

    let file = [
        line(first, json!({"scopes": ["read"], "name": "legacy", "version": "9"})),
        String::new(),
        line(second, json!({})),
    ];
    let results = |rows: &Json| -> Vec<String> {
        rows.as_array().unwrap().iter().map(|row| row["result"].as_str().unwrap().to_owned()).collect()
    };
    let imported = done(at, &import, &file.join("\n"));
    assert_eq!(results(&imported), ["imported", "imported"]);
    assert_eq!(imported[1]["line"], 3);
    assert_eq!(results(&done(at, &import, &file.join("\n"))), ["known", "known"]);

    let verify = async |body: Json| {
        binary.call("POST", "/v1/api-keys/verify").json(&body).send().await.expect(200).json
    };
    let expect = json!({"audience": "https://api.example.org", "version": "9", "scopes": ["read"]});
    let answer = verify(json!({"api_key": first, "expect": expect})).await;
    assert_eq!(
        (&answer["active"], &answer["uid"], &answer["iss"]),
        (&json!(true), &json!(ada.account_id), &json!("old"))
    );
    assert_eq!(answer["id"], imported[0]["id"]);
    let inactive = json!({"active": false});
    assert_eq!(verify(json!({"api_key": first, "mode": "stateless"})).await, inactive);
    assert_eq!(verify(json!({"api_key": second, "expect": {"scopes": ["read"]}})).await, inactive);
    assert_eq!(verify(json!({"api_key": format!("{first} ")})).await, inactive);
    assert_eq!(done(at, &["api-key", "verify"], first)["result"], "active");
    let listed = done(at, &["api-key", "list", ADA], "");
    assert_eq!((&listed[1]["name"], &listed[1]["prefix"]), (&json!("legacy"), &json!("imported")));
    done(at, &["api-key", "revoke", imported[0]["id"].as_str().unwrap()], "");
    assert_eq!(verify(json!({"api_key": first})).await, inactive);
    done(at, &["account", "lock", ADA], "");
    assert_eq!(verify(json!({"api_key": second})).await, inactive);
    let again = run(at, &import, &line("old-system-key-3", json!({})));
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8(again.stdout).unwrap().contains("account_not_active"));
}
