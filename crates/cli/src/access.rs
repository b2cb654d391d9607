//! `symbolon access check|limits|validate|matrix`: on the same use case as HTTP, beside a running server.

use serde::Serialize;
use symbolon_domain::access::{Action, DecisionRole, Denial, Limit, Question, Visibility, Who};

use crate::accounts;
use crate::arguments::{AccessCommand, CheckArguments};
use crate::output::Output;
use crate::wiring::Service;
use crate::{CommandError, CommandResult};

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

/// A limit.
#[derive(Serialize)]
struct LimitRow {
    role: &'static str,
    limit: String,
    /// None: there is no limit.
    most: Option<u64>,
}

/// Runs one of those that need a store.
///
/// # Errors
/// It is not allowed, something that was named is not there, or the store failed.
pub async fn run(command: &AccessCommand, service: &Service, output: &mut Output<'_>) -> CommandResult {
    match command {
        AccessCommand::Check(arguments) => check(arguments, service, output).await,
        AccessCommand::Limits { role, limit } => limits(role, limit.as_deref(), service, output),
        AccessCommand::Validate { .. } | AccessCommand::Matrix(_) => Ok(()),
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

fn limits(role: &str, limit: Option<&str>, service: &Service, output: &mut Output<'_>) -> CommandResult {
    let role = known(DecisionRole::parse(role))?;
    let row = |limit: &Limit, most| LimitRow { role: role.as_str(), limit: limit.to_string(), most };
    let limits = service.access.limits();
    if let Some(name) = limit {
        let limit = Limit::parse(name, service.access.items())?;
        return Ok(output.record(&row(&limit, limits.of(role, &limit)))?);
    }
    let of_role = limits.iter().filter(|(of, _, _)| *of == role);
    let rows: Vec<LimitRow> = of_role.map(|(_, limit, most)| row(limit, Some(most))).collect();
    Ok(output.list(&["role", "limit", "most"], &rows, |row| {
        vec![row.role.to_owned(), row.limit.clone(), crate::output::or_dash(row.most)]
    })?)
}
