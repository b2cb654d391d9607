//! The claims of our own JWTs about sessions, and what must hold of them (tokens.md, C52, C55).

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::AuthenticationMethod;
use crate::{
    actor::Role,
    clock::{CLOCK_DIFFERENCE, Timestamp},
    entropy::Entropy,
    id::{AccountId, CeremonyId, SessionId, TokenId},
    secret::SecretHash,
    signing_keys::{JwtType, SignError, TokenFault, TokenKeys},
};

/// `cnf`: the client that a token is bound to (S7).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confirmation {
    /// Base64url of the SHA-256 of the whole binding.
    #[serde(rename = "sb#S256")]
    pub binding: String,
}

impl Confirmation {
    /// For the binding with this hash.
    #[must_use]
    pub fn new(binding: SecretHash) -> Self {
        Self { binding: binding.to_base64url() }
    }

    /// The binding's hash; none when it is not one.
    #[must_use]
    pub fn hash(&self) -> Option<SecretHash> {
        let bytes = URL_SAFE_NO_PAD.decode(&self.binding).ok()?;
        bytes.try_into().ok().map(SecretHash::from_bytes)
    }
}

/// The claims of a session's access token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionClaims {
    /// This service.
    pub iss: String,
    /// The account.
    pub sub: AccountId,
    /// This service.
    pub aud: String,
    /// When it ends.
    pub exp: i64,
    /// When it was signed.
    pub iat: i64,
    /// From when on it counts.
    pub nbf: i64,
    /// This token.
    pub jti: TokenId,
    /// The session.
    pub sid: SessionId,
    /// `authorized` (S2).
    pub state: String,
    /// When the person proved themselves.
    pub auth_time: i64,
    /// How (RFC 8176).
    pub amr: Vec<String>,
    /// With how many factors: `2fa`.
    pub acr: String,
    /// The account's role.
    pub role: String,
    /// The client it is bound to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cnf: Option<Confirmation>,
}

/// Which ceremony a pre-authorized token belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CeremonyKind {
    /// A sign-up; its account does not exist yet.
    SignUp,
    /// A sign-in.
    SignIn,
}

/// The claims of a pre-authorized token: it opens nothing but the second step (S2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreAuthorizedClaims {
    /// This service.
    pub iss: String,
    /// The ceremony: an account is not named before it is proved.
    pub sub: CeremonyId,
    /// `<iss>/second-factor`.
    pub aud: String,
    /// When it ends.
    pub exp: i64,
    /// When it was signed.
    pub iat: i64,
    /// From when on it counts.
    pub nbf: i64,
    /// This token.
    pub jti: TokenId,
    /// The ceremony.
    pub sid: CeremonyId,
    /// `pre_authorized` (S2).
    pub state: String,
    /// A sign-up or a sign-in.
    pub ceremony: CeremonyKind,
    /// The second factors that may follow.
    pub second_factors: Vec<String>,
    /// The one that was begun.
    pub default_second_factor: String,
    /// The client it is bound to.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cnf: Option<Confirmation>,
}

/// Makes and reads the tokens of sessions and ceremonies.
#[derive(Clone)]
pub struct SessionTokens {
    keys: Arc<dyn TokenKeys>,
    entropy: Arc<dyn Entropy>,
    issuer: Arc<str>,
    audience: Arc<str>,
    second_factor_audience: Arc<str>,
}

/// The second factor that everybody has.
pub(crate) const EMAIL_OTP: &str = "email_otp";

const AUTHORIZED: &str = "authorized";
const PRE_AUTHORIZED: &str = "pre_authorized";

impl SessionTokens {
    /// Tokens of this issuer, signed with these keys.
    #[must_use]
    pub fn new(keys: Arc<dyn TokenKeys>, entropy: Arc<dyn Entropy>, issuer: &str) -> Self {
        Self {
            keys,
            entropy,
            issuer: issuer.into(),
            audience: issuer.into(),
            second_factor_audience: format!("{issuer}/second-factor").into(),
        }
    }

    /// The claims of an access token for this account's session.
    #[must_use]
    pub fn session_claims(&self, about: &AboutSession<'_>, now: Timestamp, life: Duration) -> SessionClaims {
        SessionClaims {
            iss: self.issuer.to_string(),
            sub: about.account_id,
            aud: self.audience.to_string(),
            exp: (now + life).min(about.session_expires_at).seconds(),
            iat: now.seconds(),
            nbf: now.seconds(),
            jti: TokenId::new(now, &*self.entropy),
            sid: about.session_id,
            state: AUTHORIZED.to_owned(),
            auth_time: about.auth_time.seconds(),
            amr: about.methods.iter().map(|method| method.as_str().to_owned()).collect(),
            acr: "2fa".to_owned(),
            role: about.role.as_str().to_owned(),
            cnf: Some(Confirmation::new(about.binding)),
        }
    }

    /// A signed access token.
    ///
    /// # Errors
    /// There is no key to sign with.
    pub fn sign_session(&self, claims: &SessionClaims, now: Timestamp) -> Result<SecretString, SignError> {
        self.sign(JwtType::Session, claims, now)
    }

    /// A signed pre-authorized token for this ceremony.
    ///
    /// # Errors
    /// There is no key to sign with.
    pub fn sign_pre_authorized(
        &self,
        (ceremony, id): (CeremonyKind, CeremonyId),
        binding: Option<SecretHash>,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<SecretString, SignError> {
        let claims = PreAuthorizedClaims {
            iss: self.issuer.to_string(),
            sub: id,
            aud: self.second_factor_audience.to_string(),
            exp: expires_at.seconds(),
            iat: now.seconds(),
            nbf: now.seconds(),
            jti: TokenId::new(now, &*self.entropy),
            sid: id,
            state: PRE_AUTHORIZED.to_owned(),
            ceremony,
            second_factors: vec![EMAIL_OTP.to_owned()],
            default_second_factor: EMAIL_OTP.to_owned(),
            cnf: binding.map(Confirmation::new),
        };
        self.sign(JwtType::PreAuthorized, &claims, now)
    }

    /// The claims of a session's access token that was signed by us and counts now.
    ///
    /// # Errors
    /// The first check that failed.
    pub fn read_session(&self, token: &str, now: Timestamp) -> Result<SessionClaims, TokenFault> {
        let claims: SessionClaims = self.read(JwtType::Session, token, now)?;
        let standard = Standard { iss: &claims.iss, aud: &claims.aud, exp: claims.exp, nbf: claims.nbf };
        self.check(&standard, &self.audience, now)?;
        if claims.state == AUTHORIZED { Ok(claims) } else { Err(TokenFault::Claims) }
    }

    /// The claims of a pre-authorized token that was signed by us and counts now.
    ///
    /// # Errors
    /// The first check that failed.
    pub fn read_pre_authorized(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<PreAuthorizedClaims, TokenFault> {
        let claims: PreAuthorizedClaims = self.read(JwtType::PreAuthorized, token, now)?;
        let standard = Standard { iss: &claims.iss, aud: &claims.aud, exp: claims.exp, nbf: claims.nbf };
        self.check(&standard, &self.second_factor_audience, now)?;
        if claims.state == PRE_AUTHORIZED { Ok(claims) } else { Err(TokenFault::Claims) }
    }

    fn sign(
        &self,
        kind: JwtType,
        claims: &impl Serialize,
        now: Timestamp,
    ) -> Result<SecretString, SignError> {
        let claims = serde_json::to_vec(claims).map_err(|_| SignError("the claims are no JSON"))?;
        self.keys.sign(kind, &claims, now).map(SecretString::from)
    }

    fn read<C: DeserializeOwned>(&self, kind: JwtType, token: &str, now: Timestamp) -> Result<C, TokenFault> {
        let claims = self.keys.verify(kind, token, now)?;
        serde_json::from_slice(&claims).map_err(|_| TokenFault::Claims)
    }

    /// A token that another node has just made is no token of the future (C55); its end is judged strictly.
    fn check(&self, claims: &Standard<'_>, audience: &str, now: Timestamp) -> Result<(), TokenFault> {
        if claims.iss != &*self.issuer {
            Err(TokenFault::Issuer)
        } else if claims.aud != audience {
            Err(TokenFault::Audience)
        } else if now.seconds() >= claims.exp {
            Err(TokenFault::Expired)
        } else if (now + CLOCK_DIFFERENCE).seconds() < claims.nbf {
            Err(TokenFault::NotYetValid)
        } else {
            Ok(())
        }
    }
}

struct Standard<'a> {
    iss: &'a str,
    aud: &'a str,
    exp: i64,
    nbf: i64,
}

/// What an access token says of its session.
#[derive(Clone, Copy, Debug)]
pub struct AboutSession<'a> {
    /// Whose.
    pub account_id: AccountId,
    /// Which.
    pub session_id: SessionId,
    /// With which role.
    pub role: Role,
    /// How it was earned.
    pub methods: &'a [AuthenticationMethod],
    /// When it was earned.
    pub auth_time: Timestamp,
    /// Its absolute end: no token outlives it.
    pub session_expires_at: Timestamp,
    /// The client it is bound to.
    pub binding: SecretHash,
}
