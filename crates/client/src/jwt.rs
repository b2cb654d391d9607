//! Access tokens (RFC 9068), checked here.

use std::collections::BTreeMap;

use jsonwebtoken::{Validation, decode, decode_header, errors::ErrorKind};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::{
    Symbolon,
    error::{Reason, VerifyError},
};

/// The `typ` of an access token.
const TYPE: &str = "at+jwt";
/// A longer token is refused unread.
const LONGEST: usize = 16 * 1_024;

/// What is expected of an access token.
#[derive(Clone, Debug)]
pub struct TokenExpectations {
    /// `aud`: who you are.
    pub audience: String,
    /// All of these, and perhaps others.
    pub scopes: Vec<String>,
}

impl TokenExpectations {
    /// For this audience, with whatever scopes.
    pub fn of_audience(audience: impl Into<String>) -> Self {
        Self { audience: audience.into(), scopes: Vec::new() }
    }

    /// And with this scope.
    #[must_use]
    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }
}

/// What an access token says that counts.
#[derive(Clone, Debug, Deserialize)]
#[non_exhaustive]
pub struct AccessToken {
    /// The account.
    pub sub: String,
    /// The client, or the API key that it was given for.
    pub client_id: String,
    /// The token's id.
    pub jti: String,
    /// When it was made, in seconds since 1970.
    pub iat: i64,
    /// When it ends.
    pub exp: i64,
    /// Its scopes, separated by blanks.
    #[serde(default)]
    pub scope: String,
    /// What else it says, such as `role`; and `ip_address`, the addresses that its API key is bound to, which are yours to look at.
    #[serde(flatten)]
    pub others: BTreeMap<String, Json>,
}

impl AccessToken {
    /// Does it have this scope?
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|found| found == scope)
    }
}

impl Symbolon {
    /// An access token that was signed by the service, counts now, and is what was expected. Its revocation is not seen.
    ///
    /// # Errors
    /// It does not count; or the service's keys are not known and cannot be fetched.
    pub async fn verify_access_token(
        &self,
        token: &str,
        expected: &TokenExpectations,
    ) -> Result<AccessToken, VerifyError> {
        let inactive = VerifyError::Inactive;
        if token.len() > LONGEST {
            return Err(inactive(Reason::Malformed));
        }
        let header = decode_header(token).map_err(|_| inactive(Reason::Malformed))?;
        if !header.typ.is_some_and(|typ| typ.eq_ignore_ascii_case(TYPE)) {
            return Err(inactive(Reason::Type));
        }
        let kid = header.kid.ok_or(inactive(Reason::Malformed))?;
        let key = self.0.key(&kid).await?;
        let (algorithm, key) = &*key;
        if header.alg != *algorithm {
            return Err(inactive(Reason::Signature));
        }
        let mut validation = Validation::new(*algorithm);
        validation.leeway = self.0.leeway.as_secs();
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_audience(&[&expected.audience]);
        validation.set_issuer(&[&self.0.issuer]);
        let claims = decode::<AccessToken>(token, key, &validation);
        let claims = claims.map_err(|error| inactive(reason(error.kind())))?.claims;
        if expected.scopes.iter().all(|scope| claims.has_scope(scope)) {
            Ok(claims)
        } else {
            Err(inactive(Reason::Scope))
        }
    }
}

const fn reason(kind: &ErrorKind) -> Reason {
    match kind {
        ErrorKind::InvalidSignature => Reason::Signature,
        ErrorKind::InvalidIssuer => Reason::Issuer,
        ErrorKind::InvalidAudience => Reason::Audience,
        ErrorKind::ExpiredSignature => Reason::Expired,
        ErrorKind::ImmatureSignature => Reason::NotYetValid,
        _ => Reason::Malformed,
    }
}
