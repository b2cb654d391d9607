//! Signing in: a password, then a code by e-mail (S2, S3, S4, S5, S6, S14).
//!
//! The first factor earns a pre-authorized token, which opens nothing but the second step. Wrong passwords are
//! counted per address, known or not, before anything is hashed.

use std::{sync::Arc, time::Duration};

use secrecy::SecretString;

use crate::{
    clock::Clock, entropy::Entropy, one_time_codes::OneTimeCodes, outbox::Outbox, passwords::PasswordHasher,
    sealing::Peppers, secret::OpaqueToken, sessions::Sessions,
};

mod challenge;
pub(crate) mod first_factor;
mod model;
pub(crate) mod second_factor;
mod start;
mod store;
pub mod throttle;
mod verify_code;

pub use self::{
    model::{BeginError, Candidate, CompleteError, CompleteSignIn, NewSignIn, Rehashed, SignInAttempt},
    second_factor::{CodeError, PreAuthorizedCaller, ResendError},
    start::{SignInError, StartSignIn},
    store::SignInStore,
};

/// The limits of sign-ins.
#[derive(Clone, Debug)]
pub struct SignInSettings {
    /// The life of a pre-authorized token.
    pub pre_authorized_lifetime: Duration,
    /// So many failures in a row close the sign-in by password for `lock_for`.
    pub lock_after: u32,
    /// See `lock_after`.
    pub lock_for: Duration,
}

/// What a sign-in stands on.
#[derive(Clone)]
pub struct SignInPorts {
    /// Keeps sign-ins.
    pub store: Arc<dyn SignInStore>,
    /// Judges passwords.
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

/// The ceremony of signing in.
#[derive(Clone)]
pub struct SignIn {
    ports: SignInPorts,
    settings: SignInSettings,
}

impl SignIn {
    /// Over these ports, with these limits.
    #[must_use]
    pub fn new(ports: SignInPorts, settings: SignInSettings) -> Self {
        Self { ports, settings }
    }
}

/// The first factor is done: what the client holds until the second (S2, S3).
#[derive(Debug)]
pub struct PreAuthorized {
    /// The pre-authorized JWT.
    pub access_token: SecretString,
    /// Its life.
    pub expires_in: Duration,
    /// The client binding, where bindings are on: given once, the session's for good (S7).
    pub binding: Option<OpaqueToken>,
    /// The code that is on its way.
    pub challenge: Challenge,
}

/// A code that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// Its life.
    pub expires_in: Duration,
    /// When another may be asked for.
    pub resend_in: Duration,
}

impl Challenge {
    pub(crate) fn sent(codes: &OneTimeCodes) -> Self {
        Self { expires_in: codes.settings().lifetime, resend_in: codes.settings().resend_interval }
    }
}
