//! `symbolon migrate up|status`: the schema of the configured store (G6).

use serde::Serialize;
use symbolon_adapters::sqlite::migrations::{self, Migration};

use crate::arguments::MigrateCommand;
use crate::output::Output;
use crate::settings::{Settings, StoreUrl};
use crate::wiring::{self, Surroundings, WiringError};
use crate::{CommandError, CommandResult};

/// One step of the schema.
#[derive(Serialize)]
struct StepRow {
    version: u32,
    name: &'static str,
    applied: bool,
}

/// Runs one of them.
///
/// # Errors
/// The store cannot be used.
pub async fn run(command: &MigrateCommand, settings: &Settings, output: &mut Output<'_>) -> CommandResult {
    let StoreUrl::Sqlite { path } = &settings.store.url;
    let failed = |source| CommandError::Wiring(WiringError::Store { path: path.clone(), source });
    if let MigrateCommand::Up(arguments) = command {
        let pending = migrations::status(path).map_err(failed)?.pending;
        if arguments.dry_run {
            for Migration { version, name, sql } in pending {
                output.line(&format!("-- {version} {name}"))?;
                output.raw(sql.as_bytes())?;
            }
            return Ok(());
        }
        if wiring::exists(path)? {
            migrations::up(path).map_err(failed)?;
        } else {
            // A new store comes with its master key and its first signing key, as the first start makes it.
            wiring::open(settings, Surroundings::real()).await?.close().await;
        }
    }
    let status = migrations::status(path).map_err(failed)?;
    let applied = |step: &Migration| !status.pending.iter().any(|pending| pending.version == step.version);
    let steps: Vec<_> = migrations::ALL
        .iter()
        .map(|step| StepRow { version: step.version, name: step.name, applied: applied(step) })
        .collect();
    Ok(output.list(&["version", "name", "applied"], &steps, |step| {
        vec![step.version.to_string(), step.name.to_owned(), step.applied.to_string()]
    })?)
}
