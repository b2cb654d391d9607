//! API keys and the parts that they are made of.

use std::{fmt, time::Duration};

use secrecy::SecretString;

use super::{ApiKeyAddress, ApiKeyText, Scopes};
use crate::{
    accounts::{Name, Standing},
    actor::Role,
    clock::Timestamp,
    id::{AccountId, ApiKeyId, ApiKeyTokenId},
    rotation::TokenUse,
    secret::{OpaqueToken, SecretHash},
};

/// How often a key may be verified (K14).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// So many verifications, at least 1.
    pub requests: u32,
    /// In so long, at least one second.
    pub window: Duration,
}

/// How a refresh token is kept: a PHC string, or `sha256:` and base64url (K4). Compared as a whole.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshHash(String);

impl RefreshHash {
    const SHA256: &str = "sha256:";

    /// The SHA-256 of a token.
    #[must_use]
    pub fn sha256(token: &OpaqueToken) -> Self {
        Self(format!("{}{}", Self::SHA256, token.hash().to_base64url()))
    }

    /// What a store keeps, or a PHC string.
    #[must_use]
    pub const fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// What a store keeps.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Is it a SHA-256?
    #[must_use]
    pub fn is_sha256(&self) -> bool {
        self.0.starts_with(Self::SHA256)
    }
}

impl fmt::Debug for RefreshHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RefreshHash(redacted)")
    }
}

/// The refresh token of one key as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshPart {
    /// How it is kept.
    pub hash: RefreshHash,
    /// From when on it counts.
    pub not_before: Timestamp,
    /// From when on it no longer does.
    pub expires_at: Timestamp,
}

/// One key of a family as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApiKeyToken {
    /// Its id: the key's `jti` and what its refresh token is found by.
    pub id: ApiKeyTokenId,
    /// The SHA-256 of its `tkn`.
    pub hash: SecretHash,
    /// From when on it counts.
    pub not_before: Timestamp,
    /// From when on it no longer does.
    pub expires_at: Timestamp,
    /// Its refresh token; a key without one is not refreshed.
    pub refresh: Option<RefreshPart>,
}

impl NewApiKeyToken {
    /// When neither it nor its refresh token counts any more.
    #[must_use]
    pub fn ends_at(&self) -> Timestamp {
        self.refresh.as_ref().map_or(self.expires_at, |refresh| refresh.expires_at.max(self.expires_at))
    }
}

/// One key of a family as it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeyToken {
    /// What was written.
    pub token: NewApiKeyToken,
    /// What has become of its refresh token. A key whose refresh token is not [`TokenUse::Live`] counts no more.
    pub used: TokenUse,
}

/// How long refresh tokens of a family live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshLife {
    /// So long each, from its issue.
    pub lifetime: Duration,
}

/// A family to be written, with its first key. Its epochs are its owner's at that moment.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// Its id, which it keeps over every refresh.
    pub id: ApiKeyId,
    /// Whose.
    pub owner: AccountId,
    /// The owner's role, which must still be theirs.
    pub role: Role,
    /// `iss`.
    pub issuer: ApiKeyText,
    /// `aud`.
    pub audience: ApiKeyText,
    /// `sub`.
    pub subject: ApiKeyText,
    /// `ver`.
    pub version: ApiKeyText,
    /// `scp`.
    pub scopes: Scopes,
    /// `ipa`.
    pub address: Option<ApiKeyAddress>,
    /// What its owner calls it.
    pub name: Option<Name>,
    /// How often it may be verified.
    pub rate_limit: Option<RateLimit>,
    /// The life of each of its keys.
    pub lifetime: Duration,
    /// The life of each of its refresh tokens.
    pub refresh: Option<RefreshLife>,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it ends at the latest (K3).
    pub expires_at: Timestamp,
    /// What its first key begins with.
    pub prefix: String,
    /// Its first key.
    pub token: NewApiKeyToken,
}

/// A family as it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id.
    pub id: ApiKeyId,
    /// Whose.
    pub owner: AccountId,
    /// The role with which it was issued.
    pub role: Role,
    /// `iss`.
    pub issuer: ApiKeyText,
    /// `aud`.
    pub audience: ApiKeyText,
    /// `sub`.
    pub subject: ApiKeyText,
    /// `ver`.
    pub version: ApiKeyText,
    /// `scp`.
    pub scopes: Scopes,
    /// `ipa`.
    pub address: Option<ApiKeyAddress>,
    /// What its owner calls it.
    pub name: Option<Name>,
    /// How often it may be verified.
    pub rate_limit: Option<RateLimit>,
    /// The life of each of its keys.
    pub lifetime: Duration,
    /// The life of each of its refresh tokens.
    pub refresh: Option<RefreshLife>,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it ends at the latest (K3).
    pub expires_at: Timestamp,
    /// What its newest key begins with.
    pub prefix: String,
    /// When its newest key expires.
    pub key_expires_at: Timestamp,
    /// When neither its newest key nor that one's refresh token counts any more.
    pub ends_at: Timestamp,
    /// When it was last verified, up to a minute old.
    pub last_used_at: Option<Timestamp>,
    /// When it was ended by itself before its time.
    pub revoked_at: Option<Timestamp>,
    /// The owner's epochs that it belongs to: of the account, and of its keys.
    pub epochs: (u64, u64),
    /// Its owner as the account is now.
    pub standing: Standing,
    /// The owner's epoch of keys now.
    pub key_epoch: u64,
}

impl ApiKey {
    /// Was it ended, by itself, with others, or with its owner's rights (K5, C26, C61)?
    #[must_use]
    pub fn is_revoked(&self) -> bool {
        self.revoked_at.is_some()
            || self.epochs != (self.standing.epoch, self.key_epoch)
            || self.role != self.standing.role
            || !self.standing.state.may_sign_in()
    }

    /// What has become of it by `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> ApiKeyState {
        if self.is_revoked() {
            ApiKeyState::Revoked
        } else if now >= self.key_expires_at {
            ApiKeyState::Expired
        } else {
            ApiKeyState::Active
        }
    }

    /// Does it, or may it still be made to, count at `now`?
    #[must_use]
    pub fn is_live(&self, now: Timestamp) -> bool {
        !self.is_revoked() && now < self.ends_at && now < self.expires_at
    }
}

/// What has become of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ApiKeyState {
    /// Its newest key counts, or will.
    Active,
    /// Its newest key has expired; its refresh token may still live.
    Expired,
    /// It was ended before its time.
    Revoked,
}

impl ApiKeyState {
    /// Its name in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// What the holder of a key gets.
#[derive(Debug)]
pub struct ApiKeyGrant {
    /// The family's id.
    pub id: ApiKeyId,
    /// The sealed key.
    pub api_key: SecretString,
    /// When it expires.
    pub expires_at: Timestamp,
    /// Its refresh token.
    pub refresh_token: Option<OpaqueToken>,
    /// When that expires.
    pub refresh_expires_at: Option<Timestamp>,
}
