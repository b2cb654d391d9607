//! An independent reading of `/openapi.json`: schemathesis sends what the document allows and what it does not, as somebody
//! who may do everything, and looks whether the answers are those that are documented.

use std::{
    env,
    path::PathBuf,
    process::{Command, Stdio},
};

use rstest::rstest;
use symbolon_domain::actor::Role;

use crate::support::{
    Engine::{self, Dynamodb, Postgres, Sqlite},
    TestApp,
    engines::told,
};

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
                      response_schema_conformance,response_headers_conformance";
/// What would end the session that everything is sent with.
const ENDS_IT: &str = "/v1/sessions$|/v1/sessions/current|/v1/admin/accounts/\\{id\\}/sessions";

/// C65, A2: no 5xx, and no answer whose status, headers or shape is not documented.
#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn answers_are_those_that_are_documented(#[values(Sqlite, Postgres, Dynamodb)] on: Engine) {
    let app = TestApp::start(on).await;
    let root = app.signed_in_as("root@example.org", Role::Superuser).await;
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(schemathesis());
    command
        .args(["run", &format!("{}/openapi.json", app.url), "--url", &app.url])
        .args(["--header", &format!("Authorization: Bearer {}", root.token)])
        .args(["--header", &format!("Symbolon-Binding: {}", root.binding)])
        .args(["--checks", CHECKS, "--phases", "examples,coverage,fuzzing", "--max-examples", "10"])
        .args(["--exclude-path-regex", ENDS_IT, "--seed", "1", "--no-color", "--workers", "2"])
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .current_dir(directory.path())
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).replace(&root.token, "TOKEN");
    assert!(output.status.success(), "{}", said.replace(&root.binding, "BINDING"));
    assert!(said.contains(" passed"), "{said}");
    assert!(root.is_active().await, "it was somebody until the end");
}

/// Beside the Python that it is installed for.
fn schemathesis() -> PathBuf {
    PathBuf::from(told("SYMBOLON_TEST_PYTHON")).with_file_name("schemathesis")
}
