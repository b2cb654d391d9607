//! The next key for a refresh token, which is used once (K7, K8).

use secrecy::{ExposeSecret as _, SecretString};

use super::{
    ApiKeyClaims, ApiKeyFault, ApiKeyGrant, ApiKeys, FoundApiKey, Life, RefreshApiKey, RefreshApiKeyOutcome,
    RefreshHash,
    issue::{KeyTimes, as_password},
};
use crate::{
    actor::{Actor, Origin},
    audit::Act,
    clock::Timestamp,
    id::ApiKeyId,
    passwords::{HashError, PasswordHash, PasswordVerdict},
    secret::{OpaqueToken, TokenKind},
    store_error::StoreError,
};

/// Why there is no next key.
#[derive(Debug, thiserror::Error)]
pub enum RefreshApiKeyError {
    /// The key or its refresh token does not count. The reason is in the audit only.
    #[error("the key or its refresh token does not count")]
    Refused,
    /// The refresh token could not be hashed.
    #[error(transparent)]
    Hash(#[from] HashError),
    /// The key could not be sealed.
    #[error(transparent)]
    Seal(#[from] ApiKeyFault),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ApiKeys {
    /// Rotates a key, which may have expired, for its own owner, whoever shows it (K10).
    ///
    /// # Errors
    /// See [`RefreshApiKeyError`].
    pub async fn refresh(
        &self,
        key: &SecretString,
        refresh_token: &SecretString,
        origin: &Origin,
    ) -> Result<ApiKeyGrant, RefreshApiKeyError> {
        let now = self.now();
        let (old, shown) =
            self.read(key, refresh_token, now).map_err(|reason| self.refuse_refresh(None, reason, origin))?;
        let token_id = old.jti;
        let found = self.ports.store.find(token_id).await?;
        let found = found.ok_or_else(|| self.refuse_refresh(Some(old.fam), "unknown_token", origin))?;
        let proved = self.prove(&found, &shown).await?;
        let proved = proved.ok_or_else(|| self.refuse_refresh(Some(old.fam), "unknown_token", origin))?;
        let family = &found.key;
        let times = KeyTimes {
            key: Life::again(family.lifetime),
            refresh: family.refresh.map(|life| Life::again(life.lifetime)),
            ends_at: family.expires_at,
        };
        let (successor, secrets) = self.draw(now, times).await?;
        let hash = old.tkn.hash();
        let claims = ApiKeyClaims {
            tkn: secrets.secret,
            jti: successor.id,
            iat: now.seconds(),
            nbf: successor.not_before.seconds(),
            exp: successor.expires_at.seconds(),
            ..old
        };
        let sealed = self.seal(&claims, now)?;
        let grant = ApiKeyGrant {
            id: family.id,
            api_key: sealed.text,
            expires_at: successor.expires_at,
            refresh_expires_at: successor.refresh.as_ref().map(|refresh| refresh.expires_at),
            refresh_token: secrets.refresh_token,
        };
        let command = RefreshApiKey {
            token_id,
            proved,
            hash,
            ip: origin.ip,
            successor,
            prefix: sealed.prefix,
            grace: self.settings.grace,
            // To the microsecond: the grace is short.
            now: self.ports.clock.now(),
            event: self.event(Act::API_KEY_REFRESHED, Actor::Anonymous, origin, now),
        };
        let refreshed = self.ports.store.refresh(command).await;
        // Other nodes learn it when what they remember is too old: a clean rotation leaves them nothing to be wary of.
        self.ports.revocations.keys().forget(grant.id);
        match refreshed? {
            RefreshApiKeyOutcome::Rotated => Ok(grant),
            RefreshApiKeyOutcome::Refused(reason) => {
                Err(self.refuse_refresh(Some(grant.id), reason.as_str(), origin))
            }
            RefreshApiKeyOutcome::ReuseDetected => {
                self.ports.revocations.key_ended(grant.id);
                Err(RefreshApiKeyError::Refused)
            }
        }
    }

    /// A key with the refresh token that belongs to it, as far as both tell by themselves.
    fn read(
        &self,
        key: &SecretString,
        refresh_token: &SecretString,
        now: Timestamp,
    ) -> Result<(ApiKeyClaims, OpaqueToken), &'static str> {
        let shown = OpaqueToken::parse(TokenKind::ApiKeyRefresh, refresh_token.expose_secret());
        let shown = shown.map_err(|_| "format")?;
        let claims = self.open(key, now).map_err(ApiKeyFault::as_str)?;
        if shown.id() == claims.jti.as_bytes() { Ok((claims, shown)) } else { Err("unknown_token") }
    }

    /// The stored hash that this token matches.
    async fn prove(
        &self,
        found: &FoundApiKey,
        shown: &OpaqueToken,
    ) -> Result<Option<RefreshHash>, HashError> {
        let Some(refresh) = &found.token.token.refresh else { return Ok(None) };
        let stored = &refresh.hash;
        let is_right = if stored.is_sha256() {
            // Two hashes of 256 random bits: how far they agree tells nothing of the token.
            RefreshHash::sha256(shown) == *stored
        } else {
            let hash = PasswordHash::from_phc(stored.as_str().to_owned());
            self.ports.hasher.verify(&as_password(shown.reveal())?, &hash).await? != PasswordVerdict::Wrong
        };
        Ok(is_right.then(|| stored.clone()))
    }

    fn refuse_refresh(
        &self,
        key: Option<ApiKeyId>,
        reason: &'static str,
        origin: &Origin,
    ) -> RefreshApiKeyError {
        self.note_about(key, Act::API_KEY_REFRESHED, reason, origin);
        RefreshApiKeyError::Refused
    }
}
