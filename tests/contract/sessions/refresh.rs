//! Refreshing a session with a token that was not used before: what it changes, and who is refused.

use std::time::Duration;

use symbolon_domain::{
    actor::Actor,
    audit::{Act, Outcome, Subject},
    clock::Timestamp,
    id::RefreshTokenId,
    sessions::{
        NewRefreshToken, NewSession, RefreshClient, RefreshOutcome, RefreshRefusal, RefreshSession,
        RevokeSessions, Session, SessionState,
    },
};

use super::{found, revoke_many, revoked_at, state};
use crate::contract::{
    Stores,
    given::{self, DAY, Drawn, MICROSECOND, at, event, events_of, hash, new_refresh_token, person, written},
};

/// How long a used token is accepted once more.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// The session's own client shows this token.
pub(crate) fn shown(session: &NewSession, token: &NewRefreshToken, now: Timestamp) -> RefreshSession {
    RefreshSession {
        token_id: token.id,
        token_hash: token.hash,
        client: RefreshClient::Bound(session.binding),
        successor: new_refresh_token(now),
        grace: GRACE,
        ip: Some([198, 51, 100, 7].into()),
        now,
        event: event(Act::SESSION_REFRESHED, now),
    }
}

/// The session after a presentation that rotates.
pub(super) async fn rotated(stores: &Stores, command: RefreshSession) -> Session {
    match stores.sessions.refresh(command).await.unwrap() {
        RefreshOutcome::Rotated(session) => *session,
        other => panic!("{other:?}"),
    }
}

/// The token that takes the place of this one.
pub(super) async fn successor(
    stores: &Stores,
    session: &NewSession,
    token: &NewRefreshToken,
    now: Timestamp,
) -> NewRefreshToken {
    let command = shown(session, token, now);
    rotated(stores, command.clone()).await;
    command.successor
}

/// The reason why a presentation was refused; it changed nothing.
pub(super) async fn refusal(stores: &Stores, command: RefreshSession) -> RefreshRefusal {
    let before = written(stores).await;
    let outcome = stores.sessions.refresh(command.clone()).await.unwrap();
    assert_eq!(written(stores).await, before);
    let of_successor =
        RefreshSession { token_id: command.successor.id, token_hash: command.successor.hash, ..command };
    let follow_up = stores.sessions.refresh(of_successor).await.unwrap();
    assert!(matches!(follow_up, RefreshOutcome::Refused(RefreshRefusal::Unknown)), "{follow_up:?}");
    match outcome {
        RefreshOutcome::Refused(reason) => reason,
        other => panic!("{other:?}"),
    }
}

/// S9, S11: the session keeps its id, binding and user agent; its address, its idle end and both last uses follow.
pub(crate) async fn a_live_token_is_rotated(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let eve = person(stores, "eve@example.org", at(0)).await;
    let before = found(stores, ada.session.id).await;
    let command = shown(&ada.session, &ada.session.refresh_token, at(60));
    let after = rotated(stores, command.clone()).await;
    let expected = Session {
        refreshed_at: at(60),
        idle_expires_at: command.successor.expires_at,
        ip: command.ip,
        ..before
    };
    assert_eq!(after, expected);
    assert_eq!(found(stores, ada.session.id).await, expected);
    assert_eq!(stores.accounts.find(ada.id).await.unwrap().unwrap().last_seen_at, Some(at(60)));
    assert_eq!(stores.accounts.find(eve.id).await.unwrap().unwrap().last_seen_at, Some(at(0)));
    let events = events_of(stores, Act::SESSION_REFRESHED).await;
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.id, event.actor), (command.event.id, Actor::Account(ada.id)));
    assert_eq!((event.outcome, &event.subject), (Outcome::Done, &Some(Subject::from(ada.session.id))));
    successor(stores, &ada.session, &command.successor, at(120)).await;
}

/// S9: the absolute limit, which no refresh moves.
pub(crate) async fn a_successor_ends_with_its_session(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let end = ada.session.expires_at;
    let mut token = ada.session.refresh_token.clone();
    let mut now = at(0);
    while now + 15 * DAY < end {
        now = now + 14 * DAY;
        token = successor(stores, &ada.session, &token, now).await;
    }
    assert!(token.expires_at > end, "the last successor asked for more");
    let session = found(stores, ada.session.id).await;
    assert_eq!((session.idle_expires_at, session.expires_at), (end, end));
    assert_eq!(refusal(stores, shown(&ada.session, &token, end)).await, RefreshRefusal::Expired);
    rotated(stores, shown(&ada.session, &token, end - MICROSECOND)).await;
}

/// C25, S9: a microsecond before it is refreshed, at its end it is not.
pub(crate) async fn the_idle_limit_is_judged_at_its_very_end(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let token = ada.session.refresh_token.clone();
    let end = token.expires_at;
    assert_eq!(refusal(stores, shown(&ada.session, &token, end)).await, RefreshRefusal::Expired);
    assert_eq!(state(stores, ada.session.id, end).await, SessionState::Expired);
    assert_eq!(state(stores, ada.session.id, end - MICROSECOND).await, SessionState::Active);
    rotated(stores, shown(&ada.session, &token, end - MICROSECOND)).await;
    assert_eq!(state(stores, ada.session.id, end).await, SessionState::Active);
}

/// C25, S9: also where the first token was given a longer life than its session.
pub(crate) async fn the_absolute_limit_is_judged_at_its_very_end(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let begun = given::new_sign_in(ada.id, at(0));
    stores.sign_ins.begin(begun.clone()).await.unwrap();
    let end = at(0) + DAY;
    let session = NewSession { expires_at: end, ..given::new_session(at(0)) };
    let command = symbolon_domain::sign_in::CompleteSignIn {
        session: session.clone(),
        ..given::sign_in_completion(&begun, at(0))
    };
    stores.sign_ins.complete(command).await.unwrap();
    let token = &session.refresh_token;
    assert!(token.expires_at > end);
    assert_eq!(found(stores, session.id).await.idle_expires_at, end);
    assert_eq!(refusal(stores, shown(&session, token, end)).await, RefreshRefusal::Expired);
    rotated(stores, shown(&session, token, end - MICROSECOND)).await;
}

/// S10: by itself, with all others, or with its account; the one that was kept is refreshed.
pub(crate) async fn a_revoked_session_is_not_refreshed(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let by_itself = given::sign_in(stores, &ada, at(1)).await;
    let kept = given::sign_in(stores, &ada, at(1)).await;
    assert!(stores.sessions.revoke(ada.id, by_itself.id, revoked_at(at(2)), at(2)).await.unwrap());
    revoke_many(stores, ada.id, RevokeSessions::Except(kept.id)).await;
    for session in [&by_itself, &ada.session] {
        let command = shown(session, &session.refresh_token, at(3));
        assert_eq!(refusal(stores, command).await, RefreshRefusal::Revoked);
    }
    let token = successor(stores, &kept, &kept.refresh_token, at(3)).await;
    stores.backdoor.lock(ada.id).await;
    assert_eq!(refusal(stores, shown(&kept, &token, at(4))).await, RefreshRefusal::Revoked);
}

pub(crate) async fn an_unknown_token_is_refused(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let known = shown(&ada.session, &ada.session.refresh_token, at(1));
    let unknown = RefreshSession { token_id: RefreshTokenId::new(at(0), &Drawn), ..known };
    assert_eq!(refusal(stores, unknown).await, RefreshRefusal::Unknown);
}

/// K8: only a presentation whose secret matched may end a family; an id alone proves nothing.
pub(crate) async fn a_wrong_secret_reveals_and_revokes_nothing(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let first = ada.session.refresh_token.clone();
    let guess = |now| RefreshSession { token_hash: hash(), ..shown(&ada.session, &first, now) };
    assert_eq!(refusal(stores, guess(at(1))).await, RefreshRefusal::Unknown);
    let second = successor(stores, &ada.session, &first, at(1)).await;
    assert_eq!(refusal(stores, guess(at(1) + 9 * GRACE)).await, RefreshRefusal::Unknown);
    successor(stores, &ada.session, &second, at(1) + 9 * GRACE).await;
}

/// S7: the token is still its own client's to use.
pub(crate) async fn another_client_is_refused_and_changes_nothing(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let token = ada.session.refresh_token.clone();
    let before = found(stores, ada.session.id).await;
    let command =
        RefreshSession { client: RefreshClient::Bound(hash()), ..shown(&ada.session, &token, at(1)) };
    assert_eq!(refusal(stores, command).await, RefreshRefusal::WrongClient);
    assert_eq!(found(stores, ada.session.id).await, before);
    successor(stores, &ada.session, &token, at(1)).await;
}

/// S7: `sessions.binding = "off"`.
pub(crate) async fn without_bindings_any_client_refreshes(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let command = shown(&ada.session, &ada.session.refresh_token, at(1));
    rotated(stores, RefreshSession { client: RefreshClient::Unchecked, ..command }).await;
}
