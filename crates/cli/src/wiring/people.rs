//! The use cases of accounts over the configured store: how people become one, come in, and get back in.

use std::{fs, sync::Arc};

use symbolon_domain::{
    accounts::{AccountPorts, Accounts},
    invitations::{InvitationPorts, InvitationSettings, Invitations},
    one_time_codes::OneTimeCodes,
    passwords::{PasswordHasher, PasswordPolicy, PasswordPorts, PasswordUse, Passwords},
    recovery::{Recovery, RecoveryPorts},
    sessions::Sessions,
    sign_in::{SignIn, SignInPorts},
    sign_up::SignUpPorts,
};

use super::{Ports, WiringError, settings};
use crate::settings::{PageUrl, Settings};

pub(super) fn sign_in_ports(configured: &Settings, ports: &Ports, sessions: &Sessions) -> SignInPorts {
    let limits = settings::one_time_codes(configured);
    let (peppers, entropy) = (ports.peppers.clone(), Arc::clone(&ports.entropy));
    SignInPorts {
        store: ports.store.clone(),
        hasher: Arc::clone(&ports.hasher),
        codes: OneTimeCodes::new(ports.store.clone(), peppers, entropy, limits),
        sessions: sessions.clone(),
        outbox: ports.outbox.clone(),
        peppers: ports.peppers.clone(),
        clock: Arc::clone(&ports.clock),
        entropy: Arc::clone(&ports.entropy),
    }
}

/// A sign-up stands on what a sign-in stands on, with a store of its own and a policy for new passwords.
pub(super) fn sign_up_ports(
    configured: &Settings,
    ports: &Ports,
    sign_in: &SignInPorts,
) -> Result<SignUpPorts, WiringError> {
    Ok(SignUpPorts {
        store: ports.store.clone(),
        policy: policy(configured, &ports.hasher)?,
        hasher: Arc::clone(&ports.hasher),
        codes: sign_in.codes.clone(),
        sessions: sign_in.sessions.clone(),
        outbox: ports.outbox.clone(),
        peppers: ports.peppers.clone(),
        clock: Arc::clone(&ports.clock),
        entropy: Arc::clone(&ports.entropy),
    })
}

pub(super) fn accounts(ports: &Ports) -> Accounts {
    Accounts::new(AccountPorts {
        store: ports.store.clone(),
        refusals: ports.refusals.clone(),
        revocations: ports.revocations.clone(),
        outbox: ports.outbox.clone(),
        peppers: ports.peppers.clone(),
        clock: Arc::clone(&ports.clock),
        entropy: Arc::clone(&ports.entropy),
    })
}

/// Invitations stand on what sign-ups stand on: they make accounts too.
pub(super) fn invitations(configured: &Settings, ports: &Ports, sign_up: &SignUpPorts) -> Invitations {
    let ports = InvitationPorts {
        store: ports.store.clone(),
        policy: sign_up.policy.clone(),
        hasher: Arc::clone(&ports.hasher),
        outbox: ports.outbox.clone(),
        refusals: ports.refusals.clone(),
        peppers: ports.peppers.clone(),
        clock: Arc::clone(&ports.clock),
        entropy: Arc::clone(&ports.entropy),
    };
    let page = configured.pages.invitation.as_ref().map(ToString::to_string);
    Invitations::new(ports, InvitationSettings { lifetime: Invitations::LIFETIME, page })
}

/// A recovery stands on what a sign-up stands on: both set a password for who reads a mail.
pub(super) fn recovery(configured: &Settings, ports: &Ports, sign_up: &SignUpPorts) -> Recovery {
    let ports = RecoveryPorts {
        revocations: ports.revocations.clone(),
        store: ports.store.clone(),
        sign_ins: ports.store.clone(),
        accounts: ports.store.clone(),
        policy: sign_up.policy.clone(),
        hasher: Arc::clone(&ports.hasher),
        codes: sign_up.codes.clone(),
        outbox: ports.outbox.clone(),
        peppers: ports.peppers.clone(),
        refusals: ports.refusals.clone(),
        clock: Arc::clone(&ports.clock),
        entropy: Arc::clone(&ports.entropy),
    };
    Recovery::new(ports, configured.pages.recovery.as_ref().map(PageUrl::as_str))
}

pub(super) fn passwords(ports: &Ports, sign_up: &SignUpPorts, sign_in: SignIn) -> Passwords {
    Passwords::new(PasswordPorts {
        revocations: ports.revocations.clone(),
        store: ports.store.clone(),
        accounts: ports.store.clone(),
        sign_in,
        policy: sign_up.policy.clone(),
        hasher: Arc::clone(&ports.hasher),
        outbox: ports.outbox.clone(),
        clock: Arc::clone(&ports.clock),
        entropy: Arc::clone(&ports.entropy),
    })
}

fn policy(configured: &Settings, hasher: &Arc<dyn PasswordHasher>) -> Result<PasswordPolicy, WiringError> {
    let own = blocklist(configured)?;
    let own = own.lines().map(|line| line.trim().to_owned()).filter(|line| !line.is_empty());
    // Every account has a second factor.
    let purpose = PasswordUse::WithSecondFactor;
    Ok(PasswordPolicy::new(
        purpose,
        settings::count(configured.passwords.minimum_length),
        own,
        Arc::clone(hasher),
    ))
}

/// The operator's list of refused passwords, one a line.
pub(super) fn blocklist(configured: &Settings) -> Result<String, WiringError> {
    let Some(path) = &configured.passwords.blocklist else { return Ok(String::new()) };
    fs::read_to_string(path).map_err(|source| WiringError::Blocklist { path: path.clone(), source })
}
