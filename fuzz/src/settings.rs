//! The configuration: a file in TOML, and below a line `---` environment variables, one `NAME=value` a line. What is read
//! is shown and read again.

use std::{fs, sync::LazyLock};

use symbolon::settings::{LoadOptions, Settings};
use tempfile::TempDir;

const SECRET: &str = "canary-5f1d";

static DIRECTORY: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a directory"));

/// Whether it was worth trying.
///
/// # Panics
/// It is not what it should be.
pub fn run(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else { return false };
    let (file, variables) = text.split_once("\n---\n").unwrap_or((text, ""));
    let path = DIRECTORY.path().join("symbolon.toml");
    fs::write(&path, file).expect("a file");
    let variable = |line: &str| {
        let (name, value) = line.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    };
    let environment = variables.lines().filter_map(variable);
    // A secret of its own, so that whatever else is wrong, it is not in what is said.
    let secret = ("SYMBOLON_MESSAGES__EMAIL__SMTP__PASSWORD".to_owned(), SECRET.to_owned());
    let options = LoadOptions {
        named_file: Some(path),
        default_file: None,
        environment: environment.chain([secret]).collect(),
        overrides: Vec::new(),
    };
    let said = match Settings::load(&options) {
        Ok(loaded) => loaded.shown().iter().map(|setting| format!("{setting:?}")).collect::<String>(),
        Err(problems) => problems.iter().map(|problem| format!("{problem} {problem:?}")).collect(),
    };
    assert!(!said.contains(SECRET), "a secret is shown");
    true
}
