//! Signing up: an address and a password, then the code from the mail; only then is there an account (S1).
//!
//! Each sign-up is a row of its own. Verifying one creates the account from that row and ends the others of
//! that address. An address that has an account already gets a decoy and the same answer, and its owner a
//! message.

use std::{sync::Arc, time::Duration};

use crate::{
    clock::Clock,
    entropy::Entropy,
    one_time_codes::OneTimeCodes,
    outbox::Outbox,
    passwords::{PasswordHasher, PasswordPolicy},
    sealing::Peppers,
    sessions::Sessions,
};

mod challenge;
mod model;
mod start;
mod store;
mod verify;

pub use self::{
    model::{BeginSignUpError, CompleteSignUp, CompleteSignUpError, NewSignUp, PendingSignUp},
    start::{SignUpError, StartSignUp},
    store::SignUpStore,
    verify::SignUpCodeError,
};

/// The limits of sign-ups.
#[derive(Clone, Debug)]
pub struct SignUpSettings {
    /// The life of a sign-up's row.
    pub lifetime: Duration,
    /// The life of its pre-authorized token.
    pub pre_authorized_lifetime: Duration,
}

/// What a sign-up stands on.
#[derive(Clone)]
pub struct SignUpPorts {
    /// Keeps sign-ups.
    pub store: Arc<dyn SignUpStore>,
    /// Judges new passwords.
    pub policy: PasswordPolicy,
    /// Hashes them.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Makes and judges codes.
    pub codes: OneTimeCodes,
    /// Opens sessions.
    pub sessions: Sessions,
    /// Composes messages.
    pub outbox: Outbox,
    /// Hashes addresses.
    pub peppers: Peppers,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws ids.
    pub entropy: Arc<dyn Entropy>,
}

/// The ceremony of signing up.
#[derive(Clone)]
pub struct SignUp {
    ports: SignUpPorts,
    settings: SignUpSettings,
}

impl SignUp {
    /// Over these ports, with these limits.
    #[must_use]
    pub fn new(ports: SignUpPorts, settings: SignUpSettings) -> Self {
        Self { ports, settings }
    }
}
