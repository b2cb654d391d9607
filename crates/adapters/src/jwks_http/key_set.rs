//! A JWK set, of which only keys are kept that can check a signature of the issuer's algorithms.

use std::collections::HashMap;

use aws_lc_rs::{
    encoding::AsDer as _,
    signature::{ParsedPublicKey, RsaPublicKeyComponents},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::Value as Json;
use symbolon_domain::trusted_issuers::{IssuerKeysError, IssuerTokenFault};

use super::algorithm::{Algorithm, KeyType};
use crate::jwt::strict_json;

/// More keys are not looked at.
const MOST_KEYS: usize = 100;
/// Fewer and more bits of an RSA modulus are refused (C58).
const RSA_BITS: std::ops::RangeInclusive<usize> = 2_048..=8_192;
/// An uncompressed point begins with this byte (SEC 1 section 2.3.3).
const UNCOMPRESSED: u8 = 4;

/// The keys of an issuer that are of use, by `kid`.
#[derive(Debug, PartialEq)]
pub struct KeySet {
    keys: HashMap<String, Key>,
    refused: Vec<(String, &'static str)>,
}

/// A key, parsed once for each algorithm that it may be used with.
#[derive(Debug)]
pub(super) struct Key(Vec<(Algorithm, ParsedPublicKey)>);

/// A parsed key is what its bytes are.
impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        let bytes = |key: &Self| -> Vec<_> {
            key.0.iter().map(|(algorithm, key)| (*algorithm, key.as_ref().to_vec())).collect()
        };
        bytes(self) == bytes(other)
    }
}

impl Key {
    /// Whether it is the signature of this message.
    ///
    /// # Errors
    /// The algorithm is not the key's (C53).
    pub(super) fn verifies(
        &self,
        algorithm: Algorithm,
        (message, signature): (&[u8], &[u8]),
    ) -> Result<bool, IssuerTokenFault> {
        let fitting = self.0.iter().find(|(of, _)| *of == algorithm);
        let (_, key) = fitting.ok_or(IssuerTokenFault::Algorithm)?;
        Ok(key.verify_sig(message, signature).is_ok())
    }
}

#[derive(Deserialize)]
struct Jwks {
    keys: Vec<Json>,
}

/// The members of a JWK that say something of a public key (RFC 7517, RFC 7518 section 6, RFC 8037 section 2).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// Reads a JWK set for these algorithms. Keys that are not for signatures, that have no `kid` or are of no use otherwise
    /// are passed over; of two keys with one name the first counts.
    ///
    /// # Errors
    /// It is none, or has no key of use.
    pub fn parse(json: &[u8], algorithms: &[Algorithm]) -> Result<Self, IssuerKeysError> {
        // A member named twice could be read in two ways (C54).
        let set = strict_json::read_object(json.trim_ascii_start()).ok();
        let set = set.and_then(|members| Jwks::deserialize(Json::Object(members)).ok());
        let set = set.ok_or_else(|| IssuerKeysError("what the issuer publishes is no JWK set".to_owned()))?;
        let mut keys = HashMap::new();
        let mut refused = Vec::new();
        for (place, value) in set.keys.into_iter().enumerate().take(MOST_KEYS) {
            let Ok(jwk) = Jwk::deserialize(value) else {
                refused.push((format!("#{place}"), "is no JWK"));
                continue;
            };
            let kid = jwk.kid.clone().unwrap_or_else(|| format!("#{place}"));
            match jwk.read(algorithms) {
                Ok(_) if keys.contains_key(&kid) => refused.push((kid, "has the name of one before it")),
                Ok(key) => drop(keys.insert(kid, key)),
                Err(why) => refused.push((kid, why)),
            }
        }
        if keys.is_empty() {
            return Err(IssuerKeysError("the issuer publishes no key of use".to_owned()));
        }
        Ok(Self { keys, refused })
    }

    pub(super) fn find(&self, kid: &str) -> Option<&Key> {
        self.keys.get(kid)
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// There is at least one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Each key by its name, with what it may be used for.
    pub fn usable(&self) -> impl Iterator<Item = (&str, Vec<Algorithm>)> {
        let algorithms = |key: &Key| key.0.iter().map(|(algorithm, _)| *algorithm).collect();
        self.keys.iter().map(move |(kid, key)| (kid.as_str(), algorithms(key)))
    }

    /// What was passed over, and why.
    #[must_use]
    pub fn refused(&self) -> &[(String, &'static str)] {
        &self.refused
    }
}

impl Jwk {
    fn read(&self, algorithms: &[Algorithm]) -> Result<Key, &'static str> {
        if self.kid.is_none() {
            return Err("has no `kid`");
        }
        if self.purpose.as_deref().is_some_and(|purpose| purpose != "sig") {
            return Err("is not for signatures");
        }
        let (key_type, public) = self.public()?;
        let named = self.alg.as_deref();
        let fits = |algorithm: &Algorithm| {
            algorithm.key_type() == key_type && named.is_none_or(|named| named == algorithm.as_str())
        };
        let parse = |algorithm: Algorithm| {
            let parsed = ParsedPublicKey::new(algorithm.verification(), &public);
            parsed.map(|key| (algorithm, key)).map_err(|_| "is no valid key")
        };
        let keys: Vec<_> = algorithms.iter().copied().filter(fits).map(parse).collect::<Result<_, _>>()?;
        if keys.is_empty() { Err("is for none of the issuer's algorithms") } else { Ok(Key(keys)) }
    }

    /// The key as its algorithm reads it.
    fn public(&self) -> Result<(KeyType, Vec<u8>), &'static str> {
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("RSA", _) => Ok((KeyType::Rsa, self.rsa()?)),
            ("EC", Some("P-256")) => Ok((KeyType::P256, self.point(32)?)),
            ("EC", Some("P-384")) => Ok((KeyType::P384, self.point(48)?)),
            ("OKP", Some("Ed25519")) => Ok((KeyType::Ed25519, number(self.x.as_ref())?)),
            _ => Err("is of a type that is not known"),
        }
    }

    fn rsa(&self) -> Result<Vec<u8>, &'static str> {
        let (n, e) = (number(self.n.as_ref())?, number(self.e.as_ref())?);
        let bits = n.len() * 8 - n.first().map_or(0, |byte| byte.leading_zeros() as usize);
        if !RSA_BITS.contains(&bits) {
            return Err("has not between 2,048 and 8,192 bits");
        }
        let der = RsaPublicKeyComponents { n, e }.as_der().map_err(|_| "is no valid key")?;
        Ok(der.as_ref().to_vec())
    }

    fn point(&self, length: usize) -> Result<Vec<u8>, &'static str> {
        let (x, y) = (number(self.x.as_ref())?, number(self.y.as_ref())?);
        if x.len() == length && y.len() == length {
            Ok([[UNCOMPRESSED].as_slice(), &x, &y].concat())
        } else {
            Err("is no valid key")
        }
    }
}

fn number(text: Option<&String>) -> Result<Vec<u8>, &'static str> {
    text.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok())
        .ok_or("lacks a number, or has it not in base64url")
}
