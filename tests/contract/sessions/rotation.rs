//! The rule about used tokens (K8), carried out by a store: the grace, siblings, and the end of a family.

use std::time::Duration;

use symbolon_domain::{
    actor::Actor,
    audit::{Act, Outcome, Subject},
    clock::Timestamp,
    sessions::{NewRefreshToken, NewSession, RefreshClient, RefreshOutcome, RefreshRefusal, RefreshSession},
};

use super::{
    found,
    refresh::{GRACE, refusal, rotated, shown, successor},
    state,
};
use crate::contract::{
    Stores,
    given::{self, MANY, MICROSECOND, at, count, events_of, hash, person, race},
};
use symbolon_domain::sessions::SessionState::{Active, Revoked};

/// Shows a token from which the family's end must follow, with its event and nothing else.
async fn ends_the_family(stores: &Stores, session: &NewSession, command: RefreshSession) {
    let now = command.now;
    assert_eq!(state(stores, session.id, now).await, Active);
    let others = given::events(stores).await;
    let outcome = stores.sessions.refresh(command.clone()).await.unwrap();
    assert!(matches!(outcome, RefreshOutcome::ReuseDetected), "{outcome:?}");
    assert_eq!(found(stores, session.id).await.revoked_at, Some(now));
    let events = events_of(stores, Act::SESSION_REUSE_DETECTED).await;
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.id, event.at, event.actor), (command.event.id, now, Actor::System));
    assert_eq!((event.outcome, event.reason.as_deref()), (Outcome::Refused, Some("reuse_detected")));
    assert_eq!(event.subject, Some(Subject::from(session.id)));
    assert_eq!(given::events(stores).await.len(), others.len() + 1);
    // A family ends once.
    assert_eq!(refusal(stores, command).await, RefreshRefusal::Revoked);
}

/// A session whose first token was used at this moment, and the successor.
async fn used_once(stores: &Stores, now: Timestamp) -> (NewSession, NewRefreshToken, NewRefreshToken) {
    let session = person(stores, "ada@example.org", at(0)).await.session;
    let first = session.refresh_token.clone();
    let second = successor(stores, &session, &first, now).await;
    (session, first, second)
}

/// A session whose first token was used twice at this moment, and the two siblings.
async fn used_twice(stores: &Stores, now: Timestamp) -> (NewSession, NewRefreshToken, [NewRefreshToken; 2]) {
    let (session, first, one) = used_once(stores, now).await;
    let other = successor(stores, &session, &first, now).await;
    (session, first, [one, other])
}

/// Presentations of one token, each with a successor of its own.
async fn many_at_once(stores: &Stores, session: &NewSession, grace: Duration) -> Vec<RefreshOutcome> {
    let showing = (0..MANY).map(|_| {
        let command = RefreshSession { grace, ..shown(session, &session.refresh_token, at(1)) };
        let stores = stores.clone();
        async move { stores.sessions.refresh(command).await.unwrap() }
    });
    race(showing).await
}

/// K8, X7: one is answered, the next one ends the family, the rest find it ended.
pub(crate) async fn of_many_presentations_without_grace_one_wins_and_the_family_ends(stores: &Stores) {
    let session = person(stores, "ada@example.org", at(0)).await.session;
    let outcomes = many_at_once(stores, &session, Duration::ZERO).await;
    let is_revoked =
        |outcome: &RefreshOutcome| matches!(outcome, RefreshOutcome::Refused(RefreshRefusal::Revoked));
    assert_eq!(count(&outcomes, |outcome| matches!(outcome, RefreshOutcome::Rotated(_))), 1);
    assert_eq!(count(&outcomes, |outcome| matches!(outcome, RefreshOutcome::ReuseDetected)), 1);
    assert_eq!(count(&outcomes, is_revoked), MANY - 2);
    assert_eq!(state(stores, session.id, at(1)).await, Revoked);
}

/// K8, X7: the token and its one repetition; nobody is signed out.
pub(crate) async fn of_many_presentations_within_the_grace_two_win(stores: &Stores) {
    let session = person(stores, "ada@example.org", at(0)).await.session;
    let outcomes = many_at_once(stores, &session, GRACE).await;
    let is_used =
        |outcome: &RefreshOutcome| matches!(outcome, RefreshOutcome::Refused(RefreshRefusal::AlreadyUsed));
    assert_eq!(count(&outcomes, |outcome| matches!(outcome, RefreshOutcome::Rotated(_))), 2);
    assert_eq!(count(&outcomes, is_used), MANY - 2);
    assert_eq!(state(stores, session.id, at(1)).await, Active);
    assert_eq!(events_of(stores, Act::SESSION_REFRESHED).await.len(), 2);
}

/// K8: in `0 ≤ elapsed < grace`, a clock that went back counting as 0; the session follows as for the first use.
pub(crate) async fn a_used_token_is_accepted_once_more_within_the_grace(stores: &Stores) {
    for (address, now) in [
        ("one@example.org", at(60)),
        ("two@example.org", at(60) + GRACE - MICROSECOND),
        ("three@example.org", at(50)),
    ] {
        let session = person(stores, address, at(0)).await.session;
        let first = &session.refresh_token;
        let one = successor(stores, &session, first, at(60)).await;
        let command = shown(&session, first, now);
        let after = rotated(stores, command.clone()).await;
        assert_eq!((after.refreshed_at, after.idle_expires_at), (now, command.successor.expires_at));
        assert_eq!(found(stores, session.id).await, after);
        assert_ne!(one.id, command.successor.id);
        // A retired token's own end does not move, and the sibling is as good as the first.
        successor(stores, &session, &command.successor, now + MICROSECOND).await;
    }
}

/// K8, C43: a microsecond later than the last accepted one; its successor was not even used.
pub(crate) async fn a_used_token_ends_the_family_at_the_end_of_the_grace(stores: &Stores) {
    let (session, first, second) = used_once(stores, at(60)).await;
    ends_the_family(stores, &session, shown(&session, &first, at(60) + GRACE)).await;
    let command = shown(&session, &second, at(60) + GRACE);
    assert_eq!(refusal(stores, command).await, RefreshRefusal::Revoked);
}

/// K8: refused within the grace, because somebody has received the answer; after it, the family ends.
pub(crate) async fn a_used_token_is_refused_once_its_successor_is_used(stores: &Stores) {
    let (session, first, second) = used_once(stores, at(60)).await;
    let third = successor(stores, &session, &second, at(61)).await;
    let before = found(stores, session.id).await;
    for now in [at(61), at(60) + GRACE - MICROSECOND] {
        assert_eq!(refusal(stores, shown(&session, &first, now)).await, RefreshRefusal::AlreadyUsed);
    }
    assert_eq!(found(stores, session.id).await, before);
    successor(stores, &session, &third, at(62)).await;
    ends_the_family(stores, &session, shown(&session, &first, at(60) + GRACE)).await;
}

/// K8: nor does a fourth; both siblings stay as they are.
pub(crate) async fn a_third_presentation_changes_nothing(stores: &Stores) {
    let (session, first, [one, other]) = used_twice(stores, at(60)).await;
    let before = found(stores, session.id).await;
    for now in [at(60), at(61), at(60) + GRACE - MICROSECOND] {
        assert_eq!(refusal(stores, shown(&session, &first, now)).await, RefreshRefusal::AlreadyUsed);
    }
    assert_eq!(found(stores, session.id).await, before);
    let command = shown(&session, &other, at(61));
    rotated(stores, command).await;
    assert_eq!(refusal(stores, shown(&session, &one, at(61))).await, RefreshRefusal::AlreadyUsed);
    ends_the_family(stores, &session, shown(&session, &first, at(60) + GRACE)).await;
}

/// K8: whichever of the two it is; only this family's.
pub(crate) async fn the_first_sibling_refreshed_retires_the_other(stores: &Stores) {
    let (untouched, _, untouched_token) = {
        let session = person(stores, "eve@example.org", at(0)).await.session;
        let token = successor(stores, &session, &session.refresh_token, at(60)).await;
        (session.clone(), session.refresh_token, token)
    };
    for (address, winner) in [("one@example.org", 0), ("two@example.org", 1)] {
        let session = person(stores, address, at(0)).await.session;
        let first = &session.refresh_token;
        let one = successor(stores, &session, first, at(60)).await;
        let other = successor(stores, &session, first, at(60)).await;
        let (winner, loser) = if winner == 0 { (one, other) } else { (other, one) };
        let next = successor(stores, &session, &winner, at(61)).await;
        assert_eq!(refusal(stores, shown(&session, &loser, at(62))).await, RefreshRefusal::AlreadyUsed);
        successor(stores, &session, &next, at(62)).await;
        assert_eq!(state(stores, session.id, at(62)).await, Active);
    }
    successor(stores, &untouched, &untouched_token, at(62)).await;
}

/// K8: both answers were received, by two.
pub(crate) async fn a_retired_sibling_ends_the_family_after_the_grace(stores: &Stores) {
    let (session, _, [one, other]) = used_twice(stores, at(60)).await;
    let next = successor(stores, &session, &one, at(61)).await;
    ends_the_family(stores, &session, shown(&session, &other, at(61) + GRACE)).await;
    let command = shown(&session, &next, at(61) + GRACE);
    assert_eq!(refusal(stores, command).await, RefreshRefusal::Revoked);
}

/// K8: which may be long after their common parent was used.
pub(crate) async fn the_grace_of_a_retired_sibling_begins_with_its_retirement(stores: &Stores) {
    let (session, _, [one, other]) = used_twice(stores, at(60)).await;
    successor(stores, &session, &one, at(900)).await;
    let last = at(900) + GRACE - MICROSECOND;
    assert_eq!(refusal(stores, shown(&session, &other, last)).await, RefreshRefusal::AlreadyUsed);
    ends_the_family(stores, &session, shown(&session, &other, at(900) + GRACE)).await;
}

/// K8: 0 means never, also when the clock went back.
pub(crate) async fn without_grace_a_used_token_ends_the_family(stores: &Stores) {
    for (number, now) in [at(59), at(60), at(61)].into_iter().enumerate() {
        let session = person(stores, &format!("person{number}@example.org"), at(0)).await.session;
        let first = &session.refresh_token;
        let one = RefreshSession { grace: Duration::ZERO, ..shown(&session, first, at(60)) };
        rotated(stores, one).await;
        let again = RefreshSession { grace: Duration::ZERO, ..shown(&session, first, now) };
        let outcome = stores.sessions.refresh(again).await.unwrap();
        assert!(matches!(outcome, RefreshOutcome::ReuseDetected), "{outcome:?}");
        assert_eq!(state(stores, session.id, now).await, Revoked);
    }
}

/// K8: whoever has the token without the binding has stolen it.
pub(crate) async fn a_used_token_shown_by_another_client_ends_the_family(stores: &Stores) {
    let (session, first, _) = used_once(stores, at(60)).await;
    let thief = |now| RefreshSession { client: RefreshClient::Bound(hash()), ..shown(&session, &first, now) };
    assert_eq!(refusal(stores, thief(at(61))).await, RefreshRefusal::WrongClient);
    ends_the_family(stores, &session, thief(at(60) + GRACE)).await;
}

/// C43: however many generations later.
pub(crate) async fn the_end_of_a_family_ends_its_newest_token(stores: &Stores) {
    let (session, first, mut newest) = used_once(stores, at(60)).await;
    for generation in 2..6 {
        newest = successor(stores, &session, &newest, at(60 * generation)).await;
    }
    ends_the_family(stores, &session, shown(&session, &first, at(600))).await;
    assert_eq!(refusal(stores, shown(&session, &newest, at(600))).await, RefreshRefusal::Revoked);
}

/// K8: the family is the session's, not the account's.
pub(crate) async fn reuse_in_one_session_leaves_the_others(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let other = given::sign_in(stores, &ada, at(1)).await;
    successor(stores, &ada.session, &ada.session.refresh_token, at(60)).await;
    let reused = shown(&ada.session, &ada.session.refresh_token, at(60) + GRACE);
    ends_the_family(stores, &ada.session, reused).await;
    assert_eq!(state(stores, other.id, at(80)).await, Active);
    successor(stores, &other, &other.refresh_token, at(80)).await;
}
