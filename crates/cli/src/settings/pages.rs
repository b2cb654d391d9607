//! `[pages]`: pages of the operator's own that messages link to. Where there is none, a message has the token by itself.

use std::fmt;

use opentelemetry_http::Request;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use symbolon_adapters::loopback::is_loopback;

/// Pages that messages link to, with `#token=…` behind.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PagesSettings {
    /// The page that asks for a new password and completes a recovery. Not set: the message has the token by itself.
    pub recovery: Option<PageUrl>,
    /// The page that asks for a password and redeems an invitation. Not set: the message has the token by itself.
    pub invitation: Option<PageUrl>,
}

/// The URL of a page that is given a token behind its `#`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline)]
pub struct PageUrl(String);

/// A text that is no URL of such a page.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be `https://host/path`, or `http://` on this machine, with no user or fragment")]
pub struct InvalidPageUrl;

impl PageUrl {
    /// The whole URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PageUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<PageUrl> for String {
    fn from(page: PageUrl) -> Self {
        page.0
    }
}

impl TryFrom<String> for PageUrl {
    type Error = InvalidPageUrl;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let request = Request::builder().uri(&text).body(()).map_err(|_| InvalidPageUrl)?;
        let host = request.uri().host().filter(|host| !host.is_empty()).ok_or(InvalidPageUrl)?;
        let is_safe = match request.uri().scheme_str() {
            Some("https") => true,
            Some("http") => is_loopback(host),
            _ => false,
        };
        if is_safe && !text.contains(['@', '#']) { Ok(Self(text)) } else { Err(InvalidPageUrl) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_reached_safely_and_has_room_for_a_fragment() {
        for text in
            ["https://example.com/recovery", "https://example.com/?page=recovery", "http://localhost:3000/r"]
        {
            assert_eq!(PageUrl::try_from(text.to_owned()).unwrap().as_str(), text);
        }
        for text in [
            "",
            "/recovery",
            "example.com/recovery",
            "http://example.com/recovery",
            "ftp://example.com/",
            "https:///recovery",
            "https://ada@example.com/",
            "https://example.com/#recovery",
            "javascript:alert(1)",
        ] {
            assert_eq!(PageUrl::try_from(text.to_owned()), Err(InvalidPageUrl), "{text}");
        }
    }
}
