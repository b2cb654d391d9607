//! Randomness: the port and the few shapes that are drawn from it. No generator of its own.

/// The operating system's random source.
///
/// There is no way to go on without it, so an implementation that cannot deliver ends the process.
pub trait Entropy: Send + Sync {
    /// Fills `bytes` with random bytes fit for secrets.
    fn fill(&self, bytes: &mut [u8]);
}

/// `N` random bytes.
#[must_use]
pub fn random_bytes<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

/// `count` decimal digits, each uniform (leading zeros allowed).
///
/// Bytes of 250 and more are thrown away, so that no digit is likelier than another.
#[must_use]
pub fn random_digits(entropy: &dyn Entropy, count: usize) -> String {
    let mut digits = String::with_capacity(count);
    while digits.len() < count {
        let [byte] = random_bytes::<1>(entropy);
        if byte < 250 {
            digits.push(char::from(b'0' + byte % 10));
        }
    }
    digits
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use super::*;

    struct Counting(AtomicU8);

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            for byte in bytes {
                *byte = self.0.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// C10: every digit is drawn equally often from a full turn of the source.
    #[test]
    fn digits_are_uniform_over_every_byte() {
        let digits = random_digits(&Counting(AtomicU8::new(0)), 250);
        for digit in '0'..='9' {
            assert_eq!(digits.matches(digit).count(), 25, "digit {digit}");
        }
    }
}
