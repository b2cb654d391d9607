//! A token of another issuer taken apart, nothing of it believed (C53, C54).

use serde::{Deserialize, de::IgnoredAny};
use serde_json::{Map, Value as Json};
use symbolon_domain::{signing_keys::TokenFault, trusted_issuers::IssuerTokenFault};

use crate::jwt::{LONGEST_TOKEN, Parts, strict_json};

/// The types that access and ID tokens have, of which none is one of our own kinds (C52).
const TYPES: &[&str] = &["JWT", "at+jwt", "application/at+jwt"];

pub(super) struct Token<'a> {
    pub(super) header: Header,
    pub(super) claims: Map<String, Json>,
    /// What was signed, as it was sent.
    pub(super) signed: &'a str,
    pub(super) signature: Vec<u8>,
}

/// What is needed of a header. A key in it, or an address where one could be had, is not even looked at.
#[derive(Deserialize)]
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: String,
    typ: Option<String>,
    crit: Option<IgnoredAny>,
}

impl<'a> Token<'a> {
    pub(super) fn read(token: &'a str) -> Result<Self, IssuerTokenFault> {
        if token.len() > LONGEST_TOKEN {
            return Err(IssuerTokenFault::TooLong);
        }
        let parts = Parts::split(token).map_err(|_: TokenFault| IssuerTokenFault::Format)?;
        let header = strict_json::read_object(&parts.header).map_err(|_| IssuerTokenFault::Header)?;
        let header = Header::deserialize(Json::Object(header)).map_err(|_| IssuerTokenFault::Header)?;
        if header.crit.is_some() {
            return Err(IssuerTokenFault::Header);
        }
        let is_known = |typ: &str| TYPES.iter().any(|known| known.eq_ignore_ascii_case(typ));
        if !header.typ.as_deref().is_none_or(is_known) {
            return Err(IssuerTokenFault::Type);
        }
        let claims = strict_json::read_object(&parts.claims).map_err(|_| IssuerTokenFault::Claims)?;
        Ok(Self { header, claims, signed: parts.signed, signature: parts.signature })
    }

    /// Who says that it issued it: only good for finding the keys that may prove it.
    pub(super) fn issuer(&self) -> Result<&str, IssuerTokenFault> {
        self.claims.get("iss").and_then(Json::as_str).ok_or(IssuerTokenFault::Claims)
    }
}
