//! Sealed keys: they open as long as they may live, and nothing else does.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::ExposeSecret as _;

use super::*;

const CLAIMS: &[u8] = br#"{"aud":"https://api.example.org"}"#;
const LIFE: Duration = Duration::from_secs(30 * 86_400);
/// The first second of a period.
const START: i64 = 700 * PERIOD;

fn sealer() -> PasetoSealer {
    PasetoSealer::new(&[7; 32], LIFE)
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(seconds)
}

fn sealed(seconds: i64) -> String {
    sealer().seal(CLAIMS, at(seconds)).unwrap().expose_secret().to_owned()
}

fn open(text: &str, seconds: i64) -> Result<Vec<u8>, ApiKeyFault> {
    sealer().open(text, at(seconds)).map(|claims| claims.to_vec())
}

/// The key with another footer.
fn with_footer(text: &str, footer: &str) -> String {
    let (token, _) = text.rsplit_once('.').unwrap();
    format!("{token}.{}", URL_SAFE_NO_PAD.encode(footer))
}

#[test]
fn a_key_opens_to_its_claims_and_shows_none_of_them() {
    let one = sealed(START);
    assert!(one.starts_with("sym_ak_v4.local."), "{one}");
    assert_eq!(open(&one, START).unwrap(), CLAIMS);
    assert_ne!(one, sealed(START), "each key is sealed with a nonce of its own");
    let body = one.split('.').nth(2).unwrap();
    let bytes = URL_SAFE_NO_PAD.decode(body).unwrap();
    assert!(!bytes.windows(11).any(|window| window == b"example.org"));
}

/// C54: whichever character is changed or missing, it opens no more.
#[test]
fn every_changed_byte_is_noticed() {
    let text = sealed(START);
    for position in 0..text.len() {
        for change in [1, 2, 0x10, 0x20] {
            let mut bytes = text.clone().into_bytes();
            bytes[position] ^= change;
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            assert!(open(&changed, START).is_err(), "byte {position} changed by {change}");
        }
        assert!(open(&text[..position], START).is_err(), "{position} bytes");
    }
    assert!(open(&format!("{text}A"), START).is_err());
    assert!(open(&format!("{text}="), START).is_err());
    assert!(open(&format!("{text}.AA"), START).is_err());
    assert!(open(&format!(" {text}"), START).is_err());
}

/// The key of a period opens what that period sealed only.
#[test]
fn a_key_does_not_open_under_another_period() {
    let text = sealed(START);
    assert_eq!(with_footer(&text, "700"), text);
    assert_eq!(open(&with_footer(&text, "699"), START), Err(ApiKeyFault::Seal));
    for footer in ["", "+700", "0700", "-1", "698", "701", "x", "9223372036854775807", "9223372036854775808"]
    {
        assert_eq!(open(&with_footer(&text, footer), START), Err(ApiKeyFault::UnknownKey), "{footer}");
    }
    let (without, _) = text.rsplit_once('.').unwrap();
    assert_eq!(open(without, START), Err(ApiKeyFault::UnknownKey));
}

/// tokens.md: a sealing key is taken until the last refresh token of a key that it sealed has ended.
#[test]
fn a_period_that_is_over_is_taken_as_long_as_its_keys_may_live() {
    let last = START + PERIOD - 1;
    let text = sealed(last);
    let life = i64::try_from(LIFE.as_secs()).unwrap();
    assert!(open(&text, last + life).is_ok());
    assert_eq!(open(&text, last + life + 1), Err(ApiKeyFault::UnknownKey));
    // A node whose clock is behind is not in the period yet.
    let first = sealed(START);
    assert!(open(&first, START - CLOCKS_DIFFER).is_ok());
    assert_eq!(open(&first, START - CLOCKS_DIFFER - 1), Err(ApiKeyFault::UnknownKey));
}

#[test]
fn a_key_of_another_installation_does_not_open() {
    let other = PasetoSealer::new(&[8; 32], LIFE);
    let text = other.seal(CLAIMS, at(START)).unwrap();
    assert!(other.open(text.expose_secret(), at(START)).is_ok());
    assert_eq!(open(text.expose_secret(), START), Err(ApiKeyFault::Seal));
}

/// C52: what the same sealing key made for another purpose is no API key.
#[test]
fn a_token_for_another_purpose_does_not_open() {
    let key = sealer().key(700).unwrap();
    for assertion in [None, Some(&b"symbolon/other/v1"[..])] {
        let token = LocalToken::encrypt(&key, CLAIMS, Some(b"700"), assertion).unwrap();
        assert_eq!(open(&format!("{PREFIX}{token}"), START), Err(ApiKeyFault::Seal));
    }
}

#[test]
fn what_is_no_key_is_told_by_its_form() {
    for text in
        ["", "sym_ak_", "sym_ak_v4.local.", "v4.local.AAAA", "sym_ak_v4.public.AAAA", "sym_ak_v2.local.AAAA"]
    {
        assert_eq!(open(text, START), Err(ApiKeyFault::Format), "{text}");
    }
    let long = format!("sym_ak_v4.local.{}", "A".repeat(LONGEST_KEY));
    assert_eq!(open(&long, START), Err(ApiKeyFault::Format));
}
