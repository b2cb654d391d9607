//! The events of a Lambda authorizer: of a REST API (`TOKEN`, `REQUEST`) and of an HTTP API (payload 2.0), each as a gateway's
//! question. Of an event no more is read than that question needs.
//!
//! A REST API enforces its policy on the method and path of `methodArn`, so those are what is asked about, whatever else the
//! event says. A header that is there twice is as good as none.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    net::IpAddr,
};

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use symbolon_domain::authorizer::GatewayRequest;

use super::MethodArn;

/// The stage of an HTTP API whose name is no part of paths.
pub(super) const UNNAMED_STAGE: &str = "$default";

/// A gateway's question, and in which form it wants its answer.
#[derive(Debug)]
pub struct AuthorizerEvent {
    /// Who asks.
    pub front: Front,
    shown: Shown,
    binding: Option<SecretString>,
    device_id: Option<SecretString>,
    method: String,
    path: String,
    host: String,
    source_ip: Option<IpAddr>,
}

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Front {
    /// A REST API: it wants a policy, which it may keep.
    Rest(MethodArn),
    /// An HTTP API: it wants a yes or a no.
    Http,
}

/// What an `Authorization` header has.
#[derive(Debug)]
enum Shown {
    Nothing,
    Bearer(SecretString),
    Other,
}

/// A text that is no such event. Nothing of the text is repeated: a token may be in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// It is not JSON, or its members are not those of an event.
    #[error(
        "not an event of a Lambda authorizer: TOKEN or REQUEST of a REST API, or payload 2.0 of an HTTP API"
    )]
    Form,
    /// The name of the method is not one that API Gateway gives.
    #[error("the event's methodArn is not the name of a method of an API")]
    MethodArn,
    /// The event is about one method, and named after another.
    #[error("the event's httpMethod is not that of its methodArn")]
    Method,
}

impl AuthorizerEvent {
    /// Reads an event.
    ///
    /// # Errors
    /// See [`EventError`].
    pub fn parse(json: &[u8]) -> Result<Self, EventError> {
        let Kind { kind, version } = read(json)?;
        match (kind.as_str(), version.as_deref()) {
            ("TOKEN", None) => Self::of_token(&read(json)?),
            ("REQUEST", None | Some("1.0")) => Self::of_request(read(json)?),
            ("REQUEST", Some("2.0")) => Ok(Self::of_http(read(json)?)),
            _ => Err(EventError::Form),
        }
    }

    /// What is asked.
    #[must_use]
    pub fn request(&self) -> GatewayRequest<'_> {
        GatewayRequest {
            credential: match &self.shown {
                Shown::Bearer(credential) => Some(credential),
                Shown::Nothing | Shown::Other => None,
            },
            binding: self.binding.as_ref(),
            device_id: self.device_id.as_ref().map(SecretString::expose_secret),
            method: &self.method,
            path: &self.path,
            host: &self.host,
            source_ip: self.source_ip,
        }
    }

    /// Is something shown that is not in the form `Bearer …`, and so no credential?
    #[must_use]
    pub const fn is_without_bearer(&self) -> bool {
        matches!(self.shown, Shown::Other)
    }

    /// One header is all that there is: no binding, no device, and neither host nor address (Z9).
    fn of_token(event: &TokenEvent) -> Result<Self, EventError> {
        let arn = MethodArn::parse(&event.method_arn).ok_or(EventError::MethodArn)?;
        Ok(Self {
            shown: Shown::of(event.authorization_token.as_deref()),
            binding: None,
            device_id: None,
            method: arn.method().to_owned(),
            path: path_of(&arn),
            host: String::new(),
            source_ip: None,
            front: Front::Rest(arn),
        })
    }

    fn of_request(event: RestEvent) -> Result<Self, EventError> {
        let arn = MethodArn::parse(&event.method_arn).ok_or(EventError::MethodArn)?;
        if event.http_method.is_some_and(|method| method != arn.method()) {
            return Err(EventError::Method);
        }
        let headers = Headers::of_rest(event.headers, event.multi_value_headers);
        let source_ip = event.request_context.identity.source_ip;
        Ok(Self {
            shown: Shown::of(headers.only("authorization")),
            binding: headers.secret("symbolon-binding"),
            device_id: headers.secret("symbolon-device"),
            method: arn.method().to_owned(),
            path: path_of(&arn),
            host: headers.host(event.request_context.domain_name),
            source_ip: source_ip.and_then(|address| address.parse().ok()),
            front: Front::Rest(arn),
        })
    }

    fn of_http(event: HttpEvent) -> Self {
        let headers = Headers::new(event.headers.into_iter().flatten());
        let RequestedOverHttp { method, source_ip } = event.request_context.http;
        Self {
            front: Front::Http,
            shown: Shown::of(headers.only("authorization")),
            binding: headers.secret("symbolon-binding"),
            device_id: headers.secret("symbolon-device"),
            method,
            path: without_stage(&event.raw_path, &event.request_context.stage).replace('?', "%3F"),
            host: headers.host(event.request_context.domain_name),
            source_ip: source_ip.and_then(|address| address.parse().ok()),
        }
    }
}

impl Shown {
    fn of(header: Option<&str>) -> Self {
        match header.map(bearer) {
            None => Self::Nothing,
            Some(Some(credential)) => Self::Bearer(credential),
            Some(None) => Self::Other,
        }
    }
}

/// There is no query in these names and paths: a `?` in one is a letter of it.
fn path_of(arn: &MethodArn) -> String {
    format!("/{}", arn.path().replace('?', "%3F"))
}

/// An HTTP API puts the name of the stage before the path, unless it is `$default`.
pub(super) fn without_stage<'a>(path: &'a str, stage: &str) -> &'a str {
    if stage == UNNAMED_STAGE {
        return path;
    }
    match path.strip_prefix('/').and_then(|rest| rest.strip_prefix(stage)) {
        Some("") => "/",
        Some(rest) if rest.starts_with('/') => rest,
        _ => path,
    }
}

/// What stands after `Bearer` (RFC 6750, section 2.1).
fn bearer(value: &str) -> Option<SecretString> {
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then(|| SecretString::from(token))
}

/// The headers of the request, by their names in lower case; none where there are several of a name.
struct Headers(BTreeMap<String, Option<String>>);

impl Headers {
    fn new(pairs: impl Iterator<Item = (String, String)>) -> Self {
        let mut headers = BTreeMap::new();
        for (name, value) in pairs {
            match headers.entry(name.to_ascii_lowercase()) {
                Entry::Vacant(place) => {
                    place.insert(Some(value));
                }
                Entry::Occupied(mut place) => {
                    place.insert(None);
                }
            }
        }
        Self(headers)
    }

    /// Of several headers with one name `headers` has the last only, so `multiValueHeaders` goes before it.
    fn of_rest(
        single: Option<BTreeMap<String, String>>,
        multiple: Option<BTreeMap<String, Vec<String>>>,
    ) -> Self {
        match multiple {
            Some(multiple) => {
                let pairs = multiple.into_iter();
                Self::new(
                    pairs.flat_map(|(name, values)| {
                        values.into_iter().map(move |value| (name.clone(), value))
                    }),
                )
            }
            None => Self::new(single.into_iter().flatten()),
        }
    }

    fn only(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_deref()
    }

    fn secret(&self, name: &str) -> Option<SecretString> {
        self.only(name).map(SecretString::from)
    }

    /// The host that API Gateway was asked for, which is not the client's to say, where the event has it.
    fn host(&self, domain_name: Option<String>) -> String {
        domain_name.or_else(|| self.only("host").map(str::to_owned)).unwrap_or_default()
    }
}

fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T, EventError> {
    serde_json::from_slice(json).map_err(|_| EventError::Form)
}

/// What tells one event from another.
#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: String,
    version: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TokenEvent {
    authorization_token: Option<String>,
    method_arn: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RestEvent {
    method_arn: String,
    http_method: Option<String>,
    headers: Option<BTreeMap<String, String>>,
    multi_value_headers: Option<BTreeMap<String, Vec<String>>>,
    #[serde(default)]
    request_context: RestContext,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RestContext {
    #[serde(default)]
    identity: RestIdentity,
    domain_name: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RestIdentity {
    source_ip: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpEvent {
    raw_path: String,
    headers: Option<BTreeMap<String, String>>,
    request_context: HttpContext,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct HttpContext {
    http: RequestedOverHttp,
    stage: String,
    domain_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestedOverHttp {
    method: String,
    source_ip: Option<String>,
}

#[cfg(test)]
mod tests;
