//! What a gateway asks about, as its headers say it. They count only from a trusted proxy; and since a client can send headers
//! of the same names through a proxy that does not set them, what is there twice, by halves, or in two versions is refused.

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, request::Parts},
};
use secrecy::{ExposeSecret as _, SecretString};
use symbolon_domain::{actor::Origin, authorizer::GatewayRequest};

use crate::{
    Api,
    caller::{
        BINDING_HEADER, bearer,
        forwarded::{is_trusted, names_client},
        only, token_of,
    },
    fields::Fault,
    problem::{Problem, ProblemType, Slug},
    serve::Peer,
};

/// The headers that carry method and URI: nginx's, and those of Traefik and Caddy.
const PAIRS: [(&str, &str); 2] =
    [("X-Original-Method", "X-Original-URI"), ("X-Forwarded-Method", "X-Forwarded-Uri")];
const HOST: &str = "X-Forwarded-Host";
/// The header that names the device of a device token (Z9).
const DEVICE_HEADER: &str = "symbolon-device";

/// A gateway's question.
pub(super) struct Asked {
    credential: Option<SecretString>,
    binding: Option<SecretString>,
    device_id: Option<SecretString>,
    method: String,
    uri: String,
    host: String,
    /// Did the gateway say who asked it?
    names_source: bool,
}

impl Asked {
    /// For the use case. Where the gateway does not say who asked, the only address that is known is its own: none then.
    pub(super) fn request(&self, origin: &Origin) -> GatewayRequest<'_> {
        GatewayRequest {
            credential: self.credential.as_ref(),
            binding: self.binding.as_ref(),
            device_id: self.device_id.as_ref().map(SecretString::expose_secret),
            method: &self.method,
            path: &self.uri,
            host: &self.host,
            source_ip: origin.ip.filter(|_| self.names_source),
        }
    }

    /// The answer where nobody is known.
    pub(super) fn unauthorized(&self) -> Problem {
        Problem::new(match self.credential {
            Some(_) => ProblemType::InvalidToken,
            None => ProblemType::Unauthorized,
        })
    }
}

impl FromRequestParts<Arc<Api>> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let peer = parts.extensions.get::<Peer>();
        if !peer.is_some_and(|peer| is_trusted(peer.0.ip(), &api.settings.trusted_proxies)) {
            return Err(Problem::new(ProblemType::NotAGateway));
        }
        let headers = &parts.headers;
        let (method, uri) = target(headers)?;
        let host = once(headers, HOST)?.or(once(headers, "Host")?).or(parts.uri.host());
        Ok(Self {
            method: method.to_owned(),
            uri: uri.to_owned(),
            host: host.unwrap_or_default().to_owned(),
            names_source: names_client(headers),
            credential: bearer(headers)?,
            binding: only(headers, BINDING_HEADER)?.map(token_of).transpose()?,
            device_id: only(headers, DEVICE_HEADER)?.map(SecretString::from),
        })
    }
}

/// The method and the URI.
fn target(headers: &HeaderMap) -> Result<(&str, &str), Problem> {
    let mut found: Option<(&str, &str)> = None;
    for (of_method, of_uri) in PAIRS {
        match (once(headers, of_method)?, once(headers, of_uri)?) {
            (None, None) => {}
            (Some(method), Some(uri)) if found.is_none_or(|other| other == (method, uri)) => {
                found = Some((method, uri));
            }
            (Some(_), Some(_)) => return Err(refused(of_uri, Slug::InvalidValue, "another header differs")),
            (None, Some(_)) => return Err(refused(of_method, Slug::Missing, "this header is required")),
            (Some(_), None) => return Err(refused(of_uri, Slug::Missing, "this header is required")),
        }
    }
    found
        .ok_or_else(|| refused("X-Forwarded-Uri", Slug::Missing, "this header or X-Original-URI is required"))
}

/// The one value of this header, if it is there at all. A comma is how proxies join several.
fn once<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        return Err(refused(name, Slug::InvalidValue, "it is there more than once"));
    }
    let Some(value) = first else { return Ok(None) };
    match value.to_str() {
        Ok(text) if name == HOST && text.contains(',') => {
            Err(refused(name, Slug::InvalidValue, "it has more than one value"))
        }
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(refused(name, Slug::InvalidFormat, "it is not ASCII")),
    }
}

fn refused(name: &'static str, slug: Slug, detail: &'static str) -> Problem {
    Problem::of_header(ProblemType::NotAGateway, name, Fault::new(slug, detail))
}
