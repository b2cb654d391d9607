//! When a key is made, signs, and is taken no more (O8): pure rules over the keys that there are.
//!
//! A key is published before it signs, so that whoever keeps a copy of the JWK set has it in time; the one before it is
//! published until its last token has ended. All moments of a key are written with it or with its successor, long before
//! they come, so that every node passes through them at the same time without asking.

use std::time::Duration;

use super::SigningKey;
use crate::clock::{CLOCK_DIFFERENCE, Timestamp};

/// From when on a key signs, and until when its signatures are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyLife {
    /// It signs from then on, until a newer one does.
    pub signs_from: Timestamp,
    /// It is published and its signatures are taken before this; none as long as it has no successor.
    pub retires_at: Option<Timestamp>,
}

impl KeyLife {
    /// Are its signatures taken?
    #[must_use]
    pub fn is_taken(&self, now: Timestamp) -> bool {
        self.retires_at.is_none_or(|retires_at| now < retires_at)
    }

    /// May it sign? The newest that may does.
    #[must_use]
    pub fn may_sign(&self, now: Timestamp) -> bool {
        self.signs_from <= now && self.is_taken(now)
    }
}

/// How far a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyState {
    /// In the JWK set, and does not sign yet.
    Published,
    /// The one that signs.
    Signing,
    /// Signs no more; what it has signed is taken until the last of it has ended.
    Verifying,
    /// Taken no more.
    Retired,
}

impl KeyState {
    /// Its name in lists.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Published => "published",
            Self::Signing => "signing",
            Self::Verifying => "verifying",
            Self::Retired => "retired",
        }
    }
}

/// The key that signs at this moment, of keys that are oldest first. Where a clock that went back has none that may, the
/// oldest one does: it is the one that everybody has.
pub fn signing<K>(keys: &[K], life: impl Fn(&K) -> KeyLife, now: Timestamp) -> Option<&K> {
    let newest = keys.iter().rev().find(|key| life(key).may_sign(now));
    newest.or_else(|| keys.iter().find(|key| life(key).is_taken(now)))
}

/// How far each of these keys is, which are oldest first.
#[must_use]
pub(super) fn states(keys: &[SigningKey], now: Timestamp) -> Vec<KeyState> {
    let signing = signing(keys, |key| key.life, now).map(|key| key.id);
    let state = |key: &SigningKey| match key.life {
        life if !life.is_taken(now) => KeyState::Retired,
        _ if Some(key.id) == signing => KeyState::Signing,
        life if now < life.signs_from => KeyState::Published,
        _ => KeyState::Verifying,
    };
    keys.iter().map(state).collect()
}

/// How keys follow each other.
#[derive(Clone, Copy, Debug)]
pub struct KeySchedule {
    /// So long a key signs.
    pub rotate_every: Duration,
    /// So long a key is published before it signs: longer than copies of the JWK set are kept.
    pub publish_before: Duration,
    /// The longest life of a token that these keys sign.
    pub longest_token_life: Duration,
}

impl KeySchedule {
    /// From when on the next key is to sign, if it is time to make it.
    #[must_use]
    pub fn next(&self, keys: &[SigningKey], now: Timestamp) -> Option<Timestamp> {
        let newest = keys.last()?.life;
        let published = now + self.publish_before;
        if newest.retires_at.is_some() {
            // It was retired by hand, so that nobody follows the others.
            let is_covered = keys.iter().any(|key| key.life.may_sign(now) && key.life.is_taken(published));
            return Some(if is_covered { published } else { now });
        }
        (newest.signs_from + self.rotate_every <= published).then_some(published)
    }

    /// Until when a key's signatures are taken whose successor signs from this moment on.
    #[must_use]
    pub fn retirement(&self, successor_signs_from: Timestamp) -> Timestamp {
        successor_signs_from + self.longest_token_life + CLOCK_DIFFERENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{entropy::Entropy, id::SigningKeyId, sealing::SealedBytes, signing_keys::SigningAlgorithm};

    const DAY: Duration = Duration::from_secs(86_400);
    const SCHEDULE: KeySchedule = KeySchedule {
        rotate_every: Duration::from_secs(90 * 86_400),
        publish_before: DAY,
        longest_token_life: Duration::from_secs(900),
    };

    struct Nothing;

    impl Entropy for Nothing {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    fn day(number: u32) -> Timestamp {
        Timestamp::from_seconds(1_800_000_000) + DAY * number
    }

    fn key(generation: u32, signs_from: Timestamp, retires_at: Option<Timestamp>) -> SigningKey {
        SigningKey {
            id: SigningKeyId::new(day(generation), &Nothing),
            generation,
            algorithm: SigningAlgorithm::Es256,
            created_at: signs_from,
            life: KeyLife { signs_from, retires_at },
            public_jwk: String::new(),
            private: SealedBytes::new(Vec::new()),
        }
    }

    /// O8: published a day before the one before it has signed for its time; not a microsecond sooner.
    #[test]
    fn a_successor_is_made_in_time() {
        let keys = [key(1, day(0), None)];
        assert_eq!(SCHEDULE.next(&keys, day(89) - Duration::from_micros(1)), None);
        assert_eq!(SCHEDULE.next(&keys, day(89)), Some(day(90)));
        assert_eq!(
            SCHEDULE.next(&keys, day(300)),
            Some(day(301)),
            "after a long sleep it is published first"
        );
        assert_eq!(SCHEDULE.next(&[], day(0)), None);
    }

    /// O8: one successor, however often it is asked.
    #[test]
    fn a_successor_that_is_there_is_not_made_again() {
        let keys = [key(1, day(0), Some(day(91))), key(2, day(90), None)];
        for now in [day(89), day(90), day(91), day(178)] {
            assert_eq!(SCHEDULE.next(&keys, now), None);
        }
        assert_eq!(SCHEDULE.next(&keys, day(179)), Some(day(180)));
    }

    /// A key that was retired by hand is followed by another: at once where nobody would sign.
    #[test]
    fn a_key_that_was_retired_by_hand_has_a_successor() {
        let covered = [key(1, day(0), Some(day(50))), key(2, day(40), Some(day(39)))];
        assert_eq!(SCHEDULE.next(&covered, day(39)), Some(day(40)));
        assert_eq!(SCHEDULE.next(&covered, day(49)), Some(day(49)), "the last one ends before a day is over");
        let alone = [key(1, day(0), Some(day(10)))];
        assert_eq!(SCHEDULE.next(&alone, day(10)), Some(day(10)));
    }

    /// O8: the last token of a key ends before the key does, also by a clock that is behind.
    #[test]
    fn a_key_is_taken_until_its_last_token_has_ended() {
        let retires_at = SCHEDULE.retirement(day(90));
        assert_eq!(retires_at.since(day(90)), Duration::from_secs(960));
        let life = KeyLife { signs_from: day(0), retires_at: Some(retires_at) };
        assert!(life.is_taken(retires_at - Duration::from_micros(1)));
        assert!(!life.is_taken(retires_at));
    }

    /// O8: published, signing, verifying, retired, each from its very moment on.
    #[test]
    fn a_key_passes_through_its_states() {
        use KeyState::{Published, Retired, Signing, Verifying};
        let keys = [key(1, day(0), Some(day(91))), key(2, day(90), None)];
        let micro = Duration::from_micros(1);
        assert_eq!(states(&keys, day(90) - micro), [Signing, Published]);
        assert_eq!(states(&keys, day(90)), [Verifying, Signing]);
        assert_eq!(states(&keys, day(91) - micro), [Verifying, Signing]);
        assert_eq!(states(&keys, day(91)), [Retired, Signing]);
    }

    /// X14: a clock that went back behind the first key's beginning does not stop the signing.
    #[test]
    fn a_clock_that_went_back_signs_with_the_oldest() {
        let keys = [key(1, day(10), None), key(2, day(20), None)];
        let at = |now| signing(&keys, |key| key.life, now).map(|key| key.generation);
        assert_eq!((at(day(9)), at(day(10)), at(day(20))), (Some(1), Some(1), Some(2)));
    }
}
