//! The addresses by which a person signs in and is reached. So far e-mail addresses (A3).
//!
//! An address is kept as typed and compared without regard to case. Verifying one is the business of
//! [`crate::sign_up`].

use std::{fmt, str::FromStr};

use email_address::Options;
use serde::Serialize;
use unicode_normalization::UnicodeNormalization as _;

use crate::{clock::Timestamp, id::IdentifierId};

/// An e-mail address within the limits of RFC 5321: local part up to 64 bytes, whole up to 254.
#[derive(Clone)]
pub struct EmailAddress {
    typed: String,
    normalized: String,
}

impl EmailAddress {
    /// The longest address (RFC 5321 section 4.5.3.1.3, less the angle brackets), in bytes.
    pub const MAX_LENGTH: usize = 254;

    /// The address as its owner typed it.
    #[must_use]
    pub fn as_typed(&self) -> &str {
        &self.typed
    }

    /// The form that is compared: NFC, lower case.
    #[must_use]
    pub fn normalized(&self) -> &str {
        &self.normalized
    }

    /// The part before the `@`, lower case.
    #[must_use]
    pub fn local_part(&self) -> &str {
        self.normalized.rsplit_once('@').map_or("", |(local, _)| local)
    }
}

/// The text is not an e-mail address.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidEmailAddress {
    /// Longer than RFC 5321 allows.
    #[error("longer than the 254 bytes of an e-mail address")]
    TooLong,
    /// Not an address at all.
    #[error("not an e-mail address")]
    Format,
}

impl FromStr for EmailAddress {
    type Err = InvalidEmailAddress;

    fn from_str(text: &str) -> Result<Self, InvalidEmailAddress> {
        let typed: String = text.trim().nfc().collect();
        if typed.len() > Self::MAX_LENGTH {
            return Err(InvalidEmailAddress::TooLong);
        }
        let options = Options::default().without_display_text().without_domain_literal();
        let printable = !typed.chars().any(|c| c.is_control() || c.is_whitespace());
        if !printable || email_address::EmailAddress::parse_with_options(&typed, options).is_err() {
            return Err(InvalidEmailAddress::Format);
        }
        let normalized = typed.to_lowercase().nfc().collect();
        Ok(Self { typed, normalized })
    }
}

impl PartialEq for EmailAddress {
    fn eq(&self, other: &Self) -> bool {
        self.normalized == other.normalized
    }
}

impl Eq for EmailAddress {}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EmailAddress(redacted)")
    }
}

/// A verified address of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identifier {
    /// Its id.
    pub id: IdentifierId,
    /// The address.
    pub address: EmailAddress,
    /// When it was verified, which is when it came to be.
    pub created_at: Timestamp,
    /// When a sign-in with it was last completed.
    pub last_used_at: Option<Timestamp>,
}

/// What an identifier is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum IdentifierType {
    /// An e-mail address.
    Email,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A3: compared without regard to case, kept as typed.
    #[test]
    fn case_does_not_tell_two_addresses_apart() {
        let one: EmailAddress = "Ada.Lovelace@Example.ORG".parse().unwrap();
        let two: EmailAddress = " ada.lovelace@example.org ".parse().unwrap();
        assert_eq!(one, two);
        assert_eq!(one.as_typed(), "Ada.Lovelace@Example.ORG");
        assert_eq!(one.local_part(), "ada.lovelace");
    }

    /// A3: the limits of RFC 5321.
    #[test]
    fn limits_are_exact() {
        let longest_local = format!("{}@example.org", "a".repeat(64));
        assert!(longest_local.parse::<EmailAddress>().is_ok());
        let too_long_local = format!("{}@example.org", "a".repeat(65));
        assert_eq!(too_long_local.parse::<EmailAddress>(), Err(InvalidEmailAddress::Format));
        let label = "b".repeat(60);
        let whole = |last: usize| format!("{}@{label}.{label}.{label}.{}", "a".repeat(64), "c".repeat(last));
        assert!(whole(6).parse::<EmailAddress>().is_ok(), "{}", whole(6).len());
        assert_eq!(whole(7).len(), 255);
        assert_eq!(whole(7).parse::<EmailAddress>(), Err(InvalidEmailAddress::TooLong));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "ada",
            "@example.org",
            "ada@",
            "Ada <ada@example.org>",
            "ada@[127.0.0.1]",
            "ada@example.org\r\nBcc: eve@example.org",
            "a b@example.org",
            "ada@exa mple.org",
        ] {
            assert_eq!(text.parse::<EmailAddress>(), Err(InvalidEmailAddress::Format), "{text}");
        }
    }

    /// M6: an address never shows in a debug print.
    #[test]
    fn an_address_is_not_printed() {
        let address: EmailAddress = "ada@example.org".parse().unwrap();
        assert_eq!(format!("{address:?}"), "EmailAddress(redacted)");
    }
}
