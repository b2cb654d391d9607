//! The rotation of refresh tokens with reuse detection, as one pure rule (K8).
//!
//! It serves every family of rotating tokens. A store loads what the rule asks about, inside the write that
//! carries out its verdict, so that of many parallel presentations each sees the outcome of the one before.

use std::time::Duration;

use crate::clock::Timestamp;

/// What is known of a refresh token whose secret matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenUse {
    /// Not yet used.
    Live,
    /// Used, at this moment; its one successor has been used or retired in turn, or has not.
    Rotated {
        /// When it was used.
        at: Timestamp,
        /// Whether its successor is still live.
        successor_is_live: bool,
    },
    /// Used and, within the grace, once more: it has two successors.
    RotatedTwice {
        /// When it was first used.
        at: Timestamp,
    },
    /// Never used, but retired at this moment because its sibling was used.
    RetiredBySibling {
        /// When the sibling was used.
        at: Timestamp,
    },
}

/// What is to be done about a presentation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RotationVerdict {
    /// Retire the token, and its sibling if it has one, and make a successor.
    Rotate,
    /// Make a second successor, sibling of the first: the answer was probably lost.
    RotateAgain,
    /// Change nothing.
    Refuse,
    /// Somebody holds a used token: end the family.
    RevokeFamily,
}

/// Judges a presentation at `now` under this grace; a grace of zero never accepts a used token.
#[must_use]
pub fn judge(token: TokenUse, grace: Duration, now: Timestamp) -> RotationVerdict {
    let in_grace = |at: Timestamp| now.since(at) < grace;
    match token {
        TokenUse::Live => RotationVerdict::Rotate,
        TokenUse::Rotated { at, successor_is_live: true } if in_grace(at) => RotationVerdict::RotateAgain,
        TokenUse::Rotated { at, .. } | TokenUse::RotatedTwice { at } | TokenUse::RetiredBySibling { at }
            if in_grace(at) =>
        {
            RotationVerdict::Refuse
        }
        _ => RotationVerdict::RevokeFamily,
    }
}

#[cfg(test)]
mod tests {
    use super::{RotationVerdict::*, *};

    const USED: Timestamp = Timestamp::MAX;

    fn at(micros_after: i64) -> (Timestamp, Timestamp) {
        let used = Timestamp::from_micros(1_000_000_000);
        (used, Timestamp::from_micros(used.micros() + micros_after))
    }

    /// K8: each case at each boundary of a ten-second grace.
    #[test]
    fn the_grace_is_half_open() {
        let cases =
            [(-5_000_000, true), (0, true), (9_999_999, true), (10_000_000, false), (60_000_000, false)];
        for (elapsed, within) in cases {
            let (used, now) = at(elapsed);
            let grace = Duration::from_secs(10);
            let judge = |token| judge(token, grace, now);
            let expect = |inside| if within { inside } else { RevokeFamily };
            assert_eq!(judge(TokenUse::Live), Rotate, "{elapsed}");
            assert_eq!(judge(TokenUse::Rotated { at: used, successor_is_live: true }), expect(RotateAgain));
            assert_eq!(judge(TokenUse::Rotated { at: used, successor_is_live: false }), expect(Refuse));
            assert_eq!(judge(TokenUse::RotatedTwice { at: used }), expect(Refuse));
            assert_eq!(judge(TokenUse::RetiredBySibling { at: used }), expect(Refuse));
        }
    }

    /// K8: a grace of zero means never, also when the clock went back.
    #[test]
    fn no_grace_accepts_no_used_token() {
        for elapsed in [-1, 0, 1] {
            let (used, now) = at(elapsed);
            let token = TokenUse::Rotated { at: used, successor_is_live: true };
            assert_eq!(judge(token, Duration::ZERO, now), RevokeFamily);
        }
        assert_eq!(judge(TokenUse::Live, Duration::ZERO, USED), Rotate);
    }
}
