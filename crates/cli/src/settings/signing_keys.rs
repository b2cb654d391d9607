//! `[signing_keys]`: the keys that sign tokens.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The keys that sign tokens (O8).
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SigningKeysSettings {
    /// The algorithm of new keys (RFC 7518, RFC 8037). Keys that exist keep theirs.
    pub algorithm: SigningAlgorithm,
}

/// An asymmetric signature algorithm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SigningAlgorithm {
    /// ECDSA on P-256 with SHA-256.
    #[default]
    #[serde(rename = "ES256")]
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256, for verifiers that know nothing else.
    #[serde(rename = "RS256")]
    Rs256,
    /// Ed25519.
    #[serde(rename = "EdDSA")]
    EdDsa,
}
