//! `symbolon api-key import`: keys of another system by their SHA-256, a line of JSON each (K15).

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
};

use serde::{Deserialize, Serialize};
use symbolon_domain::{
    accounts::{Account, Name},
    actor::Actor,
    api_keys::{ApiKeyText, Imported, ImportedApiKey, IssueApiKeyError, Scopes},
    clock::Timestamp,
    id::{AccountId, ApiKeyId},
    secret::SecretHash,
};

use crate::accounts::{find, operator};
use crate::arguments::ImportArguments;
use crate::output::Output;
use crate::wiring::Service;
use crate::{CommandError, CommandResult};

/// More than this is not read, in bytes.
const MAX_LENGTH: u64 = 256 * 1_024 * 1_024;

/// A line as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    sha256: String,
    account: String,
    expires_at: String,
    issuer: Option<ApiKeyText>,
    audience: Option<ApiKeyText>,
    subject: Option<ApiKeyText>,
    version: Option<ApiKeyText>,
    #[serde(default)]
    scopes: Scopes,
    name: Option<String>,
}

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
    let line: Line = serde_json::from_str(line).map_err(|error| Wrong::Line(told(&error)))?;
    let field = |name: &str, detail: &str| Wrong::Line(format!("{name}: {detail}"));
    let hash = hash(&line.sha256).ok_or_else(|| field("sha256", "64 hexadecimal digits are expected"))?;
    let expires_at = Timestamp::parse(&line.expires_at)
        .map_err(|_| field("expires_at", "a time such as 2027-01-01T12:00:00Z is expected"))?;
    if expires_at <= service.clock.now() {
        return Err(field("expires_at", "it has passed"));
    }
    let name = line.name.as_deref().map(str::parse::<Name>).transpose();
    let name = name.map_err(|_| {
        field("name", "it is empty, longer than 256 bytes, or has characters that names have not")
    })?;
    let account = find(&line.account, service).await.map_err(|error| match error {
        CommandError::NotFound(_) => field("account", "no such account"),
        CommandError::Argument(detail) => field("account", detail),
        error => Wrong::Failed(error),
    })?;
    let key = ImportedApiKey {
        hash,
        issuer: line.issuer.unwrap_or_else(|| arguments.issuer.clone()),
        audience: line.audience.unwrap_or_else(|| arguments.audience.clone()),
        subject: line.subject.unwrap_or_else(|| arguments.subject.clone()),
        version: line.version.unwrap_or_else(|| arguments.subject_version.clone()),
        scopes: line.scopes,
        name,
        expires_at,
    };
    Ok((account, key))
}

/// What the reader has to say, without what it has read: a line may hold what was meant to stay secret.
fn told(error: &serde_json::Error) -> String {
    let place = format!("column {}", error.column());
    match error.classify() {
        serde_json::error::Category::Data => {
            format!("{place}: it has not the members that a key has, or one of them is not what it should be")
        }
        _ => format!("{place}: it is not one JSON object"),
    }
}

fn hash(hex: &str) -> Option<SecretHash> {
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, digits) in bytes.iter_mut().zip(hex.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(SecretHash::from_bytes(bytes))
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
