//! Signing keys: generated, stored, opened.

use std::fmt;

use zeroize::Zeroizing;

use super::KeyLife;
use crate::{clock::Timestamp, id::SigningKeyId, sealing::SealedBytes};

/// What a key signs with (RFC 7518, RFC 8037).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// RSA 2048 PKCS#1 v1.5 with SHA-256.
    Rs256,
    /// Ed25519.
    EdDsa,
}

impl SigningAlgorithm {
    /// Its name in `alg`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm of this name; the name is case-sensitive.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Es256, Self::Rs256, Self::EdDsa].into_iter().find(|algorithm| algorithm.as_str() == name)
    }
}

/// A new key pair.
pub struct GeneratedKey {
    /// PKCS#8 in DER.
    pub private: Zeroizing<Vec<u8>>,
    /// The public half as a JWK with `kid`, `use` and `alg`, in JSON.
    pub public_jwk: String,
}

/// A key as the store keeps it.
#[derive(Clone, Debug)]
pub struct SigningKey {
    /// Its id, the `kid`.
    pub id: SigningKeyId,
    /// Counts the keys of a store, from 1.
    pub generation: u32,
    /// What it signs with.
    pub algorithm: SigningAlgorithm,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when to when it is used.
    pub life: KeyLife,
    /// The public half as a JWK in JSON.
    pub public_jwk: String,
    /// The private half, sealed.
    pub private: SealedBytes,
}

/// A key ready for use.
pub struct OpenedKey {
    /// Its id, the `kid`.
    pub id: SigningKeyId,
    /// What it signs with.
    pub algorithm: SigningAlgorithm,
    /// From when to when it is used.
    pub life: KeyLife,
    /// The public half as a JWK in JSON.
    pub public_jwk: String,
    /// PKCS#8 in DER.
    pub private: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for OpenedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "OpenedKey({})", self.id)
    }
}
