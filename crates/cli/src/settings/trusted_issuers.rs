//! `[[trusted_issuers]]`: whose tokens are taken beside our own (Z1).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use symbolon_adapters::{jwks_http::Algorithm, loopback::is_private_url};

use super::{Conflict, Duration, Settings};

/// An issuer whose JWTs are taken (Z1).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(inline)]
pub struct TrustedIssuerSettings {
    /// The `iss` of its tokens, to the letter; `https://`, or `http://` on this machine.
    pub issuer: PrivateUrl,
    /// Where its JWK set is. Not set: where its `/.well-known/openid-configuration` says.
    pub jwks_uri: Option<PrivateUrl>,
    /// Whom its tokens must be for: one of these in `aud`, or as `client_id` in an access token of Amazon Cognito.
    #[schemars(length(min = 1))]
    pub audiences: Vec<String>,
    /// What it may sign with.
    #[serde(default = "default_algorithms")]
    pub algorithms: Vec<IssuerAlgorithm>,
    /// For Amazon Cognito: which `token_use` is taken, `access`, `id` or both. Empty: the claim is not looked at.
    #[serde(default)]
    pub token_use: Vec<TokenUse>,
    /// The claim that names somebody.
    #[serde(default = "default_principal")]
    pub principal_claim: String,
    /// The claim with their groups; `cognito:groups` at Amazon Cognito.
    #[serde(default = "default_groups")]
    pub groups_claim: String,
    /// The claim with their scopes.
    #[serde(default = "default_scopes")]
    pub scopes_claim: String,
    /// The claim with their e-mail address.
    #[serde(default = "default_email")]
    pub email_claim: String,
    /// Whether that address is verified whatever `email_verified` says.
    #[serde(default)]
    pub email_trusted: bool,
    /// How far its clock may be from ours, at most a minute.
    #[serde(default = "default_leeway")]
    pub leeway: Duration,
}

/// A signature algorithm with a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(inline)]
#[expect(missing_docs, reason = "they are the names of RFC 7518 and RFC 8037")]
pub enum IssuerAlgorithm {
    ES256,
    ES384,
    EdDSA,
    PS256,
    PS384,
    PS512,
    RS256,
    RS384,
    RS512,
}

/// What a token of Amazon Cognito is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum TokenUse {
    /// An access token.
    Access,
    /// An ID token.
    Id,
}

/// A URL that nobody between reads: over TLS, or on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline)]
pub struct PrivateUrl(String);

/// A text that is no such URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be `https://host/path`, or `http://` on this machine, with no user, query or fragment")]
pub struct InvalidPrivateUrl;

impl PrivateUrl {
    /// The whole URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<PrivateUrl> for String {
    fn from(url: PrivateUrl) -> Self {
        url.0
    }
}

impl TryFrom<String> for PrivateUrl {
    type Error = InvalidPrivateUrl;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_plain = !text.contains(['#', '?', '|']) && !text.contains(char::is_whitespace);
        if is_plain && is_private_url(&text) { Ok(Self(text)) } else { Err(InvalidPrivateUrl) }
    }
}

impl IssuerAlgorithm {
    /// As the verifier knows it.
    #[must_use]
    pub const fn algorithm(self) -> Algorithm {
        match self {
            Self::ES256 => Algorithm::Es256,
            Self::ES384 => Algorithm::Es384,
            Self::EdDSA => Algorithm::EdDsa,
            Self::PS256 => Algorithm::Ps256,
            Self::PS384 => Algorithm::Ps384,
            Self::PS512 => Algorithm::Ps512,
            Self::RS256 => Algorithm::Rs256,
            Self::RS384 => Algorithm::Rs384,
            Self::RS512 => Algorithm::Rs512,
        }
    }
}

fn default_algorithms() -> Vec<IssuerAlgorithm> {
    vec![IssuerAlgorithm::RS256, IssuerAlgorithm::ES256]
}

fn default_principal() -> String {
    "sub".to_owned()
}

fn default_groups() -> String {
    "groups".to_owned()
}

fn default_scopes() -> String {
    "scope".to_owned()
}

fn default_email() -> String {
    "email".to_owned()
}

const fn default_leeway() -> Duration {
    Duration::from_secs(30)
}

/// The longest leeway, in seconds (Z3).
const MOST_LEEWAY: u64 = 60;

/// What is wrong between issuers that are right one by one, and what no schema says of one.
pub(super) fn conflicts(settings: &Settings, found: &mut Vec<Conflict>) {
    let own = settings.http.public_url.to_string();
    for (place, trusted) in settings.trusted_issuers.iter().enumerate() {
        let mut wrong = |message: &str| {
            let message = format!("item {place} (`{}`): {message}", trusted.issuer.as_str());
            found.push(Conflict::new(&["trusted_issuers"], message));
        };
        let before = settings.trusted_issuers.iter().take(place);
        if before.clone().any(|other| other.issuer == trusted.issuer) {
            wrong("`issuer` is one before it, too; what one issuer may do is said once");
        }
        if trusted.issuer.as_str().trim_end_matches('/') == own.trim_end_matches('/') {
            wrong("`issuer` is `http.public_url`: this service's own tokens are known without it");
        }
        if trusted.audiences.is_empty() || trusted.audiences.iter().any(String::is_empty) {
            wrong(
                "`audiences` must name whom tokens are for: without it every token of the issuer would count",
            );
        }
        if trusted.algorithms.is_empty() {
            wrong("`algorithms` must name at least one");
        }
        if trusted.leeway.to_std().as_secs() > MOST_LEEWAY {
            wrong("`leeway` must be at most 60 seconds");
        }
        let claims =
            [&trusted.principal_claim, &trusted.groups_claim, &trusted.scopes_claim, &trusted.email_claim];
        if claims.iter().any(|name| name.is_empty()) {
            wrong("the name of a claim is empty");
        }
    }
}
