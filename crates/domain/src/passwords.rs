//! Passwords: what may be one (security.md C1–C5), the port that hashes them (C6, S13), and changing one's own (S12).
//!
//! Whoever has lost theirs goes by [`crate::recovery`].

use std::{fmt, sync::Arc};

use secrecy::{ExposeSecret as _, SecretString};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

pub(crate) mod change;
mod hasher;
mod policy;
mod store;

pub use self::{
    change::{ChangePassword, ChangePasswordError},
    hasher::{HashError, PasswordHash, PasswordHasher, PasswordVerdict},
    policy::{AcceptError, PasswordPolicy, PasswordProblem, PasswordUse},
    store::{PasswordStore, ReplacePassword},
};
use crate::{
    accounts::AccountStore, clock::Clock, entropy::Entropy, outbox::Outbox, revocations::Revocations,
    sign_in::SignIn,
};

/// What changing a password stands on.
#[derive(Clone)]
pub struct PasswordPorts {
    /// Sets them.
    pub store: Arc<dyn PasswordStore>,
    /// Knows whose they are.
    pub accounts: Arc<dyn AccountStore>,
    /// Judges the current one.
    pub sign_in: SignIn,
    /// Judges the new one.
    pub policy: PasswordPolicy,
    /// Hashes it.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Composes messages.
    pub outbox: Outbox,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws ids.
    pub entropy: Arc<dyn Entropy>,
    /// Is told what ends.
    pub revocations: Revocations,
}

/// Changes passwords.
#[derive(Clone)]
pub struct Passwords {
    ports: PasswordPorts,
}

impl Passwords {
    /// Over these ports.
    #[must_use]
    pub fn new(ports: PasswordPorts) -> Self {
        Self { ports }
    }
}

/// What a person typed as a password, in NFC; nothing is cut off (C2, C3).
#[derive(Clone)]
pub struct Password(SecretString);

impl Password {
    /// The longest that is looked at, in code points; longer ones are refused, not cut off.
    pub const MAX_LENGTH: usize = 256;

    /// Takes over what was typed.
    ///
    /// # Errors
    /// It is empty, or longer than [`Password::MAX_LENGTH`] code points.
    pub fn new(typed: &SecretString) -> Result<Self, PasswordProblem> {
        let typed = typed.expose_secret();
        // NFC never needs more than three times the bytes; reserving them leaves no copies behind.
        let mut normalized = Zeroizing::new(String::with_capacity(typed.len() * 3));
        normalized.extend(typed.nfc());
        let password = Self(SecretString::from(normalized.as_str()));
        match password.length() {
            0 => Err(PasswordProblem::TooShort),
            1..=Self::MAX_LENGTH => Ok(password),
            _ => Err(PasswordProblem::TooLong),
        }
    }

    /// Its length in code points.
    #[must_use]
    pub fn length(&self) -> usize {
        self.reveal().chars().count()
    }

    /// The password itself, for a hasher only.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(redacted)")
    }
}
