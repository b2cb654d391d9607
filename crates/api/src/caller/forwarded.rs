//! The caller's address: the peer's own, or what trusted proxies say of it (C29). A proxy adds the address it saw at
//! the right of `X-Forwarded-For`; whatever stands further left than the first untrusted one, anybody may have made up.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The address of whoever sent a request to the outermost trusted proxy.
pub(crate) fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut client = peer.to_canonical();
    let lines: Vec<&str> =
        headers.get_all(FORWARDED_FOR).iter().map(|line| line.to_str().unwrap_or("")).collect();
    let mut hops = lines.iter().rev().flat_map(|line| line.rsplit(','));
    while is_trusted(client, trusted) {
        // What cannot be read ends the chain: the proxy that passed it on is the best that is known.
        let Some(hop) = hops.next().and_then(address) else { break };
        client = hop;
    }
    client
}

/// Does the header say whose request the nearest proxy passes on, in an address that can be read?
pub(crate) fn names_client(headers: &HeaderMap) -> bool {
    let last = headers.get_all(FORWARDED_FOR).iter().next_back();
    let hop = last.and_then(|line| line.to_str().ok()).and_then(|line| line.rsplit(',').next());
    hop.and_then(address).is_some()
}

/// Is it the address of a trusted proxy?
pub(crate) fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|network| network.contains(&address))
}

/// Did a proxy, or somebody who poses as one, have a hand in the request?
pub(crate) fn is_forwarded(headers: &HeaderMap) -> bool {
    headers.contains_key(FORWARDED_FOR)
}

/// An address as proxies write them: bare, with a port, in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address =
        bare.parse::<IpAddr>().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn client(peer: &str, lines: &[&'static str]) -> String {
        let headers = lines.iter().map(|line| (FORWARDED_FOR, HeaderValue::from_static(line))).collect();
        let trusted =
            ["127.0.0.0/8".parse().unwrap(), "10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    /// C29: the header counts only from a trusted peer.
    #[test]
    fn an_untrusted_peer_is_itself() {
        assert_eq!(client("203.0.113.9", &["198.51.100.1"]), "203.0.113.9");
        assert_eq!(client("127.0.0.1", &[]), "127.0.0.1");
    }

    /// C29: the right-most address that is not a trusted proxy's.
    #[test]
    fn a_made_up_address_at_the_left_is_not_believed() {
        assert_eq!(client("127.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(client("127.0.0.1", &["127.0.0.1, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(client("::ffff:127.0.0.1", &["1.1.1.1, 203.0.113.9, 10.0.0.7"]), "203.0.113.9");
        assert_eq!(client("127.0.0.1", &["1.1.1.1", "203.0.113.9"]), "203.0.113.9");
        assert_eq!(client("127.0.0.1", &["10.0.0.7"]), "10.0.0.7");
    }

    /// Z8: what a proxy passed on unread is nobody's address.
    #[test]
    fn a_client_is_named_by_an_address() {
        let named = |lines: &[&'static str]| {
            names_client(&lines.iter().map(|line| (FORWARDED_FOR, HeaderValue::from_static(line))).collect())
        };
        assert!(
            named(&["203.0.113.9"]) && named(&["junk", "203.0.113.9"]) && named(&["junk, [2001:db8::1]:1"])
        );
        for lines in
            [&[][..], &[""], &["unknown"], &["junk"], &["203.0.113.9,"], &["203.0.113.9", "junk"], &["unix:"]]
        {
            assert!(!named(lines), "{lines:?}");
        }
    }

    #[test]
    fn ports_brackets_and_nonsense() {
        assert_eq!(client("127.0.0.1", &["203.0.113.9:4711"]), "203.0.113.9");
        assert_eq!(client("127.0.0.1", &["[2001:db8::1]:4711"]), "2001:db8::1");
        assert_eq!(client("127.0.0.1", &["[2001:db8::1]"]), "2001:db8::1");
        assert_eq!(client("127.0.0.1", &["203.0.113.9, unknown"]), "127.0.0.1");
        assert_eq!(client("127.0.0.1", &["203.0.113.9, unknown, 10.0.0.7"]), "10.0.0.7");
    }
}
