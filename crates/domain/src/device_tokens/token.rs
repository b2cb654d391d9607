//! The token itself: a JWT under HS256 with a secret that is its own (D9). Only this service reads it, so that its header is
//! one that is compared to the letter, and nothing in it is trusted before the signature holds (C53, C54).

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::DeviceToken;
use crate::{id::DeviceTokenId, store_error::StoreError};

/// The `typ` of a device token.
pub const TYPE: &str = "dt+jwt";
/// The longest token that is looked at (C54).
const MAX_LENGTH: usize = 16 * 1024;

/// Why a device token does not count. Each names the check that failed, never the token.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum DeviceTokenFault {
    /// It is not three parts of base64url with the header that ours have, or longer than 16 KiB.
    #[error("it is not in the form of a device token")]
    Format,
    /// None of this id is kept: it was never given out, was replaced, revoked, or swept.
    #[error("there is none of this id")]
    Unknown,
    /// The signature is not its secret's.
    #[error("the signature does not fit")]
    Signature,
    /// What it says is not what is kept of it.
    #[error("the claims do not fit")]
    Claims,
    /// It ended with its account's rights, its licence, or the trust in who vouched for its holder.
    #[error("it was revoked")]
    Revoked,
    /// Its time is over.
    #[error("it has expired")]
    Expired,
    /// Another device shows it.
    #[error("it is another device's")]
    WrongDevice,
}

impl DeviceTokenFault {
    /// Its slug in the audit log.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Format => "format",
            Self::Unknown => "unknown_token",
            Self::Signature => "signature",
            Self::Claims => "claims",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::WrongDevice => "wrong_device",
        }
    }
}

#[derive(Deserialize)]
struct Header {
    kid: DeviceTokenId,
}

#[derive(PartialEq, Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    iat: i64,
    exp: i64,
    jti: DeviceTokenId,
    device_id: String,
    entitlements: Vec<String>,
}

impl Claims {
    fn of(token: &DeviceToken, issuer: &str) -> Self {
        Self {
            iss: issuer.to_owned(),
            sub: token.holder.to_string(),
            aud: issuer.to_owned(),
            iat: token.issued_at.seconds(),
            exp: token.expires_at.seconds(),
            jti: token.id,
            device_id: token.device_id.as_str().to_owned(),
            entitlements: token.entitlements.clone().into(),
        }
    }
}

/// Signs what is kept.
pub(super) fn sign(token: &DeviceToken, issuer: &str, secret: &[u8]) -> Result<SecretString, StoreError> {
    let claims = serde_json::to_vec(&Claims::of(token, issuer)).map_err(StoreError::unavailable)?;
    let signed = format!("{}.{}", header(token.id), URL_SAFE_NO_PAD.encode(claims));
    let signature = hmac::sign(&key(secret), signed.as_bytes());
    Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)).into())
}

/// A token whose form is right and whose id is said; the rest is still to be proved.
pub(super) struct Shown<'a> {
    pub(super) id: DeviceTokenId,
    signed: &'a str,
    claims: Vec<u8>,
    signature: Vec<u8>,
}

impl<'a> Shown<'a> {
    pub(super) fn read(token: &'a str) -> Result<Self, DeviceTokenFault> {
        Self::parts(token).ok_or(DeviceTokenFault::Format)
    }

    fn parts(token: &'a str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.').filter(|_| token.len() <= MAX_LENGTH)?;
        let (shown, claims) = signed.split_once('.')?;
        let Header { kid: id } = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(shown).ok()?).ok()?;
        let is_ours = shown == header(id);
        let (claims, signature) =
            (URL_SAFE_NO_PAD.decode(claims).ok()?, URL_SAFE_NO_PAD.decode(signature).ok()?);
        is_ours.then_some(Self { id, signed, claims, signature })
    }

    /// Is it the one that is kept, to the last claim?
    pub(super) fn prove(
        &self,
        kept: &DeviceToken,
        issuer: &str,
        secret: &[u8],
    ) -> Result<(), DeviceTokenFault> {
        hmac::verify(&key(secret), self.signed.as_bytes(), &self.signature)
            .map_err(|_| DeviceTokenFault::Signature)?;
        let claims: Claims = serde_json::from_slice(&self.claims).map_err(|_| DeviceTokenFault::Claims)?;
        if claims == Claims::of(kept, issuer) { Ok(()) } else { Err(DeviceTokenFault::Claims) }
    }
}

/// The one header that a token of this id has.
fn header(id: DeviceTokenId) -> String {
    URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"HS256","kid":"{id}","typ":"{TYPE}"}}"#))
}

fn key(secret: &[u8]) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, secret)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::{api_keys::Scopes, clock::Timestamp, id::AccountId, sealing::SealedBytes};

    const ISSUER: &str = "https://id.example.org";
    const SECRET: [u8; 32] = [7; 32];

    fn kept() -> DeviceToken {
        DeviceToken {
            id: DeviceTokenId::from_bytes([1; 16]),
            holder: super::super::Holder::Account(AccountId::from_bytes([2; 16])),
            address: None,
            device_id: "0123456789abcdef".parse().unwrap(),
            license: None,
            entitlements: Scopes::try_from(vec!["pro".to_owned()]).unwrap(),
            seat: None,
            secret: SealedBytes::new(Vec::new()),
            issued_at: Timestamp::from_seconds(1_000),
            expires_at: Timestamp::from_seconds(2_000),
        }
    }

    fn judged(token: &str) -> Result<(), DeviceTokenFault> {
        Shown::read(token)?.prove(&kept(), ISSUER, &SECRET)
    }

    fn token() -> String {
        sign(&kept(), ISSUER, &SECRET).unwrap().expose_secret().to_owned()
    }

    fn with_header(header: &str) -> String {
        let token = token();
        let (_, rest) = token.split_once('.').unwrap();
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), rest.rsplit_once('.').unwrap().0);
        let signature = hmac::sign(&key(&SECRET), signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// D9: a token counts under its own secret only, and says what is kept.
    #[test]
    fn a_token_is_its_secrets() {
        assert_eq!(judged(&token()), Ok(()));
        let other = sign(&kept(), ISSUER, &[8; 32]).unwrap();
        assert_eq!(judged(other.expose_secret()), Err(DeviceTokenFault::Signature));
        for change in [
            |token: &mut DeviceToken| token.device_id = "another-device".parse().unwrap(),
            |token: &mut DeviceToken| token.expires_at = Timestamp::from_seconds(3_000),
            |token: &mut DeviceToken| token.holder = "https://other.example.org|ada".parse().unwrap(),
            |token: &mut DeviceToken| token.entitlements = Scopes::default(),
        ] {
            let mut changed = kept();
            change(&mut changed);
            let signed = sign(&changed, ISSUER, &SECRET).unwrap();
            assert_eq!(judged(signed.expose_secret()), Err(DeviceTokenFault::Claims));
        }
        let elsewhere = sign(&kept(), "https://other.example.org", &SECRET).unwrap();
        assert_eq!(judged(elsewhere.expose_secret()), Err(DeviceTokenFault::Claims));
    }

    /// C53, C54: no header but the one that ours have, though the signature under it is right.
    #[test]
    fn a_token_has_one_header() {
        let id = DeviceTokenId::from_bytes([1; 16]);
        let right = format!(r#"{{"alg":"HS256","kid":"{id}","typ":"dt+jwt"}}"#);
        assert_eq!(judged(&with_header(&right)), Ok(()));
        for header in [
            right.replace("HS256", "none"),
            right.replace("HS256", "HS384"),
            right.replace("dt+jwt", "session+jwt"),
            right.replace(r#","typ":"dt+jwt""#, ""),
            right.replace('{', r#"{"crit":[],"#),
            right.replace('{', r#"{"alg":"HS256","#),
            format!("{right} "),
            "{}".to_owned(),
            "not JSON".to_owned(),
        ] {
            assert_eq!(judged(&with_header(&header)), Err(DeviceTokenFault::Format), "{header}");
        }
    }

    #[test]
    fn odd_texts_are_refused_without_a_panic() {
        let token = token();
        for text in [
            "",
            ".",
            "..",
            "...",
            "é.é.é",
            &token[..token.len() - 1],
            &format!("{token}."),
            &"a".repeat(20_000),
        ] {
            assert!(judged(text).is_err(), "{text}");
        }
        let padded = format!("{token}=");
        assert_eq!(judged(&padded), Err(DeviceTokenFault::Format));
    }
}
