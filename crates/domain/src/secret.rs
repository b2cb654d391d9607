//! Secrets: opaque tokens, their hashes, sealed bytes. Nothing here prints what it holds.
//!
//! An opaque token is `sym_<kind>_<id><secret><check>`: 128 bits that find a row, 256 that prove, and a
//! CRC-32 of all before it that tells a typo from a guess without asking a store (tokens.md).

use std::{fmt, sync::Arc};

use aws_lc_rs::{digest, hmac};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
pub use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::entropy::{Entropy, random_bytes};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_WIDTH: usize = 22;
const SECRET_WIDTH: usize = 43;
const CHECK_WIDTH: usize = 6;

/// The SHA-256 of a high-entropy secret, or the HMAC-SHA-256 of one of little entropy.
///
/// Two of them are compared in constant time.
#[derive(Clone, Copy)]
pub struct SecretHash([u8; 32]);

impl SecretHash {
    /// The SHA-256 of these bytes.
    #[must_use]
    pub fn sha256(secret: &[u8]) -> Self {
        Self::from_digest(digest::digest(&digest::SHA256, secret).as_ref())
    }

    /// From the 32 bytes that a store keeps.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes that a store keeps.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Base64url without padding, as `cnf` carries it (S7).
    #[must_use]
    pub fn to_base64url(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    fn from_digest(digest: &[u8]) -> Self {
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(digest) {
            *to = *from;
        }
        Self(bytes)
    }
}

impl PartialEq for SecretHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for SecretHash {}

impl fmt::Debug for SecretHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretHash(redacted)")
    }
}

/// A key for HMAC-SHA-256: a pepper. It is a kilobyte, and shared by everything that hashes under it.
#[derive(Clone)]
pub struct HmacKey(Arc<hmac::Key>);

impl HmacKey {
    /// A key of 32 bytes.
    #[must_use]
    pub fn new(bytes: &[u8; 32]) -> Self {
        Self(Arc::new(hmac::Key::new(hmac::HMAC_SHA256, bytes)))
    }

    /// The HMAC of these parts, each preceded by its length, so that no two lists of parts meet.
    #[must_use]
    pub fn hash(&self, parts: &[&[u8]]) -> SecretHash {
        let mut context = hmac::Context::with_key(&self.0);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        SecretHash::from_digest(context.sign().as_ref())
    }
}

impl fmt::Debug for HmacKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HmacKey(redacted)")
    }
}

/// What an opaque token is for: the two letters after `sym_`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// `rt`: a session's refresh token.
    SessionRefresh,
    /// `cb`: a client binding (S7).
    ClientBinding,
    /// `pr`: the secret of a link that sets a new password (S12).
    PasswordReset,
    /// `iv`: an invitation (A5).
    Invitation,
    /// `kr`: an API key's refresh token (K7).
    ApiKeyRefresh,
}

impl TokenKind {
    const fn letters(self) -> &'static str {
        match self {
            Self::SessionRefresh => "rt",
            Self::ClientBinding => "cb",
            Self::PasswordReset => "pr",
            Self::Invitation => "iv",
            Self::ApiKeyRefresh => "kr",
        }
    }
}

/// An opaque token as its holder has it.
#[derive(Clone)]
pub struct OpaqueToken {
    id: [u8; 16],
    text: SecretString,
}

impl OpaqueToken {
    /// A new token for the row with this id, its secret drawn from `entropy` (C23: 256 bits).
    #[must_use]
    pub fn generate(kind: TokenKind, id: [u8; 16], entropy: &dyn Entropy) -> Self {
        let secret = Zeroizing::new(random_bytes::<32>(entropy));
        let mut text = format!("sym_{}_", kind.letters());
        // The whole text is reserved at once: growing would leave copies of the secret behind.
        text.reserve_exact(ID_WIDTH + SECRET_WIDTH + CHECK_WIDTH);
        push_base62(&mut text, &id, ID_WIDTH);
        push_base62(&mut text, &*secret, SECRET_WIDTH);
        let check = crc32fast::hash(text.as_bytes());
        push_base62(&mut text, &check.to_be_bytes(), CHECK_WIDTH);
        Self { id, text: text.into() }
    }

    /// Reads a token of this kind; its check part must fit (C59).
    ///
    /// # Errors
    /// Another kind, a wrong length, a character outside base62, or a check that does not fit.
    pub fn parse(kind: TokenKind, text: &str) -> Result<Self, InvalidToken> {
        let body = text
            .strip_prefix("sym_")
            .and_then(|rest| rest.strip_prefix(kind.letters()))
            .and_then(|rest| rest.strip_prefix('_'))
            .ok_or(InvalidToken)?;
        let (checked, check) =
            text.split_at_checked(text.len().saturating_sub(CHECK_WIDTH)).ok_or(InvalidToken)?;
        if body.len() != ID_WIDTH + SECRET_WIDTH + CHECK_WIDTH {
            return Err(InvalidToken);
        }
        let (id, rest) = body.split_at_checked(ID_WIDTH).ok_or(InvalidToken)?;
        let (secret, _) = rest.split_at_checked(SECRET_WIDTH).ok_or(InvalidToken)?;
        let id = from_base62::<16>(id).ok_or(InvalidToken)?;
        from_base62::<32>(secret).map(Zeroizing::new).ok_or(InvalidToken)?;
        let check = from_base62::<4>(check).ok_or(InvalidToken)?;
        if u32::from_be_bytes(check) != crc32fast::hash(checked.as_bytes()) {
            return Err(InvalidToken);
        }
        Ok(Self { id, text: text.to_owned().into() })
    }

    /// The 128 bits that find the row.
    #[must_use]
    pub const fn id(&self) -> &[u8; 16] {
        &self.id
    }

    /// The SHA-256 of the whole text: what a store keeps, and what `cnf` carries.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        SecretHash::sha256(self.text.expose_secret().as_bytes())
    }

    /// The whole text, for its holder only.
    #[must_use]
    pub const fn reveal(&self) -> &SecretString {
        &self.text
    }

    /// The address that opens this page with the token behind `#`, where no server and no proxy sees it (C30); empty where
    /// there is no page.
    #[must_use]
    pub(crate) fn link_to(&self, page: Option<&str>) -> SecretString {
        page.map(|page| format!("{page}#token={}", self.text.expose_secret())).unwrap_or_default().into()
    }
}

impl fmt::Debug for OpaqueToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OpaqueToken(redacted)")
    }
}

/// The text is not a token of the expected kind, or was mistyped.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a token of this kind, or mistyped")]
pub struct InvalidToken;

/// Bytes that are counted at once.
const LIMB: usize = 4;
/// Limbs of the longest number.
const MOST_LIMBS: usize = 8;

/// Writes the big-endian number in `bytes`, whole limbs, with exactly `width` base62 digits.
fn push_base62(text: &mut String, bytes: &[u8], width: usize) {
    let limbs = bytes.as_chunks::<LIMB>().0.iter().map(|limb| u32::from_be_bytes(*limb));
    let mut number = Zeroizing::new(limbs.collect::<Vec<u32>>());
    let mut digits = Zeroizing::new(vec![b'0'; width]);
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_u64;
        for limb in number.iter_mut() {
            let value = remainder << 32 | u64::from(*limb);
            *limb = low_half(value / 62);
            remainder = value % 62;
        }
        *digit = usize::try_from(remainder).ok().and_then(|at| ALPHABET.get(at)).copied().unwrap_or(b'0');
    }
    text.extend(digits.iter().copied().map(char::from));
}

/// The big-endian number of `N` bytes, whole limbs, that these base62 digits write; none when it does not fit.
fn from_base62<const N: usize>(digits: &str) -> Option<[u8; N]> {
    // The lowest limb first.
    let mut limbs = Zeroizing::new([0_u32; MOST_LIMBS]);
    let limbs = limbs.get_mut(..N / LIMB)?;
    for digit in digits.bytes() {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'A'..=b'Z' => digit - b'A' + 10,
            b'a'..=b'z' => digit - b'a' + 36,
            _ => return None,
        };
        let mut carry = u64::from(value);
        for limb in limbs.iter_mut() {
            let sum = u64::from(*limb) * 62 + carry;
            *limb = low_half(sum);
            carry = sum >> 32;
        }
        if carry != 0 {
            return None;
        }
    }
    let mut number = [0; N];
    for (bytes, limb) in number.as_chunks_mut::<LIMB>().0.iter_mut().zip(limbs.iter().rev()) {
        *bytes = limb.to_be_bytes();
    }
    Some(number)
}

/// The lower 32 bits.
const fn low_half(number: u64) -> u32 {
    (number & 0xffff_ffff) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u8);

    impl Entropy for Fixed {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0);
        }
    }

    fn token() -> OpaqueToken {
        OpaqueToken::generate(TokenKind::SessionRefresh, [9; 16], &Fixed(0xfe))
    }

    /// C23: 256 random bits, hashed for storage.
    #[test]
    fn a_token_survives_its_text() {
        let text = token().reveal().expose_secret().to_owned();
        assert_eq!(text.len(), "sym_rt_".len() + 22 + 43 + 6);
        let parsed = OpaqueToken::parse(TokenKind::SessionRefresh, &text).unwrap();
        assert_eq!(parsed.id(), &[9; 16]);
        assert_eq!(parsed.hash(), SecretHash::sha256(text.as_bytes()));
    }

    /// C59: every single mistyped character is caught by the check part.
    #[test]
    fn any_changed_character_is_refused() {
        let text = token().reveal().expose_secret().to_owned();
        for position in 0..text.len() {
            for replacement in ["0", "z", "_", "é"] {
                let mut changed = text.clone();
                changed.replace_range(position..=position, replacement);
                if changed != text {
                    assert!(OpaqueToken::parse(TokenKind::SessionRefresh, &changed).is_err(), "{position}");
                }
            }
        }
    }

    /// C52: a token of one kind is not one of another.
    #[test]
    fn another_kind_is_refused() {
        let text = token().reveal().expose_secret().to_owned();
        assert!(OpaqueToken::parse(TokenKind::ClientBinding, &text).is_err());
    }

    #[test]
    fn odd_texts_are_refused_without_a_panic() {
        for text in ["", "sym_", "sym_rt_", "sym_rt_é", "é", &"sym_rt_é".repeat(9), &"z".repeat(78)] {
            assert!(OpaqueToken::parse(TokenKind::SessionRefresh, text).is_err(), "{text}");
        }
        let overflowing = format!("sym_rt_{}", "z".repeat(71));
        assert!(OpaqueToken::parse(TokenKind::SessionRefresh, &overflowing).is_err());
    }

    /// Worked out by another program: what is out there must stay readable.
    #[test]
    fn numbers_are_written_in_base62_as_ever() {
        fn written(bytes: &[u8], width: usize) -> String {
            let mut text = String::new();
            push_base62(&mut text, bytes, width);
            text
        }
        let counted: [u8; 32] = std::array::from_fn(|index| u8::try_from(index + 1).unwrap());
        assert_eq!(written(&[255; 16], 22), "7n42DGM5Tflk9n8mt7Fhc7");
        assert_eq!(from_base62::<16>("7n42DGM5Tflk9n8mt7Fhc7"), Some([255; 16]));
        assert_eq!(from_base62::<16>("7n42DGM5Tflk9n8mt7Fhc8"), None);
        assert_eq!(written(&counted, 43), "0Eoh211G4c8wtVWM00my5rsNSFlKgaWqQ4mb8gdEqno");
        assert_eq!(from_base62::<32>("0Eoh211G4c8wtVWM00my5rsNSFlKgaWqQ4mb8gdEqno"), Some(counted));
        assert_eq!(written(&[255; 4], 6), "4gfFC3");
        assert_eq!(written(&[0; 4], 6), "000000");
    }

    #[test]
    fn nothing_secret_is_printed() {
        let printed = format!("{:?} {:?} {:?}", token(), token().hash(), HmacKey::new(&[1; 32]));
        assert_eq!(printed, "OpaqueToken(redacted) SecretHash(redacted) HmacKey(redacted)");
    }

    #[test]
    fn parts_of_a_hash_do_not_run_into_each_other() {
        let key = HmacKey::new(&[1; 32]);
        assert_ne!(key.hash(&[b"ab", b"c"]), key.hash(&[b"a", b"bc"]));
    }
}
