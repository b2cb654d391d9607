//! Issuers' keys and the tokens that they sign, made with the library directly.

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
        KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
        RSA_PSS_SHA512, RsaKeyPair,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value as Json, json};

pub(super) struct Signer {
    kid: String,
    pair: Pair,
}

enum Pair {
    P256(EcdsaKeyPair),
    P384(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

pub(super) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

impl Signer {
    pub(super) fn p256(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        Self { kid: kid.to_owned(), pair: Pair::P256(pair) }
    }

    pub(super) fn p384(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        Self { kid: kid.to_owned(), pair: Pair::P384(pair) }
    }

    pub(super) fn ed25519(kid: &str) -> Self {
        Self { kid: kid.to_owned(), pair: Pair::Ed25519(Ed25519KeyPair::generate().unwrap()) }
    }

    pub(super) fn rsa(kid: &str) -> Self {
        Self { kid: kid.to_owned(), pair: Pair::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()) }
    }

    /// Another key of the same type and name.
    pub(super) fn like(other: &Self) -> Self {
        match other.pair {
            Pair::P256(_) => Self::p256(&other.kid),
            Pair::P384(_) => Self::p384(&other.kid),
            Pair::Ed25519(_) => Self::ed25519(&other.kid),
            Pair::Rsa(_) => Self::rsa(&other.kid),
        }
    }

    pub(super) fn jwk(&self) -> Json {
        let point = |curve: &str, bytes: &[u8]| {
            let (x, y) = bytes[1..].split_at(bytes.len() / 2);
            json!({ "kty": "EC", "crv": curve, "x": encode(x), "y": encode(y), "kid": self.kid })
        };
        match &self.pair {
            Pair::P256(pair) => point("P-256", pair.public_key().as_ref()),
            Pair::P384(pair) => point("P-384", pair.public_key().as_ref()),
            Pair::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(pair.public_key()), "kid": self.kid })
            }
            Pair::Rsa(pair) => {
                let (n, e) = (pair.public_key().modulus(), pair.public_key().exponent());
                let (n, e) = (n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero());
                json!({ "kty": "RSA", "n": encode(n), "e": encode(e), "kid": self.kid, "use": "sig" })
            }
        }
    }

    /// A token with the header that it should have.
    pub(super) fn sign_as(&self, algorithm: &str, claims: &Json) -> String {
        self.sign_with(&json!({ "alg": algorithm, "kid": self.kid, "typ": "JWT" }), claims)
    }

    /// A token with any header; the signature is of its `alg`, where the key can do that.
    pub(super) fn sign_with(&self, header: &Json, claims: &Json) -> String {
        self.sign_text(&header.to_string(), &claims.to_string())
    }

    pub(super) fn sign_text(&self, header: &str, claims: &str) -> String {
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = self.signature(header, signed.as_bytes());
        format!("{signed}.{}", encode(signature))
    }

    #[expect(clippy::disallowed_methods, reason = "a test's own signatures need no port")]
    fn signature(&self, header: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::P256(pair) | Pair::P384(pair) => pair.sign(&random, message).unwrap().as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(message).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let algorithm: &dyn aws_lc_rs::signature::RsaEncoding = match header {
                    header if header.contains("RS384") => &RSA_PKCS1_SHA384,
                    header if header.contains("RS512") => &RSA_PKCS1_SHA512,
                    header if header.contains("PS256") => &RSA_PSS_SHA256,
                    header if header.contains("PS384") => &RSA_PSS_SHA384,
                    header if header.contains("PS512") => &RSA_PSS_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(algorithm, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }
}
