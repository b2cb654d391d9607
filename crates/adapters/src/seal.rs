//! Encryption of secrets at rest under the master keys: AES-256-GCM (tokens.md, C64). Where the keys come from is in
//! `seal/master_key.rs`.
//!
//! Sealed bytes are `version ‖ key id ‖ nonce ‖ ciphertext ‖ tag`. The nonce is random, so one key may seal up to
//! 2^32 times (NIST SP 800-38D section 8.3), which signing keys, peppers and messages of a lifetime do not reach.

use std::{fmt, sync::Arc};

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    hmac,
};
use symbolon_domain::{
    entropy::{Entropy, random_bytes},
    sealing::{SealError, SealedBytes, SealedFor, Sealer},
};
use zeroize::Zeroizing;

mod master_key;

pub use self::master_key::{MasterKey, MasterKeyError};

const VERSION: u8 = 1;
const KEY_ID_LENGTH: usize = 8;
const HEADER_LENGTH: usize = 1 + KEY_ID_LENGTH + NONCE_LEN;
const TAG_LENGTH: usize = 16;

type KeyId = [u8; KEY_ID_LENGTH];

/// The configured master keys: the first seals, all of them open. Their bytes are wiped when this is dropped.
pub struct MasterKeys {
    first: CipherKey,
    others: Vec<CipherKey>,
    entropy: Arc<dyn Entropy>,
}

impl MasterKeys {
    /// Sealing under `first`; opening what was sealed under it or any of `others`. Nonces are drawn from `entropy`.
    #[must_use]
    pub fn new(first: &MasterKey, others: &[MasterKey], entropy: Arc<dyn Entropy>) -> Self {
        Self { first: CipherKey::new(first), others: others.iter().map(CipherKey::new).collect(), entropy }
    }

    fn find(&self, id: &KeyId) -> Option<&CipherKey> {
        std::iter::once(&self.first).chain(&self.others).find(|key| key.id == *id)
    }
}

impl fmt::Debug for MasterKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "MasterKeys({} keys)", 1 + self.others.len())
    }
}

impl Sealer for MasterKeys {
    fn seal(&self, place: SealedFor<'_>, plaintext: &[u8]) -> Result<SealedBytes, SealError> {
        let nonce: [u8; NONCE_LEN] = random_bytes(&*self.entropy);
        // All of it is reserved at once: growing would leave a copy of the plaintext behind.
        let mut sealed = Zeroizing::new(Vec::with_capacity(HEADER_LENGTH + plaintext.len() + TAG_LENGTH));
        sealed.push(VERSION);
        sealed.extend_from_slice(&self.first.id);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(plaintext);
        let text = sealed.get_mut(HEADER_LENGTH..).ok_or(SealError::Damaged)?;
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self
            .first
            .cipher
            .seal_in_place_separate_tag(nonce, associated_data(place), text)
            .map_err(|_| SealError::Damaged)?;
        sealed.extend_from_slice(tag.as_ref());
        Ok(SealedBytes::new(std::mem::take(&mut *sealed)))
    }

    fn open(&self, place: SealedFor<'_>, sealed: &SealedBytes) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (key_id, nonce, text) = split(sealed.as_bytes()).ok_or(SealError::Damaged)?;
        let key = self.find(key_id).ok_or(SealError::UnknownKey)?;
        let mut opened = Zeroizing::new(text.to_vec());
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let length = key
            .cipher
            .open_in_place(nonce, associated_data(place), &mut opened)
            .map_err(|_| SealError::Damaged)?
            .len();
        opened.truncate(length);
        Ok(opened)
    }

    fn is_current(&self, sealed: &SealedBytes) -> bool {
        split(sealed.as_bytes()).is_some_and(|(key_id, _, _)| *key_id == self.first.id)
    }
}

/// One master key, ready for use.
struct CipherKey {
    id: KeyId,
    cipher: LessSafeKey,
}

impl CipherKey {
    fn new(key: &MasterKey) -> Self {
        let Ok(unbound) = UnboundKey::new(&AES_256_GCM, key.as_bytes()) else {
            unreachable!("a key of 32 bytes fits AES-256")
        };
        Self { id: key_id(key), cipher: LessSafeKey::new(unbound) }
    }
}

/// Names a key without telling anything of it: a MAC under the key itself, cut off.
fn key_id(key: &MasterKey) -> KeyId {
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), b"symbolon/master-key-id");
    let mut id = KeyId::default();
    for (to, from) in id.iter_mut().zip(mac.as_ref()) {
        *to = *from;
    }
    id
}

/// The place of the sealed bytes, each part preceded by its length, so that no two places meet.
fn associated_data(place: SealedFor<'_>) -> Aad<Vec<u8>> {
    let mut data = Vec::with_capacity(1 + 16 + place.kind.len() + place.id.len());
    data.push(VERSION);
    for part in [place.kind.as_bytes(), place.id] {
        data.extend_from_slice(&(part.len() as u64).to_be_bytes());
        data.extend_from_slice(part);
    }
    Aad::from(data)
}

fn split(sealed: &[u8]) -> Option<(&KeyId, &[u8; NONCE_LEN], &[u8])> {
    let (version, rest) = sealed.split_first()?;
    let (key_id, rest) = rest.split_first_chunk()?;
    let (nonce, text) = rest.split_first_chunk()?;
    (*version == VERSION).then_some((key_id, nonce, text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::SystemEntropy;

    const PLACE: SealedFor<'_> = SealedFor { kind: "signing_key", id: b"one" };

    fn key() -> MasterKey {
        MasterKey::generate(&SystemEntropy::new())
    }

    fn keys(first: &MasterKey, others: &[MasterKey]) -> MasterKeys {
        MasterKeys::new(first, others, Arc::new(SystemEntropy::new()))
    }

    #[test]
    fn what_was_sealed_opens_in_its_place() {
        let keys = keys(&key(), &[]);
        for text in [&b""[..], b"a secret", &[7; 5_000]] {
            let sealed = keys.seal(PLACE, text).unwrap();
            assert_eq!(keys.open(PLACE, &sealed).unwrap().as_slice(), text);
            assert_eq!(sealed.as_bytes().len(), HEADER_LENGTH + text.len() + TAG_LENGTH);
        }
    }

    /// C64: sealing twice gives different bytes, neither of which shows the text.
    #[test]
    fn sealed_bytes_do_not_repeat() {
        let keys = keys(&key(), &[]);
        let one = keys.seal(PLACE, b"a secret").unwrap();
        assert_ne!(one, keys.seal(PLACE, b"a secret").unwrap());
        assert!(!one.as_bytes().windows(8).any(|window| window == b"a secret"));
    }

    /// C64: bytes of one row do not open in another, however kind and id are cut.
    #[test]
    fn sealed_bytes_belong_to_their_place() {
        let keys = keys(&key(), &[]);
        let sealed = keys.seal(PLACE, b"a secret").unwrap();
        for (kind, id) in [
            ("signing_key", &b"two"[..]),
            ("pepper", b"one"),
            ("signing_keyo", b"ne"),
            ("signing_ke", b"yone"),
        ] {
            let opened = keys.open(SealedFor { kind, id }, &sealed);
            assert_eq!(opened.unwrap_err(), SealError::Damaged, "{kind}");
        }
    }

    /// C64: every changed or missing byte is noticed.
    #[test]
    fn damage_is_noticed() {
        let keys = keys(&key(), &[]);
        let sealed = keys.seal(PLACE, b"a secret").unwrap();
        for position in 0..sealed.as_bytes().len() {
            let mut bytes = sealed.as_bytes().to_vec();
            bytes[position] ^= 1;
            assert!(keys.open(PLACE, &SealedBytes::new(bytes)).is_err(), "byte {position}");
            let short = SealedBytes::new(sealed.as_bytes()[..position].to_vec());
            assert_eq!(keys.open(PLACE, &short).unwrap_err(), SealError::Damaged, "{position} bytes");
        }
    }

    /// C64: an older key still opens, a missing one is named as the reason.
    #[test]
    fn every_configured_key_opens_and_the_first_seals() {
        let (old, new) = (key(), key());
        let sealed_before = keys(&old, &[]).seal(PLACE, b"a secret").unwrap();
        let rotated = keys(&new, std::slice::from_ref(&old));
        assert_eq!(rotated.open(PLACE, &sealed_before).unwrap().as_slice(), b"a secret");
        let sealed_after = rotated.seal(PLACE, b"a secret").unwrap();
        assert_eq!(keys(&old, &[]).open(PLACE, &sealed_after).unwrap_err(), SealError::UnknownKey);
        assert!(keys(&new, &[]).open(PLACE, &sealed_after).is_ok());
        assert!(rotated.is_current(&sealed_after) && !rotated.is_current(&sealed_before));
        assert!(!rotated.is_current(&SealedBytes::new(Vec::new())));
    }

    #[test]
    fn nothing_secret_is_printed() {
        let key = key();
        assert_eq!(format!("{key:?} {:?}", keys(&key, &[])), "MasterKey(redacted) MasterKeys(1 keys)");
    }
}
