//! A range of IP addresses: one address, or a network in CIDR notation (RFC 4632).

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One address or one network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline)]
pub struct AddressRange(IpNet);

/// A text that is neither an address nor a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither an IP address nor a network such as 10.0.0.0/8")]
pub struct InvalidAddressRange(String);

impl AddressRange {
    /// Whether the address is inside. An IPv4 address that arrived mapped into IPv6 counts as the IPv4 address it is.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(&address.to_canonical())
    }

    /// The network, with all its bits.
    #[must_use]
    pub fn network(&self) -> IpNet {
        self.0
    }
}

impl From<IpNet> for AddressRange {
    fn from(network: IpNet) -> Self {
        Self(network.trunc())
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            self.0.addr().fmt(formatter)
        } else {
            self.0.fmt(formatter)
        }
    }
}

impl From<AddressRange> for String {
    fn from(range: AddressRange) -> Self {
        range.to_string()
    }
}

impl TryFrom<String> for AddressRange {
    type Error = InvalidAddressRange;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let address = text.parse::<IpAddr>().map(IpNet::from);
        let network = address.or_else(|_| text.parse::<IpNet>());
        network.map(Self::from).map_err(|_| InvalidAddressRange(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(text: &str) -> AddressRange {
        AddressRange::try_from(text.to_owned()).unwrap()
    }

    #[test]
    fn a_range_is_one_address_or_a_network() {
        assert!(range("10.0.0.0/8").contains("10.1.2.3".parse().unwrap()));
        assert!(!range("10.0.0.0/8").contains("11.0.0.1".parse().unwrap()));
        assert!(range("127.0.0.1").contains("::ffff:127.0.0.1".parse().unwrap()));
        assert!(!range("192.0.2.7").contains("192.0.2.8".parse().unwrap()));
        assert!(range("fd00::/8").contains("fd12::1".parse().unwrap()));
    }

    #[test]
    fn anything_else_is_refused_by_name() {
        let error = AddressRange::try_from("10.0.0.0/33".to_owned()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`10.0.0.0/33` is neither an IP address nor a network such as 10.0.0.0/8"
        );
    }

    #[test]
    fn a_range_is_shown_as_it_is_written() {
        assert_eq!(range("10.1.2.3/8").to_string(), "10.0.0.0/8");
        assert_eq!(range("::1").to_string(), "::1");
    }
}
