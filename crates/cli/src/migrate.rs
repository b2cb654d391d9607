//! `symbolon migrate up|status`: the schema of the configured store (G6).

use serde::Serialize;
use symbolon_adapters::schema::Migration;

use crate::CommandResult;
use crate::arguments::MigrateCommand;
use crate::output::Output;
use crate::settings::Settings;
use crate::wiring::{self, Surroundings, store};

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
    let engine = store::engine(settings)?;
    if let MigrateCommand::Up(arguments) = command {
        if arguments.dry_run {
            let pending = engine.status().await?.pending;
            if pending.is_empty() {
                output.notice("nothing is pending")?;
            }
            for Migration { version, name, text } in pending {
                output.line(&format!("-- {version} {name}"))?;
                output.raw(text.as_bytes())?;
            }
            return Ok(());
        }
        if engine.is_made_by_first_start()? {
            // A new store of this kind comes with its master key and its first signing key.
            wiring::open(settings, Surroundings::real()).await?.close().await;
        } else {
            engine.up().await?;
        }
    }
    let status = engine.status().await?;
    let applied = |step: &Migration| !status.pending.iter().any(|pending| pending.version == step.version);
    if let (Some(current), Some(newest)) = (status.current, engine.steps().last())
        && current > newest.version
    {
        output.notice(&format!(
            "the store has schema {current}, which a newer version of this program has made; this one knows {} at most",
            newest.version
        ))?;
    }
    let steps: Vec<_> = engine
        .steps()
        .iter()
        .map(|step| StepRow { version: step.version, name: step.name, applied: applied(step) })
        .collect();
    Ok(output.list(&["version", "name", "applied"], &steps, |step| {
        vec![step.version.to_string(), step.name.to_owned(), step.applied.to_string()]
    })?)
}
