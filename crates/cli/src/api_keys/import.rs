//! `symbolon api-key import`: keys of another system by their SHA-256, a line of JSON each (K15).

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
};

use serde::Serialize;
use symbolon_domain::{
    accounts::Account,
    actor::Actor,
    api_keys::{Imported, ImportedApiKey, IssueApiKeyError},
    id::{AccountId, ApiKeyId},
};

use self::line::Line;
use crate::accounts::{find, operator};
use crate::arguments::ImportArguments;
use crate::output::Output;
use crate::wiring::Service;
use crate::{CommandError, CommandResult};

mod line;

/// More than this is not read, in bytes.
const MAX_LENGTH: u64 = 256 * 1_024 * 1_024;

/// What became of a line.
#[derive(Serialize)]
struct ImportedRow {
    line: usize,
    account_id: AccountId,
    result: &'static str,
    id: Option<ApiKeyId>,
}

pub(super) async fn run(
    arguments: &ImportArguments,
    service: &Service,
    output: &mut Output<'_>,
) -> CommandResult {
    let text = read(&arguments.file)?;
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    // Before anything is taken over: every line that is wrong is told, and none is half of a job.
    let (mut keys, mut wrong) = (Vec::new(), 0_usize);
    for (line, number) in lines {
        match key(line, arguments, service).await {
            Ok((account, key)) => keys.push((number, account, key)),
            Err(Wrong::Line(detail)) => {
                output.notice(&format!("line {number}: {detail}"))?;
                wrong += 1;
            }
            Err(Wrong::Failed(error)) => return Err(error),
        }
    }
    if wrong > 0 {
        return Err(CommandError::Lines(wrong));
    }
    let (mut rows, origin) = (Vec::with_capacity(keys.len()), operator(service));
    for (line, account, key) in keys {
        let owner = (account.id, account.standing.role);
        let imported = service.api_keys.import(Actor::Operator, owner, key, &origin).await;
        let (result, id) = match imported {
            Ok(Imported::Done(id)) => ("imported", Some(id)),
            Ok(Imported::Known(id)) => ("known", Some(id)),
            Err(IssueApiKeyError::Denied) => ("account_not_active", None),
            Err(IssueApiKeyError::Full { .. }) => ("too_many_keys", None),
            Err(error) => return Err(error.into()),
        };
        rows.push(ImportedRow { line, account_id: account.id, result, id });
    }
    output.list(&["line", "account_id", "result", "id"], &rows, |row| {
        let id = row.id.map_or_else(|| "-".to_owned(), |id| id.to_string());
        vec![row.line.to_string(), row.account_id.to_string(), row.result.to_owned(), id]
    })?;
    match rows.iter().filter(|row| row.id.is_none()).count() {
        0 => Ok(()),
        refused => Err(CommandError::Partly(refused)),
    }
}

/// What is wrong with a line, or with something else.
enum Wrong {
    Line(String),
    Failed(CommandError),
}

async fn key(
    line: &str,
    arguments: &ImportArguments,
    service: &Service,
) -> Result<(Account, ImportedApiKey), Wrong> {
    let line = Line::read(line, arguments, service.clock.now()).map_err(Wrong::Line)?;
    let of_account = |detail: &str| Wrong::Line(format!("account: {detail}"));
    let account = find(&line.account, service).await.map_err(|error| match error {
        CommandError::NotFound(_) => of_account("no such account"),
        CommandError::Argument(detail) => of_account(detail),
        error => Wrong::Failed(error),
    })?;
    let Line { hash, expires_at, issuer, audience, subject, version, scopes, name, .. } = line;
    Ok((account, ImportedApiKey { hash, issuer, audience, subject, version, scopes, name, expires_at }))
}

fn read(file: &Path) -> Result<String, CommandError> {
    let mut text = String::new();
    let read = if file == Path::new("-") {
        io::stdin().lock().take(MAX_LENGTH + 1).read_to_string(&mut text)
    } else {
        fs::File::open(file).and_then(|file| file.take(MAX_LENGTH + 1).read_to_string(&mut text))
    };
    read.map_err(CommandError::Input)?;
    if text.len() as u64 > MAX_LENGTH {
        return Err(CommandError::Argument("longer than 256 MiB: split it"));
    }
    Ok(text)
}
