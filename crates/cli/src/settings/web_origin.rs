//! A web origin (RFC 6454): scheme, host and port, with no path.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An `http` or `https` origin in its normal form: lower case, no default port, no slash at the end. Two origins are
/// the
/// same exactly when their texts are.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline)]
pub struct WebOrigin {
    scheme: Scheme,
    host: String,
    port: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Scheme {
    Http,
    Https,
}

/// A text that is not an origin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be `https://host` or `http://host`, with a port if need be, and with no path, query, user or fragment"
)]
pub struct InvalidWebOrigin;

impl WebOrigin {
    /// `http` on a host.
    pub(crate) fn http(host: &str, port: u16) -> Self {
        Self { scheme: Scheme::Http, host: host.to_owned(), port: Some(port) }
    }

    /// The host: a domain name, an IPv4 address, or an IPv6 address in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The host's address, when it is one and not a name. Passkeys are not possible then.
    #[must_use]
    pub fn ip_address(&self) -> Option<IpAddr> {
        parse_address(&self.host)
    }

    /// The port, the scheme's own when none was said.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port.unwrap_or(self.scheme.default_port())
    }

    /// Whether the transport is encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.scheme == Scheme::Https
    }
}

impl Scheme {
    const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl fmt::Display for WebOrigin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_https() { "https" } else { "http" };
        write!(formatter, "{scheme}://{}", self.host)?;
        self.port.map_or(Ok(()), |port| write!(formatter, ":{port}"))
    }
}

impl From<WebOrigin> for String {
    fn from(origin: WebOrigin) -> Self {
        origin.to_string()
    }
}

impl TryFrom<String> for WebOrigin {
    type Error = InvalidWebOrigin;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let text = text.to_ascii_lowercase();
        let (scheme, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
            (Some(rest), _) => (Scheme::Https, rest),
            (None, Some(rest)) => (Scheme::Http, rest),
            (None, None) => return Err(InvalidWebOrigin),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = split_port(authority)?;
        if !is_host(host) {
            return Err(InvalidWebOrigin);
        }
        let port = port.filter(|port| *port != scheme.default_port());
        Ok(Self { scheme, host: host.to_owned(), port })
    }
}

fn split_port(authority: &str) -> Result<(&str, Option<u16>), InvalidWebOrigin> {
    match authority.rsplit_once(':') {
        // The last colon of an IPv6 address is followed by the closing bracket.
        Some((host, port)) if !port.ends_with(']') => match port.parse::<u16>() {
            Ok(number) if number != 0 && port.bytes().all(|byte| byte.is_ascii_digit()) => {
                Ok((host, Some(number)))
            }
            _ => Err(InvalidWebOrigin),
        },
        _ => Ok((authority, None)),
    }
}

fn is_host(host: &str) -> bool {
    if host.starts_with('[') || host.contains(':') {
        return parse_address(host).is_some();
    }
    let is_label = |label: &str| {
        let allowed = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
        allowed && (1..=63).contains(&label.len())
    };
    host.len() <= 253 && host.split('.').all(is_label)
}

fn parse_address(host: &str) -> Option<IpAddr> {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inside) => inside.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<WebOrigin, InvalidWebOrigin> {
        WebOrigin::try_from(text.to_owned())
    }

    #[test]
    fn an_origin_has_one_normal_form() {
        for (text, normal) in [
            ("https://Auth.Example.ORG/", "https://auth.example.org"),
            ("https://auth.example.org:443", "https://auth.example.org"),
            ("http://localhost:8080", "http://localhost:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://[::1]", "http://[::1]"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), normal);
        }
    }

    #[test]
    fn what_is_more_or_less_than_an_origin_is_refused() {
        for text in [
            "",
            "*",
            "null",
            "example.org",
            "ftp://example.org",
            "https://",
            "https://example.org/path",
            "https://a?b",
            "https://a#b",
            "https://user@example.org",
            "https://a b",
            "https://a:0",
            "https://a:65536",
            "https://a:",
            "https://a:+1",
            "https://::1",
            "https://[::1",
            "https://a..b",
            "https://a,https://b",
        ] {
            assert_eq!(parse(text), Err(InvalidWebOrigin), "{text}");
        }
    }

    #[test]
    fn an_address_is_told_from_a_name() {
        assert!(parse("http://127.0.0.1:8080").unwrap().ip_address().is_some());
        assert!(parse("http://[::1]").unwrap().ip_address().is_some());
        assert!(parse("http://localhost").unwrap().ip_address().is_none());
        assert_eq!(parse("https://example.org").unwrap().port(), 443);
    }
}
