//! What the doctor says of a store that cannot be used: what to do, by what is wrong with it (G8).

use std::{fs, path::Path};

use rstest::rstest;
use serde_json::Value as Json;

use crate::support::{Database, command, directory};

/// What it says of the store, which is wrong.
#[track_caller]
fn on_store(at: &Path, variables: &[(&str, &str)]) -> (String, String) {
    let output = command(at, &["doctor", "--output", "json"], variables, "");
    assert_eq!(output.status.code(), Some(1));
    let checks: Json = serde_json::from_slice(&output.stdout).unwrap();
    let checks = checks.as_array().unwrap();
    let found: Vec<_> = checks.iter().filter(|check| check["check"] == "store").collect();
    assert_eq!(found.len(), 1, "the store is told of once: {checks:?}");
    assert_eq!(found[0]["verdict"], "wrong");
    (found[0]["found"].as_str().unwrap().to_owned(), found[0]["advice"].as_str().unwrap().to_owned())
}

#[track_caller]
fn advises(at: &Path, variables: &[(&str, &str)], expected: &str) {
    let (detail, advice) = on_store(at, variables);
    assert!(advice.contains(expected), "{detail}: {advice}");
}

/// A directory with a master key in it.
fn home() -> tempfile::TempDir {
    let directory = directory();
    let made = command(directory.path(), &["keys", "new-master", "data/master.key"], &[], "");
    assert!(made.status.success());
    directory
}

#[test]
fn a_file_that_is_no_store_is_told_from_one_that_may_not_be_read() {
    let home = home();
    let file = home.path().join("data/symbolon.db");
    fs::write(&file, "no database, but a letter that somebody has left here".repeat(40)).unwrap();
    advises(home.path(), &[], "name a file of Symbolon's");
    fs::remove_file(&file).unwrap();
    rusqlite::Connection::open(&file).unwrap().execute_batch("CREATE TABLE strangers (id);").unwrap();
    advises(home.path(), &[], "name a file of Symbolon's");
}

#[tokio::test]
async fn what_keeps_postgresql_away_is_told_apart() {
    let home = home();
    let database = Database::create().await;
    let (server, name) = database.url.rsplit_once('/').unwrap();
    let name = name.split('?').next().unwrap();
    for (url, expected) in [
        (database.url.clone(), "symbolon migrate up"),
        (database.url.replacen(name, "no_such_database", 1), "correct the database's name"),
        (
            format!("{server}/{name}?sslmode=verify-full&sslrootcert=none.pem"),
            "name an authority of your own",
        ),
        ("postgres://symbolon@127.0.0.1:1/symbolon".to_owned(), "see that the server runs"),
    ] {
        advises(home.path(), &[("SYMBOLON_STORE__URL", &url)], expected);
    }
}

#[rstest]
#[case::nobody_there(&[("AWS_REGION", "eu-central-1"), ("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")], "endpoint and region")]
#[case::no_credentials(&[("AWS_REGION", "eu-central-1"), ("AWS_EC2_METADATA_DISABLED", "true")], "give this machine a role")]
#[case::no_region(&[("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_EC2_METADATA_DISABLED", "true")], "add region=")]
fn what_keeps_dynamodb_away_is_told_apart(#[case] variables: &[(&str, &str)], #[case] expected: &str) {
    let home = home();
    let url = ("SYMBOLON_STORE__URL", "dynamodb://symbolon?endpoint=http://127.0.0.1:1");
    let variables: Vec<_> = variables.iter().copied().chain([url]).collect();
    advises(home.path(), &variables, expected);
}
