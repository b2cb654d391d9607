//! `symbolon token inspect|verify|mint`: what a token says, which check fails, and one for a test (Z10).
//!
//! `inspect` trusts nothing and asks nobody; `verify` checks a token as the service would, but for what an operator does not
//! have: a session's client binding, and the address that a token is shown from.

use std::{
    fs,
    io::{self, Read as _},
    path::Path,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use serde_json::Value as Json;
use symbolon_domain::{
    access_tokens::{AccessTokenClaims, MintRequest},
    api_keys::{self, Scopes},
    clock::Timestamp,
    device_tokens,
    sessions::{Explanation, SessionClaims, SessionState},
    signing_keys::JwtType,
    trusted_issuers::ExternalIdentity,
};

use crate::accounts::operator;
use crate::arguments::{MintArguments, TokenArguments};
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

/// A token of ours that counts, or would.
#[derive(Serialize)]
struct Verification<C> {
    result: &'static str,
    #[serde(flatten)]
    claims: C,
    note: &'static str,
}

/// A token of a trusted issuer that counts.
#[derive(Serialize)]
struct ExternalVerification<'a> {
    result: &'static str,
    issuer: &'a str,
    principal: &'a str,
    scopes: &'a [String],
    groups: &'a [String],
    amr: &'a [String],
    verified_email: bool,
    expires: Timestamp,
}

/// A token that was made by hand, shown this once.
#[derive(Serialize)]
struct Minted {
    token: String,
    #[serde(flatten)]
    claims: AccessTokenClaims,
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

/// Checks a token by the checks of its kind and says which fails. Which kind it is, it says itself: no check is left out for it,
/// since each kind has a type or an issuer of its own. What another command checks is not checked here.
///
/// # Errors
/// It does not count; or it cannot be read, or the store failed.
pub async fn verify(arguments: &TokenArguments, service: &Service, output: &mut Output<'_>) -> CommandResult {
    let token = read(arguments)?;
    if token.expose_secret().starts_with(api_keys::PREFIX) {
        return Err(CommandError::Argument("it is an API key, which `symbolon api-key verify` checks"));
    }
    let mut parts = token.expose_secret().split('.').map(part);
    let (header, claims) = (parts.next().flatten(), parts.next().flatten());
    let said = |part: &Option<Json>, name: &str| Some(part.as_ref()?.get(name)?.as_str()?.to_owned());
    let (typ, issuer) = (said(&header, "typ"), said(&claims, "iss"));
    if service.trusted_issuers.list().iter().any(|trusted| issuer.as_deref() == Some(&trusted.issuer)) {
        return verify_external(&token, service, output).await;
    }
    match (typ.as_deref(), issuer) {
        (Some(device_tokens::TYPE), _) => {
            Err(CommandError::Argument("it is a device token, which `symbolon device-token verify` checks"))
        }
        (_, Some(issuer)) if issuer != service.access_tokens.issuer() => {
            Err(CommandError::Token(not_trusted(&issuer)))
        }
        (Some(typ), _) if typ == JwtType::Access.as_str() => verify_access(&token, service, output),
        _ => verify_session(&token, service, output).await,
    }
}

/// Says that nobody trusts this issuer. It is the token's own text, so it is not repeated where it could be anything but a name.
fn not_trusted(issuer: &str) -> String {
    let is_name = issuer.len() <= 256 && issuer.bytes().all(|byte| byte.is_ascii_graphic());
    let named = if is_name { format!(" `{issuer}`") } else { String::new() };
    format!("its issuer{named} is not trusted: it is neither this service nor in trusted_issuers")
}

async fn verify_external(token: &SecretString, service: &Service, output: &mut Output<'_>) -> CommandResult {
    let identity = service.trusted_issuers.verify(token.expose_secret()).await;
    let identity = identity.map_err(|error| CommandError::Token(error.to_string()))?;
    let ExternalIdentity { subject, scopes, groups, amr, verified_email, expires_at, .. } = &*identity;
    Ok(output.record(&ExternalVerification {
        result: "active",
        issuer: &subject.issuer,
        principal: &subject.principal,
        scopes,
        groups,
        amr,
        verified_email: verified_email.is_some(),
        expires: *expires_at,
    })?)
}

fn verify_access(token: &SecretString, service: &Service, output: &mut Output<'_>) -> CommandResult {
    let claims = service.access_tokens.verify(token.expose_secret());
    let claims = claims.map_err(|fault| CommandError::Token(fault.to_string()))?;
    let note = "whom it is for, and from where it is shown, was not checked";
    Ok(output.record(&Verification { result: "active", claims, note })?)
}

/// Makes an access token for a test.
///
/// # Errors
/// It cannot be made, or that it was made cannot be written.
pub async fn mint(arguments: &MintArguments, service: &Service, output: &mut Output<'_>) -> CommandResult {
    let scopes = Scopes::try_from(arguments.scopes.clone())
        .map_err(|error| CommandError::Option { option: "scope", detail: error.to_string() })?;
    let request = MintRequest {
        subject: arguments.subject.clone(),
        audience: arguments.audience.clone(),
        scopes,
        lifetime: arguments.expires_in.to_std(),
    };
    let minted = service.access_tokens.mint(&request, &operator(service)).await?;
    let token = minted.token.expose_secret().to_owned();
    Ok(output.record(&Minted { token, claims: minted.claims })?)
}

async fn verify_session(token: &SecretString, service: &Service, output: &mut Output<'_>) -> CommandResult {
    match service.sessions.explain(token).await? {
        Explanation::Fault(fault) => Err(CommandError::Token(fault.to_string())),
        Explanation::UnknownSession(_) => Err(CommandError::Token("there is no such session".to_owned())),
        Explanation::Session(_, _, SessionState::Revoked) => {
            Err(CommandError::Token("its session, or all of its account's, was ended".to_owned()))
        }
        Explanation::Session(_, _, SessionState::Expired) => {
            Err(CommandError::Token("its session has expired".to_owned()))
        }
        Explanation::Session(claims, _, SessionState::Active) => {
            let claims: SessionClaims = claims;
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
