//! The port that knows the keys of other issuers.

use async_trait::async_trait;
use serde_json::{Map, Value as Json};

use super::IssuerTokenError;
use crate::clock::Timestamp;

/// Which set of an issuer's keys it was; another number after every change of the set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySetId(pub u64);

/// The claims of a token whose signature holds.
#[derive(Debug)]
pub struct SignedClaims {
    /// Who signed: the issuer by its place in the list.
    pub issuer: usize,
    /// By which of its sets of keys.
    pub keys: KeySetId,
    /// What it says; no member was named twice.
    pub claims: Map<String, Json>,
}

/// Why an issuer's keys could not be fetched. Says nothing that came over the wire.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct IssuerKeysError(pub String);

/// Checks the signatures of other issuers' tokens, by keys that it fetches, keeps and renews (Z2, Z4).
#[async_trait]
pub trait IssuerKeys: Send + Sync {
    /// Checks form, header, issuer, key, algorithm and signature. Of the claims `iss` alone is read before the signature
    /// holds, to find whose keys to try.
    ///
    /// # Errors
    /// The first check that failed, or that the issuer's keys cannot be had.
    async fn verify(&self, token: &str) -> Result<SignedClaims, IssuerTokenError>;

    /// The set of keys of the issuer in this place, if it may be used at `now`. Asks for a newer one in the background when
    /// it gets old.
    fn current(&self, issuer: usize, now: Timestamp) -> Option<KeySetId>;

    /// Fetches an issuer's keys now, and says how many of them can be used.
    ///
    /// # Errors
    /// They could not be fetched or hold no key of use; the ones before stay.
    async fn refresh(&self, issuer: &str) -> Result<usize, IssuerKeysError>;
}
