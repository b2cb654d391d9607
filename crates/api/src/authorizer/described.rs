//! What a gateway is told of a principal: every field always, and each value in a form that can smuggle neither a header nor
//! a separator. The credential itself is no part of it.

use std::collections::BTreeSet;

use axum::http::{Error, HeaderMap, HeaderName, HeaderValue};
use symbolon_domain::authorizer::{Principal, Route};

use crate::problem::Problem;

/// Everything that is told of a principal, by name. Everything but letters, digits and `-._~:/@` is percent-encoded
/// (RFC 3986, section 2.1, as UTF-8); a list has single spaces between its items; what there is nothing of is empty.
#[must_use]
pub fn describe(principal: &Principal) -> [(&'static str, String); 7] {
    [
        ("subject", encoded(&principal.name())),
        ("kind", encoded(principal.kind.as_str())),
        ("issuer", encoded(&principal.issuer)),
        ("scopes", list(&principal.scopes)),
        ("groups", list(&principal.groups)),
        ("roles", list(&principal.roles)),
        ("entitlements", list(&principal.entitlements)),
    ]
}

/// The headers of a "yes". All of them are always there: a proxy that copies them overwrites what its client sent under the
/// same names.
pub(super) fn headers(principal: &Principal, route: &Route) -> Result<HeaderMap, Problem> {
    let mut headers = HeaderMap::new();
    let of_route = ("route", encoded(route.name()));
    for (name, value) in describe(principal).into_iter().chain([of_route]) {
        add(&mut headers, name, value).map_err(Problem::internal)?;
    }
    Ok(headers)
}

fn add(headers: &mut HeaderMap, name: &str, value: String) -> Result<(), Error> {
    headers.insert(HeaderName::try_from(format!("x-auth-{name}"))?, HeaderValue::try_from(value)?);
    Ok(())
}

fn list(items: &BTreeSet<String>) -> String {
    items.iter().map(|item| encoded(item)).collect::<Vec<_>>().join(" ")
}

fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/@".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Z8: no value ends a header, begins another one, or passes for two items of a list.
    #[test]
    fn nothing_in_a_value_can_be_taken_for_something_else() {
        for (text, expected) in [
            ("", ""),
            ("https://login.example.org|ada", "https://login.example.org%7Cada"),
            ("users:read", "users:read"),
            ("ada@example.org", "ada@example.org"),
            ("a b,c;d=\"e\"", "a%20b%2Cc%3Bd%3D%22e%22"),
            ("a\r\nX-Auth-Roles: superuser", "a%0D%0AX-Auth-Roles:%20superuser"),
            ("100%", "100%25"),
            ("é", "%C3%A9"),
        ] {
            assert_eq!(encoded(text), expected, "{text:?}");
        }
        assert_eq!(list(&["b c".to_owned(), "a".to_owned()].into()), "a b%20c");
        assert_eq!(list(&BTreeSet::new()), "");
    }
}
