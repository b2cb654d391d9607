//! What a gateway is told of a principal: every field always, and each value in a form that can smuggle neither a header nor
//! a separator. The credential itself is no part of it.

use std::collections::BTreeSet;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use symbolon_domain::authorizer::{Principal, Route};

use crate::problem::Problem;

/// What [`describe`] tells, in its order, and the route.
const HEADERS: [HeaderName; 8] = [
    HeaderName::from_static("x-auth-subject"),
    HeaderName::from_static("x-auth-kind"),
    HeaderName::from_static("x-auth-issuer"),
    HeaderName::from_static("x-auth-scopes"),
    HeaderName::from_static("x-auth-groups"),
    HeaderName::from_static("x-auth-roles"),
    HeaderName::from_static("x-auth-entitlements"),
    HeaderName::from_static("x-auth-route"),
];

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
    let values = describe(principal).into_iter().map(|(_, value)| value).chain([encoded(route.name())]);
    let mut headers = HeaderMap::with_capacity(HEADERS.len());
    for (name, value) in HEADERS.into_iter().zip(values) {
        headers.insert(name, HeaderValue::try_from(value).map_err(Problem::internal)?);
    }
    Ok(headers)
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
    use symbolon_domain::{
        authorizer::{PrincipalKind, PrincipalSubject},
        clock::Timestamp,
    };

    use super::*;

    /// Z8: each under its own name.
    #[test]
    fn headers_are_named_as_what_they_tell() {
        let principal = Principal::new(
            PrincipalKind::Session,
            PrincipalSubject::Named("ada".to_owned()),
            "https://id.example.org".to_owned(),
            Timestamp::MAX,
        );
        for (header, (name, _)) in HEADERS.iter().zip(describe(&principal)) {
            assert_eq!(header.as_str(), format!("x-auth-{name}"));
        }
    }

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
