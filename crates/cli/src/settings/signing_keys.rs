//! `[signing_keys]`: the keys that sign tokens.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Conflict, Duration};

/// The keys that sign tokens (O8).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SigningKeysSettings {
    /// The algorithm of new keys (RFC 7518, RFC 8037). Keys that exist keep theirs.
    pub algorithm: SigningAlgorithm,
    /// How long a key signs before the next one does.
    #[schemars(range(min = 86_400, max = 63_072_000))]
    pub rotate_every: Duration,
    /// How long a key is in the JWK set before it signs: longer than anybody keeps a copy of the set.
    #[schemars(range(min = 600, max = 2_592_000))]
    pub publish_before: Duration,
}

impl Default for SigningKeysSettings {
    fn default() -> Self {
        Self {
            algorithm: SigningAlgorithm::default(),
            rotate_every: Duration::from_secs(90 * 86_400),
            publish_before: Duration::from_secs(86_400),
        }
    }
}

impl SigningKeysSettings {
    pub(super) fn conflicts(&self, found: &mut Vec<Conflict>) {
        if self.publish_before.to_std() >= self.rotate_every.to_std() {
            let message = format!(
                "is {}, and a key signs for {} only: the next one would be published before this one signs",
                self.publish_before, self.rotate_every
            );
            found.push(Conflict::new(&["signing_keys.publish_before", "signing_keys.rotate_every"], message));
        }
    }
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
