//! What a key says of itself and is asked for, each kept to what may stand in a key (K1).

use std::{fmt, net::IpAddr, str::FromStr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

/// What a key says of its issuer, audience, subject or version: 1 to 256 bytes without control characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApiKeyText(String);

impl ApiKeyText {
    /// The longest one, in bytes.
    pub const MAX_LENGTH: usize = 256;

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text cannot stand in a key.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidApiKeyText {
    /// Nothing.
    #[error("it is empty")]
    Empty,
    /// Longer than [`ApiKeyText::MAX_LENGTH`].
    #[error("it is longer than 256 bytes")]
    TooLong,
    /// Control characters.
    #[error("it has control characters")]
    Control,
}

impl TryFrom<String> for ApiKeyText {
    type Error = InvalidApiKeyText;

    fn try_from(text: String) -> Result<Self, InvalidApiKeyText> {
        if text.is_empty() {
            Err(InvalidApiKeyText::Empty)
        } else if text.len() > Self::MAX_LENGTH {
            Err(InvalidApiKeyText::TooLong)
        } else if text.chars().any(char::is_control) {
            Err(InvalidApiKeyText::Control)
        } else {
            Ok(Self(text))
        }
    }
}

impl FromStr for ApiKeyText {
    type Err = InvalidApiKeyText;

    fn from_str(text: &str) -> Result<Self, InvalidApiKeyText> {
        Self::try_from(text.to_owned())
    }
}

impl From<ApiKeyText> for String {
    fn from(text: ApiKeyText) -> Self {
        text.0
    }
}

/// Opaque scopes (RFC 6749, section 3.3), in the order in which they were asked for, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Scopes(Vec<String>);

/// The scopes, or what has their form, cannot be given.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidScopes {
    /// More than [`Scopes::MAX_COUNT`].
    #[error("there are more than 32")]
    TooMany,
    /// Longer than [`Scopes::MAX_LENGTH`].
    #[error("it is longer than 128 bytes")]
    TooLong,
    /// Not a `scope-token` of RFC 6749.
    #[error("it is empty, or has characters that a scope does not have (RFC 6749, section 3.3)")]
    Format,
    /// `symbolon:*` is given to clients only (O1).
    #[error("what begins with `symbolon:` is never given")]
    Reserved,
    /// The same one twice.
    #[error("it is named twice")]
    Duplicate,
}

impl Scopes {
    /// So many at the most.
    pub const MAX_COUNT: usize = 32;
    /// The longest one, in bytes.
    pub const MAX_LENGTH: usize = 128;

    /// May it stand among scopes?
    ///
    /// # Errors
    /// Why not.
    pub fn check(scope: &str) -> Result<(), InvalidScopes> {
        let is_allowed = |byte| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if scope.len() > Self::MAX_LENGTH {
            Err(InvalidScopes::TooLong)
        } else if scope.is_empty() || !scope.bytes().all(is_allowed) {
            Err(InvalidScopes::Format)
        } else if scope.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("symbolon:")) {
            Err(InvalidScopes::Reserved)
        } else {
            Ok(())
        }
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Are they all among these?
    #[must_use]
    pub fn are_within(&self, others: &Self) -> bool {
        self.0.iter().all(|scope| others.0.contains(scope))
    }

    /// Separated by blanks, as RFC 6749 writes them.
    #[must_use]
    pub fn to_text(&self) -> String {
        self.0.join(" ")
    }

    /// From a text that [`Scopes::to_text`] made.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        text.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>().try_into().ok()
    }
}

impl TryFrom<Vec<String>> for Scopes {
    type Error = InvalidScopes;

    fn try_from(scopes: Vec<String>) -> Result<Self, InvalidScopes> {
        if scopes.len() > Self::MAX_COUNT {
            return Err(InvalidScopes::TooMany);
        }
        for (index, scope) in scopes.iter().enumerate() {
            Self::check(scope)?;
            if scopes.iter().take(index).any(|other| other == scope) {
                return Err(InvalidScopes::Duplicate);
            }
        }
        Ok(Self(scopes))
    }
}

impl From<Scopes> for Vec<String> {
    fn from(scopes: Scopes) -> Self {
        scopes.0
    }
}

/// The addresses that a key is bound to: one address, or a range in CIDR notation (RFC 4632, RFC 4291).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ApiKeyAddress(IpNet);

/// The text is neither an address nor a range of them.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
#[error("it is neither an IP address nor a range in CIDR notation whose host bits are zero")]
pub struct InvalidApiKeyAddress;

impl ApiKeyAddress {
    /// Is this address inside? An IPv4 address that is written as an IPv6 one (RFC 4291, section 2.5.5.2) is that IPv4 address.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }
}

impl FromStr for ApiKeyAddress {
    type Err = InvalidApiKeyAddress;

    fn from_str(text: &str) -> Result<Self, InvalidApiKeyAddress> {
        let net = match text.parse::<IpAddr>() {
            Ok(address) => IpNet::from(address.to_canonical()),
            Err(_) => text.parse().map_err(|_| InvalidApiKeyAddress)?,
        };
        // A range of mapped addresses would hold none: each is read as the IPv4 address that it is.
        let is_mapped = matches!(net.addr(), IpAddr::V6(address) if address.to_ipv4_mapped().is_some());
        if net.trunc() == net && !is_mapped { Ok(Self(net)) } else { Err(InvalidApiKeyAddress) }
    }
}

impl TryFrom<String> for ApiKeyAddress {
    type Error = InvalidApiKeyAddress;

    fn try_from(text: String) -> Result<Self, InvalidApiKeyAddress> {
        text.parse()
    }
}

impl From<ApiKeyAddress> for String {
    fn from(address: ApiKeyAddress) -> Self {
        address.to_string()
    }
}

/// One address without its prefix length, as it was written.
impl fmt::Display for ApiKeyAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            self.0.addr().fmt(formatter)
        } else {
            self.0.fmt(formatter)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(names: &[&str]) -> Result<Scopes, InvalidScopes> {
        names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>().try_into()
    }

    /// K1: opaque strings, never `symbolon:*`.
    #[test]
    fn scopes_are_tokens_and_none_of_ours() {
        assert!(scopes(&["read", "https://example.org/a!~"]).is_ok());
        for reserved in ["symbolon:admin", "Symbolon:x", "symbolon:"] {
            assert_eq!(scopes(&[reserved]), Err(InvalidScopes::Reserved), "{reserved}");
        }
        assert!(scopes(&["symbolon"]).is_ok());
        for bad in ["", "a b", "a\"b", "a\\b", "é", "a\u{7f}"] {
            assert_eq!(scopes(&[bad]), Err(InvalidScopes::Format), "{bad:?}");
        }
        assert_eq!(scopes(&["a", "b", "a"]), Err(InvalidScopes::Duplicate));
        assert_eq!(scopes(&[&"a".repeat(129)]), Err(InvalidScopes::TooLong));
        let many: Vec<String> = (0..33).map(|number| number.to_string()).collect();
        assert_eq!(Scopes::try_from(many), Err(InvalidScopes::TooMany));
        let kept = scopes(&["b", "a"]).unwrap();
        assert_eq!(Scopes::from_text(&kept.to_text()), Some(kept));
    }

    /// K5: an address, or a range; mapped addresses are what they map.
    #[test]
    fn an_address_is_inside_its_range_only() {
        let held =
            |net: &str, address: &str| net.parse::<ApiKeyAddress>().unwrap().holds(address.parse().unwrap());
        assert!(held("203.0.113.9", "203.0.113.9") && held("203.0.113.9", "::ffff:203.0.113.9"));
        assert!(held("::ffff:203.0.113.9", "203.0.113.9"));
        assert!(!held("203.0.113.9", "203.0.113.8") && !held("203.0.113.9", "2001:db8::9"));
        assert!(held("203.0.113.0/24", "203.0.113.255") && !held("203.0.113.0/24", "203.0.114.0"));
        assert!(held("2001:db8::/32", "2001:db8:ffff::1") && !held("2001:db8::/32", "2001:db9::1"));
        for bad in ["", "203.0.113.9/24", "203.0.113.0/33", "::ffff:203.0.113.0/120", "example.org", "1.2.3"]
        {
            assert_eq!(bad.parse::<ApiKeyAddress>(), Err(InvalidApiKeyAddress), "{bad}");
        }
        for text in ["203.0.113.9", "203.0.113.0/24", "2001:db8::/32"] {
            assert_eq!(text.parse::<ApiKeyAddress>().unwrap().to_string(), text);
        }
    }
}
