//! Access tokens (RFC 9068), checked here.

use std::{collections::BTreeMap, net::IpAddr};

use ipnet::IpNet;
use jsonwebtoken::{Validation, decode, decode_header, errors::ErrorKind};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::{
    Symbolon,
    error::{Reason, VerifyError},
};

/// The `typ` of an access token.
const TYPE: &str = "at+jwt";
/// The claim that binds a token to addresses.
const ADDRESS: &str = "ip_address";
/// A longer token is refused unread.
const LONGEST: usize = 16 * 1_024;

/// What is expected of an access token. One that is bound to addresses counts from inside these only, whatever else is said.
#[derive(Clone, Debug)]
pub struct TokenExpectations {
    /// `aud`: who you are.
    pub audience: String,
    /// All of these, and perhaps others.
    pub scopes: Vec<String>,
    /// Where the token was shown from.
    pub ip_address: Option<IpAddr>,
}

impl TokenExpectations {
    /// For this audience, with whatever scopes.
    pub fn of_audience(audience: impl Into<String>) -> Self {
        Self { audience: audience.into(), scopes: Vec::new(), ip_address: None }
    }

    /// And with this scope.
    #[must_use]
    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.scopes.push(scope.into());
        self
    }

    /// Shown from this address, past your proxies.
    #[must_use]
    pub const fn shown_from(mut self, address: IpAddr) -> Self {
        self.ip_address = Some(address);
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
    /// What else it says, such as `role`; and `ip_address`, the addresses that its API key is bound to.
    #[serde(flatten)]
    pub others: BTreeMap<String, Json>,
}

impl AccessToken {
    /// Does it have this scope?
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scope.split(' ').any(|found| found == scope)
    }

    /// May it be shown from here? An IPv4 address that is written as an IPv6 one (RFC 4291, section 2.5.5.2) is that IPv4 address.
    /// What cannot be read as addresses holds none.
    fn is_for(&self, address: Option<IpAddr>) -> bool {
        let Some(bound) = self.others.get(ADDRESS) else { return true };
        let range = |text: &str| match text.parse::<IpAddr>() {
            Ok(only) => Some(IpNet::from(only.to_canonical())),
            Err(_) => text.parse::<IpNet>().ok(),
        };
        let holds = |(bound, address): (IpNet, IpAddr)| bound.contains(&address.to_canonical());
        bound.as_str().and_then(range).zip(address).is_some_and(holds)
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
        if !claims.is_for(expected.ip_address) {
            Err(inactive(Reason::Address))
        } else if expected.scopes.iter().all(|scope| claims.has_scope(scope)) {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bound_to(addresses: &Json) -> AccessToken {
        serde_json::from_value(json!({
            "sub": "ada", "client_id": "key", "jti": "one", "iat": 0, "exp": 1, "ip_address": addresses
        }))
        .unwrap()
    }

    /// K5, K13: a token is as bound to addresses as the key that it was given for.
    #[test]
    fn a_bound_token_is_for_its_addresses_only() {
        let holds = |bound: &str, from: &str| bound_to(&json!(bound)).is_for(from.parse().ok());
        assert!(holds("203.0.113.9", "203.0.113.9") && holds("203.0.113.9", "::ffff:203.0.113.9"));
        assert!(!holds("203.0.113.9", "203.0.113.8") && !holds("203.0.113.9", "2001:db8::9"));
        assert!(holds("203.0.113.0/24", "203.0.113.255") && holds("203.0.113.0/24", "::ffff:203.0.113.1"));
        assert!(!holds("203.0.113.0/24", "203.0.114.0") && !holds("203.0.113.0/24", "::ffff:203.0.114.0"));
        assert!(holds("2001:db8::/32", "2001:db8:ffff::1") && !holds("2001:db8::/32", "2001:db9::1"));
        assert!(!holds("203.0.113.9", "from nobody knows where"));
        for unreadable in [json!("example.org"), json!(""), json!(7), json!(["203.0.113.9"]), json!(null)] {
            assert!(!bound_to(&unreadable).is_for("203.0.113.9".parse().ok()), "{unreadable}");
        }
    }

    #[test]
    fn a_token_without_addresses_is_for_all_of_them() {
        let mut token = bound_to(&json!("203.0.113.9"));
        token.others.clear();
        assert!(token.is_for(None) && token.is_for("203.0.113.9".parse().ok()));
    }
}
