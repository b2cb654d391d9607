//! Does an API key count (K5, K6)?

use std::net::IpAddr;

use secrecy::{ExposeSecret as _, SecretString};

use super::{ApiKey, ApiKeyClaims, ApiKeyFault, ApiKeys, Scopes, issue::address_fits};
use crate::{
    actor::{Actor, Origin},
    audit::Act,
    clock::Timestamp,
    store_error::StoreError,
};

/// How much is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum VerifyMode {
    /// What the key says, and that it and its owner's rights have not been ended.
    #[default]
    Stateful,
    /// What the key says: no store is asked, and a revocation is not seen.
    Stateless,
}

/// What whoever verifies expects of the key. What is not stated is not checked, but for a bound address.
#[derive(Clone, Debug, Default)]
pub struct Expectations {
    /// `aud`, exactly.
    pub audience: Option<String>,
    /// `sub`, exactly.
    pub subject: Option<String>,
    /// `ver`, exactly.
    pub version: Option<String>,
    /// From where the key was shown.
    pub ip_address: Option<IpAddr>,
    /// The key must have all of these.
    pub scopes: Scopes,
}

/// A key that counts.
#[derive(Clone, Debug)]
pub struct VerifiedApiKey {
    /// What it says.
    pub claims: ApiKeyClaims,
}

/// Why a key does not count. The reason is for logs and the audit only, not for the caller.
#[derive(Debug, thiserror::Error)]
pub enum VerifyApiKeyError {
    /// It does not.
    #[error("the key does not count: {0}")]
    Inactive(&'static str),
    /// It counts, and was verified as often as it may be for now (K14).
    #[error("the key was verified as often as it may be")]
    RateLimited {
        /// When it may be verified again.
        until: Timestamp,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ApiKeyFault> for VerifyApiKeyError {
    fn from(fault: ApiKeyFault) -> Self {
        Self::Inactive(fault.as_str())
    }
}

impl ApiKeys {
    /// The claims of a key that counts and is what was expected.
    ///
    /// # Errors
    /// It does not, which is noted for the audit; or the store failed.
    pub async fn verify(
        &self,
        key: &SecretString,
        expected: &Expectations,
        mode: VerifyMode,
        origin: &Origin,
    ) -> Result<VerifiedApiKey, VerifyApiKeyError> {
        let now = self.ports.clock.now();
        let verified = self.verify_at(now, key, expected, mode).await;
        let reason = match verified {
            Err(VerifyApiKeyError::Inactive(reason)) => Some(reason),
            Err(VerifyApiKeyError::RateLimited { .. }) => Some("rate_limited"),
            Ok(_) | Err(VerifyApiKeyError::Store(_)) => None,
        };
        if let Some(reason) = reason {
            self.note(Act::API_KEY_VERIFIED, reason, Actor::Anonymous, origin);
        }
        verified
    }

    async fn verify_at(
        &self,
        now: Timestamp,
        key: &SecretString,
        expected: &Expectations,
        mode: VerifyMode,
    ) -> Result<VerifiedApiKey, VerifyApiKeyError> {
        let (claims, found) = self.check(now, key, expected, mode).await?;
        if let Some(found) = found {
            if let Some(limit) = found.rate_limit {
                let taken = self.ports.rates.take(found.id, limit, now);
                taken.map_err(|until| VerifyApiKeyError::RateLimited { until })?;
            }
            self.ports.last_used.note(found.id, now);
        }
        Ok(VerifiedApiKey { claims })
    }

    /// What a verification would say, and why; it leaves no trace. For operators.
    ///
    /// # Errors
    /// The key does not count, or the store failed.
    pub async fn explain(
        &self,
        key: &SecretString,
        expected: &Expectations,
        mode: VerifyMode,
    ) -> Result<VerifiedApiKey, VerifyApiKeyError> {
        let (claims, _) = self.check(self.ports.clock.now(), key, expected, mode).await?;
        Ok(VerifiedApiKey { claims })
    }

    /// The claims of a key that counts, and its family where that was asked for.
    async fn check(
        &self,
        now: Timestamp,
        key: &SecretString,
        expected: &Expectations,
        mode: VerifyMode,
    ) -> Result<(ApiKeyClaims, Option<ApiKey>), VerifyApiKeyError> {
        let claims = self.open(key, now)?;
        if now < claims.not_before() {
            return Err(VerifyApiKeyError::Inactive("not_yet_valid"));
        }
        if now >= claims.expires_at() {
            return Err(VerifyApiKeyError::Inactive("expired"));
        }
        expected.judge(&claims).map_err(VerifyApiKeyError::Inactive)?;
        let found = match mode {
            VerifyMode::Stateful => Some(self.check_row(&claims).await?),
            VerifyMode::Stateless => None,
        };
        Ok((claims, found))
    }

    async fn check_row(&self, claims: &ApiKeyClaims) -> Result<ApiKey, VerifyApiKeyError> {
        let found = self.ports.store.find(claims.jti).await?;
        let found = found.ok_or(VerifyApiKeyError::Inactive("unknown_key"))?;
        if found.token.token.hash != claims.tkn.hash()
            || found.key.id != claims.fam
            || found.key.owner != claims.uid
        {
            return Err(VerifyApiKeyError::Inactive("unknown_key"));
        }
        if found.is_current() { Ok(found.key) } else { Err(VerifyApiKeyError::Inactive("revoked")) }
    }

    /// The claims of a key that we sealed, whatever its times say.
    pub(super) fn open(&self, key: &SecretString, now: Timestamp) -> Result<ApiKeyClaims, ApiKeyFault> {
        let json = self.ports.sealer.open(key.expose_secret(), now)?;
        serde_json::from_slice(&json).map_err(|_| ApiKeyFault::Claims)
    }
}

impl Expectations {
    /// Is this what was expected?
    fn judge(&self, claims: &ApiKeyClaims) -> Result<(), &'static str> {
        let fits = |expected: &Option<String>, is: &str| expected.as_deref().is_none_or(|text| text == is);
        if !fits(&self.audience, claims.aud.as_str()) {
            Err("wrong_audience")
        } else if !fits(&self.subject, claims.sub.as_str()) {
            Err("wrong_subject")
        } else if !fits(&self.version, claims.ver.as_str()) {
            Err("wrong_version")
        } else if !self.scopes.are_within(&claims.scp) {
            Err("missing_scope")
        } else if !address_fits(claims.ipa.as_ref(), self.ip_address) {
            Err("wrong_address")
        } else {
            Ok(())
        }
    }
}
