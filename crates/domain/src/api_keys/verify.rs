//! Does an API key count (K5, K6)?

use std::net::IpAddr;

use secrecy::{ExposeSecret as _, SecretString};

use super::{
    ApiKey, ApiKeyClaims, ApiKeyFault, ApiKeys, FoundApiKey, RateLimit, Scopes, issue::address_fits,
};
use crate::{actor::Origin, audit::Act, clock::Timestamp, store_error::StoreError};

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
        let (verified, family) = match self.identify(key, mode, now).await {
            Ok(identified) => {
                let family = identified.0.fam;
                (self.verify_identified(identified, expected, mode, now).await, Some(family))
            }
            Err(error) => (Err(error), None),
        };
        let reason = match verified {
            Err(VerifyApiKeyError::Inactive(reason)) => Some(reason),
            Err(VerifyApiKeyError::RateLimited { .. }) => Some("rate_limited"),
            Ok(_) | Err(VerifyApiKeyError::Store(_)) => None,
        };
        if let Some(reason) = reason {
            self.note_about(family, Act::API_KEY_VERIFIED, reason, origin);
        }
        verified
    }

    async fn verify_identified(
        &self,
        (claims, imported): (ApiKeyClaims, Option<FoundApiKey>),
        expected: &Expectations,
        mode: VerifyMode,
        now: Timestamp,
    ) -> Result<VerifiedApiKey, VerifyApiKeyError> {
        judge(&claims, expected, now)?;
        let limit = match (imported, mode) {
            (Some(found), _) => {
                confirm(&claims, &found)?;
                None
            }
            (None, VerifyMode::Stateful) => self.ask(&claims, now).await?,
            (None, VerifyMode::Stateless) => return Ok(VerifiedApiKey { claims }),
        };
        if let Some(limit) = limit {
            let taken = self.ports.rates.take(claims.fam, limit, now);
            taken.map_err(|until| VerifyApiKeyError::RateLimited { until })?;
        }
        self.ports.last_used.note(claims.fam, now);
        Ok(VerifiedApiKey { claims })
    }

    /// What a key of ours says; or, with what was found of it, one of another system, which the store alone knows (K15).
    async fn identify(
        &self,
        key: &SecretString,
        mode: VerifyMode,
        now: Timestamp,
    ) -> Result<(ApiKeyClaims, Option<FoundApiKey>), VerifyApiKeyError> {
        match self.open(key, now) {
            Ok(claims) => Ok((claims, None)),
            Err(fault @ ApiKeyFault::Format) if mode == VerifyMode::Stateful => {
                let (claims, found) = self.find_imported(key).await?.ok_or(fault)?;
                Ok((claims, Some(found)))
            }
            Err(fault) => Err(fault.into()),
        }
    }

    /// Asks the store about a key, unless that was done a moment ago. Gives back the limit of its family.
    async fn ask(
        &self,
        claims: &ApiKeyClaims,
        now: Timestamp,
    ) -> Result<Option<RateLimit>, VerifyApiKeyError> {
        let cache = self.ports.revocations.keys();
        match cache.find(claims, now) {
            Ok(limit) => Ok(limit),
            Err(asking) => {
                let family = self.check_row(claims).await?;
                cache.remember(claims, &family, &asking);
                Ok(family.rate_limit)
            }
        }
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
        let now = self.ports.clock.now();
        let (claims, imported) = self.identify(key, mode, now).await?;
        judge(&claims, expected, now)?;
        match (imported, mode) {
            (Some(found), _) => confirm(&claims, &found)?,
            (None, VerifyMode::Stateful) => drop(self.check_row(&claims).await?),
            (None, VerifyMode::Stateless) => {}
        }
        Ok(VerifiedApiKey { claims })
    }

    async fn check_row(&self, claims: &ApiKeyClaims) -> Result<ApiKey, VerifyApiKeyError> {
        let found = self.ports.store.find(claims.jti).await?;
        let found = found.ok_or(VerifyApiKeyError::Inactive("unknown_key"))?;
        confirm(claims, &found)?;
        Ok(found.key)
    }

    /// The claims of a key that we sealed, whatever its times say.
    pub(super) fn open(&self, key: &SecretString, now: Timestamp) -> Result<ApiKeyClaims, ApiKeyFault> {
        let json = self.ports.sealer.open(key.expose_secret(), now)?;
        serde_json::from_slice(&json).map_err(|_| ApiKeyFault::Claims)
    }
}

/// Does it count by what it says, and is it what was expected?
fn judge(claims: &ApiKeyClaims, expected: &Expectations, now: Timestamp) -> Result<(), VerifyApiKeyError> {
    if now < claims.not_before() {
        return Err(VerifyApiKeyError::Inactive("not_yet_valid"));
    }
    if now >= claims.expires_at() {
        return Err(VerifyApiKeyError::Inactive("expired"));
    }
    expected.judge(claims).map_err(VerifyApiKeyError::Inactive)
}

/// Does it count by what the store says of it?
fn confirm(claims: &ApiKeyClaims, found: &FoundApiKey) -> Result<(), VerifyApiKeyError> {
    let FoundApiKey { token, key } = found;
    if token.token.hash != claims.tkn.hash() || key.id != claims.fam || key.owner != claims.uid {
        return Err(VerifyApiKeyError::Inactive("unknown_key"));
    }
    if found.is_current() { Ok(()) } else { Err(VerifyApiKeyError::Inactive("revoked")) }
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
