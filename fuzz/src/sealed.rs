//! Bytes that claim to be sealed, and texts that claim to be a master key. Nothing opens that was not sealed so, in this
//! place: neither made-up bytes (`b`) nor sealed ones that were changed (`c`, then position and difference).

use std::sync::{Arc, LazyLock};

use symbolon_adapters::{
    seal::{MasterKey, MasterKeys},
    system::SystemEntropy,
};
use symbolon_domain::sealing::{SealedBytes, SealedFor, Sealer as _};

const PLACE: SealedFor<'static> = SealedFor { kind: "signing_key", id: b"one" };

static KEYS: LazyLock<MasterKeys> = LazyLock::new(|| {
    let key = MasterKey::generate(&SystemEntropy::new());
    MasterKeys::new(&key, &[], Arc::new(SystemEntropy::new()))
});

/// Whether it was worth trying.
///
/// # Panics
/// It is not what it should be.
pub fn run(data: &[u8]) -> bool {
    match data {
        [b'b', bytes @ ..] => {
            let sealed = SealedBytes::new(bytes.to_vec());
            assert!(KEYS.open(PLACE, &sealed).is_err());
            KEYS.is_current(&sealed);
        }
        [b'c', position, difference, text @ ..] if *difference != 0 => {
            let mut bytes = KEYS.seal(PLACE, text).expect("room").as_bytes().to_vec();
            let position = usize::from(*position) % bytes.len();
            bytes[position] ^= difference;
            assert!(KEYS.open(PLACE, &SealedBytes::new(bytes)).is_err());
        }
        [b'p', text @ ..] => {
            let sealed = KEYS.seal(PLACE, text).expect("room");
            assert_eq!(KEYS.open(PLACE, &sealed).expect("ours").as_slice(), text);
            let elsewhere = SealedFor { kind: PLACE.kind, id: text };
            assert_eq!(KEYS.open(elsewhere, &sealed).is_ok(), text == PLACE.id);
        }
        [_, text @ ..] => drop(MasterKey::parse(&String::from_utf8_lossy(text), "a file")),
        [] => {}
    }
    true
}
