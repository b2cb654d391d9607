//! Whether a server is this very machine, so that what is said to it leaves no wire. By what its host says: no name is
//! looked up, so that nobody who answers for a name decides it.

use std::net::IpAddr;

use reqwest::Url;

/// `localhost`, or an address of the loopback interface (127.0.0.0/8, `::1`), in brackets or without.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.eq_ignore_ascii_case("localhost") || bare.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Whether what is asked for at this URL comes over TLS, or from this very machine; with no user, and a host.
#[must_use]
pub fn is_private_url(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else { return false };
    let Some(host) = url.host_str().filter(|host| !host.is_empty()) else { return false };
    let has_user = !url.username().is_empty() || url.password().is_some();
    !has_user && (url.scheme() == "https" || (url.scheme() == "http" && is_loopback(host)))
}

/// The directory of a socket in the file system, as the host of a PostgreSQL URL says it; there its slash may be escaped.
#[must_use]
pub fn is_socket(host: &str) -> bool {
    host.starts_with('/') || host.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("%2f"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// M5: only this very machine is spoken to in clear, and no name that looks like it.
    #[test]
    fn this_machine_is_told_from_others() {
        for host in [
            "localhost",
            "LOCALHOST",
            "127.0.0.1",
            "127.8.8.8",
            "127.255.255.255",
            "::1",
            "[::1]",
            "[127.0.0.1]",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "localhost.evil.com",
            "evil-localhost",
            "127.0.0.1.evil.com",
            "127.1",
            "128.0.0.1",
            "10.0.0.1",
            "0.0.0.0",
            "::",
            "[::]",
            "[::1",
            "::1]",
            "::ffff:127.0.0.1",
            "/run/postgresql",
            "mail",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    /// Z4, C57: keys come over TLS, or from this machine.
    #[test]
    fn a_private_url_is_read_by_nobody_between() {
        for url in ["https://example.com", "https://example.com/a?b", "http://localhost:1", "http://[::1]/a"]
        {
            assert!(is_private_url(url), "{url}");
        }
        for url in [
            "",
            "example.com",
            "http://example.com",
            "http://localhost.example.com",
            "ftp://localhost",
            "https://",
            "https://ada@example.com",
            "https://:word@example.com",
            "http://example.com@localhost",
        ] {
            assert!(!is_private_url(url), "{url}");
        }
    }

    #[test]
    fn a_socket_is_a_path() {
        for host in ["/run/postgresql", "%2Frun%2Fpostgresql", "%2frun"] {
            assert!(is_socket(host), "{host}");
        }
        for host in ["", "localhost", "2f", "%2", "run/postgresql", "%25"] {
            assert!(!is_socket(host), "{host}");
        }
    }
}
