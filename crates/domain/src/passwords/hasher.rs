//! The port that hashes passwords, slowly and away from the async threads.

use std::fmt;

use async_trait::async_trait;

use super::Password;

/// A password's hash as a PHC string: scheme, parameters, salt and hash in one (S13).
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Takes over a PHC string.
    #[must_use]
    pub const fn from_phc(phc: String) -> Self {
        Self(phc)
    }

    /// The PHC string.
    #[must_use]
    pub fn as_phc(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PasswordHash(redacted)")
    }
}

/// What a hash says of a password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordVerdict {
    /// Another password.
    Wrong,
    /// The password.
    Right,
    /// The password, under weaker parameters than the configured ones: hash it anew.
    RightButOutdated,
}

/// Why nothing was hashed.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Too many passwords are waiting: 503, try again.
    #[error("too many passwords are waiting to be hashed")]
    Busy,
    /// The stored hash cannot be read, or the hasher failed.
    #[error("the password could not be hashed: {0}")]
    Failed(String),
}

/// Hashes passwords on threads of its own, with a bounded queue in front (C6, X11).
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// A new hash with a salt of its own.
    async fn hash(&self, password: &Password) -> Result<PasswordHash, HashError>;

    /// Does this password belong to this hash?
    async fn verify(&self, password: &Password, hash: &PasswordHash) -> Result<PasswordVerdict, HashError>;

    /// Costs what [`PasswordHasher::verify`] costs, for an account that is not there (S4, C9).
    async fn verify_nothing(&self, password: &Password) -> Result<(), HashError>;

    /// How hard the password is to guess, 0 to 4 as `zxcvbn` counts; `hints` are words an attacker would try.
    async fn strength(&self, password: &Password, hints: &[String]) -> Result<u8, HashError>;
}
