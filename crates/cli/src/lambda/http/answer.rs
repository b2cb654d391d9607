//! An answer as a gateway wants it: a text as it is, and anything else as Base64.

use std::collections::BTreeMap;

use axum::{
    body::{Body, to_bytes},
    http::{HeaderMap, Response, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Serialize;

use super::Form;

/// What the function returns.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HttpAnswer {
    status_code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_value_headers: Option<BTreeMap<String, Vec<String>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cookies: Option<Vec<String>>,
    body: String,
    is_base64_encoded: bool,
}

/// The body has ended early.
#[derive(Debug, thiserror::Error)]
#[error("the body of an answer has ended early")]
pub struct IncompleteAnswer(#[source] axum::Error);

impl HttpAnswer {
    /// The answer to a request that came in this form.
    ///
    /// # Errors
    /// Its body cannot be read to its end.
    pub async fn of(response: Response<Body>, form: Form) -> Result<Self, IncompleteAnswer> {
        let (head, body) = response.into_parts();
        // All of it is our own: gateways have a limit, and this is not the place for another one.
        let bytes = to_bytes(body, usize::MAX).await.map_err(IncompleteAnswer)?;
        let (body, is_base64_encoded) = match String::from_utf8(bytes.into()) {
            Ok(text) => (text, false),
            Err(other) => (STANDARD.encode(other.as_bytes()), true),
        };
        let (headers, multi_value_headers, cookies) = match form {
            Form::V1 => (None, Some(values(&head.headers)), None),
            Form::V2 => (Some(joined(&head.headers)), None, Some(cookies(&head.headers))),
        };
        let status_code = head.status.as_u16();
        Ok(Self { status_code, headers, multi_value_headers, cookies, body, is_base64_encoded })
    }
}

fn values(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in headers {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        values.entry(name.as_str().to_owned()).or_default().push(value);
    }
    values
}

/// A list in several lines is the same as in one (RFC 9110, section 5.3); cookies are not lists, and have a place of their own.
fn joined(headers: &HeaderMap) -> BTreeMap<String, String> {
    let mut values = values(headers);
    values.remove(header::SET_COOKIE.as_str());
    values.into_iter().map(|(name, values)| (name, values.join(", "))).collect()
}

fn cookies(headers: &HeaderMap) -> Vec<String> {
    let cookies = headers.get_all(header::SET_COOKIE).iter();
    cookies.map(|cookie| String::from_utf8_lossy(cookie.as_bytes()).into_owned()).collect()
}
