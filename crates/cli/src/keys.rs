//! `symbolon keys`: the master key for a new store, and what is sealed under it; the keys that sign (G10, O8, C64). No key
//! itself is ever shown.

use std::{fs, os::unix::fs::DirBuilderExt as _, path::Path};

use serde::Serialize;
use symbolon_adapters::{seal::MasterKey, system::SystemEntropy};
use symbolon_domain::{
    actor::Actor,
    clock::Timestamp,
    id::SigningKeyId,
    signing_keys::{KeyState, RotateError, RotateWhen, SigningKey},
};

use crate::accounts::operator;
use crate::arguments::KeysCommand;
use crate::output::{Output, or_dash};
use crate::wiring::{Service, WiringError};
use crate::{CommandError, CommandResult};

/// A backup is of no use without the key that sealed it (O8).
const NEW_KEY: &str = "everything is being sealed anew under the first of secrets.master_keys, which every node must have by now: one \
     without it will not open what is sealed";
const OLD_KEYS: &str = "everything is sealed under the first master key; take the others out of the configuration, and keep each \
     with the backups that were made under it";

/// What was made.
#[derive(Serialize)]
struct Made {
    master_key: String,
}

/// A signing key as an operator sees it.
#[derive(Serialize)]
struct KeyRow {
    kid: SigningKeyId,
    algorithm: &'static str,
    state: &'static str,
    created: Timestamp,
    signs_from: Timestamp,
    retires: Option<Timestamp>,
}

/// What was sealed anew.
#[derive(Serialize)]
struct Sealed {
    resealed: u64,
    kept: u64,
    unopened: u64,
}

/// Makes a master key. Neither the configuration nor the store is looked at.
///
/// # Errors
/// The file is there already, or cannot be made.
pub fn new_master(file: &Path, output: &mut Output<'_>) -> CommandResult {
    make_directory(file)?;
    MasterKey::create_file(file, &SystemEntropy::new())
        .map_err(|error| CommandError::Wiring(WiringError::from(error)))?;
    output.record(&Made { master_key: file.display().to_string() })?;
    Ok(output
        .notice("back it up apart from the store: without it nothing sealed in the store opens again")?)
}

/// Runs one that needs the store; nodes that run take it over within seconds.
///
/// # Errors
/// There is no such key, it must stay, or the store failed.
pub async fn run(command: &KeysCommand, service: &Service, output: &mut Output<'_>) -> CommandResult {
    match command {
        KeysCommand::NewMaster { file } => new_master(file, output),
        KeysCommand::List => list(service, output).await,
        KeysCommand::Rotate { now } => {
            let when = if *now { RotateWhen::Now } else { RotateWhen::Published };
            service.signing_keys.rotate(when, Actor::Operator, &operator(service)).await?;
            list(service, output).await
        }
        KeysCommand::Retire { kid } => {
            let id = kid.parse().map_err(|_| CommandError::Argument("not the id of a key"))?;
            service.signing_keys.retire(id, Actor::Operator, &operator(service)).await?;
            list(service, output).await
        }
        KeysCommand::RotateMaster => {
            output.notice(NEW_KEY)?;
            let done = service.resealing.run().await?;
            let (resealed, kept, unopened) = (done.resealed, done.kept, done.unopened);
            output.record(&Sealed { resealed, kept, unopened })?;
            if unopened > 0 {
                return Err(CommandError::Unopened(unopened));
            }
            Ok(output.notice(OLD_KEYS)?)
        }
    }
}

async fn list(service: &Service, output: &mut Output<'_>) -> CommandResult {
    let keys = service.signing_keys.list().await.map_err(RotateError::from)?;
    let rows: Vec<_> = keys.iter().map(KeyRow::from).collect();
    Ok(output.list(&["kid", "algorithm", "state", "created", "signs from", "retires"], &rows, cells)?)
}

fn cells(row: &KeyRow) -> Vec<String> {
    vec![
        row.kid.to_string(),
        row.algorithm.to_owned(),
        row.state.to_owned(),
        row.created.to_string(),
        row.signs_from.to_string(),
        or_dash(row.retires),
    ]
}

impl From<&(SigningKey, KeyState)> for KeyRow {
    fn from((key, state): &(SigningKey, KeyState)) -> Self {
        Self {
            kid: key.id,
            algorithm: key.algorithm.as_str(),
            state: state.as_str(),
            created: key.created_at,
            signs_from: key.life.signs_from,
            retires: key.life.retires_at,
        }
    }
}

/// The file's directory, if it is not there, for its owner's eyes only.
fn make_directory(file: &Path) -> Result<(), WiringError> {
    let Some(parent) = file.parent().filter(|parent| !parent.as_os_str().is_empty()) else { return Ok(()) };
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(parent);
    made.map_err(|source| WiringError::Directory { path: parent.to_owned(), source })
}
