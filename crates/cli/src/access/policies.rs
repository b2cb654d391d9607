//! `symbolon access validate|matrix`: policies as they stand in their files, without a store.

use std::path::Path;

use serde::Serialize;
use symbolon_adapters::policy_cedar::PolicyProblem;

use super::matrix::{self, Row};
use crate::arguments::{MatrixArguments, OutputFormat};
use crate::output::{Output, or_dash};
use crate::settings::Settings;
use crate::wiring::{WiringError, access};
use crate::{CommandError, CommandResult};

/// One problem.
#[derive(Serialize)]
struct ProblemRow {
    severity: &'static str,
    file: String,
    line: Option<usize>,
    problem: String,
}

/// Checks the policies of a directory, or the configured ones.
///
/// # Errors
/// They are broken.
pub fn validate(directory: Option<&Path>, settings: &Settings, output: &mut Output<'_>) -> CommandResult {
    let items = access::items(settings)?;
    let directory = directory.or(settings.access.policies.as_deref());
    let (problems, severity, count) = match access::policies(directory, &items) {
        Ok((policies, warnings)) => (warnings, "warning", policies.names().len()),
        Err(WiringError::Policies(problems)) => (problems, "error", 0),
        Err(error) => return Err(error.into()),
    };
    let rows: Vec<ProblemRow> = problems.into_iter().map(|problem| row(problem, severity)).collect();
    match output.format() {
        OutputFormat::Json => output.json(&rows)?,
        OutputFormat::Table => {
            for row in &rows {
                let place = row.line.map_or_else(|| row.file.clone(), |line| format!("{}:{line}", row.file));
                output.line(&format!("{place}: {}: {}", row.severity, row.problem))?;
            }
        }
    }
    if severity == "error" {
        return Err(CommandError::Policies(rows.len()));
    }
    if output.format() == OutputFormat::Table {
        output.line(&format!("{count} policies are fine"))?;
    }
    Ok(())
}

/// Shows everything that follows from the policies of a directory, or the configured ones.
///
/// # Errors
/// They are broken.
pub fn matrix(arguments: &MatrixArguments, settings: &Settings, output: &mut Output<'_>) -> CommandResult {
    let items = access::items(settings)?;
    let directory = arguments.directory.as_deref().or(settings.access.policies.as_deref());
    let (policies, _) = access::policies(directory, &items)?;
    let rows = matrix::rows(&policies, &items).map_err(symbolon_domain::access::AccessError::from)?;
    if arguments.markdown {
        return Ok(output.raw(matrix::markdown(&rows).as_bytes())?);
    }
    let headings = ["role", "item", "whose", "visibility", "actions"];
    Ok(output.list(&headings, &rows, |row: &Row| {
        vec![
            row.role.to_owned(),
            row.item.clone(),
            row.whose.to_owned(),
            row.visibility.to_owned(),
            or_dash((!row.actions.is_empty()).then(|| row.actions.join(", "))),
        ]
    })?)
}

fn row(problem: PolicyProblem, severity: &'static str) -> ProblemRow {
    ProblemRow { severity, file: problem.file, line: problem.line, problem: problem.problem }
}
