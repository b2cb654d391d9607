//! `symbolon access check|limits|validate|matrix`: on the same use case as HTTP, beside a running server.

use serde::Serialize;
use symbolon_domain::access::{Action, DecisionRole, Denial, Question, Visibility, Who};

use crate::accounts;
use crate::arguments::{AccessCommand, CheckArguments};
use crate::output::Output;
use crate::settings::Settings;
use crate::wiring::Service;
use crate::{CommandError, CommandResult};

mod limits;
mod matrix;
pub mod policies;

/// An answer.
#[derive(Serialize)]
struct AnswerRow {
    allowed: bool,
    policies: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

/// Runs one of those that read the configuration only.
///
/// # Errors
/// Policies are broken, or there is no such limit.
pub fn of_configuration(
    command: &AccessCommand,
    settings: &Settings,
    output: &mut Output<'_>,
) -> CommandResult {
    match command {
        AccessCommand::Limits { role, limit } => limits::show(role, limit.as_deref(), settings, output),
        AccessCommand::Validate { directory } => policies::validate(directory.as_deref(), settings, output),
        AccessCommand::Matrix(arguments) => policies::matrix(arguments, settings, output),
        AccessCommand::Check(_) => Ok(()),
    }
}

/// Runs one of those that need a store.
///
/// # Errors
/// It is not allowed, something that was named is not there, or the store failed.
pub async fn run(command: &AccessCommand, service: &Service, output: &mut Output<'_>) -> CommandResult {
    match command {
        AccessCommand::Check(arguments) => check(arguments, service, output).await,
        AccessCommand::Limits { .. } | AccessCommand::Validate { .. } | AccessCommand::Matrix(_) => Ok(()),
    }
}

async fn check(arguments: &CheckArguments, service: &Service, output: &mut Output<'_>) -> CommandResult {
    let question = question(arguments, service).await?;
    let decision = service.access.check(&question).await?;
    output.record(&AnswerRow {
        allowed: decision.is_allowed(),
        policies: decision.policies.iter().map(ToString::to_string).collect(),
        reason: decision.denial.map(Denial::as_str),
    })?;
    decision.denial.map_or(Ok(()), |denial| Err(CommandError::NotAllowed(denial.as_str())))
}

async fn question(arguments: &CheckArguments, service: &Service) -> Result<Question, CommandError> {
    let item = service.access.items().find(&arguments.item);
    let item = item.ok_or(CommandError::Argument("no such kind of item is configured (access.items)"))?;
    let mut shared_with = Vec::with_capacity(arguments.shared_with.len());
    for account in &arguments.shared_with {
        shared_with.push(accounts::id_of(account, service).await?);
    }
    Ok(Question {
        who: who(arguments, service).await?,
        action: known(Action::parse(&arguments.action))?,
        item: item.clone(),
        owner: accounts::id_of(&arguments.owner, service).await?,
        visibility: known(Visibility::parse(&arguments.visibility))?,
        shared_with,
    })
}

async fn who(arguments: &CheckArguments, service: &Service) -> Result<Who, CommandError> {
    let role = arguments.role.as_deref().map(|role| known(DecisionRole::parse(role))).transpose()?;
    match (arguments.actor.as_str(), role) {
        ("anonymous", None | Some(DecisionRole::Anonymous)) => Ok(Who::Anonymous),
        ("anonymous", Some(DecisionRole::Locked)) => Ok(Who::Locked),
        ("anonymous", Some(_)) => {
            Err(CommandError::Argument("who is anonymous has no other role than `anonymous` or `locked`"))
        }
        (_, Some(DecisionRole::Anonymous)) => {
            Err(CommandError::Argument("who has an account is not anonymous"))
        }
        (account, Some(role)) => Ok(Who::AccountWithRole(accounts::id_of(account, service).await?, role)),
        (account, None) => Ok(Who::Account(accounts::id_of(account, service).await?)),
    }
}

/// The grammar lets nothing else through.
fn known<T>(found: Option<T>) -> Result<T, CommandError> {
    found.ok_or(CommandError::Argument("an argument is not one of its values"))
}
