//! A JWT for a key: what any verifier takes that knows the JWK set, and nothing of keys (K13).

use std::time::Duration;

use secrecy::SecretString;
use serde::Serialize;

use super::{ApiKeyAddress, ApiKeyClaims, ApiKeys, Expectations, Scopes, VerifyApiKeyError, VerifyMode};
use crate::{
    actor::{Actor, Origin},
    audit::Act,
    clock::Timestamp,
    id::{AccountId, ApiKeyId, TokenId},
    signing_keys::{JwtType, SignError},
    store_error::StoreError,
};

/// What the token is asked for; what is not said is as the key has it.
#[derive(Clone, Debug, Default)]
pub struct ExchangeRequest {
    /// For whom: the key's audience, which it must be.
    pub audience: Option<String>,
    /// Some of the key's scopes.
    pub scopes: Option<Scopes>,
}

/// A token that was given for a key.
#[derive(Debug)]
pub struct ExchangedToken {
    /// A signed JWT (RFC 9068).
    pub token: SecretString,
    /// It lives so long, in whole seconds.
    pub lifetime: Duration,
    /// Its scopes.
    pub scopes: Scopes,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// The key does not count. The reason is in the audit only.
    #[error("the key does not count")]
    Inactive,
    /// It is not for that audience.
    #[error("the key is for another audience")]
    Audience,
    /// It does not have all of those scopes.
    #[error("the key does not have all of these scopes")]
    Scopes,
    /// It was verified as often as it may be for now (K14).
    #[error("the key was verified as often as it may be")]
    RateLimited {
        /// When it may be again.
        until: Timestamp,
    },
    /// There is no key to sign with.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The claims of a token (RFC 9068, section 2.2), and what else the key says.
#[derive(Serialize)]
struct AccessClaims<'a> {
    iss: &'a str,
    sub: AccountId,
    aud: &'a str,
    /// The key is the client.
    client_id: ApiKeyId,
    exp: i64,
    iat: i64,
    nbf: i64,
    jti: TokenId,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    role: &'static str,
    /// What issued the key, what it opens, and the version of that.
    key_issuer: &'a str,
    resource: &'a str,
    resource_version: &'a str,
    /// The addresses that the key is bound to; a verifier has to look at them.
    #[serde(skip_serializing_if = "Option::is_none")]
    ip_address: Option<ApiKeyAddress>,
}

impl ApiKeys {
    /// A JWT for a key that counts against the store now, shown from inside its binding. It lives no longer than the key, nor
    /// than [`super::ApiKeySettings::token_lifetime`]; a later revocation does not reach it.
    ///
    /// # Errors
    /// See [`ExchangeError`].
    pub async fn exchange(
        &self,
        key: &SecretString,
        request: &ExchangeRequest,
        origin: &Origin,
    ) -> Result<ExchangedToken, ExchangeError> {
        let from_here = Expectations { ip_address: origin.ip, ..Expectations::default() };
        let verified = self.verify(key, &from_here, VerifyMode::Stateful, origin).await;
        let claims = verified.map_err(|error| match error {
            VerifyApiKeyError::Inactive(_) => ExchangeError::Inactive,
            VerifyApiKeyError::RateLimited { until } => ExchangeError::RateLimited { until },
            VerifyApiKeyError::Store(error) => ExchangeError::Store(error),
        })?;
        let claims = claims.claims;
        let owner = Actor::Account(claims.uid);
        if request.audience.as_deref().is_some_and(|audience| audience != claims.aud.as_str()) {
            self.note(Act::API_KEY_EXCHANGED, "wrong_audience", owner, origin);
            return Err(ExchangeError::Audience);
        }
        let scopes = request.scopes.as_ref().unwrap_or(&claims.scp);
        if !scopes.are_within(&claims.scp) {
            self.note(Act::API_KEY_EXCHANGED, "missing_scope", owner, origin);
            return Err(ExchangeError::Scopes);
        }
        let now = self.now();
        let lifetime = self.settings.token_lifetime.min(claims.expires_at().since(now));
        let token = self.sign(&claims, scopes, now, lifetime)?;
        let event = self.event(Act::API_KEY_EXCHANGED, owner, origin, now).on(claims.fam);
        self.ports.audit.append(vec![event]).await?;
        Ok(ExchangedToken { token, lifetime, scopes: scopes.clone() })
    }

    fn sign(
        &self,
        key: &ApiKeyClaims,
        scopes: &Scopes,
        now: Timestamp,
        lifetime: Duration,
    ) -> Result<SecretString, SignError> {
        let claims = AccessClaims {
            iss: &self.settings.public_url,
            sub: key.uid,
            aud: key.aud.as_str(),
            client_id: key.fam,
            exp: (now + lifetime).seconds(),
            iat: now.seconds(),
            nbf: now.seconds(),
            jti: TokenId::new(now, &*self.ports.entropy),
            scope: Some(scopes.to_text()).filter(|text| !text.is_empty()),
            role: key.rol.as_str(),
            key_issuer: key.iss.as_str(),
            resource: key.sub.as_str(),
            resource_version: key.ver.as_str(),
            ip_address: key.ipa,
        };
        let json = serde_json::to_vec(&claims).map_err(|_| SignError("the claims cannot be written"))?;
        Ok(self.ports.tokens.sign(JwtType::Access, &json, now)?.into())
    }
}
