//! Who holds device tokens: an account, by its session, or whom a trusted issuer vouches for, by a token of theirs and without a
//! binding (D1, Z1). Which of the two a caller is, is read from the token's header; whether it counts is not decided here.

use std::sync::Arc;

use axum::{extract::FromRequestParts, http::request::Parts};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use symbolon_domain::{
    actor::Origin,
    audit::Act,
    device_tokens::{Holder, TokensCaller},
    id::SessionId,
    licenses::Licensee,
    sessions::SignedIn,
    signing_keys::JwtType,
    trusted_issuers::{ExternalIdentity, IssuerTokenError},
};

use super::{Caller, bearer, origin};
use crate::{
    Api,
    problem::{Problem, ProblemType},
};

/// Somebody who may hold device tokens.
pub(crate) enum TokenHolder {
    /// An account whose session counts.
    Account(SignedIn),
    /// Somebody without an account here, whose token of a trusted issuer counts.
    External(Arc<ExternalIdentity>),
}

impl TokenHolder {
    /// Whose tokens are the caller's own.
    pub(crate) fn holder(&self) -> Holder {
        match self {
            Self::Account(signed_in) => Holder::Account(signed_in.account_id),
            Self::External(identity) => Holder::External(identity.subject.clone()),
        }
    }

    /// The session by which the caller is known; none where an issuer vouches for them.
    pub(crate) const fn session(&self) -> Option<SessionId> {
        match self {
            Self::Account(signed_in) => Some(signed_in.session_id),
            Self::External(_) => None,
        }
    }

    /// The caller as one who may ask for another's tokens.
    pub(crate) fn tokens_caller(&self) -> TokensCaller {
        match self {
            Self::Account(signed_in) => TokensCaller::Account(signed_in.account_id, signed_in.role),
            Self::External(identity) => TokensCaller::External(identity.subject.clone()),
        }
    }

    /// The caller as one who may hold licences: with the addresses that are verified, here or by the issuer.
    pub(crate) async fn licensee(&self, api: &Api) -> Result<Licensee, Problem> {
        match self {
            Self::Account(signed_in) => {
                let found = api.use_cases.device_tokens.licenses().licensee(signed_in.account_id).await?;
                found.ok_or(Problem::new(ProblemType::InvalidToken))
            }
            Self::External(identity) => {
                let addresses = identity.verified_email.iter().cloned().collect();
                Ok(Licensee { holder: self.holder(), addresses })
            }
        }
    }
}

impl FromRequestParts<Arc<Api>> for TokenHolder {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        if !api.use_cases.trusted_issuers.list().is_empty()
            && let Some(token) = bearer(&parts.headers)?
            && is_foreign(token.expose_secret())
        {
            return vouched_for(api, &token, &origin(parts)?).await.map(Self::External);
        }
        Ok(Self::Account(Caller::from_request_parts(parts, api).await?.signed_in))
    }
}

/// Whom a trusted issuer names by this token.
async fn vouched_for(
    api: &Api,
    token: &SecretString,
    origin: &Origin,
) -> Result<Arc<ExternalIdentity>, Problem> {
    match api.use_cases.trusted_issuers.verify(token.expose_secret()).await {
        Ok(identity) => Ok(identity),
        Err(IssuerTokenError::Fault(fault)) => {
            api.use_cases.refusals.note(Act::ISSUER_TOKEN_VERIFIED, fault.as_str(), origin);
            Err(Problem::new(ProblemType::InvalidToken))
        }
        Err(error @ IssuerTokenError::Unavailable { .. }) => Err(Problem::unavailable(error)),
    }
}

/// What a token says of itself before anything of it is believed.
#[derive(Deserialize)]
struct Header {
    typ: Option<String>,
}

/// Is it a JWT, and none of those that open something here? It is only asked who is to check it: a token that lies about its type
/// is refused by either. An access token of ours (`at+jwt`) opens nothing of this; others name theirs so too.
fn is_foreign(token: &str) -> bool {
    let header = token.split_once('.').and_then(|(header, _)| URL_SAFE_NO_PAD.decode(header).ok());
    let header = header.and_then(|json| serde_json::from_slice::<Header>(&json).ok());
    let is_own = |typ: &str| matches!(JwtType::parse(typ), Some(JwtType::Session | JwtType::PreAuthorized));
    header.is_some_and(|header| !header.typ.as_deref().is_some_and(is_own))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Z2: what another issuer may have signed goes to the issuers, and everything else the way that sessions go.
    #[test]
    fn a_token_goes_to_who_may_have_signed_it() {
        let judged = |header: &str| is_foreign(&format!("{}.e30.c2ln", URL_SAFE_NO_PAD.encode(header)));
        for foreign in [
            r#"{"alg":"RS256","kid":"1","typ":"JWT"}"#,
            r#"{"alg":"ES256","kid":"1","typ":"at+jwt"}"#,
            r#"{"alg":"none"}"#,
            r#"{"typ":null}"#,
            r#"{"typ":"Session+JWT"}"#,
        ] {
            assert!(judged(foreign), "{foreign}");
        }
        for other in [
            r#"{"alg":"ES256","kid":"1","typ":"session+jwt"}"#,
            r#"{"typ":"pre+jwt"}"#,
            r#"{"typ":"JWT","typ":"session+jwt"}"#,
            r#"{"typ":1}"#,
            "[]",
            "null",
            "no JSON",
        ] {
            assert!(!judged(other), "{other}");
        }
        for text in ["", ".", "..", "nonsense", "sym_ak_v4.local.abc", "é.é.é"] {
            assert!(!is_foreign(text), "{text}");
        }
    }
}
