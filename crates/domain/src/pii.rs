//! Personal data in logs: only as a keyed hash (G1, M6).

use std::{fmt, net::IpAddr};

use blake2::{
    Blake2bMac,
    digest::{KeyInit as _, Mac as _, consts::U12},
};
use serde::Serialize;

use crate::{id::AccountId, identifiers::EmailAddress};

/// BLAKE2b with 96 bits of output under the configured salt.
#[derive(Clone)]
pub struct PiiHasher(Blake2bMac<U12>);

/// A hash that stands for a person's data where it may be seen: 24 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PiiHash([u8; 12]);

impl PiiHasher {
    /// A hasher under this salt; of a salt longer than 64 bytes the first 64 count.
    #[must_use]
    pub fn new(salt: &[u8]) -> Self {
        let key: Vec<u8> = salt.iter().copied().take(64).collect();
        // A BLAKE2 key has 1 to 64 bytes; an empty salt is the same as a zero byte.
        let key = if key.is_empty() { vec![0] } else { key };
        match Blake2bMac::new_from_slice(&key) {
            Ok(mac) => Self(mac),
            Err(_) => unreachable!("a key of 1 to 64 bytes fits BLAKE2b"),
        }
    }

    /// The hash of an account's id.
    #[must_use]
    pub fn account(&self, id: AccountId) -> PiiHash {
        self.hash(b"account", id.as_bytes())
    }

    /// The hash of an e-mail address, the same however it is typed.
    #[must_use]
    pub fn email(&self, address: &EmailAddress) -> PiiHash {
        self.hash(b"email", address.normalized().as_bytes())
    }

    /// The hash of an internet address.
    #[must_use]
    pub fn ip(&self, address: IpAddr) -> PiiHash {
        match address.to_canonical() {
            IpAddr::V4(v4) => self.hash(b"ip", &v4.octets()),
            IpAddr::V6(v6) => self.hash(b"ip", &v6.octets()),
        }
    }

    fn hash(&self, kind: &[u8], data: &[u8]) -> PiiHash {
        let mut mac = self.0.clone();
        mac.update(kind);
        mac.update(&[0]);
        mac.update(data);
        PiiHash(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for PiiHasher {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PiiHasher(redacted)")
    }
}

impl fmt::Display for PiiHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // At once: digit by digit it would be one of the dearest parts of a line in the log.
        let mut digits = [0; 24];
        for (pair, byte) in digits.as_chunks_mut::<2>().0.iter_mut().zip(self.0) {
            *pair = [hexadecimal(byte >> 4), hexadecimal(byte & 15)];
        }
        formatter.write_str(str::from_utf8(&digits).map_err(|_| fmt::Error)?)
    }
}

/// The digit of a number below 16.
const fn hexadecimal(number: u8) -> u8 {
    if number < 10 { b'0' + number } else { b'a' + number - 10 }
}

impl fmt::Debug for PiiHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl Serialize for PiiHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G1: the hash depends on the salt, and kinds do not meet.
    #[test]
    fn another_salt_gives_another_hash() {
        let address = IpAddr::from([127, 0, 0, 1]);
        let one = PiiHasher::new(b"one").ip(address);
        assert_ne!(one, PiiHasher::new(b"two").ip(address));
        assert_eq!(one, PiiHasher::new(b"one").ip("::ffff:127.0.0.1".parse().unwrap()));
        assert_eq!(one.to_string().len(), 24);
        assert_eq!(
            PiiHash([0, 1, 9, 10, 15, 16, 0x9a, 0xa9, 0xc0, 0x0c, 254, 255]).to_string(),
            "0001090a0f109aa9c00cfeff"
        );
    }
}
