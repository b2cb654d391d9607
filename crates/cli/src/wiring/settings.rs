//! The settings of the configuration as each feature wants them.

use symbolon_adapters::password_hash::PasswordHashConfig;
use symbolon_domain::{
    one_time_codes::OneTimeCodeSettings,
    outbox::OutboxSettings,
    sessions::{BindingPolicy, SessionSettings},
    sign_in::SignInSettings,
    sign_up::SignUpSettings,
    signing_keys::{self, KeySchedule, SigningKeySettings},
    sweeper::SweeperSettings,
};

use crate::settings::{SessionBinding, Settings, SigningAlgorithm};

pub(super) fn one_time_codes(settings: &Settings) -> OneTimeCodeSettings {
    let codes = &settings.one_time_codes;
    OneTimeCodeSettings {
        lifetime: codes.lifetime.to_std(),
        attempts: codes.attempts,
        resend_interval: codes.resend_interval.to_std(),
        resends: codes.resends,
        resend_window: codes.resend_window.to_std(),
        account_failures: codes.account_failures,
        account_window: codes.account_window.to_std(),
    }
}

pub(super) fn outbox(settings: &Settings) -> OutboxSettings {
    let messages = &settings.messages;
    OutboxSettings { lease: messages.lease.to_std(), batch: count(messages.batch) }
}

pub(super) fn sessions(settings: &Settings) -> SessionSettings {
    let sessions = &settings.sessions;
    SessionSettings {
        access_lifetime: sessions.access_lifetime.to_std(),
        idle: sessions.idle.to_std(),
        absolute: sessions.absolute.to_std(),
        grace: sessions.grace.to_std(),
        binding: match sessions.binding {
            SessionBinding::Required => BindingPolicy::Required,
            SessionBinding::Off => BindingPolicy::Off,
        },
        fresh_for: sessions.fresh_for.to_std(),
    }
}

pub(super) fn sign_in(settings: &Settings) -> SignInSettings {
    SignInSettings {
        pre_authorized_lifetime: settings.sign_in.pre_authorized_lifetime.to_std(),
        lock_after: settings.sign_in.lock_after,
        lock_for: settings.sign_in.lock_for.to_std(),
    }
}

pub(super) fn sign_up(settings: &Settings) -> SignUpSettings {
    SignUpSettings {
        lifetime: settings.sign_up.lifetime.to_std(),
        pre_authorized_lifetime: settings.sign_in.pre_authorized_lifetime.to_std(),
    }
}

/// A holder that misses two looks is taken to be gone.
pub(super) fn sweeper(settings: &Settings) -> SweeperSettings {
    SweeperSettings {
        lease: settings.sweeper.interval.to_std() * 3,
        session_life: settings.sessions.absolute.to_std(),
        device_token_life: settings.device_tokens.lifetime.to_std(),
    }
}

pub(super) fn hashing(settings: &Settings) -> PasswordHashConfig {
    let passwords = &settings.passwords;
    PasswordHashConfig {
        memory_kib: passwords.memory_kib,
        iterations: passwords.iterations,
        parallelism: passwords.parallelism,
        threads: count(passwords.hash_threads),
        queue: count(passwords.hash_queue),
    }
}

pub(super) fn signing_keys(settings: &Settings) -> SigningKeySettings {
    let keys = &settings.signing_keys;
    let (access, pre_authorized) =
        (settings.sessions.access_lifetime.to_std(), settings.sign_in.pre_authorized_lifetime.to_std());
    SigningKeySettings {
        algorithm: match keys.algorithm {
            SigningAlgorithm::Es256 => signing_keys::SigningAlgorithm::Es256,
            SigningAlgorithm::Rs256 => signing_keys::SigningAlgorithm::Rs256,
            SigningAlgorithm::EdDsa => signing_keys::SigningAlgorithm::EdDsa,
        },
        schedule: KeySchedule {
            rotate_every: keys.rotate_every.to_std(),
            publish_before: keys.publish_before.to_std(),
            longest_token_life: access.max(pre_authorized).max(settings.api_keys.token_lifetime.to_std()),
        },
    }
}

pub(super) fn count(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
