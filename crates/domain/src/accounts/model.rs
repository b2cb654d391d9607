//! An account and its parts.

use std::str::FromStr;

use unicode_normalization::UnicodeNormalization as _;

use crate::{actor::Role, clock::Timestamp, id::AccountId, identifiers::Identifier};

/// What a person is called: up to 256 bytes, trimmed, nothing in it that cannot be seen: no control
/// characters, marks of direction or invisible formatting (A1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// The longest name in bytes.
    pub const MAX_LENGTH: usize = 256;

    /// A name as a store has it: one that was taken when fewer characters were refused can still be read.
    #[must_use]
    pub fn from_stored(name: &str) -> Option<Self> {
        Self::of(name.to_owned(), char::is_control).ok()
    }

    fn of(name: String, is_refused: fn(char) -> bool) -> Result<Self, InvalidName> {
        if name.is_empty() {
            Err(InvalidName::Empty)
        } else if name.len() > Self::MAX_LENGTH {
            Err(InvalidName::TooLong)
        } else if name.chars().any(is_refused) {
            Err(InvalidName::Control)
        } else {
            Ok(Self(name))
        }
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text is not a name.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidName {
    /// Nothing, or only white space.
    #[error("an empty name")]
    Empty,
    /// Longer than 256 bytes.
    #[error("longer than 256 bytes")]
    TooLong,
    /// Control characters, those that turn the direction of writing and invisible ones among them.
    #[error("control characters in a name")]
    Control,
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        Self::of(text.trim().nfc().collect(), is_command)
    }
}

/// Is it no letter but a command, with which a name could pose as another one: C0 and C1 controls, line and paragraph
/// ends, what embeds, overrides or isolates a direction of writing (Unicode TR 9), and what is not seen at all?
///
/// The zero-width joiner and non-joiner (U+200D, U+200C) stay: Persian, Indic scripts and emoji are written with them.
fn is_command(character: char) -> bool {
    character.is_control() || is_direction_or_end(character) || is_invisible(character)
}

const fn is_direction_or_end(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Soft hyphen, Mongolian vowel separator, zero-width space, word joiner and invisible operators, byte order mark,
/// annotation marks, and tags.
const fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}'
            | '\u{180e}'
            | '\u{200b}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

/// Whether an account may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountState {
    /// It may.
    Active,
    /// An administrator has closed it.
    Locked,
    /// Somebody else may know its password: closed until a recovery has set another (S15).
    Compromised,
}

impl AccountState {
    /// Its name in stores and lists.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Locked => "locked",
            Self::Compromised => "compromised",
        }
    }

    /// The state of this name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Active, Self::Locked, Self::Compromised].into_iter().find(|state| state.as_str() == name)
    }

    /// May its owner sign in, and do its sessions count?
    #[must_use]
    pub const fn may_sign_in(self) -> bool {
        matches!(self, Self::Active)
    }

    /// May its owner set a new password by a recovery (S12, S15)?
    #[must_use]
    pub const fn may_be_recovered(self) -> bool {
        matches!(self, Self::Active | Self::Compromised)
    }
}

/// What every decision about an account asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Whether it may be used.
    pub state: AccountState,
    /// What it may do.
    pub role: Role,
    /// Sessions of an earlier epoch have ended (S10).
    pub epoch: u64,
}

/// An account as it may be shown to its owner: nothing secret (A6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// What its owner is called.
    pub name: Option<Name>,
    /// Its role, state and epoch.
    pub standing: Standing,
    /// When it came to be.
    pub created_at: Timestamp,
    /// When its owner last signed in or refreshed a session.
    pub last_seen_at: Option<Timestamp>,
    /// Its verified addresses, oldest first.
    pub identifiers: Vec<Identifier>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const INVISIBLE: &str = "\u{ad}\u{61c}\u{180e}\u{200b}\u{200e}\u{200f}\u{2060}\u{2064}\u{2065}\u{206f}\u{feff}\
                             \u{fff9}\u{fffb}\u{e0000}\u{e0041}\u{e007f}";

    /// A1: a name cannot turn what stands around it, nor look like another one.
    #[test]
    fn a_name_has_no_commands_in_it() {
        let controls = "\0\u{7}\u{1b}\u{7f}\u{85}\u{9b}\u{2028}\u{202a}\u{202e}\u{2066}\u{2069}";
        for command in controls.chars().chain(INVISIBLE.chars()) {
            for name in [format!("Ada{command}Eve"), format!("Ada{command}"), format!("{command}Ada")] {
                // White space around a name is taken away, line ends too.
                let is_trimmed = command.is_whitespace() && name.trim() == "Ada";
                let expected = if is_trimmed { Ok(()) } else { Err(InvalidName::Control) };
                assert_eq!(name.parse::<Name>().map(drop), expected, "{command:?}");
            }
        }
        for name in [
            "Ada Lovelace",
            "\u{5d3}\u{5d5}\u{5d3}",
            "\u{639}\u{645}\u{631}",
            "Zo\u{eb} \u{1f469}\u{200d}\u{1f52c}",
            "\u{645}\u{6cc}\u{200c}\u{631}\u{648}\u{62f}",
            "\u{2070}\u{205f}x\u{fff8}\u{fffc}\u{e0080}",
        ] {
            assert!(name.parse::<Name>().is_ok(), "{name}");
        }
    }

    /// What was taken before is still read.
    #[test]
    fn a_stored_name_may_turn_the_direction_and_hide_characters() {
        for taken in "\u{202e}".chars().chain(INVISIBLE.chars()) {
            assert!(Name::from_stored(&format!("Ada{taken}Eve")).is_some(), "{taken:?}");
        }
        assert!(Name::from_stored("Ada\u{7}").is_none() && Name::from_stored("").is_none());
    }

    /// S15: only an active account is signed in to, and a state keeps its name.
    #[test]
    fn a_compromised_account_may_not_be_used() {
        for (state, may) in [
            (AccountState::Active, (true, true)),
            (AccountState::Locked, (false, false)),
            (AccountState::Compromised, (false, true)),
        ] {
            assert_eq!(AccountState::parse(state.as_str()), Some(state));
            assert_eq!((state.may_sign_in(), state.may_be_recovered()), may, "{}", state.as_str());
        }
    }

    /// A1: 256 bytes, trimmed.
    #[test]
    fn a_name_is_trimmed_and_limited_in_bytes() {
        assert_eq!("  Ada  ".parse::<Name>().unwrap().as_str(), "Ada");
        assert!("é".repeat(128).parse::<Name>().is_ok());
        assert_eq!("é".repeat(129).parse::<Name>(), Err(InvalidName::TooLong));
        assert_eq!(" \t ".parse::<Name>(), Err(InvalidName::Empty));
        assert_eq!("A\u{0}da".parse::<Name>(), Err(InvalidName::Control));
    }
}
