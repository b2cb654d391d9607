//! Licences and whom they are for.

use std::{fmt, num::NonZeroU32, str::FromStr};

use crate::{
    api_keys::Scopes,
    clock::Timestamp,
    device_tokens::Holder,
    id::{AccountId, LicenseId},
    identifiers::EmailAddress,
    secret::SecretHash,
};

/// What is licensed: 1 to 64 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Product(String);

/// The text names no product.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("a product has 1 to 64 visible ASCII characters")]
pub struct InvalidProduct;

impl Product {
    /// The longest name.
    pub const MAX_LENGTH: usize = 64;

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Product {
    type Err = InvalidProduct;

    fn from_str(text: &str) -> Result<Self, InvalidProduct> {
        let is_name = !text.is_empty()
            && text.len() <= Self::MAX_LENGTH
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if is_name { Ok(Self(text.to_owned())) } else { Err(InvalidProduct) }
    }
}

/// Whom a licence is for (L1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LicenseSubject {
    /// An account.
    Account(AccountId),
    /// Whoever has verified this address, here or with an issuer that is trusted to.
    Email(EmailAddress),
}

impl LicenseSubject {
    /// What a store finds its licences by: the account's id, or the address as it is compared.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Account(id) => id.to_string(),
            Self::Email(address) => address.normalized().to_owned(),
        }
    }
}

/// The account's id, or the address as it was typed: what [`LicenseSubject::from_str`] reads.
impl fmt::Display for LicenseSubject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(id) => id.fmt(formatter),
            Self::Email(address) => formatter.write_str(address.as_typed()),
        }
    }
}

/// The text is neither an account's id nor an e-mail address.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("neither the id of an account nor an e-mail address")]
pub struct InvalidLicenseSubject;

impl FromStr for LicenseSubject {
    type Err = InvalidLicenseSubject;

    fn from_str(text: &str) -> Result<Self, InvalidLicenseSubject> {
        if let Ok(id) = text.parse() {
            return Ok(Self::Account(id));
        }
        text.parse().map(Self::Email).map_err(|_| InvalidLicenseSubject)
    }
}

/// A licence that is kept here (L1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct License {
    /// Its id.
    pub id: LicenseId,
    /// Whose.
    pub subject: LicenseSubject,
    /// For what.
    pub product: Product,
    /// When it was granted.
    pub issued_at: Timestamp,
    /// From when on it no longer counts.
    pub expires_at: Timestamp,
    /// On how many devices at a time; on any number where it is not said.
    pub seats: Option<NonZeroU32>,
    /// What its device tokens say besides.
    pub entitlements: Scopes,
    /// When it was ended before its time; its device tokens end with it.
    pub revoked_at: Option<Timestamp>,
}

impl License {
    /// The most seats that one has: they are looked at one by one.
    pub const MOST_SEATS: u32 = 1_000;

    /// What has become of it by `now`.
    #[must_use]
    pub fn state(&self, now: Timestamp) -> LicenseState {
        if self.revoked_at.is_some() {
            LicenseState::Revoked
        } else if now >= self.expires_at {
            LicenseState::Expired
        } else {
            LicenseState::Active
        }
    }

    /// The `most` of these that end last, the last one first: what each store gives of what it has found.
    #[must_use]
    pub fn last_first(mut found: Vec<Self>, most: usize) -> Vec<Self> {
        found.sort_by_key(|license| std::cmp::Reverse((license.expires_at, license.id)));
        found.dedup_by_key(|license| license.id);
        found.truncate(most);
        found
    }

    /// As whoever holds it has it.
    #[must_use]
    pub fn held(self) -> HeldLicense {
        HeldLicense {
            id: Some(self.id),
            product: self.product,
            expires_at: self.expires_at,
            seats: self.seats.map(|seats| (SeatKey::of_license(self.id), seats)),
            entitlements: self.entitlements,
        }
    }
}

/// What has become of a licence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LicenseState {
    /// It counts.
    Active,
    /// Its time is over.
    Expired,
    /// It was ended before its time.
    Revoked,
}

impl LicenseState {
    /// Its name in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// Somebody who may hold licences: by themselves, and by each address of theirs that is verified (L2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Licensee {
    /// Who.
    pub holder: Holder,
    /// Their verified addresses.
    pub addresses: Vec<EmailAddress>,
}

impl Licensee {
    /// What licences that are kept here can be granted to for them to hold. Who has no account here holds by address only.
    #[must_use]
    pub fn subjects(&self) -> Vec<LicenseSubject> {
        let account = self.holder.account().map(LicenseSubject::Account);
        account.into_iter().chain(self.addresses.iter().cloned().map(LicenseSubject::Email)).collect()
    }
}

/// What the seats of one licence are counted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeatKey(SecretHash);

impl SeatKey {
    /// Of a licence that is kept here.
    #[must_use]
    pub fn of_license(id: LicenseId) -> Self {
        Self(SecretHash::sha256(format!("license:{id}").as_bytes()))
    }

    /// Of a licence that another service calls so.
    #[must_use]
    pub fn of_foreign(id: &str) -> Self {
        Self(SecretHash::sha256(format!("foreign:{id}").as_bytes()))
    }

    /// As a store keeps it.
    #[must_use]
    pub const fn from_stored(hash: SecretHash) -> Self {
        Self(hash)
    }

    /// What a store finds the slots by.
    #[must_use]
    pub const fn hash(&self) -> SecretHash {
        self.0
    }
}

/// A licence as it counts for somebody now, wherever it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldLicense {
    /// Its id, where it is kept here.
    pub id: Option<LicenseId>,
    /// For what.
    pub product: Product,
    /// From when on it no longer counts.
    pub expires_at: Timestamp,
    /// How many devices it is for at a time, and where they are counted.
    pub seats: Option<(SeatKey, NonZeroU32)>,
    /// What its device tokens say besides.
    pub entitlements: Scopes,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// L1: a subject is an account id or an e-mail address, and is found by its compared form.
    #[test]
    fn a_subject_is_an_account_or_an_address() {
        let id = "01890a5d-ac96-774b-bcce-b302099a8057";
        let account: LicenseSubject = id.parse().unwrap();
        assert!(matches!(account, LicenseSubject::Account(_)));
        assert_eq!((account.to_string(), account.key()), (id.to_owned(), id.to_owned()));
        let address: LicenseSubject = "Ada@Example.org".parse().unwrap();
        assert_eq!(
            (address.to_string(), address.key()),
            ("Ada@Example.org".to_owned(), "ada@example.org".to_owned())
        );
        for neither in ["", "ada", "01890a5d", "https://id.example|ada"] {
            assert_eq!(neither.parse::<LicenseSubject>(), Err(InvalidLicenseSubject), "{neither}");
        }
    }

    #[test]
    fn a_product_has_visible_characters() {
        for product in ["a", "editor-pro", &"x".repeat(64)] {
            assert!(product.parse::<Product>().is_ok(), "{product}");
        }
        for product in ["", "two words", "é", "tab\t", &"x".repeat(65)] {
            assert_eq!(product.parse::<Product>(), Err(InvalidProduct), "{product}");
        }
    }
}
