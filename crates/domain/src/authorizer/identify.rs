//! Who shows a credential (Z9). What sort of one it is stands in its unverified form, which only picks who verifies it:
//! whatever is claimed there, the verifier takes its own kind and no other (C52).

use std::{collections::BTreeSet, net::IpAddr, sync::Arc};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, de::DeserializeOwned};

use super::{GatewayRequest, Principal, PrincipalKind, PrincipalSubject};
use crate::{
    access_tokens::AccessTokens,
    actor::Origin,
    api_keys::{self, ApiKeys, Expectations, VerifyApiKeyError, VerifyMode},
    clock::Timestamp,
    device_tokens::{self, DeviceTokens, Holder, VerifyDeviceTokenError},
    sessions::{Sessions, VerifyError},
    signing_keys::{JwtType, TokenFault},
    store_error::StoreError,
    trusted_issuers::{IssuerTokenError, TrustedIssuers},
};

/// Longer credentials are not looked at (C54).
const LONGEST: usize = 16 * 1024;

/// Why nobody is known.
#[derive(Debug, thiserror::Error)]
pub enum IdentifyError {
    /// There is no credential, or it does not count. The reason is a slug for logs and the audit only.
    #[error("the credential does not count: {0}")]
    Inactive(&'static str),
    /// The API key counts, and was shown as often as it may be for now (K14).
    #[error("the key was verified as often as it may be")]
    RateLimited {
        /// When it may be again.
        until: Timestamp,
    },
    /// The keys of the issuer cannot be had: an outage, not a no.
    #[error("the keys of {issuer} cannot be had")]
    IssuerUnavailable {
        /// Whose.
        issuer: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Says who shows a credential.
#[async_trait]
pub trait Credentials: Send + Sync {
    /// Whom the credential of this request names, if it counts now and here.
    ///
    /// # Errors
    /// It does not, or an outage leaves it open; see [`IdentifyError`].
    async fn identify(
        &self,
        request: &GatewayRequest<'_>,
        origin: &Origin,
    ) -> Result<Principal, IdentifyError>;
}

/// Who verifies each kind of credential.
#[derive(Clone)]
pub struct CredentialPorts {
    /// Session tokens, with their bindings.
    pub sessions: Sessions,
    /// API keys, against the store.
    pub api_keys: ApiKeys,
    /// Our access tokens.
    pub access_tokens: AccessTokens,
    /// Device tokens, with their devices.
    pub device_tokens: DeviceTokens,
    /// Tokens of others.
    pub trusted_issuers: Arc<TrustedIssuers>,
}

/// What is expected of credentials.
#[derive(Clone, Debug)]
pub struct CredentialSettings {
    /// This service as its tokens name it: their `iss`.
    pub public_url: String,
    /// Whom our access tokens must be for, to the letter: one of these. By default [`Self::public_url`] alone.
    pub audiences: Vec<String>,
}

/// Verifies credentials, each by the feature that gives it out.
#[derive(Clone)]
pub struct CredentialVerifiers {
    ports: CredentialPorts,
    settings: Arc<CredentialSettings>,
}

impl CredentialVerifiers {
    /// Over these features.
    #[must_use]
    pub fn new(ports: CredentialPorts, settings: CredentialSettings) -> Self {
        Self { ports, settings: Arc::new(settings) }
    }

    async fn session(
        &self,
        token: &SecretString,
        binding: Option<&SecretString>,
        origin: &Origin,
    ) -> Result<Principal, IdentifyError> {
        let verified = self.ports.sessions.verify(token, binding, origin).await;
        let (claims, signed_in) = verified.map_err(|error| match error {
            VerifyError::Inactive(reason) => IdentifyError::Inactive(reason),
            VerifyError::Store(error) => error.into(),
        })?;
        let expires_at = Timestamp::from_seconds(claims.exp);
        Ok(Principal {
            // The role of this moment, which may not be the token's.
            roles: set([signed_in.role.as_str()]),
            amr: claims.amr.into_iter().collect(),
            ..Principal::new(
                PrincipalKind::Session,
                PrincipalSubject::Account(signed_in.account_id),
                claims.iss,
                expires_at,
            )
        })
    }

    async fn api_key(
        &self,
        key: &SecretString,
        source_ip: Option<IpAddr>,
        origin: &Origin,
    ) -> Result<Principal, IdentifyError> {
        let expected = Expectations { ip_address: source_ip, ..Expectations::default() };
        let verified = self.ports.api_keys.verify(key, &expected, VerifyMode::Stateful, origin).await;
        let claims = verified.map_err(|error| match error {
            VerifyApiKeyError::Inactive(reason) => IdentifyError::Inactive(reason),
            VerifyApiKeyError::RateLimited { until } => IdentifyError::RateLimited { until },
            VerifyApiKeyError::Store(error) => error.into(),
        })?;
        let claims = claims.claims;
        Ok(Principal {
            audience: Some(claims.aud.as_str().to_owned()),
            key_subject: Some(claims.sub.as_str().to_owned()),
            scopes: set(claims.scp.iter()),
            roles: set([claims.rol.as_str()]),
            ..Principal::new(
                PrincipalKind::ApiKey,
                PrincipalSubject::Account(claims.uid),
                // What the key calls its issuer is its owner's to say.
                self.settings.public_url.clone(),
                claims.expires_at(),
            )
        })
    }

    fn access_token(&self, token: &str, source_ip: Option<IpAddr>) -> Result<Principal, IdentifyError> {
        let claims = self.ports.access_tokens.verify(token).map_err(inactive)?;
        if !self.settings.audiences.contains(&claims.aud) {
            return Err(inactive(TokenFault::Audience));
        }
        let is_bound_elsewhere = claims
            .ip_address
            .is_some_and(|bound_to| source_ip.is_none_or(|address| !bound_to.holds(address)));
        if is_bound_elsewhere {
            return Err(IdentifyError::Inactive("wrong_address"));
        }
        let subject = match claims.sub.parse() {
            Ok(account) => PrincipalSubject::Account(account),
            Err(_) => PrincipalSubject::Named(claims.sub),
        };
        let expires_at = Timestamp::from_seconds(claims.exp);
        Ok(Principal {
            audience: Some(claims.aud),
            scopes: set(claims.scope.as_deref().unwrap_or_default().split_ascii_whitespace()),
            roles: claims.role.into_iter().collect(),
            ..Principal::new(PrincipalKind::AccessToken, subject, claims.iss, expires_at)
        })
    }

    async fn device_token(
        &self,
        token: &str,
        device_id: Option<&str>,
        origin: &Origin,
    ) -> Result<Principal, IdentifyError> {
        let device_id = device_id.ok_or(IdentifyError::Inactive("no_device"))?;
        let verified = self.ports.device_tokens.verify(token, device_id, origin).await;
        let verified = verified.map_err(|error| match error {
            VerifyDeviceTokenError::Fault(fault) => IdentifyError::Inactive(fault.as_str()),
            VerifyDeviceTokenError::Store(error) => error.into(),
        })?;
        let (subject, issuer) = match verified.holder {
            Holder::Account(id) => (PrincipalSubject::Account(id), self.settings.public_url.clone()),
            Holder::External(external) => {
                let issuer = external.issuer.clone();
                (PrincipalSubject::External(external), issuer)
            }
        };
        Ok(Principal {
            entitlements: set(verified.entitlements.iter()),
            ..Principal::new(PrincipalKind::DeviceToken, subject, issuer, verified.expires_at)
        })
    }

    async fn external_token(&self, token: &str) -> Result<Principal, IdentifyError> {
        let verified = self.ports.trusted_issuers.verify(token).await;
        let identity = verified.map_err(|error| match error {
            IssuerTokenError::Fault(fault) => IdentifyError::Inactive(fault.as_str()),
            IssuerTokenError::Unavailable { issuer } => IdentifyError::IssuerUnavailable { issuer },
        })?;
        let issuer = identity.subject.issuer.clone();
        Ok(Principal {
            scopes: set(&identity.scopes),
            groups: set(&identity.groups),
            amr: set(&identity.amr),
            ..Principal::new(
                PrincipalKind::TrustedIssuer,
                PrincipalSubject::External(identity.subject.clone()),
                issuer,
                identity.expires_at,
            )
        })
    }
}

#[async_trait]
impl Credentials for CredentialVerifiers {
    async fn identify(
        &self,
        request: &GatewayRequest<'_>,
        origin: &Origin,
    ) -> Result<Principal, IdentifyError> {
        let credential = request.credential.ok_or(IdentifyError::Inactive("no_credential"))?;
        let text = credential.expose_secret();
        if text.is_empty() || text.len() > LONGEST {
            return Err(IdentifyError::Inactive("format"));
        }
        match Sort::of(text, &self.settings.public_url) {
            Sort::ApiKey => self.api_key(credential, request.source_ip, origin).await,
            Sort::Session => self.session(credential, request.binding, origin).await,
            Sort::Access => self.access_token(text, request.source_ip),
            Sort::Device => self.device_token(text, request.device_id, origin).await,
            Sort::External => self.external_token(text).await,
            Sort::Never => Err(inactive(TokenFault::Type)),
        }
    }
}

/// What a credential says that it is, nothing of it believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sort {
    ApiKey,
    Session,
    Access,
    Device,
    External,
    /// One of our kinds that opens nothing here.
    Never,
}

#[derive(Deserialize)]
struct Header {
    typ: Option<String>,
}

#[derive(Deserialize)]
struct Issuer {
    iss: Option<String>,
}

impl Sort {
    fn of(text: &str, own_issuer: &str) -> Self {
        let parts = text.split_once('.').and_then(|(header, rest)| Some((header, rest.split_once('.')?)));
        let (header, claims) = match parts {
            _ if text.starts_with(api_keys::PREFIX) => return Self::ApiKey,
            Some((header, (claims, _))) => (header, claims),
            // Keys of other systems have forms of their own (K15): what is no JWT may be one of them.
            None => return Self::ApiKey,
        };
        let Some(Header { typ }) = json::<Header>(header) else { return Self::ApiKey };
        match typ.as_deref() {
            Some(typ) if typ == JwtType::Session.as_str() => Self::Session,
            Some(typ) if typ == JwtType::PreAuthorized.as_str() => Self::Never,
            Some(device_tokens::TYPE) => Self::Device,
            Some(typ) if typ == JwtType::Access.as_str() => {
                let issuer = json::<Issuer>(claims).and_then(|claims| claims.iss);
                if issuer.as_deref() == Some(own_issuer) { Self::Access } else { Self::External }
            }
            _ => Self::External,
        }
    }
}

/// One part of a JWT. A member that we look at and that is named twice makes it unreadable.
fn json<T: DeserializeOwned>(part: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn inactive(fault: TokenFault) -> IdentifyError {
    IdentifyError::Inactive(fault.as_str())
}

fn set(texts: impl IntoIterator<Item = impl Into<String>>) -> BTreeSet<String> {
    texts.into_iter().map(Into::into).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jwt(header: &str, claims: &str) -> String {
        format!("{}.{}.c2ln", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims))
    }

    fn sort(text: &str) -> Sort {
        Sort::of(text, "https://id.example.org")
    }

    /// Z9, C52: each kind goes to its own verifier, and what is none of ours to that of other issuers.
    #[test]
    fn a_token_is_told_by_its_type() {
        let ours = r#"{"iss":"https://id.example.org"}"#;
        let others = r#"{"iss":"https://other.example.org"}"#;
        let twice = r#"{"iss":"https://id.example.org","iss":"https://other.example.org"}"#;
        for (typ, claims, expected) in [
            ("session+jwt", ours, Sort::Session),
            ("session+jwt", others, Sort::Session),
            ("pre+jwt", ours, Sort::Never),
            ("dt+jwt", ours, Sort::Device),
            ("at+jwt", ours, Sort::Access),
            ("at+jwt", others, Sort::External),
            ("at+jwt", twice, Sort::External),
            ("at+jwt", "{}", Sort::External),
            ("at+jwt", r#"{"iss":7}"#, Sort::External),
            ("at+jwt", r#"{"iss":"https://id.example.org/"}"#, Sort::External),
            ("at+jwt", "not JSON", Sort::External),
            ("AT+JWT", ours, Sort::External),
            ("JWT", ours, Sort::External),
            ("", ours, Sort::External),
        ] {
            let header = format!(r#"{{"alg":"ES256","typ":"{typ}"}}"#);
            assert_eq!(sort(&jwt(&header, claims)), expected, "{typ} {claims}");
        }
        assert_eq!(sort(&jwt(r#"{"alg":"none"}"#, ours)), Sort::External);
    }

    /// K2, K15: keys of ours by their beginning, keys of others by not being a JWT.
    #[test]
    fn what_is_no_jwt_may_be_a_key() {
        let inside = jwt(r#"{"typ":"session+jwt"}"#, "{}");
        for text in [
            "sym_ak_v4.local.abc",
            &format!("sym_ak_{inside}"),
            "opaque",
            "one.dot",
            "SG.abc.def",
            "..",
            &jwt("not JSON", "{}"),
            &jwt(r#"{"typ":7}"#, "{}"),
            &jwt(r#"{"typ":"JWT","typ":"session+jwt"}"#, "{}"),
        ] {
            assert_eq!(sort(text), Sort::ApiKey, "{text}");
        }
    }
}
