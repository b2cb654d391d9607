//! Checking a token: once in full, and then by its hash for as long as nothing has changed (G-8).

use std::sync::Arc;

use quick_cache::sync::Cache;

use super::{ExternalIdentity, IssuerTokenError, KeySetId, TrustedIssuer, TrustedIssuers, claims};
use crate::secret::SecretHash;

/// Tokens that are remembered; each takes some half a kilobyte.
const MOST_SEEN: usize = 8_192;

/// What is known by the SHA-256 of a token: everything but whether it counts now.
pub(super) type Seen = Cache<[u8; 32], Known>;

#[derive(Clone)]
pub(super) struct Known {
    issuer: usize,
    keys: KeySetId,
    identity: Arc<ExternalIdentity>,
}

pub(super) fn seen() -> Seen {
    Cache::new(MOST_SEEN)
}

impl TrustedIssuers {
    /// Whom this token names, if it is one of a trusted issuer's, for us, and counts now (Z2, Z3).
    ///
    /// # Errors
    /// See [`IssuerTokenError`].
    pub async fn verify(&self, token: &str) -> Result<Arc<ExternalIdentity>, IssuerTokenError> {
        let hash = *SecretHash::sha256(token.as_bytes()).as_bytes();
        let now = self.clock.now();
        if let Some(known) = self.seen.get(&hash)
            && let Some(issuer) = self.issuers.get(known.issuer)
            && self.keys.current(known.issuer, now) == Some(known.keys)
        {
            claims::check_time(issuer, &known.identity, now)?;
            return Ok(known.identity);
        }
        let signed = self.keys.verify(token).await?;
        let issuer = self.issuer(signed.issuer)?;
        let identity = Arc::new(claims::read(issuer, &signed.claims)?);
        claims::check_time(issuer, &identity, self.clock.now())?;
        let known = Known { issuer: signed.issuer, keys: signed.keys, identity: Arc::clone(&identity) };
        self.seen.insert(hash, known);
        Ok(identity)
    }

    fn issuer(&self, place: usize) -> Result<&TrustedIssuer, IssuerTokenError> {
        let found = self.issuers.get(place);
        found.ok_or(IssuerTokenError::Fault(super::IssuerTokenFault::Issuer))
    }
}
