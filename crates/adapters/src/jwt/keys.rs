//! Key pairs of the three algorithms, over aws-lc-rs: generate, read, sign, verify, show the public half. Each knows its
//! algorithm, so that a token cannot choose another (C53).

use aws_lc_rs::{
    encoding::{AsDer as _, Pkcs8V1Der},
    rand::SecureRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair,
        KeyPair as _, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;
use symbolon_domain::{id::SigningKeyId, signing_keys::SigningAlgorithm};
use zeroize::Zeroizing;

/// Fewer bits of an RSA modulus are refused (C58).
const LEAST_RSA_BITS: usize = 2048;
/// An uncompressed point of P-256 begins with this byte (SEC 1 section 2.3.3), x and y follow with 32 bytes each.
const UNCOMPRESSED: u8 = 4;
const COORDINATE_LENGTH: usize = 32;

/// A private key and its public half, both parsed.
pub(super) struct KeyPair {
    private: PrivateKey,
    public: ParsedPublicKey,
}

enum PrivateKey {
    Es256(EcdsaKeyPair),
    Rs256(Box<RsaKeyPair>),
    EdDsa(Ed25519KeyPair),
}

impl KeyPair {
    /// A new key pair, RSA with 2048 bits.
    pub(super) fn generate(algorithm: SigningAlgorithm) -> Option<Self> {
        Self::new(match algorithm {
            SigningAlgorithm::Es256 => {
                PrivateKey::Es256(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok()?)
            }
            SigningAlgorithm::Rs256 => {
                PrivateKey::Rs256(Box::new(RsaKeyPair::generate(KeySize::Rsa2048).ok()?))
            }
            SigningAlgorithm::EdDsa => PrivateKey::EdDsa(Ed25519KeyPair::generate().ok()?),
        })
    }

    /// Reads a private key of this algorithm.
    pub(super) fn from_pkcs8(algorithm: SigningAlgorithm, pkcs8: &[u8]) -> Option<Self> {
        Self::new(match algorithm {
            SigningAlgorithm::Es256 => {
                PrivateKey::Es256(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).ok()?)
            }
            SigningAlgorithm::Rs256 => PrivateKey::Rs256(Box::new(RsaKeyPair::from_pkcs8(pkcs8).ok()?)),
            SigningAlgorithm::EdDsa => PrivateKey::EdDsa(Ed25519KeyPair::from_pkcs8(pkcs8).ok()?),
        })
    }

    fn new(private: PrivateKey) -> Option<Self> {
        let public = match &private {
            PrivateKey::Es256(pair) => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, pair.public_key()),
            PrivateKey::Rs256(pair) if pair.public_modulus_len() * 8 < LEAST_RSA_BITS => return None,
            PrivateKey::Rs256(pair) => ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key()),
            PrivateKey::EdDsa(pair) => ParsedPublicKey::new(&ED25519, pair.public_key()),
        };
        Some(Self { private, public: public.ok()? })
    }

    pub(super) const fn algorithm(&self) -> SigningAlgorithm {
        match self.private {
            PrivateKey::Es256(_) => SigningAlgorithm::Es256,
            PrivateKey::Rs256(_) => SigningAlgorithm::Rs256,
            PrivateKey::EdDsa(_) => SigningAlgorithm::EdDsa,
        }
    }

    /// The private key in PKCS#8, to be sealed.
    pub(super) fn to_pkcs8(&self) -> Option<Zeroizing<Vec<u8>>> {
        let document = match &self.private {
            PrivateKey::Es256(pair) => pair.to_pkcs8v1().ok()?,
            PrivateKey::EdDsa(pair) => pair.to_pkcs8().ok()?,
            PrivateKey::Rs256(pair) => {
                let der: Pkcs8V1Der<'_> = pair.as_der().ok()?;
                return Some(Zeroizing::new(der.as_ref().to_vec()));
            }
        };
        Some(Zeroizing::new(document.as_ref().to_vec()))
    }

    /// The signature as JWS wants it (RFC 7518 section 3, RFC 8037 section 3.1).
    pub(super) fn sign(&self, message: &[u8], random: &dyn SecureRandom) -> Option<Vec<u8>> {
        match &self.private {
            PrivateKey::Es256(pair) => Some(pair.sign(random, message).ok()?.as_ref().to_vec()),
            PrivateKey::EdDsa(pair) => Some(pair.sign(message).as_ref().to_vec()),
            PrivateKey::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, random, message, &mut signature).ok()?;
                Some(signature)
            }
        }
    }

    pub(super) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        self.public.verify_sig(message, signature).is_ok()
    }

    /// The public half as a JWK (RFC 7517, RFC 7518 section 6, RFC 8037 section 2).
    pub(super) fn public_jwk(&self, kid: SigningKeyId) -> String {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.private {
            PrivateKey::Es256(pair) => {
                let (x, y) = coordinates(pair.public_key().as_ref());
                json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) })
            }
            PrivateKey::Rs256(pair) => {
                let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
                json!({
                    "kty": "RSA",
                    "n": encode(n.big_endian_without_leading_zero()),
                    "e": encode(e.big_endian_without_leading_zero()),
                })
            }
            PrivateKey::EdDsa(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key().as_ref()) })
            }
        };
        if let Some(members) = jwk.as_object_mut() {
            members.insert("kid".to_owned(), kid.to_string().into());
            members.insert("use".to_owned(), "sig".into());
            members.insert("alg".to_owned(), self.algorithm().as_str().into());
        }
        jwk.to_string()
    }
}

/// x and y of a point; nothing of what is none, which the parser has ruled out.
fn coordinates(point: &[u8]) -> (&[u8], &[u8]) {
    match point.split_first() {
        Some((&UNCOMPRESSED, numbers)) => numbers.split_at_checked(COORDINATE_LENGTH).unwrap_or_default(),
        _ => Default::default(),
    }
}
