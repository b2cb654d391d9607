//! The rule about used tokens (K8), carried out by a store: the grace, siblings, and the end of a family.

use std::time::Duration;

use symbolon_domain::{
    actor::Actor,
    api_keys::{
        IssueOutcome, NewApiKey, NewApiKeyToken, RefreshApiKey, RefreshApiKeyOutcome, RefreshApiKeyRefusal,
    },
    audit::{Act, Outcome, Subject},
    clock::Timestamp,
    rotation::TokenUse,
};

use super::{
    ENOUGH, family, found, is_live, issue, issued, new_api_key,
    refresh::{GRACE, refusal, rotated, shown, successor},
};
use crate::contract::{
    Stores,
    given::{self, MANY, MICROSECOND, at, count, events_of, person, race},
};

/// Shows a token from which the family's end must follow, with its event and nothing else.
async fn ends_the_family(stores: &Stores, key: &NewApiKey, command: RefreshApiKey) {
    let now = command.now;
    assert!(is_live(stores, key, now).await);
    let others = given::events(stores).await;
    let outcome = stores.api_keys.refresh(command.clone()).await.unwrap();
    assert_eq!(outcome, RefreshApiKeyOutcome::ReuseDetected);
    assert_eq!(family(stores, key).await.revoked_at, Some(now));
    assert_eq!(stores.api_keys.find(command.successor.id).await.unwrap(), None);
    let events = events_of(stores, Act::API_KEY_REUSE_DETECTED).await;
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.id, event.at, event.actor), (command.event.id, now, Actor::System));
    assert_eq!((event.outcome, event.reason.as_deref()), (Outcome::Refused, Some("reuse_detected")));
    assert_eq!(event.subject, Some(Subject::from(key.id)));
    assert_eq!(given::events(stores).await.len(), others.len() + 1);
    // A family ends once.
    assert_eq!(refusal(stores, command).await, RefreshApiKeyRefusal::Revoked);
}

async fn a_key(stores: &Stores) -> NewApiKey {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    issued(stores, ada, at(0)).await
}

/// A family whose first key was used at this moment, and the successor.
async fn used_once(stores: &Stores, now: Timestamp) -> (NewApiKey, NewApiKeyToken) {
    let key = a_key(stores).await;
    let second = successor(stores, &key.token, now).await;
    (key, second)
}

/// A family whose first key was used twice at this moment, and the two siblings.
async fn used_twice(stores: &Stores, now: Timestamp) -> (NewApiKey, [NewApiKeyToken; 2]) {
    let (key, one) = used_once(stores, now).await;
    let other = successor(stores, &key.token, now).await;
    (key, [one, other])
}

/// Presentations of one token, each with a successor of its own; gives those successors that are there.
async fn many_at_once(
    stores: &Stores,
    token: &NewApiKeyToken,
    grace: Duration,
) -> (Vec<RefreshApiKeyOutcome>, Vec<NewApiKeyToken>) {
    let commands: Vec<_> = (0..MANY).map(|_| RefreshApiKey { grace, ..shown(token, at(1)) }).collect();
    let showing = commands.clone().into_iter().map(|command| {
        let stores = stores.clone();
        async move { stores.api_keys.refresh(command).await.unwrap() }
    });
    let outcomes = race(showing).await;
    let mut made = Vec::new();
    for RefreshApiKey { successor, .. } in commands {
        if stores.api_keys.find(successor.id).await.unwrap().is_some() {
            made.push(successor);
        }
    }
    (outcomes, made)
}

/// K8, X7: one is answered, the next one ends the family, the rest find it ended.
pub(crate) async fn of_many_presentations_without_grace_one_wins_and_the_family_ends(stores: &Stores) {
    let key = a_key(stores).await;
    let (outcomes, made) = many_at_once(stores, &key.token, Duration::ZERO).await;
    let revoked = RefreshApiKeyOutcome::Refused(RefreshApiKeyRefusal::Revoked);
    assert_eq!(count(&outcomes, |outcome| *outcome == RefreshApiKeyOutcome::Rotated), 1);
    assert_eq!(count(&outcomes, |outcome| *outcome == RefreshApiKeyOutcome::ReuseDetected), 1);
    assert_eq!(count(&outcomes, |outcome| *outcome == revoked), MANY - 2);
    assert!(!is_live(stores, &key, at(1)).await);
    let [successor] = made.as_slice() else { panic!("{made:?}") };
    assert!(!found(stores, successor.id).await.is_current());
}

/// K8, X7: the token and its one repetition; later the first of the two that is refreshed retires the other.
pub(crate) async fn of_many_presentations_within_the_grace_two_win(stores: &Stores) {
    let key = a_key(stores).await;
    let (outcomes, made) = many_at_once(stores, &key.token, GRACE).await;
    let used = RefreshApiKeyOutcome::Refused(RefreshApiKeyRefusal::AlreadyUsed);
    assert_eq!(count(&outcomes, |outcome| *outcome == RefreshApiKeyOutcome::Rotated), 2);
    assert_eq!(count(&outcomes, |outcome| *outcome == used), MANY - 2);
    assert!(is_live(stores, &key, at(1)).await);
    assert_eq!(events_of(stores, Act::API_KEY_REFRESHED).await.len(), 2);
    let [one, other] = made.as_slice() else { panic!("{made:?}") };
    assert!(found(stores, one.id).await.is_current() && found(stores, other.id).await.is_current());
    successor(stores, other, at(2)).await;
    assert_eq!(found(stores, one.id).await.token.used, TokenUse::RetiredBySibling { at: at(2) });
    assert!(!found(stores, one.id).await.is_current());
}

/// K8, X7: of two siblings that are refreshed at once one is, and only its successor counts.
pub(crate) async fn of_two_siblings_refreshed_at_once_one_wins(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    for _ in 0..8 {
        let key = issued(stores, ada, at(0)).await;
        let siblings =
            [successor(stores, &key.token, at(60)).await, successor(stores, &key.token, at(60)).await];
        let commands = siblings.map(|sibling| shown(&sibling, at(61)));
        let showing = commands.clone().map(|command| {
            let stores = stores.clone();
            async move { stores.api_keys.refresh(command).await.unwrap() }
        });
        let outcomes = race(showing).await;
        let used = RefreshApiKeyOutcome::Refused(RefreshApiKeyRefusal::AlreadyUsed);
        assert_eq!(count(&outcomes, |outcome| *outcome == RefreshApiKeyOutcome::Rotated), 1);
        assert_eq!(count(&outcomes, |outcome| *outcome == used), 1);
        for (command, outcome) in commands.iter().zip(outcomes) {
            let made = stores.api_keys.find(command.successor.id).await.unwrap();
            assert_eq!(made.is_some_and(|made| made.is_current()), outcome == RefreshApiKeyOutcome::Rotated);
        }
    }
}

/// K8: in `0 ≤ elapsed < grace`, a clock that went back counting as 0; the family follows as for the first use.
pub(crate) async fn a_used_token_is_accepted_once_more_within_the_grace(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    for now in [at(60), at(60) + GRACE - MICROSECOND, at(50)] {
        let key = issued(stores, ada, at(0)).await;
        let one = successor(stores, &key.token, at(60)).await;
        let command = RefreshApiKey { prefix: "sym_ak_v4.local.again".to_owned(), ..shown(&key.token, now) };
        let other = rotated(stores, command.clone()).await;
        let after = family(stores, &key).await;
        assert_eq!((after.prefix, after.key_expires_at), (command.prefix, other.expires_at));
        assert_eq!(after.ends_at, other.ends_at());
        assert_ne!(one.id, other.id);
        // A retired token's own end does not move, and the sibling is as good as the first.
        assert_eq!(found(stores, key.token.id).await.token.used, TokenUse::RotatedTwice { at: at(60) });
        successor(stores, &other, now + MICROSECOND).await;
    }
}

/// K8, C43: a microsecond later than the last accepted one; its successor was not even used.
pub(crate) async fn a_used_token_ends_the_family_at_the_end_of_the_grace(stores: &Stores) {
    let (key, second) = used_once(stores, at(60)).await;
    ends_the_family(stores, &key, shown(&key.token, at(60) + GRACE)).await;
    let command = shown(&second, at(60) + GRACE);
    assert_eq!(refusal(stores, command).await, RefreshApiKeyRefusal::Revoked);
}

/// K8: refused within the grace, because somebody has received the answer; after it, the family ends.
pub(crate) async fn a_used_token_is_refused_once_its_successor_is_used(stores: &Stores) {
    let (key, second) = used_once(stores, at(60)).await;
    let third = successor(stores, &second, at(61)).await;
    for now in [at(61), at(60) + GRACE - MICROSECOND] {
        assert_eq!(refusal(stores, shown(&key.token, now)).await, RefreshApiKeyRefusal::AlreadyUsed);
    }
    successor(stores, &third, at(62)).await;
    ends_the_family(stores, &key, shown(&key.token, at(60) + GRACE)).await;
}

/// K8: nor does a fourth; both siblings stay as they are.
pub(crate) async fn a_third_presentation_changes_nothing(stores: &Stores) {
    let (key, [one, other]) = used_twice(stores, at(60)).await;
    for now in [at(60), at(61), at(60) + GRACE - MICROSECOND] {
        assert_eq!(refusal(stores, shown(&key.token, now)).await, RefreshApiKeyRefusal::AlreadyUsed);
    }
    assert!(found(stores, one.id).await.is_current() && found(stores, other.id).await.is_current());
    successor(stores, &other, at(61)).await;
    assert_eq!(refusal(stores, shown(&one, at(61))).await, RefreshApiKeyRefusal::AlreadyUsed);
    ends_the_family(stores, &key, shown(&key.token, at(60) + GRACE)).await;
}

/// K8: whichever of the two it is; only this family's.
pub(crate) async fn the_first_sibling_refreshed_retires_the_other(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let untouched = issued(stores, ada, at(0)).await;
    let untouched = successor(stores, &untouched.token, at(60)).await;
    for winner in [0, 1] {
        let key = issued(stores, ada, at(0)).await;
        let one = successor(stores, &key.token, at(60)).await;
        let other = successor(stores, &key.token, at(60)).await;
        let (winner, loser) = if winner == 0 { (one, other) } else { (other, one) };
        let next = successor(stores, &winner, at(61)).await;
        assert_eq!(found(stores, loser.id).await.token.used, TokenUse::RetiredBySibling { at: at(61) });
        assert_eq!(refusal(stores, shown(&loser, at(62))).await, RefreshApiKeyRefusal::AlreadyUsed);
        successor(stores, &next, at(62)).await;
        assert!(is_live(stores, &key, at(62)).await);
    }
    successor(stores, &untouched, at(62)).await;
}

/// K8: both answers were received, by two. The grace begins with its retirement, long after their parent was used.
pub(crate) async fn a_retired_sibling_ends_the_family_after_the_grace(stores: &Stores) {
    let (key, [one, other]) = used_twice(stores, at(60)).await;
    let next = successor(stores, &one, at(900)).await;
    let last = at(900) + GRACE - MICROSECOND;
    assert_eq!(refusal(stores, shown(&other, last)).await, RefreshApiKeyRefusal::AlreadyUsed);
    ends_the_family(stores, &key, shown(&other, at(900) + GRACE)).await;
    let command = shown(&next, at(900) + GRACE);
    assert_eq!(refusal(stores, command).await, RefreshApiKeyRefusal::Revoked);
}

/// K8: 0 means never, also when the clock went back.
pub(crate) async fn without_grace_a_used_token_ends_the_family(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    for now in [at(59), at(60), at(61)] {
        let key = issued(stores, ada, at(0)).await;
        let without = |now| RefreshApiKey { grace: Duration::ZERO, ..shown(&key.token, now) };
        rotated(stores, without(at(60))).await;
        let outcome = stores.api_keys.refresh(without(now)).await.unwrap();
        assert_eq!(outcome, RefreshApiKeyOutcome::ReuseDetected);
        assert!(!is_live(stores, &key, now).await);
    }
}

/// K7, K8: whoever has the token outside of the binding has stolen it.
pub(crate) async fn a_used_token_shown_from_elsewhere_ends_the_family(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let address = Some("198.51.100.7".parse().unwrap());
    let key = NewApiKey { address, ..new_api_key(ada, at(0)) };
    assert_eq!(issue(stores, &key, ENOUGH).await, IssueOutcome::Issued);
    successor(stores, &key.token, at(60)).await;
    let thief = |now| RefreshApiKey { ip: None, ..shown(&key.token, now) };
    assert_eq!(refusal(stores, thief(at(61))).await, RefreshApiKeyRefusal::WrongAddress);
    ends_the_family(stores, &key, thief(at(60) + GRACE)).await;
}

/// K8, C43: however many generations later, and after its own end.
pub(crate) async fn the_end_of_a_family_ends_its_newest_key(stores: &Stores) {
    let (key, mut newest) = used_once(stores, at(60)).await;
    for hours in 1..30 {
        newest = successor(stores, &newest, at(60 + 3_600 * hours)).await;
    }
    let now = at(60 + 3_600 * 30);
    assert!(key.token.ends_at() < now);
    ends_the_family(stores, &key, shown(&key.token, now)).await;
    assert_eq!(refusal(stores, shown(&newest, now)).await, RefreshApiKeyRefusal::Revoked);
}

/// K8: the family is the key's, not the owner's.
pub(crate) async fn reuse_in_one_family_leaves_the_others(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let (key, other) = (issued(stores, ada, at(0)).await, issued(stores, ada, at(0)).await);
    successor(stores, &key.token, at(60)).await;
    ends_the_family(stores, &key, shown(&key.token, at(60) + GRACE)).await;
    assert!(is_live(stores, &other, at(80)).await);
    successor(stores, &other.token, at(80)).await;
}

/// K8: a family that nobody could refresh any more ends by reuse too, and once.
pub(crate) async fn reuse_after_the_end_of_the_newest_key_is_detected_once(stores: &Stores) {
    let (key, newest) = used_once(stores, at(60)).await;
    let now = newest.ends_at();
    assert!(!is_live(stores, &key, now).await);
    let outcome = stores.api_keys.refresh(shown(&key.token, now)).await.unwrap();
    assert_eq!(outcome, RefreshApiKeyOutcome::ReuseDetected);
    assert_eq!(family(stores, &key).await.revoked_at, Some(now));
    assert_eq!(refusal(stores, shown(&key.token, now)).await, RefreshApiKeyRefusal::Revoked);
}
