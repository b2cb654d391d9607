//! Wrong configuration: every mistake at once, each with its key and where it came from, and no secret (G5, X13).

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::support::{Binary, Engine::Sqlite, Home, command, directory};

const MISTAKES: &str = r#"
[http]
listen = "nowhere"
[sessions]
graze = "10s"
[log]
pii_salt = "canary"
"#;

/// G5, X13: mistakes in the file and in the environment are reported together, by `check` and by `serve`.
#[test]
fn every_mistake_is_reported_with_its_origin() {
    let directory = directory();
    fs::write(directory.path().join("symbolon.toml"), MISTAKES).unwrap();
    let variables =
        [("SYMBOLON_PASSWORDS__MEMORY_KIB", "1024"), ("SYMBOLON_STORE__URL", "mysql://canary@host/db")];
    for arguments in [vec!["config", "check"], vec!["serve"], vec!["account", "list"]] {
        let output = command(directory.path(), &arguments, &variables, "");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        for expected in [
            "http.listen",
            "sessions.graze",
            "sessions.grace",
            "log.pii_salt",
            "symbolon.toml",
            "passwords.memory_kib",
            "SYMBOLON_PASSWORDS__MEMORY_KIB",
            "store.url",
            "SYMBOLON_STORE__URL",
        ] {
            assert!(said.contains(expected), "{expected} in:\n{said}");
        }
        assert!(!said.contains("canary"), "a secret was printed");
        assert!(!directory.path().join("data").exists(), "nothing was made");
    }
}

/// G5: the same as JSON, for programs.
#[test]
fn mistakes_are_json_when_json_is_asked_for() {
    let directory = directory();
    let variables = [("SYMBOLON_LOG__FORMAT", "xml")];
    let output = command(directory.path(), &["config", "check", "--output", "json"], &variables, "");
    assert_eq!(output.status.code(), Some(1));
    let problems: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(problems[0]["key"], "log.format");
    assert_eq!(problems[0]["origin"], "environment variable SYMBOLON_LOG__FORMAT");
    let output = command(directory.path(), &["config", "check", "--output", "json"], &[], "");
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap(), serde_json::json!([]));
}

/// X13, G10: a master key that others may read stops the start, and says what to do.
#[test]
fn a_readable_master_key_stops_the_start() {
    let directory = directory();
    drop(Binary::start(directory.path(), &[], &[]));
    let key = directory.path().join("data/master.key");
    assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let content = fs::read_to_string(&key).unwrap();
    for mode in [0o640, 0o604, 0o644] {
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
        let output = command(directory.path(), &["serve"], &[("SYMBOLON_HTTP__LISTEN", "127.0.0.1:0")], "");
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("secrets.master_keys") && said.contains("chmod 600"), "{said}");
        assert!(!said.contains(content.trim()));
        let output = command(directory.path(), &["doctor", "--output", "json"], &[], "");
        let checks: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let of_keys = checks.as_array().unwrap().iter().find(|check| check["check"] == "keys").unwrap();
        assert!(of_keys["advice"].as_str().unwrap().ends_with("chmod 600"), "{of_keys}");
    }
}

/// G10, X13: with a store and no master key the start stops, and no new key is made.
#[test]
fn a_missing_master_key_is_never_replaced() {
    let directory = directory();
    drop(Binary::start(directory.path(), &[], &[]));
    let key = directory.path().join("data/master.key");
    let content = fs::read(&key).unwrap();
    fs::remove_file(&key).unwrap();
    let output = command(directory.path(), &["serve"], &[("SYMBOLON_HTTP__LISTEN", "127.0.0.1:0")], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("secrets.master_keys"));
    assert!(!key.exists());
    fs::write(&key, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let output = command(directory.path(), &["serve"], &[("SYMBOLON_HTTP__LISTEN", "127.0.0.1:0")], "");
    assert_eq!(output.status.code(), Some(1), "another key opens nothing");
    fs::write(&key, content).unwrap();
    drop(Binary::start(directory.path(), &[], &[]));
}

/// G5, G8, X13: `config check`, `serve` and `doctor` open what the settings name, tell of all of it at once and by the name of
/// each setting, and the doctor looks at the store all the same.
#[tokio::test(flavor = "multi_thread")]
async fn every_file_that_cannot_be_used_is_told_by_its_setting() {
    let home = Home::on(Sqlite).await;
    drop(Binary::of(&home, &[], &[]));
    let at = home.directory();
    fs::create_dir_all(at.join("templates/en")).unwrap();
    fs::write(at.join("templates/en/test.txt"), "{{ nothing_of_the_kind }}").unwrap();
    fs::create_dir(at.join("policies")).unwrap();
    fs::write(at.join("policies/a.cedar"), "permit (principal, action resource);\n").unwrap();
    fs::write(at.join("key.pem"), "canary").unwrap();
    fs::set_permissions(at.join("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    let settings = r#"
[http]
public_url = "https://localhost"
[http.tls]
cert = "cert.pem"
key = "key.pem"
[messages]
templates = "templates"
[passwords]
blocklist = "refused.txt"
[access]
policies = "policies"
"#;
    fs::write(at.join("symbolon.toml"), settings).unwrap();
    let expected = [
        ("http.tls.cert", "cert.pem cannot be read: No such file"),
        ("messages.templates", "templates/en/test.txt:1: "),
        ("passwords.blocklist", "refused.txt cannot be read: No such file"),
        ("access.policies", "policies/a.cedar:1: "),
    ];
    for arguments in [["config", "check"].as_slice(), &["serve"], &["doctor"]] {
        let output = command(at, arguments, &[], "");
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        for (key, problem) in expected {
            let told = said.lines().any(|line| line.contains(&format!("{key}: ")) && line.contains(problem));
            assert!(told, "{arguments:?}: {key}: {problem} in:\n{said}");
        }
        assert!(!said.contains("canary"), "{said}");
        assert_eq!(said.contains("its schema is up to date"), arguments == ["doctor"], "{said}");
    }
    let output = command(at, &["config", "check", "--output", "json"], &[], "");
    let problems: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let keys: Vec<&str> =
        problems.as_array().unwrap().iter().map(|one| one["key"].as_str().unwrap()).collect();
    assert_eq!(keys, ["http.tls.cert", "passwords.blocklist", "messages.templates", "access.policies"]);
    assert!(problems[0]["origin"].as_str().unwrap().ends_with("symbolon.toml"), "{problems}");

    fs::write(at.join("symbolon.toml"), "").unwrap();
    assert!(command(at, &["config", "check"], &[], "").status.success());
    assert!(command(at, &["doctor"], &[], "").status.success());
}

/// G5: what is wrong with other settings hides no file; what a file is read by does, for the file may be right.
#[test]
fn files_are_looked_at_whatever_else_is_wrong() {
    let directory = directory();
    let settings =
        "[http]\nlisten = \"nowhere\"\n[passwords]\nblocklist = \"/nope\"\n[access]\npolicies = \"/nope\"\n";
    for (more, is_policy_told) in [("", true), ("items = [\"Two words\"]\n", false)] {
        fs::write(directory.path().join("symbolon.toml"), format!("{settings}{more}")).unwrap();
        for arguments in [["config", "check"].as_slice(), &["serve"]] {
            let output = command(directory.path(), arguments, &[], "");
            assert_eq!(output.status.code(), Some(1), "{arguments:?}");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(said.contains("http.listen: ") && said.contains("passwords.blocklist: "), "{said}");
            assert_eq!(said.contains("access.policies: "), is_policy_told, "{said}");
        }
    }
}
