//! `symbolon token inspect|verify`: what a token says, and which check fails (Z10).
//!
//! `inspect` trusts nothing and asks nobody; `verify` checks a session token as the service would, but for the
//! client binding, which an operator does not have.

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::Value as Json;
use symbolon_domain::sessions::{Explanation, SessionClaims, SessionState};

use crate::arguments::TokenArguments;
use crate::output::Output;
use crate::wiring::Service;
use crate::{CommandError, CommandResult};

/// The longest token that is looked at, in bytes (C54).
const MAX_LENGTH: u64 = 16 * 1_024;

/// What a token says of itself. Nothing of it has been checked.
#[derive(Serialize)]
struct Inspection {
    header: Json,
    claims: Json,
    note: &'static str,
}

/// A session token that counts, or would.
#[derive(Serialize)]
struct Verification {
    result: &'static str,
    #[serde(flatten)]
    claims: SessionClaims,
    note: &'static str,
}

/// Shows header and claims of a JWT.
///
/// # Errors
/// The token cannot be read, or is no JWT.
pub fn inspect(arguments: &TokenArguments, output: &mut Output<'_>) -> CommandResult {
    let token = read(arguments)?;
    let mut parts = token.expose_secret().split('.').map(part);
    let (Some(Some(header)), Some(Some(claims)), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(CommandError::Argument("not a JWT: three parts of base64url, two of them JSON"));
    };
    Ok(output.record(&Inspection { header, claims, note: "nothing of this was checked" })?)
}

/// Checks a session token and says which check fails.
///
/// # Errors
/// It does not count; or it cannot be read, or the store failed.
pub async fn verify(arguments: &TokenArguments, service: &Service, output: &mut Output<'_>) -> CommandResult {
    let token = read(arguments)?;
    match service.sessions.explain(&token).await? {
        Explanation::Fault(fault) => Err(CommandError::Token(fault.to_string())),
        Explanation::UnknownSession(_) => Err(CommandError::Token("there is no such session".to_owned())),
        Explanation::Session(_, _, SessionState::Revoked) => {
            Err(CommandError::Token("its session, or all of its account's, was ended".to_owned()))
        }
        Explanation::Session(_, _, SessionState::Expired) => {
            Err(CommandError::Token("its session has expired".to_owned()))
        }
        Explanation::Session(claims, _, SessionState::Active) => {
            let note = "the client binding was not checked";
            Ok(output.record(&Verification { result: "active", claims, note })?)
        }
    }
}

fn part(text: &str) -> Option<Json> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// What was given on standard input or in a file.
pub(crate) fn read(arguments: &TokenArguments) -> Result<SecretString, CommandError> {
    let mut text = String::new();
    match arguments.file.as_deref() {
        Some(path) if path != Path::new("-") => {
            fs::File::open(path).and_then(|file| file.take(MAX_LENGTH + 1).read_to_string(&mut text))
        }
        _ => io::stdin().lock().take(MAX_LENGTH + 1).read_to_string(&mut text),
    }
    .map_err(CommandError::Input)?;
    let token = text.trim();
    if token.is_empty() {
        return Err(CommandError::Argument("there is no token on standard input"));
    }
    if token.len() as u64 > MAX_LENGTH {
        return Err(CommandError::Argument("longer than the 16 KiB of a token"));
    }
    Ok(SecretString::from(token))
}
