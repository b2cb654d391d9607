//! Codes as typed, as sent, and as kept.

use std::{fmt, str::FromStr, time::Duration};

use secrecy::{ExposeSecret as _, SecretString};

use crate::{
    clock::Timestamp, effects::Effects, id::CeremonyId, secret::SecretHash, store_error::StoreError,
};

/// A code as somebody typed it: so many digits, six where nothing is said; spaces and full-width digits forgiven.
#[derive(Clone)]
pub struct OneTimeCode<const LENGTH: usize = 6>(SecretString);

/// The code of a recovery: eight digits, for it stands alone where others follow a password (S12).
pub type RecoveryCode = OneTimeCode<8>;

impl<const LENGTH: usize> OneTimeCode<LENGTH> {
    /// Digits in a code.
    pub const LENGTH: usize = LENGTH;

    pub(crate) fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

/// The text is not so many digits.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a code of so many digits")]
pub struct InvalidOneTimeCode;

impl<const LENGTH: usize> FromStr for OneTimeCode<LENGTH> {
    type Err = InvalidOneTimeCode;

    fn from_str(text: &str) -> Result<Self, InvalidOneTimeCode> {
        use unicode_normalization::UnicodeNormalization as _;
        // NFKC turns full-width digits into ASCII ones.
        let digits: String = text.chars().take(4 * LENGTH).nfkc().filter(|c| !c.is_whitespace()).collect();
        if digits.len() == LENGTH && digits.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(digits.into()))
        } else {
            Err(InvalidOneTimeCode)
        }
    }
}

/// How long a code is, and how long it lives.
#[derive(Clone, Copy, Debug)]
pub struct CodeForm {
    /// In digits.
    pub digits: usize,
    /// Ten minutes at the most (C10).
    pub lifetime: Duration,
}

/// A code on its way into a message; it is kept nowhere.
pub struct PlainCode(SecretString);

impl PlainCode {
    pub(super) fn new(digits: String) -> Self {
        Self(digits.into())
    }

    /// The digits, for the message only.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for PlainCode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PlainCode(redacted)")
    }
}

/// What a store keeps of a code (C12).
#[derive(Clone, Debug)]
pub struct NewCode {
    /// A salt of its own.
    pub salt: [u8; 16],
    /// The HMAC under a pepper that is not in the store in the clear.
    pub hash: SecretHash,
    /// When it was made.
    pub issued_at: Timestamp,
    /// From when on it no longer counts.
    pub expires_at: Timestamp,
}

/// Proof that the right code was shown; the ceremony's own write consumes it.
#[derive(Clone, Debug)]
pub struct MatchedCode {
    /// The code that matched: a write that finds another one in its place fails.
    pub hash: SecretHash,
    /// The guess that was paid for, to be paid back.
    pub budget_slot: u32,
}

/// Whose numbered slots are taken: a keyed hash, so that a store cannot tell whose they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotOwner {
    /// What the slots limit.
    pub kind: &'static str,
    /// For whom.
    pub key: SecretHash,
}

impl SlotOwner {
    /// Wrong codes.
    pub const CODE_FAILURES: &'static str = "code_failures";
    /// Codes sent again.
    pub const CODE_RESENDS: &'static str = "code_resends";
    /// Sign-ups begun for one address.
    pub const SIGN_UPS: &'static str = "sign_ups";
    /// Recoveries begun for one address.
    pub const RECOVERIES: &'static str = "recoveries";
    /// What a recovery of nobody's account takes, in the place of its message.
    pub const DECOYS: &'static str = "decoys";

    /// The slots of this kind for this key.
    #[must_use]
    pub const fn new(kind: &'static str, key: SecretHash) -> Self {
        Self { kind, key }
    }
}

/// At most `slots` in any `window`: each use takes a numbered slot for that long.
#[derive(Clone, Copy, Debug)]
pub struct SlotLimit {
    /// Whose slots.
    pub owner: SlotOwner,
    /// How many.
    pub slots: u32,
    /// For how long each is taken.
    pub window: Duration,
}

/// What a guess may cost.
#[derive(Clone, Copy, Debug)]
pub struct AttemptLimits {
    /// Guesses per ceremony.
    pub attempts: u32,
    /// Failures per account (the ceremony's failure slots) in `account_window`.
    pub account_failures: u32,
    /// See `account_failures`.
    pub account_window: Duration,
}

/// A guess that was paid for.
#[derive(Clone, Debug)]
pub struct ReservedAttempt {
    /// The code's salt.
    pub salt: [u8; 16],
    /// The code's hash.
    pub hash: SecretHash,
    /// The account's slot that was taken.
    pub budget_slot: u32,
}

/// Why a guess is not judged.
#[derive(Debug, thiserror::Error)]
pub enum ReserveError {
    /// There is no such ceremony, it is completed, or it has expired.
    #[error("no such ceremony")]
    Gone,
    /// The ceremony is open and its code has expired.
    #[error("the code has expired")]
    Expired,
    /// The ceremony's guesses are used up.
    #[error("no attempts left")]
    Exhausted,
    /// The account's failure slots are all taken until then.
    #[error("the account's budget is spent")]
    BudgetSpent(Timestamp),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A new code in the place of the old one. The ceremony's guesses stay as they are (C11).
#[derive(Clone, Debug)]
pub struct ReplaceCode {
    /// Which ceremony.
    pub ceremony: CeremonyId,
    /// The new code.
    pub code: NewCode,
    /// Not sooner than this after the last one.
    pub interval: Duration,
    /// And not more often than this.
    pub limit: SlotLimit,
    /// Guesses per ceremony: with none left there is no new code either.
    pub attempts: u32,
    /// The present.
    pub now: Timestamp,
    /// The message and its event.
    pub effects: Effects,
}

/// Why no new code is sent.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// There is no such ceremony, it is completed, or it has expired.
    #[error("no such ceremony")]
    Gone,
    /// The ceremony's guesses are used up.
    #[error("no attempts left")]
    Exhausted,
    /// Too soon, or too often; not before then.
    #[error("too many codes")]
    TooMany(Timestamp),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_and_full_width_digits_are_forgiven() {
        for text in ["123456", " 123 456 ", "１２３４５６"] {
            assert_eq!(
                text.parse::<OneTimeCode>().map(|code| code.reveal().to_owned()).as_deref(),
                Ok("123456")
            );
        }
    }

    #[test]
    fn anything_but_six_digits_is_no_code() {
        for text in ["", "12345", "1234567", "12345a", "-12345", "١٢٣٤٥", &"1".repeat(1_000)] {
            assert!(text.parse::<OneTimeCode>().is_err(), "{text}");
        }
    }

    /// S12: a recovery's code has eight digits.
    #[test]
    fn each_kind_of_code_has_its_own_length() {
        assert_eq!((<OneTimeCode>::LENGTH, RecoveryCode::LENGTH), (6, 8));
        assert_eq!("1234 5678".parse::<RecoveryCode>().ok().map(|code| code.reveal().len()), Some(8));
        for text in ["123456", "1234567", "123456789"] {
            assert!(text.parse::<RecoveryCode>().is_err(), "{text}");
        }
    }
}
