//! Requests and answers, short enough to read a test by.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, header::HeaderMap};
use serde_json::Value as Json;

/// A client that keeps connections, follows no redirect and waits no longer than half a minute.
pub(crate) fn client() -> Client {
    Client::builder()
        .timeout(Duration::from_secs(30))
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap()
}

/// A request under way.
pub(crate) struct Call(RequestBuilder);

impl Call {
    /// A request with this client.
    pub(crate) fn new(client: &Client, method: &str, url: &str) -> Self {
        Self(client.request(method.parse().unwrap(), url))
    }

    /// With this JSON body.
    pub(crate) fn json(self, body: &Json) -> Self {
        Self(self.0.json(body))
    }

    /// With this body, and `application/json`.
    pub(crate) fn body(self, body: impl Into<reqwest::Body>) -> Self {
        Self(self.0.header("content-type", "application/json").body(body))
    }

    /// With this form, escaped already.
    pub(crate) fn form(self, form: String) -> Self {
        Self(self.0.header("content-type", "application/x-www-form-urlencoded").body(form))
    }

    /// With this body, and `text/plain`.
    pub(crate) fn text(self, body: &str) -> Self {
        Self(self.0.header("content-type", "text/plain").body(body.to_owned()))
    }

    /// With this header.
    pub(crate) fn header(self, name: &str, value: &str) -> Self {
        Self(self.0.header(name, value))
    }

    /// With this bearer token.
    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// With this client binding.
    pub(crate) fn binding(self, binding: &str) -> Self {
        self.header("symbolon-binding", binding)
    }

    /// Sends it.
    pub(crate) async fn send(self) -> Answer {
        self.try_send().await.expect("an answer")
    }

    /// Sends it; nothing when the connection breaks before the answer is complete.
    pub(crate) async fn try_send(self) -> Option<Answer> {
        let response = self.0.send().await.ok()?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.ok()?;
        let mut json: Json = serde_json::from_str(&text).unwrap_or(Json::Null);
        json.sort_all_objects();
        Some(Answer { status, headers, text, json })
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The body as text.
    pub(crate) text: String,
    /// The body as JSON; null when it is none.
    pub(crate) json: Json,
}

impl Answer {
    /// The same answer, which must have this status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.problem());
        self
    }

    /// A member of the body that must be text.
    #[track_caller]
    pub(crate) fn text(&self, member: &str) -> String {
        self.json[member].as_str().unwrap_or_else(|| panic!("no {member} in the answer")).to_owned()
    }

    /// A header's text, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The slug of a problem's `type`.
    pub(crate) fn slug(&self) -> &str {
        self.json["type"].as_str().and_then(|kind| kind.strip_prefix("/problems/")).unwrap_or("")
    }

    /// The (slug, pointer) pairs of a problem's `errors`.
    pub(crate) fn errors(&self) -> Vec<(String, String)> {
        let member = |error: &Json, name: &str| error[name].as_str().unwrap_or("").to_owned();
        let errors = self.json["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().map(|error| (member(error, "slug"), member(error, "pointer"))).collect()
    }

    /// What may be printed of a refused answer: a problem holds no secret, anything else might.
    fn problem(&self) -> String {
        if self.json["type"].is_string() {
            self.json.to_string()
        } else {
            "the body is not a problem".to_owned()
        }
    }
}
