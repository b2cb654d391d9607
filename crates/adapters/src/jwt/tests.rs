//! What our tokens are, and every way in which a text that is not one of them is refused.

use serde_json::{Value, json};
use symbolon_domain::clock::Timestamp;

use super::*;

const ALGORITHMS: [SigningAlgorithm; 3] =
    [SigningAlgorithm::Es256, SigningAlgorithm::Rs256, SigningAlgorithm::EdDsa];
const NOW: Timestamp = Timestamp::EPOCH;
const CLAIMS: &[u8] = br#"{"iss":"https://id.example.com","sub":"0190","exp":4102444800}"#;

fn id(second: i64) -> SigningKeyId {
    SigningKeyId::new(Timestamp::from_seconds(second), &SystemEntropy::new())
}

fn opened(keys: &JwtKeys, algorithm: SigningAlgorithm, second: i64) -> OpenedKey {
    let id = id(second);
    let GeneratedKey { private, public_jwk } = keys.generate(id, algorithm).unwrap();
    let life = KeyLife { signs_from: NOW, retires_at: None };
    OpenedKey { id, algorithm, life, public_jwk, private }
}

fn keys(algorithm: SigningAlgorithm) -> JwtKeys {
    let keys = JwtKeys::new();
    keys.install(vec![opened(&keys, algorithm, 1)]).unwrap();
    keys
}

fn kid(keys: &JwtKeys) -> String {
    keys.current().last().unwrap().kid.clone()
}

fn encode(part: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(part)
}

/// Any header and claims, signed by our own key: what is wrong with it is not the signature.
fn signed(keys: &JwtKeys, header: &str, claims: impl AsRef<[u8]>) -> String {
    let message = format!("{}.{}", encode(header), encode(claims));
    let current = keys.current();
    let pair = &current.last().unwrap().pair;
    let signature = pair.sign(message.as_bytes(), keys.random.secure_random()).unwrap();
    format!("{message}.{}", encode(signature))
}

fn header(alg: &str, kid: &str, typ: &str) -> String {
    format!(r#"{{"alg":"{alg}","kid":"{kid}","typ":"{typ}"}}"#)
}

#[test]
fn a_token_is_verified_by_its_maker() {
    for algorithm in ALGORITHMS {
        let keys = keys(algorithm);
        for kind in [JwtType::Session, JwtType::PreAuthorized] {
            let token = keys.sign(kind, CLAIMS, NOW).unwrap();
            assert_eq!(keys.verify(kind, &token, NOW).unwrap(), CLAIMS);
            let (first, _) = token.split_once('.').unwrap();
            let decoded = String::from_utf8(URL_SAFE_NO_PAD.decode(first).unwrap()).unwrap();
            assert_eq!(decoded, header(algorithm.as_str(), &kid(&keys), kind.as_str()));
        }
    }
}

/// The JWK set is what another library needs, and all it needs, to verify our tokens.
#[test]
fn another_library_verifies_with_the_jwk_set() {
    for algorithm in ALGORITHMS {
        let keys = keys(algorithm);
        let token = keys.sign(JwtType::Session, CLAIMS, NOW).unwrap();
        let set: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&keys.jwk_set(NOW)).unwrap();
        let parsed = jsonwebtoken::decode_header(&token).unwrap();
        assert_eq!(parsed.typ.as_deref(), Some("session+jwt"));
        let jwk = set.find(parsed.kid.as_deref().unwrap()).unwrap();
        let mut validation = jsonwebtoken::Validation::new(algorithm.as_str().parse().unwrap());
        validation.validate_exp = false;
        let key = jsonwebtoken::DecodingKey::from_jwk(jwk).unwrap();
        let decoded = jsonwebtoken::decode::<Value>(&token, &key, &validation).unwrap();
        assert_eq!(decoded.claims, serde_json::from_slice::<Value>(CLAIMS).unwrap());
    }
}

#[test]
fn the_jwk_set_has_every_key_and_nothing_private() {
    let keys = JwtKeys::new();
    assert_eq!(keys.jwk_set(NOW), r#"{"keys":[]}"#);
    let all: Vec<OpenedKey> =
        ALGORITHMS.into_iter().zip(1..).map(|(a, second)| opened(&keys, a, second)).collect();
    let (ids, jwks): (Vec<_>, Vec<_>) = all.iter().map(|key| (key.id, key.public_jwk.clone())).unzip();
    keys.install(all).unwrap();
    let set: Value = serde_json::from_str(&keys.jwk_set(NOW)).unwrap();
    let members = [
        ("ES256", &["alg", "crv", "kid", "kty", "use", "x", "y"][..]),
        ("RS256", &["alg", "e", "kid", "kty", "n", "use"]),
        ("EdDSA", &["alg", "crv", "kid", "kty", "use", "x"]),
    ];
    assert_eq!(set["keys"].as_array().unwrap().len(), members.len());
    for (position, (alg, names)) in members.into_iter().enumerate() {
        let jwk = &set["keys"][position];
        assert_eq!(jwk, &serde_json::from_str::<Value>(&jwks[position]).unwrap());
        assert_eq!(
            (&jwk["alg"], &jwk["use"], &jwk["kid"]),
            (&json!(alg), &json!("sig"), &json!(ids[position].to_string()))
        );
        let mut found: Vec<&str> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
        found.sort_unstable();
        assert_eq!(found, names);
    }
    assert_eq!(URL_SAFE_NO_PAD.decode(set["keys"][0]["y"].as_str().unwrap()).unwrap().len(), 32);
    assert_eq!(
        (&set["keys"][1]["e"], URL_SAFE_NO_PAD.decode(set["keys"][1]["n"].as_str().unwrap()).unwrap().len()),
        (&json!("AQAB"), 256)
    );
}

/// C53, C54: headers that are not ours are refused though the signature over them is.
#[test]
fn headers_that_are_not_ours_are_refused() {
    for algorithm in ALGORITHMS {
        let keys = keys(algorithm);
        let (alg, kid, typ) = (algorithm.as_str(), kid(&keys), "session+jwt");
        let plus = |member: &str| format!(r#"{{"alg":"{alg}","kid":"{kid}","typ":"{typ}",{member}}}"#);
        let with_alg = |alg: &str| header(alg, &kid, typ);
        let cases = [
            ("alg none", with_alg("none"), TokenFault::Algorithm),
            ("alg None", with_alg("None"), TokenFault::Algorithm),
            ("alg NONE", with_alg("NONE"), TokenFault::Algorithm),
            ("alg nOnE", with_alg("nOnE"), TokenFault::Algorithm),
            ("no alg said", with_alg(""), TokenFault::Algorithm),
            ("alg HS256", with_alg("HS256"), TokenFault::Algorithm),
            ("alg ES384", with_alg("ES384"), TokenFault::Algorithm),
            ("alg PS256", with_alg("PS256"), TokenFault::Algorithm),
            ("alg in lower case", with_alg(&alg.to_lowercase()), TokenFault::Algorithm),
            ("crit", plus(r#""crit":["exp"]"#), TokenFault::Header),
            ("empty crit", plus(r#""crit":[]"#), TokenFault::Header),
            ("jwk", plus(r#""jwk":{"kty":"oct","k":"AA"}"#), TokenFault::Header),
            ("jku", plus(r#""jku":"https://evil.example/jwks""#), TokenFault::Header),
            ("x5u", plus(r#""x5u":"https://evil.example/x""#), TokenFault::Header),
            ("x5c", plus(r#""x5c":["MIIB"]"#), TokenFault::Header),
            ("b64", plus(r#""b64":false"#), TokenFault::Header),
            ("zip", plus(r#""zip":"DEF""#), TokenFault::Header),
            ("cty", plus(r#""cty":"JWT""#), TokenFault::Header),
            ("alg twice", plus(r#""alg":"none""#), TokenFault::Header),
            ("alg twice, escaped", plus(r#""\u0061lg":"none""#), TokenFault::Header),
            ("kid twice", plus(r#""kid":"x""#), TokenFault::Header),
            ("no kid", format!(r#"{{"alg":"{alg}","typ":"{typ}"}}"#), TokenFault::Header),
            ("no typ", format!(r#"{{"alg":"{alg}","kid":"{kid}"}}"#), TokenFault::Header),
            ("no alg", format!(r#"{{"kid":"{kid}","typ":"{typ}"}}"#), TokenFault::Header),
            ("alg null", format!(r#"{{"alg":null,"kid":"{kid}","typ":"{typ}"}}"#), TokenFault::Header),
            ("an array", format!(r#"["{alg}","{kid}","{typ}"]"#), TokenFault::Header),
            ("a string", format!(r#""{alg}""#), TokenFault::Header),
            ("more behind it", format!("{}{{}}", with_alg(alg)), TokenFault::Header),
            ("nothing", String::new(), TokenFault::Header),
            ("deep", "{\"a\":".repeat(2_000), TokenFault::Header),
            ("another kid", header(alg, &id(2).to_string(), typ), TokenFault::UnknownKey),
            ("kid in capitals", header(alg, &kid.to_uppercase(), typ), TokenFault::UnknownKey),
            ("a path as kid", header(alg, "../../dev/null", typ), TokenFault::UnknownKey),
            ("kid empty", header(alg, "", typ), TokenFault::UnknownKey),
        ];
        for (name, header, fault) in cases {
            let token = signed(&keys, &header, CLAIMS);
            assert_eq!(keys.verify(JwtType::Session, &token, NOW), Err(fault), "{alg}, {name}");
            let (unsigned, _) = token.rsplit_once('.').unwrap();
            assert_eq!(
                keys.verify(JwtType::Session, &format!("{unsigned}."), NOW),
                Err(fault),
                "{alg}, {name}"
            );
        }
    }
}

/// C52: a token of one kind is not one of another, however the `typ` is written.
#[test]
fn kinds_are_not_interchangeable() {
    let keys = keys(SigningAlgorithm::Es256);
    let token = keys.sign(JwtType::PreAuthorized, CLAIMS, NOW).unwrap();
    assert_eq!(keys.verify(JwtType::Session, &token, NOW), Err(TokenFault::Type));
    let token = keys.sign(JwtType::Session, CLAIMS, NOW).unwrap();
    assert_eq!(keys.verify(JwtType::PreAuthorized, &token, NOW), Err(TokenFault::Type));
    for typ in ["", "JWT", "jwt", "at+jwt", "logout+jwt", "dt+jwt", "SESSION+JWT", "application/session+jwt"]
    {
        let token = signed(&keys, &header("ES256", &kid(&keys), typ), CLAIMS);
        assert_eq!(keys.verify(JwtType::Session, &token, NOW), Err(TokenFault::Type), "{typ}");
    }
}

/// C53: signatures that are empty, cut, too long, all zero ("psychic"), of another key or of other bytes.
#[test]
fn forged_signatures_are_refused() {
    for algorithm in ALGORITHMS {
        let keys = keys(algorithm);
        let token = keys.sign(JwtType::Session, CLAIMS, NOW).unwrap();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let right = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let stranger = JwtKeys::new();
        stranger.install(vec![opened(&stranger, algorithm, 1)]).unwrap();
        let strange = URL_SAFE_NO_PAD
            .decode(
                signed(&stranger, &header(algorithm.as_str(), &kid(&keys), "session+jwt"), CLAIMS)
                    .rsplit_once('.')
                    .unwrap()
                    .1,
            )
            .unwrap();
        let mut flipped = right.clone();
        flipped[7] ^= 1;
        let mut longer = right.clone();
        longer.push(0);
        let forged = [
            Vec::new(),
            right[..right.len() - 1].to_vec(),
            longer,
            vec![0; right.len()],
            vec![0xff; right.len()],
            [vec![0; right.len() - 1], vec![1]].concat(),
            flipped,
            strange,
            b"\x30\x06\x02\x01\x00\x02\x01\x00".to_vec(),
        ];
        for signature in forged {
            let token = format!("{message}.{}", encode(&signature));
            assert_eq!(
                keys.verify(JwtType::Session, &token, NOW),
                Err(TokenFault::Signature),
                "{algorithm:?} {signature:?}"
            );
        }
        let other_claims = format!("{}.{}.{signature}", message.split_once('.').unwrap().0, encode("{}"));
        assert_eq!(keys.verify(JwtType::Session, &other_claims, NOW), Err(TokenFault::Signature));
    }
}

/// C53: a key of one algorithm does not verify for another: RSA's public half is no HMAC secret.
#[test]
fn the_algorithm_is_the_keys() {
    let keys = keys(SigningAlgorithm::Rs256);
    let public = keys.current()[0].public_jwk.clone();
    let message = format!("{}.{}", encode(header("HS256", &kid(&keys), "session+jwt")), encode(CLAIMS));
    let secret = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, public.as_bytes());
    let token = format!("{message}.{}", encode(aws_lc_rs::hmac::sign(&secret, message.as_bytes())));
    assert_eq!(keys.verify(JwtType::Session, &token, NOW), Err(TokenFault::Algorithm));
}

/// C54: one token has one text: padding, other alphabets, blanks and left-over bits are refused.
#[test]
fn other_texts_of_a_token_are_refused() {
    let keys = keys(SigningAlgorithm::EdDsa);
    let token = keys.sign(JwtType::Session, br#"{"a":"~~~???"}"#, NOW).unwrap();
    assert!(keys.verify(JwtType::Session, &token, NOW).is_ok());
    let (message, signature) = token.rsplit_once('.').unwrap();
    // 64 bytes end in a character of which only two bits count; the next letter of the alphabet has the same two.
    let last = signature.chars().last().unwrap();
    let left_over = char::from(u8::try_from(last).unwrap() + 1);
    let bits = format!("{message}.{}{left_over}", &signature[..signature.len() - 1]);
    assert_ne!(bits, token);
    for text in [
        String::new(),
        "..".to_owned(),
        "a.b".to_owned(),
        message.to_owned(),
        format!("{token}=="),
        format!("{token}="),
        format!("{token}."),
        format!("{token}.{signature}"),
        format!(".{token}"),
        format!(" {token}"),
        format!("{token}\n"),
        bits,
        token.replace(['-', '_'], "+"),
        token.replacen('e', "é", 1),
        format!("{message}.\u{0}"),
    ] {
        let fault = keys.verify(JwtType::Session, &text, NOW).unwrap_err();
        let expected = if text == ".." { TokenFault::Header } else { TokenFault::Format };
        assert_eq!(fault, expected, "{text:?}");
    }
}

/// C54: 16 KiB are read, one byte more is not.
#[test]
fn long_tokens_are_refused_unread() {
    let keys = keys(SigningAlgorithm::EdDsa);
    let overhead = keys.sign(JwtType::Session, b"", NOW).unwrap().len();
    let claims_of = |length: usize| {
        let text = (length - overhead) / 4 * 3;
        format!(r#"{{"a":"{}"}}"#, "x".repeat(text - 8))
    };
    let longest = keys.sign(JwtType::Session, claims_of(LONGEST_TOKEN).as_bytes(), NOW).unwrap();
    assert!(longest.len() <= LONGEST_TOKEN && longest.len() > LONGEST_TOKEN - 4);
    assert!(keys.verify(JwtType::Session, &longest, NOW).is_ok());
    let longer = keys.sign(JwtType::Session, claims_of(LONGEST_TOKEN + 4).as_bytes(), NOW).unwrap();
    assert_eq!(keys.verify(JwtType::Session, &longer, NOW), Err(TokenFault::TooLong));
    assert_eq!(keys.verify(JwtType::Session, &"x".repeat(LONGEST_TOKEN + 1), NOW), Err(TokenFault::TooLong));
    assert_eq!(keys.verify(JwtType::Session, &"x".repeat(LONGEST_TOKEN), NOW), Err(TokenFault::Format));
}

/// C54: claims that two readers could read differently are refused though we signed them.
#[test]
fn ambiguous_claims_are_refused() {
    let keys = keys(SigningAlgorithm::EdDsa);
    let header = header("EdDSA", &kid(&keys), "session+jwt");
    let deep = |depth: usize| format!("{}1{}", r#"{"a":"#.repeat(depth), "}".repeat(depth));
    assert!(keys.verify(JwtType::Session, &signed(&keys, &header, deep(32)), NOW).is_ok());
    for claims in
        [r#"{"sub":"a","sub":"b"}"#, r#"{"x":{"s":1,"\u0073":2}}"#, "[]", "", "null", "{} {}", &deep(33)]
    {
        let token = signed(&keys, &header, claims);
        assert_eq!(keys.verify(JwtType::Session, &token, NOW), Err(TokenFault::Claims), "{claims}");
    }
}

/// O8: of keys with a life of their own the one signs whose time has come, and none is taken or published past its end;
/// each from the very moment on, and nothing has to be installed for it.
#[test]
fn keys_sign_and_retire_at_their_moments() {
    let keys = JwtKeys::new();
    let moment = Timestamp::from_seconds;
    let mut old = opened(&keys, SigningAlgorithm::Es256, 1);
    old.life.retires_at = Some(moment(200));
    let mut new = opened(&keys, SigningAlgorithm::Es256, 2);
    new.life.signs_from = moment(100);
    let (old_id, new_id) = (old.id.to_string(), new.id.to_string());
    keys.install(vec![old, new]).unwrap();
    let signer =
        |now| jsonwebtoken::decode_header(keys.sign(JwtType::Session, CLAIMS, now).unwrap()).unwrap();
    let published = |now| -> Vec<String> {
        let set: Value = serde_json::from_str(&keys.jwk_set(now)).unwrap();
        set["keys"].as_array().unwrap().iter().map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(signer(moment(99)).kid.unwrap(), old_id);
    assert_eq!(signer(moment(100)).kid.unwrap(), new_id);
    assert_eq!(published(moment(0)), [old_id.clone(), new_id.clone()]);
    let token = keys.sign(JwtType::Session, CLAIMS, moment(99)).unwrap();
    assert!(keys.verify(JwtType::Session, &token, moment(199)).is_ok());
    assert_eq!(published(moment(199)), [old_id, new_id.clone()]);
    assert_eq!(keys.verify(JwtType::Session, &token, moment(200)), Err(TokenFault::UnknownKey));
    assert_eq!(published(moment(200)), [new_id]);
}

/// C64: after a rotation the last key signs, and the tokens of the one before still count until it is gone.
#[test]
fn the_last_key_signs_and_all_verify() {
    let keys = JwtKeys::new();
    let old = opened(&keys, SigningAlgorithm::Es256, 1);
    let old_again = OpenedKey { private: old.private.clone(), public_jwk: old.public_jwk.clone(), ..old };
    keys.install(vec![old]).unwrap();
    let before = keys.sign(JwtType::Session, CLAIMS, NOW).unwrap();
    let new = opened(&keys, SigningAlgorithm::EdDsa, 2);
    let new_again = OpenedKey { private: new.private.clone(), public_jwk: new.public_jwk.clone(), ..new };
    keys.install(vec![old_again, new]).unwrap();
    let after = keys.sign(JwtType::Session, CLAIMS, NOW).unwrap();
    assert!(
        keys.verify(JwtType::Session, &before, NOW).is_ok()
            && keys.verify(JwtType::Session, &after, NOW).is_ok()
    );
    assert_ne!(before.split_once('.').unwrap().0, after.split_once('.').unwrap().0);
    keys.install(vec![new_again]).unwrap();
    assert_eq!(keys.verify(JwtType::Session, &before, NOW), Err(TokenFault::UnknownKey));
}

#[test]
fn without_a_key_nothing_is_signed_or_verified() {
    let token = keys(SigningAlgorithm::Es256).sign(JwtType::Session, CLAIMS, NOW).unwrap();
    let none = JwtKeys::new();
    assert!(none.sign(JwtType::Session, CLAIMS, NOW).is_err());
    assert_eq!(none.verify(JwtType::Session, &token, NOW), Err(TokenFault::UnknownKey));
}

/// C58, C53: a key that cannot be read, or is of another algorithm, is refused, and the ones before stay.
#[test]
fn unreadable_keys_are_refused() {
    let keys = keys(SigningAlgorithm::Es256);
    let token = keys.sign(JwtType::Session, CLAIMS, NOW).unwrap();
    let other = opened(&keys, SigningAlgorithm::EdDsa, 2);
    let bad = OpenedKey { algorithm: SigningAlgorithm::Es256, ..other };
    let id = bad.id;
    assert_eq!(keys.install(vec![bad]).unwrap_err().id, id);
    assert!(keys.verify(JwtType::Session, &token, NOW).is_ok());
}

/// C53: a token that was seen is judged anew by everything that may have changed: its key, its kind, its bytes.
#[test]
fn a_known_token_counts_no_longer_than_its_key() {
    let keys = JwtKeys::new();
    let mut first = opened(&keys, SigningAlgorithm::Es256, 1);
    let end = NOW + std::time::Duration::from_secs(60);
    first.life.retires_at = Some(end);
    keys.install(vec![first]).unwrap();
    let token = keys.sign(JwtType::Session, CLAIMS, NOW).unwrap();
    for _ in 0..3 {
        assert_eq!(keys.verify(JwtType::Session, &token, NOW).unwrap(), CLAIMS);
    }
    assert_eq!(keys.tokens_known(), 2);
    assert_eq!(keys.verify(JwtType::PreAuthorized, &token, NOW), Err(TokenFault::Type));
    assert_eq!(keys.verify(JwtType::Session, &token, end), Err(TokenFault::UnknownKey));
    let mut forged = token.clone();
    forged.pop();
    assert!(keys.verify(JwtType::Session, &forged, NOW).is_err());
    keys.install(vec![opened(&keys, SigningAlgorithm::Es256, 2)]).unwrap();
    assert_eq!(keys.verify(JwtType::Session, &token, NOW), Err(TokenFault::UnknownKey));
}
