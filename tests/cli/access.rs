//! Permissions at the command line: questions, limits, and policies that are wrong (P4–P6).

use std::{fs, path::Path, process::Output};

use rstest::rstest;
use serde_json::{Value as Json, json};

use crate::support::{
    Binary,
    Engine::{self, Dynamodb, Postgres, Sqlite},
    Home, command_of,
};

const ADA: &str = "ada@example.org";
const EVE: &str = "eve@example.org";
const ROOT: &str = "root@example.org";

fn run(home: &Home, arguments: &[&str]) -> Output {
    command_of(home, arguments, "")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The exit code and the JSON.
#[track_caller]
fn asked(home: &Home, arguments: &[&str]) -> (Option<i32>, Json) {
    let output = run(home, &[arguments, &["--output", "json"]].concat());
    let json = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", said(&output)));
    (output.status.code(), json)
}

/// P5: the same answers as over HTTP, with an exit code for scripts.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn an_operator_asks_who_may_do_what(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let home = Home::on(on).await;
    let at = &home;
    let binary = Binary::of(at, &[], &[]);
    let ada = binary.user(ADA).sign_up().await;
    binary.user(EVE).sign_up().await;
    binary.user(ROOT).sign_up().await;
    assert!(run(at, &["account", "role", ROOT, "superuser"]).status.success());

    let own = ["access", "check", ADA, "edit", "object", "--owner", &ada.account_id];
    assert_eq!(asked(at, &own), (Some(0), json!({"allowed": true, "policies": ["owner-may"]})));
    let eves = ["access", "check", ADA, "view", "object", "--owner", EVE];
    let no = json!({"allowed": false, "policies": [], "reason": "not_permitted"});
    assert_eq!(asked(at, &eves), (Some(1), no));
    assert!(said(&run(at, &eves)).contains("not allowed: not_permitted"));
    let shared = [&eves[..], &["--visibility", "shared", "--shared-with", ROOT, ADA]].concat();
    assert_eq!(asked(at, &shared).1["policies"], json!(["shared-is-for-some"]));
    let public = ["access", "check", "anonymous", "list", "object", "--owner", EVE, "--visibility", "public"];
    assert_eq!(asked(at, &public).0, Some(0));
    let keys = ["access", "check", ROOT, "delete", "api_key", "--owner", EVE];
    assert_eq!(asked(at, &keys).1["policies"], json!(["superuser-may"]));
    let stale = [&keys[..], &["--role", "staff"]].concat();
    assert_eq!(asked(at, &stale).1["reason"], "role_differs");
    assert!(run(at, &["account", "lock", ADA]).status.success());
    assert_eq!(asked(at, &own).1["reason"], "actor_not_active");
    assert_eq!(asked(at, &own).1["policies"], json!(["locked-may-nothing"]));

    for (arguments, expected) in [
        (
            ["access", "check", "nobody@example.org", "view", "object", "--owner", EVE].as_slice(),
            "no such account",
        ),
        (&["access", "check", ADA, "view", "objekt", "--owner", EVE], "access.items"),
        (&["access", "check", "anonymous", "view", "object", "--owner", EVE, "--role", "staff"], "anonymous"),
        (&["access", "limits", "staff", "max.objekt"], "there is no limit `max.objekt`"),
        (&["access", "limits", "staff", "rates"], "there is no limit `rates`"),
    ] {
        let output = run(at, arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(said(&output).contains(expected), "{}", said(&output));
    }
    assert_eq!(run(at, &["access", "check", ADA, "see", "object", "--owner", EVE]).status.code(), Some(2));
    let limits = json!([{"role": "staff", "limit": "max.api_key", "most": 100}]);
    assert_eq!(asked(at, &["access", "limits", "staff"]), (Some(0), limits));
    let rate = json!({"role": "anonymous", "limit": "rate", "most": null});
    assert_eq!(asked(at, &["access", "limits", "anonymous", "rate"]), (Some(0), rate));
}

fn written(directory: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        fs::write(directory.join(name), text).unwrap();
    }
}

/// P4: with file and line, without a store; a broken policy stops the start.
#[tokio::test(flavor = "multi_thread")]
async fn broken_policies_are_told_and_stop_the_start() {
    let home = Home::on(Sqlite).await;
    let at = &home;
    assert_eq!(asked(at, &["access", "validate"]), (Some(0), json!([])));
    assert!(said(&run(at, &["access", "validate"])).contains("8 policies are fine"));
    let limit = json!({"role": "staff", "limit": "max.api_key", "most": 100});
    assert_eq!(asked(at, &["access", "limits", "staff"]), (Some(0), json!([limit])));

    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().to_str().unwrap();
    written(
        directory.path(),
        &[
            ("a.cedar", "@id(\"one\")\npermit (principal in Role::\"staf\", action, resource);\n"),
            ("b.cedar", "\n@id(\"two\")\npermit (principal, action resource);\n"),
        ],
    );
    let (code, problems) = asked(at, &["access", "validate", path]);
    let places: Vec<String> = problems
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| {
            let file = problem["file"].as_str().unwrap().rsplit('/').next().unwrap();
            format!("{file}:{} {}", problem["line"], problem["severity"])
        })
        .collect();
    assert_eq!(
        (code, places),
        (Some(1), vec!["a.cedar:2 \"error\"".to_owned(), "b.cedar:3 \"error\"".to_owned()])
    );
    let shown = said(&run(at, &["access", "validate", path]));
    assert!(shown.contains("/a.cedar:2: error: ") && shown.contains("/b.cedar:3: error: "), "{shown}");

    fs::write(at.directory().join("symbolon.toml"), format!("[access]\npolicies = \"{path}\"\n")).unwrap();
    let started = run(at, &["serve"]);
    assert_eq!(started.status.code(), Some(1));
    let shown = said(&started);
    assert!(
        shown.contains("/a.cedar:2: ") && shown.contains("/b.cedar:3: ") && shown.contains("access.policies"),
        "{shown}"
    );
    assert!(said(&run(at, &["doctor"])).contains("a.cedar:2"));

    // What can never decide anything is odd, and no more.
    written(
        directory.path(),
        &[
            ("a.cedar", "@id(\"one\")\npermit (principal, action, resource) when { false };\n"),
            ("b.cedar", "@id(\"two\")\npermit (principal in Role::\"anonymous\", action, resource);\n"),
        ],
    );
    let (code, problems) = asked(at, &["access", "validate"]);
    assert_eq!(
        (code, &problems[0]["severity"], &problems[0]["line"]),
        (Some(0), &json!("warning"), &json!(1))
    );
    let rows = asked(at, &["access", "matrix", path]).1;
    let may = |role: &str| {
        let mut of_role = rows.as_array().unwrap().iter().filter(|row| row["role"] == role);
        of_role.all(|row| row["actions"].as_array().unwrap().len() == 7)
    };
    assert!(may("anonymous") && !may("superuser"));
}

/// P4: broken policies stop only who asks them. An account can be locked whatever they look like, and a key ended.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn broken_policies_stop_only_who_asks_them(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let home = Home::on(on).await;
    let at = &home;
    let binary = Binary::of(at, &[], &[]);
    let ada = binary.user(ADA).sign_up().await;
    let directory = tempfile::tempdir().unwrap();
    written(directory.path(), &[("a.cedar", "@id(\"one\")\npermit (principal, action resource);\n")]);
    let path = directory.path().to_str().unwrap();
    fs::write(at.directory().join("symbolon.toml"), format!("[access]\npolicies = \"{path}\"\n")).unwrap();

    for arguments in [
        ["account", "lock", ADA].as_slice(),
        &["api-key", "revoke", "--all-of", ADA],
        &["audit", "tail"],
        &["outbox", "list"],
        &["keys", "rotate", "--now"],
    ] {
        let done = run(at, arguments);
        assert!(done.status.success(), "{arguments:?}: {}", said(&done));
    }
    assert!(!ada.is_active().await);
    let issue = ["api-key", "issue", ADA, "--issuer", "i", "--audience", "a", "--subject", "s"];
    for arguments in [
        ["access", "check", ADA, "view", "object", "--owner", ADA].as_slice(),
        &[&issue[..], &["--subject-version", "1"]].concat(),
    ] {
        let kept = run(at, arguments);
        assert_eq!(kept.status.code(), Some(1), "{arguments:?}");
        assert!(said(&kept).contains("access.policies"), "{arguments:?}: {}", said(&kept));
    }
    assert!(run(at, &["access", "limits", "staff"]).status.success(), "which are no policies");
    let doctor = said(&run(at, &["doctor"]));
    assert!(doctor.contains("a.cedar:2") && doctor.contains("its schema is up to date"), "{doctor}");
}

/// P6, P1: an unknown limit or kind of item stops the start, by name.
#[tokio::test(flavor = "multi_thread")]
async fn unknown_limits_and_impossible_items_stop_the_start() {
    let home = Home::on(Sqlite).await;
    let at = &home;
    for (settings, expected) in [
        ("[access.limits]\nstaff = [\"rates = 3\"]", "there is no limit `rates`"),
        (
            "[access.limits]\nstaff = [\"rate = 3\", \"max.objekt = 3\"]",
            "item 1: there is no limit `max.objekt`",
        ),
        ("[access.limits]\nstaff = [\"rate = 3\", \"rate = 4\"]", "`rate` is said twice"),
        ("[access.limits]\nstaff = [\"rate\"]", "item 0: must be a limit such as"),
        ("[access.limits]\nking = []", "is not a setting"),
        ("[access]\nitems = [\"api_key\"]", "`api_key` is private always"),
        ("[access]\nitems = [\"Two words\"]", "`Two words` is no name of an item"),
        ("[access]\nitems = [\"report\"]\nprivate_items = [\"report\"]", "`report` is named as both"),
    ] {
        fs::write(at.directory().join("symbolon.toml"), settings).unwrap();
        for command in [["config", "check"].as_slice(), &["serve"]] {
            let output = run(at, command);
            assert_eq!(output.status.code(), Some(1), "{settings}");
            assert!(said(&output).contains(expected), "{settings}: {}", said(&output));
        }
    }
}

/// P2: what the document says is what follows from the default policies.
#[tokio::test(flavor = "multi_thread")]
async fn the_document_shows_what_follows_from_the_policies() {
    let home = Home::on(Sqlite).await;
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/permissions.md");
    let document = fs::read_to_string(document).unwrap();
    let (_, tables) = document.split_once("written by `cargo xtask permissions`. -->\n").unwrap();
    let output = run(&home, &["access", "matrix", "--markdown"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap(), tables);
}
