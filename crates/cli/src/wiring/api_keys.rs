//! API keys over the configured store.

use std::sync::Arc;

use symbolon_adapters::paseto::PasetoSealer;
use symbolon_domain::{
    access::Access,
    actor::Role,
    api_keys::{
        ApiKeyPorts, ApiKeySettings, ApiKeys, FAMILY_LIFETIME, KeyCache, KeyCacheSettings, KeyRates,
        LastUsed, RefreshHashing,
    },
    revocations::Revocations,
    store::Store,
};

use super::Ports;
use crate::settings::{RefreshHash, RoleName, Settings};

/// An argon2id hash of a refresh token is made as that of a password is (K4).
pub(super) fn api_keys(configured: &Settings, ports: &Ports, access: &Access) -> ApiKeys {
    let settings = settings(configured);
    let longest_life = settings.max_lifetime.max(FAMILY_LIFETIME);
    let ports = ApiKeyPorts {
        store: ports.store.clone(),
        sealer: Arc::new(PasetoSealer::new(ports.peppers.api_keys(), longest_life)),
        hasher: Arc::clone(&ports.hasher),
        tokens: Arc::clone(&ports.tokens),
        audit: ports.store.clone(),
        access: access.clone(),
        last_used: Arc::new(LastUsed::new(ports.store.clone())),
        rates: Arc::new(KeyRates::default()),
        revocations: ports.revocations.clone(),
        refusals: ports.refusals.clone(),
        clock: Arc::clone(&ports.clock),
        entropy: Arc::clone(&ports.entropy),
    };
    ApiKeys::new(ports, settings)
}

/// What this node remembers of keys, and is told what ends.
pub(super) fn revocations(configured: &Settings, store: &Arc<dyn Store>) -> Revocations {
    let cache = &configured.cache;
    let settings =
        KeyCacheSettings { max_staleness: cache.max_staleness.to_std(), keys: cache.api_keys.get().into() };
    Revocations::new(Arc::new(KeyCache::new(settings)), store.clone())
}

fn settings(configured: &Settings) -> ApiKeySettings {
    let keys = &configured.api_keys;
    let role = |name: &RoleName| match name {
        RoleName::Superuser => Role::Superuser,
        RoleName::Staff => Role::Staff,
        RoleName::Authenticated => Role::Authenticated,
    };
    ApiKeySettings {
        lifetime: keys.lifetime.to_std(),
        max_lifetime: keys.max_lifetime.to_std(),
        refresh_lifetime: keys.refresh_lifetime.to_std(),
        grace: keys.grace.to_std(),
        refresh_hash: match keys.refresh_hash {
            RefreshHash::Argon2id => RefreshHashing::Argon2id,
            RefreshHash::Sha256 => RefreshHashing::Sha256,
        },
        token_lifetime: keys.token_lifetime.to_std(),
        public_url: configured.http.public_url.to_string(),
        long_lived_roles: keys.long_lived_roles.iter().map(role).collect(),
    }
}
