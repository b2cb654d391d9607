//! The README's walk, command by command as it is printed, on nothing but the default configuration.

use std::{env, fs, os::unix::fs::symlink, path::Path, process::Command};

use crate::support::{Binary, directory, program};

/// The blocks that the README marks with ```` ```sh walk ````, joined.
fn walk() -> String {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let text = fs::read_to_string(readme).unwrap();
    let blocks: Vec<&str> =
        text.split("```sh walk\n").skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect();
    assert!(blocks.len() >= 6, "the README's walk has {} blocks", blocks.len());
    blocks.join("\n")
}

/// What each answer in this output said of a token.
fn active(output: &str) -> Vec<bool> {
    let answer = |line: &str| match line.trim().trim_end_matches(',') {
        "\"active\": true" => Some(true),
        "\"active\": false" => Some(false),
        _ => None,
    };
    output.lines().filter_map(answer).collect()
}

/// The README's one command that runs it names the one binary there is to run.
#[test]
fn the_run_command_finds_its_binary() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    assert!(readme.contains("\n```\ncargo run --release -- serve\n```\n"));
    let metadata = ["metadata", "--format-version=1", "--no-deps", "--offline"];
    let output = Command::new(env!("CARGO")).args(metadata).current_dir(&root).output().unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let by_default = metadata["workspace_default_members"].as_array().unwrap();
    let binaries =
        metadata["packages"].as_array().unwrap().iter().filter(|package| by_default.contains(&package["id"]));
    let binaries = binaries.flat_map(|package| package["targets"].as_array().unwrap());
    let names: Vec<_> =
        binaries.filter(|target| target["kind"][0] == "bin").map(|target| &target["name"]).collect();
    assert_eq!(names, ["symbolon"]);
}

/// S1, S6, S7, S9, S10, S11, M5, D1, D5, D7, D10, D11, L3, K1, K5, K8, K9: the walk in the README works exactly as printed, but for the port; its mail is a file,
/// as it is out of the box.
#[test]
fn the_walk_in_the_readme_works_as_printed() {
    let directory = directory();
    let binary = Binary::start(directory.path(), &[], &[]);
    fs::create_dir_all(directory.path().join("target/release")).unwrap();
    symlink(program(), directory.path().join("target/release/symbolon")).unwrap();
    let script = walk().replace("http://localhost:8080", &binary.url);
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &script])
        .current_dir(directory.path())
        .env_clear()
        .env("PATH", env::var("PATH").unwrap())
        .output()
        .unwrap();
    let (said, failed) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the walk stopped: {failed}");

    // Each step must have shown what the text around it promises.
    assert!(said.contains("\"state\": \"pre_authorized\""));
    assert!(said.contains("\"state\": \"authorized\""));
    assert!(said.contains("\"kty\": \"EC\""));
    assert!(said.contains("\"active\": true"));
    assert!(said.contains("\"value\": \"ada@example.org\""));
    assert!(said.contains("\"state\": \"active\""));
    let (sessions, keys) = said.split_once("\"api_key\": \"sym_ak_v4.local.").unwrap();
    // The session before and after signing out; the device token shown by its device, by another, and once it is revoked.
    assert_eq!(active(sessions), [true, false, true, false, false]);
    assert!(sessions.contains("\"device_id\": \"adas-laptop-7f3a\"") && sessions.contains("\"export\""));
    // A key that counts; one without the scope; a reuse that is caught; a family that has ended.
    assert_eq!(active(keys), [true, false, false]);
    assert!(keys.contains("\"The token does not count\"") && keys.contains("\"revoked\": 0"));
    assert!(keys.contains("nightly import"));
    for act in ["sign_up.started", "sign_up.completed", "session.refreshed", "session.revoked"] {
        assert!(said.contains(act), "{act}");
    }
    assert!(said.contains("sign_up_code") && said.contains("delivered"));
}
