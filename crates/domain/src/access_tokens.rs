//! Access tokens in the form of RFC 9068, which any verifier takes that knows the JWK set: what one says, and one made by
//! hand for a test (Z9, Z10).

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::{
    actor::{Actor, Origin},
    api_keys::{ApiKeyAddress, Scopes},
    audit::{Act, AuditEvent, AuditStore},
    clock::{CLOCK_DIFFERENCE, Clock, Timestamp},
    entropy::Entropy,
    id::TokenId,
    signing_keys::{JwtType, SignError, TokenFault, TokenKeys},
    store_error::StoreError,
};

/// The client of a token that was made by hand.
const BY_HAND: &str = "symbolon-cli";

/// The claims that every access token of ours has, and those that count for whoever decides by them (RFC 9068 section 2.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessTokenClaims {
    /// This service.
    pub iss: String,
    /// Whom it is about.
    pub sub: String,
    /// Whom it is shown to.
    pub aud: String,
    /// Whom it was given to.
    pub client_id: String,
    /// When it ends.
    pub exp: i64,
    /// When it was signed.
    pub iat: i64,
    /// From when on it counts.
    pub nbf: i64,
    /// This token.
    pub jti: TokenId,
    /// Its scopes, with spaces between.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub scope: Option<String>,
    /// The role of whom it is about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub role: Option<String>,
    /// The addresses that it may be shown from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ip_address: Option<ApiKeyAddress>,
}

/// What a token that is made by hand is to say.
#[derive(Clone, Debug)]
pub struct MintRequest {
    /// Whom it is about.
    pub subject: String,
    /// Whom it is shown to; this service when it is not said.
    pub audience: Option<String>,
    /// Its scopes.
    pub scopes: Scopes,
    /// How long it lives, in whole seconds.
    pub lifetime: Duration,
}

/// A token that was made by hand.
#[derive(Debug)]
pub struct MintedToken {
    /// A signed JWT.
    pub token: SecretString,
    /// What it says.
    pub claims: AccessTokenClaims,
}

/// Why no token was made.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// The subject or the audience is empty, too long or not printable.
    #[error("{0} must have 1 to 255 characters, none of them a control character")]
    Text(&'static str),
    /// The subject reads as a person whom a trusted issuer knows.
    #[error("the subject must not contain `|`: `issuer|principal` is how people of other issuers are named")]
    ExternalSubject,
    /// The life is none.
    #[error("a token made by hand lives 1 second to 24 hours")]
    Lifetime,
    /// There is no key to sign with.
    #[error(transparent)]
    Sign(#[from] SignError),
    /// It was not written that it was made, so it is not given out.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What access tokens stand on.
#[derive(Clone)]
pub struct AccessTokenPorts {
    /// Signs and verifies.
    pub tokens: Arc<dyn TokenKeys>,
    /// Keeps what happened.
    pub audit: Arc<dyn AuditStore>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws ids.
    pub entropy: Arc<dyn Entropy>,
}

/// Reads access tokens, and makes them by hand.
#[derive(Clone)]
pub struct AccessTokens {
    ports: AccessTokenPorts,
    issuer: Arc<str>,
}

impl AccessTokens {
    /// The longest life of a token that is made by hand.
    pub const LONGEST_LIFE: Duration = Duration::from_secs(86_400);

    /// Tokens of this issuer.
    #[must_use]
    pub fn new(ports: AccessTokenPorts, issuer: &str) -> Self {
        Self { ports, issuer: issuer.into() }
    }

    /// The `iss` of this service's tokens.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The claims of an access token that was signed by us and counts now. Whom it is for, and from where it may be shown, is
    /// the caller's to judge.
    ///
    /// # Errors
    /// The first check that failed.
    pub fn verify(&self, token: &str) -> Result<AccessTokenClaims, TokenFault> {
        let now = self.ports.clock.now();
        let json = self.ports.tokens.verify(JwtType::Access, token, now)?;
        let claims: AccessTokenClaims = serde_json::from_slice(&json).map_err(|_| TokenFault::Claims)?;
        if claims.iss != *self.issuer {
            Err(TokenFault::Issuer)
        } else if now.seconds() >= claims.exp {
            Err(TokenFault::Expired)
        } else if (now + CLOCK_DIFFERENCE).seconds() < claims.nbf {
            Err(TokenFault::NotYetValid)
        } else {
            Ok(claims)
        }
    }

    /// A token for a test, by an operator. That it was made is written before it is given out (Z10).
    ///
    /// # Errors
    /// See [`MintError`].
    pub async fn mint(&self, request: &MintRequest, origin: &Origin) -> Result<MintedToken, MintError> {
        check_text("the subject", &request.subject)?;
        if request.subject.contains('|') {
            return Err(MintError::ExternalSubject);
        }
        let audience = request.audience.as_deref().unwrap_or(&self.issuer);
        check_text("the audience", audience)?;
        if request.lifetime.as_secs() == 0 || request.lifetime > Self::LONGEST_LIFE {
            return Err(MintError::Lifetime);
        }
        let now = self.ports.clock.now();
        let claims = self.claims(request, audience, now);
        let json = serde_json::to_vec(&claims).map_err(|_| SignError("the claims cannot be written"))?;
        let token = self.ports.tokens.sign(JwtType::Access, &json, now)?.into();
        let act = Act::ACCESS_TOKEN_MINTED;
        let event = AuditEvent::done(act, Actor::Operator, origin, now, &*self.ports.entropy).on(claims.jti);
        self.ports.audit.append(vec![event]).await?;
        Ok(MintedToken { token, claims })
    }

    fn claims(&self, request: &MintRequest, audience: &str, now: Timestamp) -> AccessTokenClaims {
        AccessTokenClaims {
            iss: self.issuer.to_string(),
            sub: request.subject.clone(),
            aud: audience.to_owned(),
            client_id: BY_HAND.to_owned(),
            exp: (now + request.lifetime).seconds(),
            iat: now.seconds(),
            nbf: now.seconds(),
            jti: TokenId::new(now, &*self.ports.entropy),
            scope: Some(request.scopes.to_text()).filter(|text| !text.is_empty()),
            role: None,
            ip_address: None,
        }
    }
}

fn check_text(name: &'static str, text: &str) -> Result<(), MintError> {
    let is_fine = !text.is_empty() && text.len() <= 255 && !text.chars().any(char::is_control);
    if is_fine { Ok(()) } else { Err(MintError::Text(name)) }
}
