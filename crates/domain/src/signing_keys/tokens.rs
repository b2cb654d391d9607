//! The port that signs and verifies our own JWTs.

use super::{GeneratedKey, OpenedKey, SigningAlgorithm};
use crate::{clock::Timestamp, id::SigningKeyId};

/// What a JWT is for; its `typ`, which keeps kinds from being swapped (C52).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JwtType {
    /// A session's access token.
    Session,
    /// After the first factor, before the second.
    PreAuthorized,
    /// An access token for other services (RFC 9068).
    Access,
}

impl JwtType {
    /// Its `typ`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session+jwt",
            Self::PreAuthorized => "pre+jwt",
            Self::Access => "at+jwt",
        }
    }

    /// The type of this `typ`.
    #[must_use]
    pub fn parse(typ: &str) -> Option<Self> {
        [Self::Session, Self::PreAuthorized, Self::Access].into_iter().find(|kind| kind.as_str() == typ)
    }
}

/// Why a token is not ours, or not for this. Each names the check that failed, never the token.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum TokenFault {
    /// Longer than 16 KiB (C54).
    #[error("the token is longer than 16 KiB")]
    TooLong,
    /// Not three parts of canonical base64url (C54).
    #[error("the token is not three parts of canonical base64url")]
    Format,
    /// The header is not the JSON object that ours are: `alg`, `kid`, `typ` and nothing else (C53, C54).
    #[error("the header is not one of ours")]
    Header,
    /// `typ` says another kind of token (C52).
    #[error("the token is of another type")]
    Type,
    /// `kid` names none of our keys.
    #[error("the key is not one of ours")]
    UnknownKey,
    /// `alg` is not that key's algorithm (C53).
    #[error("the algorithm is not the key's")]
    Algorithm,
    /// The signature does not fit.
    #[error("the signature does not fit")]
    Signature,
    /// The claims are not the JSON object that they must be, or one is missing.
    #[error("the claims are incomplete or malformed")]
    Claims,
    /// `iss` is not this service (C55).
    #[error("the issuer is not this service")]
    Issuer,
    /// `aud` is not who the token is shown to (C55).
    #[error("the audience does not fit")]
    Audience,
    /// `now >= exp`.
    #[error("the token has expired")]
    Expired,
    /// `now < nbf`.
    #[error("the token is not valid yet")]
    NotYetValid,
}

impl TokenFault {
    /// Its slug in the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "too_long",
            Self::Format => "format",
            Self::Header => "header",
            Self::Type => "wrong_type",
            Self::UnknownKey => "unknown_key",
            Self::Algorithm => "algorithm",
            Self::Signature => "signature",
            Self::Claims => "claims",
            Self::Issuer => "issuer",
            Self::Audience => "audience",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
        }
    }
}

/// A token could not be signed.
#[derive(Debug, thiserror::Error)]
#[error("no token could be signed: {0}")]
pub struct SignError(pub &'static str);

/// A key could not be made or read.
#[derive(Debug, thiserror::Error)]
#[error("the signing key {id} cannot be made or read")]
pub struct KeyError {
    /// Which key.
    pub id: SigningKeyId,
}

/// Signs and verifies with keys that are parsed once.
pub trait TokenKeys: Send + Sync {
    /// A new key pair.
    ///
    /// # Errors
    /// The library refused.
    fn generate(&self, id: SigningKeyId, algorithm: SigningAlgorithm) -> Result<GeneratedKey, KeyError>;

    /// Takes these keys, oldest first, in the place of the ones before.
    ///
    /// # Errors
    /// A key cannot be read; the ones before stay.
    fn install(&self, keys: Vec<OpenedKey>) -> Result<(), KeyError>;

    /// Signs these claims (a JSON object) as a JWS in compact form, with `alg`, `kid` and `typ` in the header, with
    /// the key that signs at `now` ([`super::signing`]).
    ///
    /// # Errors
    /// There is no key.
    fn sign(&self, kind: JwtType, claims: &[u8], now: Timestamp) -> Result<String, SignError>;

    /// Checks form, header, key, algorithm and signature, in this order of cost, and gives back the claims as
    /// JSON, of which no member is named twice. What the claims say is the caller's to check. A key that has retired at
    /// `now` is none of ours.
    ///
    /// # Errors
    /// The first check that failed.
    fn verify(&self, kind: JwtType, token: &str, now: Timestamp) -> Result<Vec<u8>, TokenFault>;

    /// The public keys that have not retired at `now` as a JWK set in JSON (RFC 7517), those that do not sign yet
    /// included.
    fn jwk_set(&self, now: Timestamp) -> String;
}
