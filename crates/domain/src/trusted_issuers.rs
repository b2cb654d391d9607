//! Tokens that others issue: a JWT of an issuer on the operator's list is taken for what it says once its signature
//! holds under that issuer's own keys and its claims are for us (Z1–Z4).
//!
//! Who it names is the pair (issuer, principal), a type of its own that no account is compared with.

mod claims;
mod keys;
mod model;
mod verify;

use std::{fmt, sync::Arc};

use self::verify::Seen;
pub use self::{
    keys::{IssuerKeys, IssuerKeysError, KeySetId, SignedClaims},
    model::{
        ClaimNames, ExternalIdentity, ExternalSubject, IssuerTokenError, IssuerTokenFault, TokenUse,
        TrustedIssuer,
    },
};
use crate::clock::Clock;

/// The issuers that are trusted, and what is known of the tokens they gave.
pub struct TrustedIssuers {
    issuers: Vec<TrustedIssuer>,
    keys: Arc<dyn IssuerKeys>,
    clock: Arc<dyn Clock>,
    seen: Seen,
}

impl TrustedIssuers {
    /// These issuers, in the order in which `keys` knows them.
    #[must_use]
    pub fn new(issuers: Vec<TrustedIssuer>, keys: Arc<dyn IssuerKeys>, clock: Arc<dyn Clock>) -> Self {
        Self { issuers, keys, clock, seen: verify::seen() }
    }

    /// Each of them.
    #[must_use]
    pub fn list(&self) -> &[TrustedIssuer] {
        &self.issuers
    }

    /// Fetches the keys of every issuer, so that the first token need not wait. What fails is tried again when a token comes.
    pub async fn prefetch(&self) {
        for issuer in &self.issuers {
            if let Err(error) = self.keys.refresh(&issuer.issuer).await {
                tracing::warn!(issuer = %issuer.issuer, %error, "the keys of a trusted issuer could not be fetched");
            }
        }
    }
}

impl fmt::Debug for TrustedIssuers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TrustedIssuers({} issuers)", self.issuers.len())
    }
}
