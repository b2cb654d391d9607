//! G-8: a token of a trusted issuer, seen before and not, beside the bare check of its signature: one thread, keys parsed
//! once.

use std::sync::Arc;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use axum::{Router, routing::get};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use futures::executor::block_on;
use serde_json::{Value as Json, json};
use symbolon_adapters::jwks_http::{Algorithm, IssuerEndpoint, JwksHttp};
use symbolon_adapters::jwt::JwtKeys;
use symbolon_adapters::system::SystemClock;
use symbolon_domain::clock::Clock as _;
use symbolon_domain::signing_keys::{JwtType, SigningAlgorithm, TokenKeys as _};
use symbolon_domain::trusted_issuers::{ClaimNames, IssuerKeys as _, TrustedIssuer, TrustedIssuers};

use super::signing::{ROUNDS, keys};
use crate::failure::{Failure, Outcome};
use crate::options::Options;
use crate::raw;
use crate::report::{Goal, Reference, Row, Unit};
use crate::statistics::median;

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "https://api.example";
/// Tokens of which each is verified once before what was seen is forgotten.
const TOKENS: usize = 4_000;

pub(super) async fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let es256 = one(SigningAlgorithm::Es256, ["another issuer's ES256, not seen", "the same, seen"], options);
    let mut rows = es256.await?;
    let rs256 = one(SigningAlgorithm::Rs256, ["another issuer's RS256, not seen", "the same, seen"], options);
    rows.extend(rs256.await?);
    Ok(rows)
}

async fn one(algorithm: SigningAlgorithm, names: [&'static str; 2], options: &Options) -> Outcome<Vec<Row>> {
    let signing = keys(algorithm)?;
    let tokens = tokens(&signing, options.count(TOKENS))?;
    let first = tokens.first().ok_or_else(|| Failure::missing("token"))?;
    let jwks = signing.jwk_set(SystemClock.now());
    let public = public_key(algorithm, &jwks)?;
    let (signed, signature) = first.rsplit_once('.').ok_or_else(|| Failure::missing("signature"))?;
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| Failure::missing("signature"))?;
    let keys = Arc::new(published(jwks).await?);

    let duration = options.time(2);
    let (mut bare, mut unseen, mut seen) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..=ROUNDS {
        bare.push(raw::turns(|| Ok(public.verify_sig(signed.as_bytes(), &signature)?), duration)?);
        let (mut issuers, mut place) = (issuers(&keys), 0);
        unseen.push(raw::turns(
            || {
                if place == tokens.len() {
                    (issuers, place) = (self::issuers(&keys), 0);
                }
                place += 1;
                verify(&issuers, tokens.get(place - 1).unwrap_or(first))
            },
            duration,
        )?);
        seen.push(raw::turns(|| verify(&issuers, first), duration)?);
    }
    // The first of each was to warm up.
    let middle = |rates: &[f64]| rates.get(1..).and_then(median).unwrap_or(0.0);
    let row = |work, figure, goal| Row {
        id: "G-8",
        work,
        figure,
        unit: Unit::PerSecond,
        detail: String::new(),
        reference: Some(Reference {
            name: "aws-lc-rs, one core",
            figure: middle(&bare),
            detail: String::new(),
        }),
        goal,
    };
    let [not_seen, seen_before] = names;
    Ok(vec![
        row(not_seen, middle(&unseen), Goal::Ratio(0.9)),
        row(seen_before, middle(&seen), Goal::Ratio(10.0)),
    ])
}

fn verify(issuers: &TrustedIssuers, token: &str) -> Outcome<()> {
    block_on(issuers.verify(token)).map_err(|error| Failure(error.to_string()))?;
    Ok(())
}

/// Tokens of about the size of Cognito's, each of somebody else.
fn tokens(keys: &JwtKeys, count: usize) -> Outcome<Vec<String>> {
    let now = SystemClock.now();
    let token = |number: usize| {
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": format!("019aaf2b-0f5c-7c4e-9d3c-{number:012}"),
            "exp": now.seconds() + 86_400, "iat": now.seconds(), "auth_time": now.seconds(),
            "scope": "openid profile datasets/read datasets/write", "groups": ["researchers", "reviewers"],
            "email": "somebody@example.org", "email_verified": true, "amr": ["pwd", "mfa"],
        });
        Ok(keys.sign(JwtType::Access, claims.to_string().as_bytes(), now)?)
    };
    (0..count.max(1)).map(token).collect()
}

fn issuers(keys: &Arc<JwksHttp>) -> TrustedIssuers {
    let issuer = TrustedIssuer {
        issuer: ISSUER.to_owned(),
        audiences: vec![AUDIENCE.to_owned()],
        token_uses: Vec::new(),
        claims: ClaimNames {
            principal: "sub".to_owned(),
            groups: "groups".to_owned(),
            scopes: "scope".to_owned(),
            email: "email".to_owned(),
        },
        email_trusted: false,
        leeway: std::time::Duration::from_secs(30),
    };
    TrustedIssuers::new(vec![issuer], keys.clone(), Arc::new(SystemClock))
}

/// The issuer's keys, fetched from a server of its own.
async fn published(jwks: String) -> Outcome<JwksHttp> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let uri = format!("http://{}/keys", listener.local_addr()?);
    let router = Router::new().route("/keys", get(move || std::future::ready(jwks.clone())));
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    let endpoint = IssuerEndpoint {
        issuer: ISSUER.to_owned(),
        jwks_uri: Some(uri),
        algorithms: vec![Algorithm::Es256, Algorithm::Rs256],
    };
    let failed = |error: symbolon_domain::trusted_issuers::IssuerKeysError| Failure(error.to_string());
    let keys = JwksHttp::new(vec![endpoint], Arc::new(SystemClock)).map_err(failed)?;
    keys.refresh(ISSUER).await.map_err(failed)?;
    server.abort();
    Ok(keys)
}

/// The key as the library reads it.
fn public_key(algorithm: SigningAlgorithm, jwks: &str) -> Outcome<ParsedPublicKey> {
    let jwks: Json = serde_json::from_str(jwks).map_err(|_| Failure::missing("JWK set"))?;
    let number = |name: &str| {
        let text = jwks.pointer(&format!("/keys/0/{name}")).and_then(Json::as_str).unwrap_or_default();
        URL_SAFE_NO_PAD.decode(text).map_err(|_| Failure::missing("public key"))
    };
    let (verification, bytes): (&'static dyn VerificationAlgorithm, _) = match algorithm {
        SigningAlgorithm::Rs256 => {
            use aws_lc_rs::{encoding::AsDer as _, signature::RsaPublicKeyComponents};
            let der = RsaPublicKeyComponents { n: number("n")?, e: number("e")? }.as_der()?;
            (&RSA_PKCS1_2048_8192_SHA256, der.as_ref().to_vec())
        }
        _ => (&ECDSA_P256_SHA256_FIXED, [vec![4], number("x")?, number("y")?].concat()),
    };
    ParsedPublicKey::new(verification, bytes).map_err(|_| Failure::missing("public key"))
}
