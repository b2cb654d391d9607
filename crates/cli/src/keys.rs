//! `symbolon keys new-master`: a master key for a new store that several nodes will share (G10). The key itself is never
//! shown.

use std::{fs, os::unix::fs::DirBuilderExt as _, path::Path};

use serde::Serialize;
use symbolon_adapters::{seal::MasterKey, system::SystemEntropy};

use crate::arguments::KeysCommand;
use crate::output::Output;
use crate::wiring::WiringError;
use crate::{CommandError, CommandResult};

/// What was made.
#[derive(Serialize)]
struct Made {
    master_key: String,
}

/// Runs one of them. Neither the configuration nor the store is looked at.
///
/// # Errors
/// The file is there already, or cannot be made.
pub fn run(command: &KeysCommand, output: &mut Output<'_>) -> CommandResult {
    let KeysCommand::NewMaster { file } = command;
    make_directory(file)?;
    MasterKey::create_file(file, &SystemEntropy::new())
        .map_err(|error| CommandError::Wiring(WiringError::from(error)))?;
    output.record(&Made { master_key: file.display().to_string() })?;
    Ok(output
        .notice("back it up apart from the store: without it nothing sealed in the store opens again")?)
}

/// The file's directory, if it is not there, for its owner's eyes only.
fn make_directory(file: &Path) -> Result<(), WiringError> {
    let Some(parent) = file.parent().filter(|parent| !parent.as_os_str().is_empty()) else { return Ok(()) };
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(parent);
    made.map_err(|source| WiringError::Directory { path: parent.to_owned(), source })
}
