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
    /// The account's password already: where a new one is asked for, it changes nothing.
    #[error("the password that it is already")]
    Unchanged,
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

    /// The first reason against a password that can be told without hashing; [`Self::accept`] finds the others too.
    ///
    /// # Errors
    /// Too short, common, or about its owner.
    pub fn judge(&self, password: &Password, personal: &[&str]) -> Result<(), PasswordProblem> {
        self.accept_quickly(password, &hints(personal))
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

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use secrecy::SecretString;

    use super::*;
    use crate::passwords::{PasswordHash, PasswordVerdict};

    /// Finds every password as strong as it is told to; the real estimate is the adapter's.
    struct Strength(u8);

    #[async_trait]
    impl PasswordHasher for Strength {
        async fn hash(&self, _: &Password) -> Result<PasswordHash, HashError> {
            Err(HashError::Busy)
        }

        async fn verify(&self, _: &Password, _: &PasswordHash) -> Result<PasswordVerdict, HashError> {
            Err(HashError::Busy)
        }

        async fn verify_nothing(&self, _: &Password) -> Result<(), HashError> {
            Err(HashError::Busy)
        }

        async fn strength(&self, _: &Password, _: &[String]) -> Result<u8, HashError> {
            Ok(self.0)
        }
    }

    fn judged(purpose: PasswordUse, strength: u8, text: &str) -> Result<(), PasswordProblem> {
        let password = Password::new(&SecretString::from(text))?;
        let own_list = ["Our Company 2026".to_owned()];
        let policy = PasswordPolicy::new(purpose, 1, own_list, Arc::new(Strength(strength)));
        let personal = ["ada.lovelace@example.org", "Ada Lovelace"];
        let judging = std::pin::pin!(policy.accept(&password, &personal));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match judging.poll(&mut context) {
            std::task::Poll::Ready(Ok(())) => Ok(()),
            std::task::Poll::Ready(Err(AcceptError::Problem(problem))) => Err(problem),
            other => panic!("{other:?}"),
        }
    }

    fn with_second_factor(text: &str) -> Result<(), PasswordProblem> {
        judged(PasswordUse::WithSecondFactor, 4, text)
    }

    /// C1: 15 characters alone, 8 beside a second factor, whatever a smaller minimum is configured.
    #[test]
    fn the_shortest_password_depends_on_what_it_protects() {
        assert_eq!(with_second_factor("zqxjvkw"), Err(PasswordProblem::TooShort));
        assert_eq!(with_second_factor("zqxjvkwb"), Ok(()));
        assert_eq!(judged(PasswordUse::SoleFactor, 4, "zqxjvkwbmnhgyt"), Err(PasswordProblem::TooShort));
        assert_eq!(judged(PasswordUse::SoleFactor, 4, "zqxjvkwbmnhgytr"), Ok(()));
    }

    /// C2: up to 256 characters of any script, spaces among them, counted after NFC.
    #[test]
    fn long_passwords_and_any_script_are_accepted() {
        assert_eq!(with_second_factor(&"zqxjvkwb ".repeat(7)), Ok(()));
        assert_eq!(with_second_factor(&"密".repeat(256)), Ok(()));
        assert_eq!(with_second_factor(&"密".repeat(257)), Err(PasswordProblem::TooLong));
        let decomposed = "e\u{301}".repeat(256);
        assert_eq!(with_second_factor(&decomposed), Ok(()));
        assert_eq!(with_second_factor(&"e\u{301}".repeat(7)), Err(PasswordProblem::TooShort));
    }

    /// C4: no rule asks for digits, capitals or signs.
    #[test]
    fn a_password_of_small_letters_alone_is_accepted() {
        assert_eq!(with_second_factor("seven lanterns over the harbour"), Ok(()));
    }

    /// C5: at least 3,000 common passwords of policy length, in any case; the operator's own list; personal words.
    #[test]
    fn common_and_personal_passwords_are_refused() {
        let common: Vec<_> = COMMON_PASSWORDS.lines().filter(|line| line.chars().count() >= 8).collect();
        assert!(common.len() >= 3_000, "{}", common.len());
        assert_eq!(common.len(), COMMON_PASSWORDS.lines().count());
        for text in ["password1", "PassWord1", "qwertyuiop", "our company 2026"] {
            assert_eq!(with_second_factor(text), Err(PasswordProblem::Common), "{text}");
        }
        for text in ["AdaLovelace", "lovelace-1815", "ada.lovelace@example.org", "Symbolon2026", "symbolon!!"]
        {
            assert_eq!(with_second_factor(text), Err(PasswordProblem::Personal), "{text}");
        }
        assert_eq!(with_second_factor("lovelace wrote the very first program"), Ok(()));
    }

    /// C5: a strength below 2 is refused.
    #[test]
    fn guessable_passwords_are_refused() {
        let judged = |strength| judged(PasswordUse::WithSecondFactor, strength, "zqxjvkwb");
        assert_eq!([judged(1), judged(2)], [Err(PasswordProblem::Guessable), Ok(())]);
    }
}
