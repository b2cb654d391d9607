//! The cookies of browsers (S8): reading them (RFC 6265, section 5.4) and setting them.
//!
//! Their `__Host-` names bind them to this very host, over TLS, for every path (C24).

use std::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header};
use secrecy::{ExposeSecret as _, SecretString};

use super::Shown;
use crate::problem::{Problem, ProblemType};

/// The access token of a session.
pub(crate) const SESSION: Cookie = Cookie { name: "__Host-symbolon-session", same_site: "Lax" };
/// The refresh token of a session.
pub(crate) const REFRESH: Cookie = Cookie { name: "__Host-symbolon-refresh", same_site: "Strict" };
/// The refresh token of an API key (K11).
pub(crate) const KEY_REFRESH: Cookie = Cookie { name: "__Host-symbolon-key-refresh", same_site: "Strict" };
/// The client binding of a ceremony and of the session that comes of it.
pub(crate) const BINDING: Cookie = Cookie { name: "__Host-symbolon-binding", same_site: "Strict" };

/// A cookie of ours.
#[derive(Clone, Copy)]
pub(crate) struct Cookie {
    /// Its name.
    pub(crate) name: &'static str,
    same_site: &'static str,
}

impl Cookie {
    /// The header that sets it, to expire exactly with what it holds.
    pub(crate) fn set(self, value: &SecretString, life: Duration) -> Option<HeaderValue> {
        self.header(value.expose_secret(), life.as_secs())
    }

    /// The header that takes it away.
    pub(crate) fn clear(self) -> Option<HeaderValue> {
        self.header("", 0)
    }

    fn header(self, value: &str, max_age: u64) -> Option<HeaderValue> {
        let Self { name, same_site } = self;
        let text =
            format!("{name}={value}; Max-Age={max_age}; Path=/; Secure; HttpOnly; SameSite={same_site}");
        let mut header = HeaderValue::try_from(text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

/// The value of a cookie. One that comes twice, or is longer than any of ours, proves nothing.
pub(crate) fn find(headers: &HeaderMap, cookie: Cookie) -> Result<Option<Shown>, Problem> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(name, _)| *name == cookie.name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (None | Some(""), None) => Ok(None),
        (Some(value), None) => Ok(Some(Shown { secret: super::token_of(value)?, by_cookie: true })),
        _ => Err(Problem::new(ProblemType::InvalidToken)),
    }
}

/// Adds cookies to an answer.
pub(crate) fn put(headers: &mut HeaderMap, cookies: impl IntoIterator<Item = Option<HeaderValue>>) {
    for cookie in cookies.into_iter().flatten() {
        headers.append(header::SET_COOKIE, cookie);
    }
}

/// Takes every cookie of ours away.
pub(crate) fn clear_all(headers: &mut HeaderMap) {
    put(headers, [SESSION.clear(), REFRESH.clear(), BINDING.clear(), KEY_REFRESH.clear()]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(lines: &[&'static str]) -> Option<Option<String>> {
        let lines = lines.iter().map(|line| (header::COOKIE, HeaderValue::from_static(line)));
        let found = find(&lines.collect(), SESSION).ok()?;
        Some(found.map(|shown| shown.secret.expose_secret().to_owned()))
    }

    /// S8, C24: `__Host-`, Secure, HttpOnly, SameSite, for the whole host, as long as what it holds.
    #[test]
    fn attributes_are_exact() {
        let life = Duration::from_secs(900);
        let set = |cookie: Cookie| cookie.set(&"abc".into(), life).unwrap().to_str().unwrap().to_owned();
        assert_eq!(
            set(SESSION),
            "__Host-symbolon-session=abc; Max-Age=900; Path=/; Secure; HttpOnly; SameSite=Lax"
        );
        assert_eq!(
            set(REFRESH),
            "__Host-symbolon-refresh=abc; Max-Age=900; Path=/; Secure; HttpOnly; SameSite=Strict"
        );
        assert_eq!(
            BINDING.clear().unwrap(),
            "__Host-symbolon-binding=; Max-Age=0; Path=/; Secure; HttpOnly; SameSite=Strict"
        );
    }

    #[test]
    fn a_cookie_is_found_among_others_and_never_by_half_its_name() {
        assert_eq!(value(&[]), Some(None));
        assert_eq!(value(&["a=b; __Host-symbolon-session=x=y;c"]), Some(Some("x=y".to_owned())));
        assert_eq!(value(&["a=b", "__Host-symbolon-session=x"]), Some(Some("x".to_owned())));
        assert_eq!(value(&["__host-symbolon-session=x; symbolon-session=x"]), Some(None));
        assert_eq!(value(&["__Host-symbolon-session="]), Some(None));
        assert_eq!(value(&["__Host-symbolon-session=x; __Host-symbolon-session=y"]), None);
    }
}
