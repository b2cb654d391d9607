//! API keys: short-lived credentials of programs, without a session, each with a rotating refresh token (K1–K12).
//!
//! A key is a family of one-time successors: whoever holds it shows a sealed token that says everything a verifier needs,
//! and, before or after it has expired, its refresh token for the next one. The family keeps its id, its owner and what
//! it was issued for; it ends by revocation, with its owner's rights, or after [`FAMILY_LIFETIME`].

use std::{sync::Arc, time::Duration};

use crate::{
    access::Access,
    actor::{Actor, Origin, Role},
    audit::{Act, AuditEvent, AuditStore, Refusal, Refusals},
    clock::{Clock, Timestamp},
    entropy::Entropy,
    id::ApiKeyId,
    passwords::PasswordHasher,
    revocations::Revocations,
    signing_keys::TokenKeys,
    store_error::StoreError,
};

mod cache;
mod claims;
mod exchange;
mod import;
mod issue;
mod last_used;
mod life;
mod model;
mod rates;
mod refresh;
mod revoke;
mod statements;
mod store;
mod verify;

pub use self::{
    cache::{KeyCache, KeyCacheSettings},
    claims::{ApiKeyClaims, ApiKeyFault, ApiKeySealer},
    exchange::{ExchangeError, ExchangeRequest, ExchangedToken},
    import::{Imported, ImportedApiKey},
    issue::{ApiKeyRequest, IssueApiKeyError},
    last_used::LastUsed,
    life::{InvalidLife, Life},
    model::{
        ApiKey, ApiKeyGrant, ApiKeyState, ApiKeyToken, NewApiKey, NewApiKeyToken, RateLimit, RefreshHash,
        RefreshLife, RefreshPart,
    },
    rates::KeyRates,
    refresh::RefreshApiKeyError,
    revoke::RevokeApiKeyError,
    statements::{ApiKeyAddress, ApiKeyText, InvalidApiKeyAddress, InvalidApiKeyText, InvalidScopes, Scopes},
    store::{
        ApiKeyStore, FoundApiKey, IssueApiKey, IssueOutcome, RefreshApiKey, RefreshApiKeyOutcome,
        RefreshApiKeyRefusal, RefreshApiKeyVerdict, RevokeApiKey, slot_key,
    },
    verify::{Expectations, VerifiedApiKey, VerifyApiKeyError, VerifyMode},
};

/// No family of keys outlives this, however often it is refreshed (K3).
pub const FAMILY_LIFETIME: Duration = Duration::from_secs(30 * 86_400);
/// A key that lives longer than this needs a fresh sign-in (F7), and its owner one of
/// [`ApiKeySettings::long_lived_roles`] (K3).
pub const LONG_LIFETIME: Duration = Duration::from_secs(86_400);
/// So many live keys an owner has at the most whose role is given no `max.api_key` (K12).
pub const MOST_LIVE_KEYS: u32 = 100;
/// What every key begins with, so that secret scanners find a leak.
pub const PREFIX: &str = "sym_ak_";
/// The kind of the numbered slots that limit the live keys of an owner (K12).
pub const SLOTS: &str = "api_key";

/// How refresh tokens are kept (K4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshHashing {
    /// As passwords are.
    Argon2id,
    /// By one SHA-256, which is enough for 256 random bits.
    Sha256,
}

/// The limits of API keys.
#[derive(Clone, Debug)]
pub struct ApiKeySettings {
    /// The life of a key whose request does not say (K3).
    pub lifetime: Duration,
    /// The longest life of a key (K3).
    pub max_lifetime: Duration,
    /// The life of a refresh token whose request does not say (K3).
    pub refresh_lifetime: Duration,
    /// A used refresh token is accepted once more within this (K8).
    pub grace: Duration,
    /// How refresh tokens are kept (K4).
    pub refresh_hash: RefreshHashing,
    /// The longest life of a JWT that is given for a key (K13).
    pub token_lifetime: Duration,
    /// This service as its tokens name it: their `iss`.
    pub public_url: String,
    /// Who may hold keys that live longer than [`LONG_LIFETIME`].
    pub long_lived_roles: Vec<Role>,
}

/// The ports that API keys stand on.
#[derive(Clone)]
pub struct ApiKeyPorts {
    /// Keeps them.
    pub store: Arc<dyn ApiKeyStore>,
    /// Seals and opens their claims.
    pub sealer: Arc<dyn ApiKeySealer>,
    /// Hashes refresh tokens where that is asked for.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Signs what is given for a key.
    pub tokens: Arc<dyn TokenKeys>,
    /// Keeps what happened.
    pub audit: Arc<dyn AuditStore>,
    /// Says who may do what to them (K10).
    pub access: Access,
    /// Remembers when each was last used.
    pub last_used: Arc<LastUsed>,
    /// Counts verifications of keys that have a limit.
    pub rates: Arc<KeyRates>,
    /// Remembers keys that counted, and is told what ends.
    pub revocations: Revocations,
    /// Counts what is refused.
    pub refusals: Refusals,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws ids and secrets.
    pub entropy: Arc<dyn Entropy>,
}

/// Issues, verifies, refreshes, lists and revokes API keys.
#[derive(Clone)]
pub struct ApiKeys {
    ports: ApiKeyPorts,
    settings: Arc<ApiKeySettings>,
}

impl ApiKeys {
    /// Over these ports, with these limits.
    #[must_use]
    pub fn new(ports: ApiKeyPorts, settings: ApiKeySettings) -> Self {
        Self { ports, settings: Arc::new(settings) }
    }

    /// The limits.
    #[must_use]
    pub fn settings(&self) -> &ApiKeySettings {
        &self.settings
    }

    /// Writes when keys were last verified, as far as that is not written yet (K9).
    ///
    /// # Errors
    /// The store failed; what was not written is kept.
    pub async fn write_last_uses(&self) -> Result<(), StoreError> {
        self.ports.last_used.flush().await
    }

    fn event(&self, act: Act, actor: Actor, origin: &Origin, now: Timestamp) -> AuditEvent {
        AuditEvent::done(act, actor, origin, now, &*self.ports.entropy)
    }

    /// What was refused to somebody who showed a key that is ours, whether it counts or not: owners want to know which one. None
    /// where it is nobody's.
    fn note_about(&self, key: Option<ApiKeyId>, act: Act, reason: &'static str, origin: &Origin) {
        let subject = key.map(Into::into);
        self.ports.refusals.note_refusal(Refusal { act, reason, actor: Actor::Anonymous, subject }, origin);
    }

    fn note(&self, act: Act, reason: &'static str, actor: Actor, origin: &Origin) {
        self.ports.refusals.note_refusal(Refusal { act, reason, actor, subject: None }, origin);
    }
}
