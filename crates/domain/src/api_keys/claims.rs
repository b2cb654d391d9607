//! What a key says, and the port that seals it (K2).

use std::fmt;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use super::{ApiKeyAddress, ApiKeyText, Scopes};
use crate::{
    actor::Role,
    clock::Timestamp,
    id::{AccountId, ApiKeyId, ApiKeyTokenId},
};

/// The claims of a key. They are sealed: who finds a key learns nothing from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyClaims {
    /// What issued it, in its owner's words.
    pub iss: ApiKeyText,
    /// The version of what it opens.
    pub ver: ApiKeyText,
    /// Its owner.
    pub uid: AccountId,
    /// Its owner's role when it was issued.
    #[serde(with = "role")]
    pub rol: Role,
    /// For whom it is.
    pub aud: ApiKeyText,
    /// What it opens: the endpoint or resource.
    pub sub: ApiKeyText,
    /// The addresses that it is bound to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ipa: Option<ApiKeyAddress>,
    /// 256 random bits, which the store knows by their SHA-256.
    pub tkn: ApiKeySecret,
    /// The family's id.
    pub fam: ApiKeyId,
    /// The id of this key in its family.
    pub jti: ApiKeyTokenId,
    /// When it was made, in seconds since 1970.
    pub iat: i64,
    /// From when on it counts.
    pub nbf: i64,
    /// From when on it no longer does.
    pub exp: i64,
    /// Its scopes.
    #[serde(skip_serializing_if = "Scopes::is_empty", default)]
    pub scp: Scopes,
}

impl ApiKeyClaims {
    /// From when on it counts.
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        Timestamp::from_seconds(self.nbf)
    }

    /// From when on it no longer does.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        Timestamp::from_seconds(self.exp)
    }
}

impl Scopes {
    fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}

/// The secret in a key, base64url.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ApiKeySecret(String);

impl ApiKeySecret {
    pub(super) fn new(bytes: &[u8; 32]) -> Self {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// A key of another system is a secret as a whole.
    pub(super) fn of_text(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(super) fn hash(&self) -> crate::secret::SecretHash {
        crate::secret::SecretHash::sha256(self.0.as_bytes())
    }
}

impl Drop for ApiKeySecret {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for ApiKeySecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ApiKeySecret(redacted)")
    }
}

/// Why a text is none of our keys. Each names the check that failed, never the text.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum ApiKeyFault {
    /// Longer than 16 KiB, without our prefix, or no PASETO of the right version and purpose.
    #[error("the text is no key of ours")]
    Format,
    /// Its footer names no sealing key that is still taken.
    #[error("the sealing key is not one of ours")]
    UnknownKey,
    /// It does not open: made by somebody else, or changed.
    #[error("the key does not open")]
    Seal,
    /// It opens, and says something else than keys do.
    #[error("the claims are incomplete or malformed")]
    Claims,
}

impl ApiKeyFault {
    /// Its slug in the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::UnknownKey => "unknown_key",
            Self::Seal => "seal",
            Self::Claims => "claims",
        }
    }
}

/// Seals the claims of keys under keys that follow each other, and opens what it sealed (tokens.md).
pub trait ApiKeySealer: Send + Sync {
    /// A key with these claims in JSON, sealed under the sealing key of this moment; it begins with [`super::PREFIX`].
    ///
    /// # Errors
    /// The cipher refused, which a correct implementation never sees.
    fn seal(&self, claims: &[u8], now: Timestamp) -> Result<SecretString, ApiKeyFault>;

    /// The claims of a key that was sealed so, as JSON. Whether they still count is the caller's to check. A sealing key is
    /// taken as long as a refresh token of a key that it sealed may live.
    ///
    /// # Errors
    /// The first check that failed.
    fn open(&self, text: &str, now: Timestamp) -> Result<Zeroizing<Vec<u8>>, ApiKeyFault>;
}

mod role {
    //! A role by its name.
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use crate::actor::Role;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(super) fn serialize<S: Serializer>(role: &Role, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(role.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Role, D::Error> {
        let name = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        Role::parse(&name).ok_or_else(|| D::Error::custom("an unknown role"))
    }
}
