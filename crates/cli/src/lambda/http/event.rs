//! The event as a request. Of an event no more is read than makes the request; nothing of it is repeated in an error.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use symbolon_api::Peer;

use super::Form;
use crate::lambda::events::{UNNAMED_STAGE, without_stage};

/// The parameter that holds the rest of a path, as in `/{proxy+}`.
const REST_OF_PATH: &str = "proxy";

/// A request, and how its answer is wanted. It cannot be written into a log: what was shown is in it.
pub struct HttpEvent {
    /// The request, with its [`Peer`].
    pub request: Request<Body>,
    /// The form of its answer.
    pub form: Form,
}

/// A text that is no such event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpEventError {
    /// It is not JSON, or its members are not those of an event.
    #[error("not a request of an API Gateway or a function URL: payload format 1.0 or 2.0")]
    Form,
    /// The method is no word.
    #[error("the event's method is none")]
    Method,
    /// The path cannot be one.
    #[error("the event's path is none")]
    Path,
    /// The body is not what it is said to be.
    #[error("the event's body is not Base64")]
    Body,
}

impl HttpEvent {
    /// Reads an event.
    ///
    /// # Errors
    /// See [`HttpEventError`].
    pub fn parse(json: &[u8]) -> Result<Self, HttpEventError> {
        let Kind { version } = read(json)?;
        match version.as_deref() {
            None | Some("1.0") => Self::of_v1(read(json)?, version.is_some()),
            Some("2.0") => Self::of_v2(read(json)?),
            Some(_) => Err(HttpEventError::Form),
        }
    }

    /// A REST API keeps its stage out of paths; an HTTP API does not, in either form.
    fn of_v1(event: V1, is_http_api: bool) -> Result<Self, HttpEventError> {
        let context = event.request_context;
        let path = match (is_http_api, &context.stage) {
            (true, Some(stage)) => without_stage(&event.path, stage),
            _ => event.path.as_str(),
        };
        let query =
            match event.multi_value_query_string_parameters {
                Some(parameters) => query_of(parameters.iter().flat_map(|(name, values)| {
                    values.iter().map(move |value| (name.as_str(), value.as_str()))
                })),
                None => query_of(
                    event
                        .query_string_parameters
                        .iter()
                        .flatten()
                        .map(|(name, value)| (name.as_str(), value.as_str())),
                ),
            };
        let headers =
            match event.multi_value_headers {
                Some(headers) => {
                    let pairs = headers.into_iter();
                    headers_of(pairs.flat_map(|(name, values)| {
                        values.into_iter().map(move |value| (name.clone(), value))
                    }))
                }
                None => headers_of(event.headers.into_iter().flatten()),
            };
        Asked {
            method: event.http_method,
            path: without_base(path, event.path_parameters.as_ref()),
            query,
            headers,
            domain_name: context.domain_name,
            source_ip: context.identity.source_ip,
            body: decoded(event.body, event.is_base64_encoded)?,
        }
        .into_event(Form::V1)
    }

    fn of_v2(event: V2) -> Result<Self, HttpEventError> {
        let V2Context { http, stage, domain_name } = event.request_context;
        let mut headers = headers_of(event.headers.into_iter().flatten());
        if let Some(cookies) = event.cookies
            && let Ok(value) = HeaderValue::try_from(cookies.join("; "))
        {
            headers.insert(header::COOKIE, value);
        }
        let path = without_stage(&event.raw_path, stage.as_deref().unwrap_or(UNNAMED_STAGE));
        Asked {
            method: http.method,
            path: without_base(path, event.path_parameters.as_ref()),
            query: event.raw_query_string.unwrap_or_default(),
            headers,
            domain_name,
            source_ip: http.source_ip,
            body: decoded(event.body, event.is_base64_encoded)?,
        }
        .into_event(Form::V2)
    }
}

/// What both forms come to.
struct Asked<'a> {
    method: String,
    path: &'a str,
    query: String,
    headers: HeaderMap,
    domain_name: Option<String>,
    source_ip: Option<String>,
    body: Vec<u8>,
}

impl Asked<'_> {
    fn into_event(self, form: Form) -> Result<HttpEvent, HttpEventError> {
        let mut target = encoded(self.path, is_of_path);
        if !target.starts_with('/') {
            target.insert(0, '/');
        }
        if !self.query.is_empty() {
            target.push('?');
            target.push_str(&encoded(&self.query, is_of_query));
        }
        let mut request = Request::new(Body::from(self.body));
        *request.method_mut() =
            Method::from_bytes(self.method.as_bytes()).map_err(|_| HttpEventError::Method)?;
        *request.uri_mut() = target.parse::<Uri>().map_err(|_| HttpEventError::Path)?;
        *request.headers_mut() = self.headers;
        if !request.headers().contains_key(header::HOST)
            && let Some(host) = self.domain_name.and_then(|name| HeaderValue::try_from(name).ok())
        {
            request.headers_mut().insert(header::HOST, host);
        }
        // Who is not named is somebody all the same, and no caller inside this process.
        let address = self.source_ip.and_then(|address| address.parse().ok());
        let address = address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        request.extensions_mut().insert(Peer(SocketAddr::new(address, 0)));
        Ok(HttpEvent { request, form })
    }
}

/// A route `/{proxy+}` says what it left of the path; whatever is before that is the base path of a custom domain, or of the API.
fn without_base<'a>(path: &'a str, parameters: Option<&BTreeMap<String, String>>) -> &'a str {
    let rest = parameters.and_then(|parameters| parameters.get(REST_OF_PATH));
    let Some(rest) = rest.filter(|rest| !rest.is_empty()) else { return path };
    let base = path.strip_suffix(rest.as_str()).and_then(|base| base.strip_suffix('/'));
    base.and_then(|base| path.get(base.len()..)).unwrap_or(path)
}

/// Names and values that cannot be those of a header are left out: no client could have sent them.
fn headers_of(pairs: impl Iterator<Item = (String, String)>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.append(name, value);
        }
    }
    headers
}

/// Parameters that the gateway has decoded, as a query again.
fn query_of<'a>(parameters: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let pair = |(name, value): (&str, &str)| {
        format!("{}={}", encoded(name, is_unreserved), encoded(value, is_unreserved))
    };
    parameters.map(pair).collect::<Vec<_>>().join("&")
}

fn decoded(body: Option<String>, is_base64: Option<bool>) -> Result<Vec<u8>, HttpEventError> {
    let body = body.unwrap_or_default();
    if is_base64 == Some(true) {
        return STANDARD.decode(body).map_err(|_| HttpEventError::Body);
    }
    Ok(body.into_bytes())
}

/// Percent-encodes what cannot stand there as it is. What is encoded already stays as it was sent.
fn encoded(text: &str, may_stand: fn(u8) -> bool) -> String {
    let mut target = String::with_capacity(text.len());
    for byte in text.bytes() {
        if may_stand(byte) {
            target.push(char::from(byte));
        } else {
            target.push_str(&format!("%{byte:02X}"));
        }
    }
    target
}

/// RFC 3986, section 2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986, section 3.3, with the sign of what is encoded already.
fn is_of_path(byte: u8) -> bool {
    is_unreserved(byte) || b"%/!$&'()*+,;=:@".contains(&byte)
}

/// RFC 3986, section 3.4.
fn is_of_query(byte: u8) -> bool {
    is_of_path(byte) || byte == b'?'
}

fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, HttpEventError> {
    serde_json::from_slice(json).map_err(|_| HttpEventError::Form)
}

/// What tells one form from the other.
#[derive(Deserialize)]
struct Kind {
    version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct V1 {
    http_method: String,
    path: String,
    headers: Option<BTreeMap<String, String>>,
    multi_value_headers: Option<BTreeMap<String, Vec<String>>>,
    query_string_parameters: Option<BTreeMap<String, String>>,
    multi_value_query_string_parameters: Option<BTreeMap<String, Vec<String>>>,
    path_parameters: Option<BTreeMap<String, String>>,
    request_context: V1Context,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct V1Context {
    identity: V1Identity,
    stage: Option<String>,
    domain_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct V1Identity {
    source_ip: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct V2 {
    raw_path: String,
    raw_query_string: Option<String>,
    cookies: Option<Vec<String>>,
    headers: Option<BTreeMap<String, String>>,
    path_parameters: Option<BTreeMap<String, String>>,
    request_context: V2Context,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct V2Context {
    http: V2Request,
    stage: Option<String>,
    domain_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct V2Request {
    method: String,
    source_ip: Option<String>,
}
