//! Tokens made to deceive (C52–C55, C58): each fails at the check that it tries to get round.

use aws_lc_rs::hmac;

use super::{signer::encode, *};

fn header(changes: &Json) -> Json {
    let mut header = json!({ "alg": "ES256", "kid": "a", "typ": "JWT" });
    for (name, value) in changes.as_object().unwrap() {
        header[name] = value.clone();
    }
    header
}

#[tokio::test]
async fn a_header_that_deceives_opens_nothing() {
    let (signer, rsa) = (Signer::p256("a"), Signer::rsa("r"));
    let given = Given::new(set_of(&[&signer, &rsa])).await;
    let mut cases: Vec<(Json, IssuerTokenFault)> = vec![
        (json!({ "kid": "unknown" }), IssuerTokenFault::UnknownKey),
        (json!({ "kid": "r" }), IssuerTokenFault::Algorithm),
        (json!({ "alg": "RS256" }), IssuerTokenFault::Algorithm),
        (json!({ "alg": "ES384" }), IssuerTokenFault::Algorithm),
        (json!({ "alg": "es256" }), IssuerTokenFault::Algorithm),
        (json!({ "alg": "" }), IssuerTokenFault::Algorithm),
        (json!({ "alg": ["ES256"] }), IssuerTokenFault::Header),
        (json!({ "kid": null }), IssuerTokenFault::Header),
        (json!({ "kid": 7 }), IssuerTokenFault::Header),
        (json!({ "crit": ["exp"] }), IssuerTokenFault::Header),
        (json!({ "crit": [] }), IssuerTokenFault::Header),
        (json!({ "crit": ["b64"], "b64": false }), IssuerTokenFault::Header),
    ];
    for none in ["none", "None", "NONE", "nOnE", "HS256", "HS384", "HS512", "dir", "RSA-OAEP"] {
        cases.push((json!({ "alg": none }), IssuerTokenFault::Algorithm));
    }
    for typ in ["session+jwt", "pre+jwt", "dt+jwt", "dpop+jwt", "logout+jwt", "secevent+jwt", "", "JWE"] {
        cases.push((json!({ "typ": typ }), IssuerTokenFault::Type));
    }
    for (changes, fault) in cases {
        let token = signer.sign_with(&header(&changes), &claims());
        assert_eq!(given.fault(&token).await, fault, "{changes}");
    }
    for typ in ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"] {
        let token = signer.sign_with(&header(&json!({ "typ": typ })), &claims());
        assert!(given.keys.verify(&token).await.is_ok(), "{typ}");
    }
}

/// C53: keys that a token brings along, or says where to fetch, are neither trusted nor fetched.
#[tokio::test]
async fn a_key_that_the_token_brings_is_not_looked_at() {
    let (trusted, evil) = (Signer::p256("a"), Signer::p256("a"));
    let given = Given::new(set_of(&[&trusted])).await;
    let trap = Server::start(set_of(&[&evil]).to_string()).await;
    for changes in [
        json!({ "jwk": evil.jwk() }),
        json!({ "jku": trap.url("/keys") }),
        json!({ "x5u": trap.url("/chain") }),
        json!({ "x5c": ["MIIB"] }),
        json!({ "kid": "a", "jwk": evil.jwk(), "jku": trap.url("/keys"), "x5u": trap.url("/chain") }),
    ] {
        let token = evil.sign_with(&header(&changes), &claims());
        assert_eq!(given.fault(&token).await, IssuerTokenFault::Signature, "{changes}");
    }
    for kid in [trap.url("/keys"), "../../etc/passwd".to_owned(), "a' OR '1'='1".to_owned()] {
        let token = evil.sign_with(&header(&json!({ "kid": kid })), &claims());
        assert_eq!(given.fault(&token).await, IssuerTokenFault::UnknownKey, "{kid}");
    }
    let elsewhere = json!({ "iss": trap.url(""), "sub": "ada" });
    assert_eq!(given.fault(&evil.sign_as("ES256", &elsewhere)).await, IssuerTokenFault::Issuer);
    assert_eq!(trap.asked_at_all(), 0);
}

/// C53: what an issuer publishes is no secret, so nothing is proved by who knows it.
#[tokio::test]
async fn an_hmac_with_the_public_key_proves_nothing() {
    let signer = Signer::p256("a");
    let body = set_of(&[&signer]);
    let given = Given::new(body.clone()).await;
    for alg in ["HS256", "hs256", "ES256"] {
        for secret in [body.to_string(), signer.jwk().to_string(), String::new()] {
            let signed = format!(
                "{}.{}",
                encode(header(&json!({ "alg": alg })).to_string()),
                encode(claims().to_string())
            );
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), signed.as_bytes());
            let token = format!("{signed}.{}", encode(tag));
            let fault = given.fault(&token).await;
            assert!(matches!(fault, IssuerTokenFault::Algorithm | IssuerTokenFault::Signature), "{fault}");
        }
    }
}

/// C53: psychic signatures, and those that were cut, stretched or changed in a bit.
#[tokio::test]
async fn a_signature_is_right_in_every_bit() {
    let (p256, rsa) = (Signer::p256("a"), Signer::rsa("r"));
    let given = Given::new(set_of(&[&p256, &rsa])).await;
    for token in [p256.sign_as("ES256", &claims()), rsa.sign_as("RS256", &claims())] {
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let mut wrong = vec![vec![], vec![0; bytes.len()], vec![0xff; bytes.len()], vec![0; 8]];
        wrong.push(bytes[..bytes.len() - 1].to_vec());
        wrong.push([bytes.as_slice(), &[0]].concat());
        wrong.push([&[0], bytes.as_slice()].concat());
        for place in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[place] ^= 1;
            wrong.push(changed);
        }
        // The order of the curve, for r and s.
        let n = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
        let n: Vec<u8> =
            (0..n.len()).step_by(2).map(|at| u8::from_str_radix(&n[at..at + 2], 16).unwrap()).collect();
        wrong.push([n.as_slice(), &n].concat());
        for signature in wrong {
            let token = format!("{signed}.{}", encode(signature));
            assert_eq!(given.fault(&token).await, IssuerTokenFault::Signature);
        }
    }
}

/// C54: one token has one spelling, and nothing in it is said twice.
#[tokio::test]
async fn a_token_has_one_form() {
    let signer = Signer::p256("a");
    let given = Given::new(set_of(&[&signer])).await;
    let token = signer.sign_as("ES256", &claims());
    let parts: Vec<&str> = token.split('.').collect();
    let padded = format!("{}=.{}.{}", parts[0], parts[1], parts[2]);
    // 64 bytes leave four bits in the last character, which must be zero.
    let (start, last) = parts[2].split_at(parts[2].len() - 1);
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let next = alphabet.as_bytes()[alphabet.find(last).unwrap() + 1] as char;
    for wrong in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        padded,
        format!("{}.{}.{start}{next}", parts[0], parts[1]),
        format!("{token}.{}", parts[2]),
        format!("{}.{}", parts[0], parts[1]),
        format!(" {token}"),
        format!("{token}\n"),
        token.replace('.', ".."),
        format!("{}+.{}.{}", parts[0], parts[1], parts[2]),
    ] {
        let fault = given.fault(&wrong).await;
        assert!(matches!(fault, IssuerTokenFault::Format | IssuerTokenFault::Header), "{wrong:?}: {fault}");
    }
    let deep =
        |depth: usize| format!(r#"{{"iss":"{ISSUER}","a":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    let header = r#"{"alg":"ES256","kid":"a"}"#;
    assert!(given.keys.verify(&signer.sign_text(header, &deep(31))).await.is_ok());
    for (header, claims, fault) in [
        (header, deep(64), IssuerTokenFault::Claims),
        (header, deep(32), IssuerTokenFault::Claims),
        (header, format!(r#"{{"iss":"{ISSUER}","iss":"{ISSUER}"}}"#), IssuerTokenFault::Claims),
        (header, format!(r#"{{"iss":"{ISSUER}","a":{{"b":1,"\u0062":2}}}}"#), IssuerTokenFault::Claims),
        (header, format!(r#"["{ISSUER}"]"#), IssuerTokenFault::Claims),
        (header, r#"{"sub":"ada"}"#.to_owned(), IssuerTokenFault::Claims),
        (header, r#"{"iss":7}"#.to_owned(), IssuerTokenFault::Claims),
        (header, format!(r#"{{"iss":"{ISSUER}/"}}"#), IssuerTokenFault::Issuer),
        (r#"{"alg":"ES256","alg":"ES256","kid":"a"}"#, deep(1), IssuerTokenFault::Header),
        (r#"["ES256","a"]"#, deep(1), IssuerTokenFault::Header),
    ] {
        assert_eq!(given.fault(&signer.sign_text(header, &claims)).await, fault, "{header} {claims}");
    }
    let long = json!({ "iss": ISSUER, "a": "a".repeat(13_000) });
    assert_eq!(given.fault(&signer.sign_as("ES256", &long)).await, IssuerTokenFault::TooLong);
}
