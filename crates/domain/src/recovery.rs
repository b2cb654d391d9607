//! Recovery: a new password for who reads the account's mail, by a code or by a token (S12, C9, C30).
//!
//! Whoever begins a recovery of another's address may use up the guesses at its code, and the recoveries that the address
//! may have begun. Each message has the token too, which nobody can guess and no guess uses up: so its owner is not kept
//! out.
//!
//! The answer is the same for any address: one without an account gets a decoy, which no secret opens, and no message.
//! Second factors stay on: no session is given, and the next sign-in asks for both (C8). A recovery opens what failures
//! of the password have closed (S14), and an account that is marked compromised (S15), not one that is locked.

use std::{sync::Arc, time::Duration};

use crate::{
    accounts::AccountStore,
    audit::Refusals,
    clock::Clock,
    entropy::Entropy,
    id::CeremonyId,
    one_time_codes::{AttemptLimits, CodeForm, OneTimeCodes, RecoveryCode, SlotOwner},
    outbox::Outbox,
    passwords::{PasswordHasher, PasswordPolicy},
    revocations::Revocations,
    sealing::Peppers,
    sign_in::SignInStore,
};

mod model;
mod start;
mod store;
mod verify;

pub use self::{
    model::{
        BeginRecoveryError, CompleteRecovery, CompleteRecoveryError, NewRecovery, PendingRecovery,
        RecoveryProof, RecoverySubject,
    },
    start::{RecoveryMethod, StartRecovery, StartRecoveryError, StartedRecovery},
    store::RecoveryStore,
    verify::{FinishRecovery, RecoveryError, RecoverySecret},
};

/// The code of a recovery (S12).
const CODE: CodeForm = CodeForm { digits: RecoveryCode::LENGTH, lifetime: Duration::from_secs(600) };
/// The life of a recovery and of its token (S12).
const LINK_LIFETIME: Duration = Duration::from_secs(900);
/// So many recoveries may be begun for one address in [`WINDOW`]: each is a mail to somebody who may not have asked for
/// it.
const MOST_RECOVERIES: u32 = 5;
const WINDOW: Duration = Duration::from_secs(900);
/// Guesses per recovery (C11). They have no budget over all recoveries of an account, which a stranger could spend: five
/// guesses in each of five recoveries in fifteen minutes, at eight digits, bound the guessing. Failures are counted per
/// recovery too, and there is room for more of them than for guesses, so that guesses run out first.
const GUESSES: AttemptLimits = AttemptLimits { attempts: 5, account_failures: 10, account_window: WINDOW };

/// What recoveries stand on.
#[derive(Clone)]
pub struct RecoveryPorts {
    /// Keeps recoveries.
    pub store: Arc<dyn RecoveryStore>,
    /// Knows what an address leads to.
    pub sign_ins: Arc<dyn SignInStore>,
    /// Knows whose an account is.
    pub accounts: Arc<dyn AccountStore>,
    /// Judges new passwords.
    pub policy: PasswordPolicy,
    /// Hashes them.
    pub hasher: Arc<dyn PasswordHasher>,
    /// Makes and judges codes.
    pub codes: OneTimeCodes,
    /// Composes messages.
    pub outbox: Outbox,
    /// Hashes addresses.
    pub peppers: Peppers,
    /// Counts what is refused.
    pub refusals: Refusals,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Draws ids and secrets.
    pub entropy: Arc<dyn Entropy>,
    /// Is told what ends.
    pub revocations: Revocations,
}

/// The ceremony of recovering an account.
#[derive(Clone)]
pub struct Recovery {
    ports: RecoveryPorts,
    /// The page that asks for the new password, where there is one; the only base of a link (C29).
    page: Option<Arc<str>>,
}

impl Recovery {
    /// Over these ports; links open this page.
    #[must_use]
    pub fn new(ports: RecoveryPorts, page: Option<&str>) -> Self {
        Self { ports, page: page.map(Arc::from) }
    }

    fn failures_of(&self, id: CeremonyId) -> SlotOwner {
        SlotOwner::new(SlotOwner::CODE_FAILURES, self.ports.peppers.ceremony(id))
    }
}
