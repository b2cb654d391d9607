//! Stores that several nodes share, from the operator's side: their schema, their master key, their password (G5, G6, G10).

use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, process::Output};

use rstest::rstest;
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::support::{
    Binary, Database,
    Engine::{self, Dynamodb, Postgres},
    command, directory,
    engines::told,
};

/// A store that nobody has migrated, and a directory with nothing in it.
struct Bare {
    directory: TempDir,
    url: String,
    _database: Option<Database>,
}

impl Bare {
    async fn on(engine: Engine) -> Self {
        let directory = directory();
        if engine == Postgres {
            let database = Database::create().await;
            return Self { directory, url: database.url.clone(), _database: Some(database) };
        }
        // The directory's name is nobody else's, and its table goes with the engine.
        let name = directory.path().file_name().unwrap().to_string_lossy().replace('.', "bare-");
        let url = format!("dynamodb://{name}?endpoint={}", told("SYMBOLON_TEST_DYNAMODB"));
        Self { directory, url, _database: None }
    }

    fn variables(&self) -> Vec<(String, String)> {
        let credentials = std::env::vars().filter(|(name, _)| name.starts_with("AWS_"));
        credentials.chain([("SYMBOLON_STORE__URL".to_owned(), self.url.clone())]).collect()
    }

    fn run(&self, at: &Path, arguments: &[&str]) -> Output {
        let variables = self.variables();
        let listeners =
            [("SYMBOLON_HTTP__LISTEN", "127.0.0.1:0"), ("SYMBOLON_MANAGEMENT__LISTEN", "127.0.0.1:0")];
        let variables =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).chain(listeners);
        command(at, arguments, &variables.collect::<Vec<_>>(), "")
    }

    #[track_caller]
    fn does(&self, arguments: &[&str]) -> String {
        let output = self.run(self.directory.path(), arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn refuses(&self, at: &Path, arguments: &[&str]) -> String {
        let output = self.run(at, arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn applied(&self) -> Vec<bool> {
        let steps: Json =
            serde_json::from_str(&self.does(&["migrate", "status", "--output", "json"])).unwrap();
        steps.as_array().unwrap().iter().map(|step| step["applied"].as_bool().unwrap()).collect()
    }

    fn serve(&self) -> Binary {
        let variables = self.variables();
        let variables: Vec<(&str, &str)> =
            variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        Binary::start(self.directory.path(), &[], &variables)
    }
}

/// G6, G10: the way from nothing to a service, and what each step that is left out is answered with. Only `migrate up`
/// makes the schema, only `keys new-master` the master key, only the first start the keys under it.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_shared_store_is_made_step_by_step(#[values(Postgres, Dynamodb)] on: Engine) {
    let bare = Bare::on(on).await;
    let at = bare.directory.path();
    assert!(bare.applied().iter().all(|applied| !applied));
    let shown = bare.does(&["migrate", "up", "--dry-run"]);
    assert!(shown.starts_with("-- 1 ") && shown.lines().count() > 1, "{shown}");
    assert!(bare.applied().iter().all(|applied| !applied), "a dry run changes nothing");

    let said = bare.refuses(at, &["serve"]);
    assert!(said.contains("secrets.master_keys") && said.contains("symbolon keys new-master"), "{said}");
    assert!(!at.join("data").exists(), "nothing was made");
    let made = bare.does(&["keys", "new-master", "data/master.key"]);
    let key = fs::read_to_string(at.join("data/master.key")).unwrap();
    assert!(!made.contains(key.trim()));
    assert_eq!(fs::metadata(at.join("data/master.key")).unwrap().permissions().mode() & 0o777, 0o600);
    bare.refuses(at, &["keys", "new-master", "data/master.key"]);
    assert_eq!(fs::read_to_string(at.join("data/master.key")).unwrap(), key, "a key is never written over");

    for arguments in [["serve"].as_slice(), &["account", "list"], &["doctor"]] {
        let output = bare.run(at, arguments);
        let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
        assert!(output.status.code() == Some(1) && said.contains("symbolon migrate up"), "{said}");
    }
    bare.does(&["migrate", "up"]);
    assert!(bare.applied().iter().all(|applied| *applied));
    bare.does(&["migrate", "up"]);

    let said = bare.refuses(at, &["account", "list"]);
    assert!(said.contains("no keys yet"), "whoever looks makes no keys: {said}");
    bare.does(&["doctor"]);
    let binary = bare.serve();
    binary.user("ada@example.org").sign_up().await;
    assert!(bare.does(&["account", "list"]).contains("ada@example.org"));
    bare.does(&["doctor"]);
}

/// G10: migrating needs no master key and makes none.
#[rstest]
#[tokio::test]
async fn a_schema_needs_no_master_key(#[values(Postgres, Dynamodb)] on: Engine) {
    let bare = Bare::on(on).await;
    bare.does(&["migrate", "up"]);
    assert!(!bare.directory.path().join("data").exists());
}

/// G10, X13: a node with another master key than the others' does not start, and says which setting it is about.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_another_master_key_does_not_start(#[values(Postgres, Dynamodb)] on: Engine) {
    let bare = Bare::on(on).await;
    bare.does(&["migrate", "up"]);
    bare.does(&["keys", "new-master", "data/master.key"]);
    let _first = bare.serve();
    let second = directory();
    let made = bare.run(second.path(), &["keys", "new-master", "data/master.key"]);
    assert!(made.status.success());
    for arguments in [["serve"].as_slice(), &["account", "list"]] {
        let said = bare.refuses(second.path(), arguments);
        assert!(said.contains("master key") && said.contains("secrets.master_keys"), "{said}");
    }
}

/// G5, X13: the password in a URL is in no output, whether the server is there or not.
#[test]
fn the_password_of_a_store_is_never_shown() {
    let directory = directory();
    let at = directory.path();
    let url = ("SYMBOLON_STORE__URL", "postgres://symbolon:canary@127.0.0.1:1/symbolon?password=canary");
    assert!(command(at, &["keys", "new-master", "data/master.key"], &[], "").status.success());
    for arguments in [
        ["config", "check"].as_slice(),
        &["config", "show"],
        &["config", "show", "--output", "json"],
        &["serve"],
        &["migrate", "status"],
        &["migrate", "up"],
        &["account", "list"],
        &["doctor"],
    ] {
        let output = command(at, arguments, &[url, ("SYMBOLON_LOG__LEVEL", "trace")], "");
        let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(!said.contains("canary"), "{arguments:?}");
        let is_shown = said.contains("symbolon:redacted@127.0.0.1:1/symbolon");
        assert!(is_shown || arguments == ["config", "check"], "{arguments:?}: {said}");
    }
}

/// G8, X13: what keeps a PostgreSQL database from being used is said once, as one sentence, to its end.
#[test]
fn a_database_out_of_reach_is_told_of_once() {
    let directory = directory();
    let missing = directory.path().join("none.pem");
    std::fs::write(&missing, "").unwrap();
    let of_authority = format!("?sslmode=verify-full&sslrootcert={}", missing.display());
    for (query, cause) in [
        ("", "error communicating with database: Connection refused (os error 111)".to_owned()),
        (
            of_authority.as_str(),
            format!(
                "store.url is not the address of a PostgreSQL database: no certificate can be read from {} (sslrootcert)",
                missing.display()
            ),
        ),
    ] {
        let url = format!("postgres://symbolon@127.0.0.1:1/symbolon{query}");
        let output = command(directory.path(), &["migrate", "status"], &[("SYMBOLON_STORE__URL", &url)], "");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said, format!("error: the store {url} (store.url) cannot be opened: {cause}\n"));
    }
}
