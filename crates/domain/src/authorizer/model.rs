//! What a gateway asks, who is found to ask, and the answer.

use std::{collections::BTreeSet, fmt, net::IpAddr, sync::Arc};

use secrecy::SecretString;

use super::{Route, UnsafePath};
use crate::{
    access::PolicyId, actor::Actor, audit::Subject, clock::Timestamp, id::AccountId,
    trusted_issuers::ExternalSubject,
};

/// A method that a route can have (RFC 9110, section 9; RFC 5789). `HEAD` is one of its own: who may `GET` may not
/// `HEAD` unless that is declared and permitted too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// `GET`.
    Get,
    /// `HEAD`.
    Head,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `DELETE`.
    Delete,
    /// `OPTIONS`.
    Options,
}

impl Method {
    /// All of them. A request with another one is for no route.
    pub const ALL: [Self; 7] =
        [Self::Get, Self::Head, Self::Post, Self::Put, Self::Patch, Self::Delete, Self::Options];

    /// Its name, in requests and as an action in policies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }

    /// The method of this name, which is case-sensitive (RFC 9110, section 9.1).
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.as_str() == name)
    }
}

/// The request that a gateway has got and asks about, as its front has read it. Fronts take the credential from
/// `Authorization: Bearer` only.
#[derive(Clone, Copy, Debug)]
pub struct GatewayRequest<'a> {
    /// What stands after `Bearer`.
    pub credential: Option<&'a SecretString>,
    /// `Symbolon-Binding`: without it a bound session token does not count (S7).
    pub binding: Option<&'a SecretString>,
    /// `Symbolon-Device`: without it a device token does not count (Z9).
    pub device_id: Option<&'a str>,
    /// The method, as it was sent.
    pub method: &'a str,
    /// The path as it was sent, still percent-encoded; a query behind it is cut off.
    pub path: &'a str,
    /// The host that was asked, with or without its port.
    pub host: &'a str,
    /// Who asked, past every trusted proxy. Keys that are bound to an address do not count without.
    pub source_ip: Option<IpAddr>,
}

/// What sort of credential somebody showed (Z9).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PrincipalKind {
    /// The token of a session, shown with its binding.
    Session,
    /// One of our access tokens (RFC 9068).
    AccessToken,
    /// An API key.
    ApiKey,
    /// A device token, shown by its device.
    DeviceToken,
    /// A token of a trusted issuer.
    TrustedIssuer,
}

impl PrincipalKind {
    /// Its name in policies and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::AccessToken => "access_token",
            Self::ApiKey => "api_key",
            Self::DeviceToken => "device_token",
            Self::TrustedIssuer => "trusted_issuer",
        }
    }
}

/// Whom a credential names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalSubject {
    /// An account of ours: its own, or the one that owns the key or token.
    Account(AccountId),
    /// Somebody whom a trusted issuer vouches for. Never an account of ours, whatever they are called (Z1).
    External(ExternalSubject),
    /// Whatever else one of our access tokens is about.
    Named(String),
}

/// The account's id; `<issuer>|<principal>`; or the name.
impl fmt::Display for PrincipalSubject {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Account(id) => id.fmt(formatter),
            Self::External(external) => external.fmt(formatter),
            Self::Named(name) => name.fmt(formatter),
        }
    }
}

/// Somebody whose credential counts, and what it says of them. Everything is from verified claims or from the store; the
/// credential itself is not here, and so in no policy, answer or log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    /// What they showed.
    pub kind: PrincipalKind,
    /// Whom it names.
    pub subject: PrincipalSubject,
    /// Who vouches for that name: this service, or the trusted issuer, of whose people device tokens may be too.
    pub issuer: String,
    /// For whom an API key or access token is. That of a key is in its owner's words.
    pub audience: Option<String>,
    /// What an API key opens (its `subject`), in its owner's words.
    pub key_subject: Option<String>,
    /// What the credential is limited to. The scopes of an API key are chosen by its owner (K1): alone they say what the
    /// key is for, not what its owner may.
    pub scopes: BTreeSet<String>,
    /// The groups that a trusted issuer names.
    pub groups: BTreeSet<String>,
    /// The account's role.
    pub roles: BTreeSet<String>,
    /// What the licence of a device token gives.
    pub entitlements: BTreeSet<String>,
    /// How they proved themselves (RFC 8176).
    pub amr: BTreeSet<String>,
    /// From when on the credential no longer counts.
    pub expires_at: Timestamp,
}

impl Principal {
    /// One of whom no more is known.
    #[must_use]
    pub fn new(
        kind: PrincipalKind,
        subject: PrincipalSubject,
        issuer: String,
        expires_at: Timestamp,
    ) -> Self {
        Self {
            kind,
            subject,
            issuer,
            audience: None,
            key_subject: None,
            scopes: BTreeSet::new(),
            groups: BTreeSet::new(),
            roles: BTreeSet::new(),
            entitlements: BTreeSet::new(),
            amr: BTreeSet::new(),
            expires_at,
        }
    }

    /// What they are called in policies and towards the service behind the gateway: an account by its id, somebody
    /// external as `<issuer>|<principal>`.
    #[must_use]
    pub fn name(&self) -> String {
        self.subject.to_string()
    }

    /// Who acts, for the audit log.
    pub(super) const fn actor(&self) -> Actor {
        match self.subject {
            PrincipalSubject::Account(id) => Actor::Account(id),
            PrincipalSubject::External(_) | PrincipalSubject::Named(_) => Actor::Anonymous,
        }
    }

    /// What the audit log says it was about: somebody without an account, else the route.
    pub(super) fn audit_subject(&self, route: Option<&Route>) -> Option<Subject> {
        match &self.subject {
            PrincipalSubject::External(external) => Some(external.into()),
            PrincipalSubject::Account(_) | PrincipalSubject::Named(_) => {
                route.map(|route| Subject::from_stored(format!("route:{}", route.name())))
            }
        }
    }
}

/// Why somebody is not let through, though they may be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GatewayDenial {
    /// The path is not one that everybody reads alike (Z8).
    UnsafePath(UnsafePath),
    /// No route is declared for this method and path (Z6).
    UndeclaredRoute,
    /// A policy forbids it.
    Forbidden,
    /// No policy permits it.
    NotPermitted,
}

impl GatewayDenial {
    /// Its slug in the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UnsafePath(_) => "unsafe_path",
            Self::UndeclaredRoute => "undeclared_route",
            Self::Forbidden => "forbidden",
            Self::NotPermitted => "not_permitted",
        }
    }
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatewayDecision {
    /// They may.
    Allowed {
        /// Who.
        principal: Principal,
        /// What.
        route: Arc<Route>,
        /// The policies that permit it.
        policies: Vec<PolicyId>,
    },
    /// Nobody is known: there is no credential, or none that counts. 401.
    Unauthenticated {
        /// Why: a slug for logs and the audit only, never for the caller.
        reason: &'static str,
    },
    /// The API key counts, and was shown as often as it may be for now (K14). 429, or 403 where a gateway has no other no.
    RateLimited {
        /// When it may be shown again.
        until: Timestamp,
    },
    /// They may not. 403.
    Denied {
        /// Why.
        reason: GatewayDenial,
        /// Who, if it was asked at all.
        principal: Option<Principal>,
        /// The route, if there is one.
        route: Option<Arc<Route>>,
        /// The policies that forbid it.
        policies: Vec<PolicyId>,
    },
}

impl GatewayDecision {
    /// May they?
    #[must_use]
    pub const fn is_allowed(&self) -> bool {
        matches!(self, Self::Allowed { .. })
    }
}
