//! Passwords: what may be one (security.md C1–C5) and the port that hashes them (C6, S13).
//!
//! Changing and recovering a password are not here yet.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

mod hasher;
mod policy;

pub use self::{
    hasher::{HashError, PasswordHash, PasswordHasher, PasswordVerdict},
    policy::{AcceptError, PasswordPolicy, PasswordProblem, PasswordUse},
};

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
