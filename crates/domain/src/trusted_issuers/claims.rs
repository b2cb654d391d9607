//! What the claims must say (Z3). Read only after the signature holds.

use serde_json::{Map, Value as Json};

use super::{ExternalIdentity, ExternalSubject, IssuerTokenFault, TokenUse, TrustedIssuer};
use crate::{clock::Timestamp, identifiers::EmailAddress};

/// The longest name of a principal, in bytes: OpenID Connect's limit of `sub`.
const LONGEST_PRINCIPAL: usize = 255;
/// The year 10000, in seconds.
const LATEST: f64 = 253_402_300_800.0;

/// Reads the claims of this issuer's token, and checks everything of them but the time.
pub(super) fn read(
    issuer: &TrustedIssuer,
    claims: &Map<String, Json>,
) -> Result<ExternalIdentity, IssuerTokenFault> {
    if text(claims, "iss")? != Some(&issuer.issuer) {
        return Err(IssuerTokenFault::Issuer);
    }
    let is_for_us = match token_use(issuer, claims)? {
        Some(TokenUse::Access) => {
            text(claims, "client_id")?.is_some_and(|client| is_on(&issuer.audiences, client))
        }
        _ => list(claims, "aud")?.iter().any(|audience| is_on(&issuer.audiences, audience)),
    };
    if !is_for_us {
        return Err(IssuerTokenFault::Audience);
    }
    let names = &issuer.claims;
    let principal = principal(text(claims, &names.principal)?)?;
    Ok(ExternalIdentity {
        subject: ExternalSubject { issuer: issuer.issuer.clone(), principal },
        scopes: words(claims, &names.scopes)?,
        groups: list(claims, &names.groups)?,
        amr: list(claims, "amr")?,
        verified_email: verified_email(issuer, claims),
        expires_at: date(claims, "exp")?.ok_or(IssuerTokenFault::Claims)?,
        not_before: date(claims, "nbf")?,
        issued_at: date(claims, "iat")?,
    })
}

/// Whether the token counts at `now`, by the issuer's leeway.
pub(super) fn check_time(
    issuer: &TrustedIssuer,
    identity: &ExternalIdentity,
    now: Timestamp,
) -> Result<(), IssuerTokenFault> {
    if now >= identity.expires_at + issuer.leeway {
        return Err(IssuerTokenFault::Expired);
    }
    let begins = identity.not_before.max(identity.issued_at);
    if begins.is_some_and(|begins| begins > now + issuer.leeway) {
        return Err(IssuerTokenFault::NotYetValid);
    }
    Ok(())
}

fn is_on(list: &[String], name: &str) -> bool {
    list.iter().any(|listed| listed == name)
}

fn token_use(
    issuer: &TrustedIssuer,
    claims: &Map<String, Json>,
) -> Result<Option<TokenUse>, IssuerTokenFault> {
    if issuer.token_uses.is_empty() {
        return Ok(None);
    }
    let claimed = text(claims, "token_use")?;
    let found = issuer.token_uses.iter().copied().find(|allowed| claimed == Some(allowed.as_str()));
    found.map(Some).ok_or(IssuerTokenFault::TokenUse)
}

/// A name that is safe to write wherever names are written: of bounded length, with no control characters.
fn principal(name: Option<&str>) -> Result<String, IssuerTokenFault> {
    let is_fine = |name: &&str| {
        !name.is_empty() && name.len() <= LONGEST_PRINCIPAL && !name.chars().any(char::is_control)
    };
    name.filter(is_fine).map(str::to_owned).ok_or(IssuerTokenFault::Claims)
}

/// The claim, which is a text where it is there.
fn text<'a>(claims: &'a Map<String, Json>, name: &str) -> Result<Option<&'a str>, IssuerTokenFault> {
    match claims.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text)),
        Some(_) => Err(IssuerTokenFault::Claims),
    }
}

/// Seconds since the epoch, perhaps with a fraction (RFC 7519 section 2).
#[expect(clippy::cast_possible_truncation, reason = "it is in the range of a Timestamp")]
fn date(claims: &Map<String, Json>, name: &str) -> Result<Option<Timestamp>, IssuerTokenFault> {
    match claims.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(date) => {
            let seconds = date.as_f64().filter(|seconds| (0.0..LATEST).contains(seconds));
            let seconds = seconds.ok_or(IssuerTokenFault::Claims)?;
            Ok(Some(Timestamp::from_seconds(seconds.floor() as i64)))
        }
    }
}

/// A list of texts; one text is a list of one (RFC 7519 section 4.1.3).
fn list(claims: &Map<String, Json>, name: &str) -> Result<Vec<String>, IssuerTokenFault> {
    let text = |value: &Json| value.as_str().map(str::to_owned).ok_or(IssuerTokenFault::Claims);
    match claims.get(name) {
        None | Some(Json::Null) => Ok(Vec::new()),
        Some(Json::Array(values)) => values.iter().map(text).collect(),
        Some(value) => Ok(vec![text(value)?]),
    }
}

/// A list of texts; one text has spaces between (RFC 8693 section 4.2).
fn words(claims: &Map<String, Json>, name: &str) -> Result<Vec<String>, IssuerTokenFault> {
    match claims.get(name) {
        Some(Json::String(text)) => Ok(text.split_ascii_whitespace().map(str::to_owned).collect()),
        _ => list(claims, name),
    }
}

/// The address, where the issuer says that it is verified, or is trusted not to name others.
fn verified_email(issuer: &TrustedIssuer, claims: &Map<String, Json>) -> Option<EmailAddress> {
    let says_so = match claims.get("email_verified") {
        Some(Json::Bool(verified)) => *verified,
        // As the user info of Cognito has it.
        Some(Json::String(verified)) => verified == "true",
        _ => false,
    };
    let address = claims.get(&issuer.claims.email)?.as_str()?;
    if says_so || issuer.email_trusted { address.parse().ok() } else { None }
}

#[cfg(test)]
mod tests;
