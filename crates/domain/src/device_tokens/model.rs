//! Device tokens and whom they are for.

use std::{fmt, str::FromStr};

use secrecy::SecretString;

use crate::{
    api_keys::Scopes,
    clock::Timestamp,
    id::{AccountId, DeviceTokenId, LicenseId},
    identifiers::EmailAddress,
    licenses::SeatKey,
    one_time_codes::OneTimeCode,
    sealing::SealedBytes,
    secret::SecretHash,
    trusted_issuers::ExternalSubject,
};

/// The half of a device token that goes by e-mail: seven digits (D3).
pub type ClaimCode = OneTimeCode<7>;

/// What a device calls itself: 10 to 128 visible ASCII characters (D1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct DeviceId(String);

/// The text is no device's.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("a device id has 10 to 128 visible ASCII characters")]
pub struct InvalidDeviceId;

impl DeviceId {
    /// The shortest and the longest, in characters.
    pub const LENGTHS: std::ops::RangeInclusive<usize> = 10..=128;
    /// So many of its characters are in the subject of a message (D5).
    const SHOWN: usize = 10;

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What its owner knows it by.
    #[must_use]
    pub fn beginning(&self) -> &str {
        self.0.get(..Self::SHOWN).unwrap_or(&self.0)
    }
}

impl FromStr for DeviceId {
    type Err = InvalidDeviceId;

    fn from_str(text: &str) -> Result<Self, InvalidDeviceId> {
        if Self::LENGTHS.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidDeviceId)
        }
    }
}

/// Whose a device token is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Holder {
    /// An account's.
    Account(AccountId),
    /// Somebody's whom a trusted issuer vouches for, without an account here (Z1).
    External(ExternalSubject),
}

impl Holder {
    /// The account.
    #[must_use]
    pub const fn account(&self) -> Option<AccountId> {
        match self {
            Self::Account(id) => Some(*id),
            Self::External(_) => None,
        }
    }

    /// Who vouches for them, where they have no account here.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        match self {
            Self::Account(_) => None,
            Self::External(external) => Some(&external.issuer),
        }
    }

    /// What they are called where they call themselves: the account's id, or the issuer's principal.
    #[must_use]
    pub fn user_id(&self) -> String {
        match self {
            Self::Account(id) => id.to_string(),
            Self::External(external) => external.principal.clone(),
        }
    }
}

/// Its `sub`, and what a store keeps: the account's id, or issuer and principal with a bar between.
impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(id) => id.fmt(formatter),
            Self::External(external) => external.fmt(formatter),
        }
    }
}

/// The text names nobody.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("neither the id of an account nor an issuer and its principal")]
pub struct InvalidHolder;

impl FromStr for Holder {
    type Err = InvalidHolder;

    fn from_str(text: &str) -> Result<Self, InvalidHolder> {
        match text.split_once('|') {
            Some((issuer, principal)) if !issuer.is_empty() && !principal.is_empty() => {
                Ok(Self::External(ExternalSubject { issuer: issuer.into(), principal: principal.into() }))
            }
            Some(_) => Err(InvalidHolder),
            None => text.parse().map(Self::Account).map_err(|_| InvalidHolder),
        }
    }
}

/// A device token as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceToken {
    /// Its id: `kid` and `jti`.
    pub id: DeviceTokenId,
    /// Whose.
    pub holder: Holder,
    /// The verified address of one who has no account here: licences are held by it.
    pub address: Option<EmailAddress>,
    /// Which device's.
    pub device_id: DeviceId,
    /// The licence that it was given for, where that is kept here: with it, it ends.
    pub license: Option<LicenseId>,
    /// What it says of its licence.
    pub entitlements: Scopes,
    /// Where its seat is counted, where its licence has seats.
    pub seat: Option<SeatKey>,
    /// The sealed secret that it is signed with (D9).
    pub secret: SealedBytes,
    /// When it was claimed.
    pub issued_at: Timestamp,
    /// From when on it no longer counts.
    pub expires_at: Timestamp,
}

impl DeviceToken {
    /// Who holds its seat: the device, so that another token of it takes no other.
    #[must_use]
    pub fn seat_holder(&self) -> [u8; 16] {
        self.holder.device(&self.device_id)
    }
}

impl Holder {
    /// What stands for a device of theirs where 16 bytes are asked for.
    #[must_use]
    pub fn device(&self, id: &DeviceId) -> [u8; 16] {
        let mut text = self.to_string();
        text.push('\n');
        text.push_str(id.as_str());
        SecretHash::sha256(text.as_bytes()).as_bytes().first_chunk().copied().unwrap_or_default()
    }
}

/// A device token as it is given out.
#[derive(Debug)]
pub struct IssuedDeviceToken {
    /// What is kept of it.
    pub kept: DeviceToken,
    /// The signed JWT.
    pub token: SecretString,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// D1: 10 to 128 visible ASCII characters.
    #[test]
    fn a_device_id_is_visible_and_within_its_lengths() {
        for id in ["0123456789", "Ada's~laptop!", &"x".repeat(128)] {
            assert!(id.parse::<DeviceId>().is_ok(), "{id}");
        }
        for id in [
            "",
            "012345678",
            "0123 56789",
            "012345678\n",
            "0123456789é",
            "0123456789\u{7f}",
            &"x".repeat(129),
        ] {
            assert_eq!(id.parse::<DeviceId>(), Err(InvalidDeviceId), "{id}");
        }
    }

    /// Z1: somebody external is never an account, whatever their issuer calls them.
    #[test]
    fn a_holder_survives_its_text() {
        let account = "01890a5d-ac96-774b-bcce-b302099a8057";
        let external = format!("https://id.example.org|{account}");
        for text in [account, &external, "https://id.example.org|a|b"] {
            assert_eq!(text.parse::<Holder>().map(|holder| holder.to_string()).as_deref(), Ok(text));
        }
        assert_ne!(account.parse::<Holder>(), external.parse::<Holder>());
        assert_eq!(external.parse::<Holder>().unwrap().user_id(), account);
        for text in ["", "ada", "|ada", "https://id.example.org|"] {
            assert_eq!(text.parse::<Holder>(), Err(InvalidHolder), "{text}");
        }
    }
}
