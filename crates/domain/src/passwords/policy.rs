//! Which passwords are accepted: long enough, not common, not about their owner. No composition rules (C4).

use std::{collections::HashSet, sync::Arc};

use super::{HashError, Password, PasswordHasher};

/// What a password protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordUse {
    /// The account alone (C1: 15 characters).
    SoleFactor,
    /// The first of two factors (C1: 8 characters).
    WithSecondFactor,
}

impl PasswordUse {
    /// The fewest code points that NIST SP 800-63B-4 allows for it.
    #[must_use]
    pub const fn minimum_length(self) -> usize {
        match self {
            Self::SoleFactor => 15,
            Self::WithSecondFactor => 8,
        }
    }
}

/// Why a password is not accepted.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum PasswordProblem {
    /// Too few characters.
    #[error("too short")]
    TooShort,
    /// More than 256 characters.
    #[error("longer than 256 characters")]
    TooLong,
    /// On a list of passwords that many people use or that have leaked.
    #[error("one of the most common passwords")]
    Common,
    /// Hardly more than the owner's name or address, or the service's name.
    #[error("too close to your name, your address or the name of this service")]
    Personal,
    /// A pattern that is guessed quickly.
    #[error("too easy to guess")]
    Guessable,
}

/// Why a password was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// It must not be one.
    #[error(transparent)]
    Problem(#[from] PasswordProblem),
    /// It could not be judged.
    #[error(transparent)]
    Hash(#[from] HashError),
}

/// The least strength that is accepted, as `zxcvbn` counts (C5).
const LEAST_STRENGTH: u8 = 2;
/// Shorter words say nothing of a person.
const SHORTEST_HINT: usize = 4;
const SERVICE_NAME: &str = "symbolon";
const COMMON_PASSWORDS: &str = include_str!("common_passwords.txt");

/// Judges new passwords.
#[derive(Clone)]
pub struct PasswordPolicy {
    minimum_length: usize,
    refused: Arc<HashSet<String>>,
    hasher: Arc<dyn PasswordHasher>,
}

impl PasswordPolicy {
    /// Refuses what is shorter than `minimum_length` (or than NIST's minimum for this use), the common
    /// passwords that come with the service, and those on the operator's own list.
    pub fn new(
        purpose: PasswordUse,
        minimum_length: usize,
        blocklist: impl IntoIterator<Item = String>,
        hasher: Arc<dyn PasswordHasher>,
    ) -> Self {
        let common = COMMON_PASSWORDS.lines().map(str::to_owned);
        let own = blocklist.into_iter().map(|password| password.to_lowercase());
        Self {
            minimum_length: minimum_length.max(purpose.minimum_length()),
            refused: Arc::new(common.chain(own).collect()),
            hasher,
        }
    }

    /// Is this a password that a person with these names and addresses may have?
    ///
    /// # Errors
    /// The first reason against it, or the hash threads are busy.
    pub async fn accept(&self, password: &Password, personal: &[&str]) -> Result<(), AcceptError> {
        let hints = hints(personal);
        self.accept_quickly(password, &hints)?;
        if self.hasher.strength(password, &hints).await? < LEAST_STRENGTH {
            return Err(PasswordProblem::Guessable.into());
        }
        Ok(())
    }

    fn accept_quickly(&self, password: &Password, hints: &[String]) -> Result<(), PasswordProblem> {
        if password.length() < self.minimum_length {
            return Err(PasswordProblem::TooShort);
        }
        let lower = password.reveal().to_lowercase();
        if self.refused.contains(&lower) {
            return Err(PasswordProblem::Common);
        }
        // What is left when the personal words are taken out must be a password in its own right to count.
        let rest = hints.iter().fold(lower, |rest, hint| rest.replace(hint.as_str(), ""));
        if rest.chars().filter(|c| c.is_alphanumeric()).count() * 2 < password.length()
            && hints.iter().any(|hint| password.reveal().to_lowercase().contains(hint.as_str()))
        {
            return Err(PasswordProblem::Personal);
        }
        Ok(())
    }
}

/// The words of a name or address that an attacker would try, longest first.
fn hints(personal: &[&str]) -> Vec<String> {
    let mut hints: Vec<String> = personal
        .iter()
        .flat_map(|text| {
            let lower = text.to_lowercase();
            let words: Vec<String> = lower.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect();
            words.into_iter().chain([lower])
        })
        .chain([SERVICE_NAME.to_owned()])
        .filter(|hint| hint.chars().count() >= SHORTEST_HINT)
        .collect();
    hints.sort_by_key(|hint| std::cmp::Reverse(hint.len()));
    hints.dedup();
    hints
}
