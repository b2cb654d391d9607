//! Our own JSON Web Tokens: signed and verified as JWS in compact form (RFC 7515), strictly in the one shape that we
//! make (RFC 8725, C53, C54). What the claims say is the domain's to judge; tokens of other issuers are [`crate::jwks_http`]'s.

use std::{
    borrow::Cow,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use symbolon_domain::{
    clock::Timestamp,
    id::SigningKeyId,
    signing_keys::{
        GeneratedKey, JwtType, KeyError, KeyLife, OpenedKey, SignError, SigningAlgorithm, TokenFault,
        TokenKeys, signing,
    },
};

use crate::system::SystemEntropy;

mod keys;
mod seen;
pub(crate) mod strict_json;

use self::{
    keys::KeyPair,
    seen::{Good, Seen},
};

/// Longer tokens are refused unread (C54).
pub(crate) const LONGEST_TOKEN: usize = 16 * 1024;
/// Bytes of an RS256 signature under a key of 2048 bits; only a hint.
const LONGEST_SIGNATURE: usize = 256;

/// Signs and verifies with keys that are parsed once, when they are installed.
pub struct JwtKeys {
    /// Oldest first.
    installed: RwLock<Arc<[Key]>>,
    seen: Seen,
    random: SystemEntropy,
}

impl JwtKeys {
    /// No keys yet.
    #[must_use]
    pub fn new() -> Self {
        Self { installed: RwLock::new(Arc::default()), seen: Seen::new(), random: SystemEntropy::new() }
    }

    /// How many session tokens were known, since the start, so that their signature was not checked again.
    #[must_use]
    pub fn tokens_known(&self) -> u32 {
        self.seen.hits()
    }

    /// The keys of this moment. Nothing panics while the lock is held, so they are whole whatever it says.
    fn current(&self) -> Arc<[Key]> {
        Arc::clone(&self.installed.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Default for JwtKeys {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for JwtKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "JwtKeys({} keys)", self.current().len())
    }
}

impl TokenKeys for JwtKeys {
    /// Takes a few tenths of a second for RS256, which happens once in a key's life.
    fn generate(&self, id: SigningKeyId, algorithm: SigningAlgorithm) -> Result<GeneratedKey, KeyError> {
        let pair = KeyPair::generate(algorithm).ok_or(KeyError { id })?;
        let private = pair.to_pkcs8().ok_or(KeyError { id })?;
        Ok(GeneratedKey { private, public_jwk: pair.public_jwk(id) })
    }

    fn install(&self, keys: Vec<OpenedKey>) -> Result<(), KeyError> {
        let keys: Vec<Key> = keys.iter().map(Key::parse).collect::<Result<_, _>>()?;
        *self.installed.write().unwrap_or_else(PoisonError::into_inner) = keys.into();
        self.seen.clear();
        Ok(())
    }

    fn sign(&self, kind: JwtType, claims: &[u8], now: Timestamp) -> Result<String, SignError> {
        let current = self.current();
        let key = signing(&current, |key| key.life, now).ok_or(SignError("there is no key"))?;
        let header = key.header(kind);
        let mut token = String::with_capacity(header.len() + (claims.len() + LONGEST_SIGNATURE) * 4 / 3 + 4);
        token.push_str(header);
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let signature = key
            .pair
            .sign(token.as_bytes(), self.random.secure_random())
            .ok_or(SignError("the key does not sign"))?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    fn verify(&self, kind: JwtType, token: &str, now: Timestamp) -> Result<Vec<u8>, TokenFault> {
        if token.len() > LONGEST_TOKEN {
            return Err(TokenFault::TooLong);
        }
        let current = self.current();
        let verified = || verify(&current, kind, token, now);
        // A token of the other kind is shown once or twice in its life.
        if kind != JwtType::Session {
            return verified().map(|good| good.claims);
        }
        let hash = Seen::hash(token);
        let known = self.seen.find(&hash);
        if let Some(known) = known.filter(|known| taken(&current, &known.kid, now).is_some()) {
            return Ok(known.claims.clone());
        }
        let good = verified()?;
        let claims = good.claims.clone();
        self.seen.keep(hash, good);
        Ok(claims)
    }

    fn jwk_set(&self, now: Timestamp) -> String {
        let current = self.current();
        let taken = current.iter().filter(|key| key.life.is_taken(now));
        let public: Vec<&str> = taken.map(|key| key.public_jwk.as_str()).collect();
        format!(r#"{{"keys":[{}]}}"#, public.join(","))
    }
}

/// The key of this name, if it has not retired.
fn taken<'a>(keys: &'a [Key], kid: &str, now: Timestamp) -> Option<&'a Key> {
    keys.iter().find(|key| key.kid == kid && key.life.is_taken(now))
}

/// Checks form, header, key, algorithm and signature.
fn verify(keys: &[Key], kind: JwtType, token: &str, now: Timestamp) -> Result<Good, TokenFault> {
    let parts = Parts::split(token)?;
    let header = Header::parse(&parts.header)?;
    if header.typ != kind.as_str() {
        return Err(TokenFault::Type);
    }
    let key = taken(keys, &header.kid, now).ok_or(TokenFault::UnknownKey)?;
    if header.alg != key.pair.algorithm().as_str() {
        return Err(TokenFault::Algorithm);
    }
    if !key.pair.verifies(parts.signed.as_bytes(), &parts.signature) {
        return Err(TokenFault::Signature);
    }
    strict_json::check_object(&parts.claims).map_err(|_| TokenFault::Claims)?;
    Ok(Good { kid: key.kid.clone(), claims: parts.claims })
}

/// A key with all that does not change from token to token.
struct Key {
    kid: String,
    life: KeyLife,
    public_jwk: String,
    pair: KeyPair,
    session_header: String,
    pre_authorized_header: String,
    access_header: String,
}

impl Key {
    fn parse(opened: &OpenedKey) -> Result<Self, KeyError> {
        let OpenedKey { id, algorithm, life, private, .. } = opened;
        let pair = KeyPair::from_pkcs8(*algorithm, private).ok_or(KeyError { id: *id })?;
        let kid = id.to_string();
        Ok(Self {
            life: *life,
            public_jwk: pair.public_jwk(*id),
            session_header: encode_header(*algorithm, &kid, JwtType::Session),
            pre_authorized_header: encode_header(*algorithm, &kid, JwtType::PreAuthorized),
            access_header: encode_header(*algorithm, &kid, JwtType::Access),
            kid,
            pair,
        })
    }

    /// The first part of a token of this kind, with its dot.
    fn header(&self, kind: JwtType) -> &str {
        match kind {
            JwtType::Session => &self.session_header,
            JwtType::PreAuthorized => &self.pre_authorized_header,
            JwtType::Access => &self.access_header,
        }
    }
}

/// None of the three values needs escaping in JSON.
fn encode_header(algorithm: SigningAlgorithm, kid: &str, kind: JwtType) -> String {
    let (alg, typ) = (algorithm.as_str(), kind.as_str());
    let header = format!(r#"{{"alg":"{alg}","kid":"{kid}","typ":"{typ}"}}"#);
    format!("{}.", URL_SAFE_NO_PAD.encode(header))
}

/// A token taken apart, nothing of it believed.
pub(crate) struct Parts<'a> {
    pub(crate) signed: &'a str,
    pub(crate) header: Vec<u8>,
    pub(crate) claims: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    /// Three parts in the one base64url form that their bytes have: no padding, no bits left over (C54).
    pub(crate) fn split(token: &'a str) -> Result<Self, TokenFault> {
        let (signed, signature) = token.rsplit_once('.').ok_or(TokenFault::Format)?;
        let (header, claims) = signed.split_once('.').ok_or(TokenFault::Format)?;
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenFault::Format);
        Ok(Self { signed, header: decode(header)?, claims: decode(claims)?, signature: decode(signature)? })
    }
}

/// The header that our tokens have: these three members and no others, so `crit`, `jwk`, `jku`, `x5u` and `x5c` are
/// refused without being looked at (C53).
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow)]
    kid: Cow<'a, str>,
    #[serde(borrow)]
    typ: Cow<'a, str>,
}

impl<'a> Header<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, TokenFault> {
        // An array would do for a derived structure too.
        if !bytes.starts_with(b"{") {
            return Err(TokenFault::Header);
        }
        serde_json::from_slice(bytes).map_err(|_| TokenFault::Header)
    }
}

#[cfg(test)]
mod tests;
