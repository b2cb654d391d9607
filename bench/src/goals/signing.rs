//! G-9: making a token, beside the bare signature of as many bytes: one thread, the key parsed once.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use symbolon_adapters::jwt::JwtKeys;
use symbolon_adapters::system::{SystemClock, SystemEntropy};
use symbolon_domain::clock::Clock as _;
use symbolon_domain::id::SigningKeyId;
use symbolon_domain::signing_keys::{
    GeneratedKey, JwtType, KeyLife, OpenedKey, SigningAlgorithm, TokenKeys as _,
};

use crate::failure::{Failure, Outcome};
use crate::options::Options;
use crate::raw;
use crate::report::{Goal, Reference, Row, Unit};
use crate::statistics::median;

const CLAIMS: &str = r#"{"iss":"http://localhost:8080","sub":"019aaf2b-0f5c-7c4e-9d3c-2f8a51f0a6b1","aud":"http://localhost:8080","exp":1764000900,"iat":1764000000,"nbf":1764000000,"jti":"019aaf2b-0f5c-7c4e-9d3c-2f8a51f0a6b2","sid":"019aaf2b-0f5c-7c4e-9d3c-2f8a51f0a6b3","state":"authorized","auth_time":1764000000,"amr":["pwd","otp","mfa"],"acr":"2fa","role":"user","cnf":{"sb#S256":"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"}}"#;
pub(super) const ROUNDS: usize = 3;

pub(super) fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let random = SystemRandom::new();
    let es256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
    let eddsa = Ed25519KeyPair::generate()?;
    let rs256 = RsaKeyPair::generate(KeySize::Rsa2048)?;
    let mut signature = vec![0; rs256.public_modulus_len()];
    Ok(vec![
        row("token signing, ES256", SigningAlgorithm::Es256, options, |message| {
            es256.sign(&random, message)?;
            Ok(())
        })?,
        row("token signing, EdDSA", SigningAlgorithm::EdDsa, options, |message| {
            std::hint::black_box(eddsa.sign(message));
            Ok(())
        })?,
        row("token signing, RS256", SigningAlgorithm::Rs256, options, |message| {
            rs256.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
            Ok(())
        })?,
    ])
}

fn row(
    work: &'static str,
    algorithm: SigningAlgorithm,
    options: &Options,
    mut raw_signature: impl FnMut(&[u8]) -> Outcome<()>,
) -> Outcome<Row> {
    let keys = keys(algorithm)?;
    let now = SystemClock.now();
    let token = keys.sign(JwtType::Session, CLAIMS.as_bytes(), now)?;
    let signed = token.rsplit_once('.').map(|(signed, _)| signed.to_owned());
    let signed = signed.ok_or_else(|| Failure::missing("signature"))?;
    let duration = options.time(2);
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..=ROUNDS {
        bare.push(raw::turns(|| raw_signature(signed.as_bytes()), duration)?);
        ours.push(raw::turns(
            || {
                keys.sign(JwtType::Session, CLAIMS.as_bytes(), now)?;
                Ok(())
            },
            duration,
        )?);
    }
    // The first of each was to warm up.
    let middle = |rates: &[f64]| rates.get(1..).and_then(median).unwrap_or(0.0);
    Ok(Row {
        id: "G-9",
        work,
        figure: middle(&ours),
        unit: Unit::PerSecond,
        detail: String::new(),
        reference: Some(Reference {
            name: "aws-lc-rs, one core",
            figure: middle(&bare),
            detail: String::new(),
        }),
        goal: Goal::Ratio(0.9),
    })
}

/// A key of this algorithm that signs from now on.
pub(super) fn keys(algorithm: SigningAlgorithm) -> Outcome<JwtKeys> {
    let (keys, now) = (JwtKeys::new(), SystemClock.now());
    let id = SigningKeyId::new(now, &SystemEntropy::new());
    let GeneratedKey { private, public_jwk } = keys.generate(id, algorithm)?;
    let life = KeyLife { signs_from: now, retires_at: None };
    keys.install(vec![OpenedKey { id, algorithm, life, public_jwk, private }])?;
    Ok(keys)
}
