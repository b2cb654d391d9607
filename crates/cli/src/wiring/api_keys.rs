//! API keys over the configured store.

use std::sync::Arc;

use symbolon_adapters::paseto::PasetoSealer;
use symbolon_domain::{
    access::Access,
    actor::Role,
    api_keys::{ApiKeyPorts, ApiKeySettings, ApiKeys, FAMILY_LIFETIME, KeyRates, LastUsed, RefreshHashing},
    audit::Refusals,
    sign_in::SignInPorts,
    store::Store,
};

use crate::settings::{RefreshHash, RoleName, Settings};

/// They stand on what sign-ins stand on: an argon2id hash of a refresh token is made as that of a password is (K4).
pub(super) fn api_keys(
    sign_in: &SignInPorts,
    store: &Arc<dyn Store>,
    (access, refusals): (&Access, &Refusals),
    configured: &Settings,
) -> ApiKeys {
    let settings = settings(configured);
    let longest_life = settings.max_lifetime.max(FAMILY_LIFETIME);
    let ports = ApiKeyPorts {
        store: store.clone(),
        sealer: Arc::new(PasetoSealer::new(sign_in.peppers.api_keys(), longest_life)),
        hasher: Arc::clone(&sign_in.hasher),
        access: access.clone(),
        last_used: Arc::new(LastUsed::new(store.clone())),
        rates: Arc::new(KeyRates::default()),
        refusals: refusals.clone(),
        clock: Arc::clone(&sign_in.clock),
        entropy: Arc::clone(&sign_in.entropy),
    };
    ApiKeys::new(ports, settings)
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
        long_lived_roles: keys.long_lived_roles.iter().map(role).collect(),
    }
}
