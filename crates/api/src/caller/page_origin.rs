//! May the page that sent this request make the browser show its cookies? (C24)
//!
//! `Origin` must be there and be ours or a listed one; where the browser sends Fetch Metadata, they must agree.

use axum::http::{HeaderMap, HeaderName, header};

use crate::{
    problem::{Problem, ProblemType},
    settings::HttpSettings,
};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses a request that no page of an allowed origin has sent.
pub(crate) fn check(headers: &HeaderMap, settings: &HttpSettings) -> Result<(), Problem> {
    if is_allowed(headers, settings) { Ok(()) } else { Err(Problem::new(ProblemType::OriginMismatch)) }
}

fn is_allowed(headers: &HeaderMap, settings: &HttpSettings) -> bool {
    let Some(Some(origin)) = only(headers, &header::ORIGIN) else { return false };
    let listed = settings.allowed_origins.iter().any(|allowed| allowed == origin);
    match only(headers, &FETCH_SITE) {
        None => false,
        Some(None | Some("same-origin")) => listed || origin == settings.public_url,
        Some(Some("same-site" | "cross-site")) => listed,
        Some(Some(_)) => false,
    }
}

/// The header, or that there is none; the outer none when there are several or it cannot be read.
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<Option<&'a str>> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Some(None),
        (Some(value), None) => value.to_str().ok().map(Some),
        (Some(_), Some(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn allowed(pairs: &[(HeaderName, &'static str)]) -> bool {
        let mut settings = HttpSettings::new("https://auth.example.org");
        settings.allowed_origins = vec!["https://app.example.org".to_owned()];
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(name, HeaderValue::from_static(value));
        }
        is_allowed(&headers, &settings)
    }

    const OWN: (HeaderName, &str) = (header::ORIGIN, "https://auth.example.org");
    const LISTED: (HeaderName, &str) = (header::ORIGIN, "https://app.example.org");

    /// C24: a request without `Origin`, or from elsewhere, changes nothing by cookie.
    #[test]
    fn only_our_own_and_listed_origins_pass() {
        assert!(allowed(&[OWN]));
        assert!(allowed(&[LISTED]));
        assert!(!allowed(&[]));
        for other in [
            "null",
            "",
            "https://auth.example.org.evil.example",
            "http://auth.example.org",
            "https://auth.example.org:8443",
            "https://badauth.example.org",
        ] {
            assert!(!allowed(&[(header::ORIGIN, other)]), "{other}");
        }
        assert!(!allowed(&[OWN, OWN]));
    }

    /// C24: Fetch Metadata cannot be forged by a page, so it has the last word.
    #[test]
    fn fetch_metadata_must_agree() {
        let site = |value| (FETCH_SITE, value);
        assert!(allowed(&[OWN, site("same-origin")]));
        assert!(!allowed(&[OWN, site("cross-site")]));
        assert!(!allowed(&[OWN, site("same-site")]));
        assert!(!allowed(&[OWN, site("none")]));
        assert!(allowed(&[LISTED, site("same-site")]));
        assert!(allowed(&[LISTED, site("cross-site")]));
        assert!(!allowed(&[LISTED, site("none")]));
    }
}
