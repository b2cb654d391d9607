//! What the suites cannot aim at: two commands that meet in different rows.

use std::time::Duration;

use symbolon_domain::{
    audit::Act,
    effects::Effects,
    sessions::{RefreshClient, RefreshOutcome, RefreshSession, RevokeSessions, SessionState},
};

use super::fresh;
use crate::contract::{
    Stores,
    given::{self, Person, at, event, new_refresh_token, person, race},
};

fn refreshing(person: &Person) -> RefreshSession {
    let session = &person.session;
    RefreshSession {
        token_id: session.refresh_token.id,
        token_hash: session.refresh_token.hash,
        client: RefreshClient::Bound(session.binding),
        successor: new_refresh_token(at(1)),
        grace: Duration::from_secs(10),
        ip: None,
        now: at(1),
        event: event(Act::SESSION_REFRESHED, at(1)),
    }
}

/// What one contender does to a person's sessions.
#[derive(Clone, Copy, Debug)]
enum Deed {
    Refresh,
    Revoke,
    RevokeAll,
    RevokeOthers,
    SignIn,
}

async fn done(stores: Stores, person: std::sync::Arc<Person>, deed: Deed) -> Option<RefreshOutcome> {
    let effects = Effects::event(event(Act::SESSIONS_REVOKED, at(1)));
    let id = person.session.id;
    match deed {
        Deed::Refresh => return Some(stores.sessions.refresh(refreshing(&person)).await.unwrap()),
        Deed::Revoke => assert!(stores.sessions.revoke(person.id, id, effects, at(1)).await.unwrap()),
        Deed::RevokeAll => {
            stores.sessions.revoke_many(person.id, RevokeSessions::All, effects).await.unwrap();
        }
        Deed::RevokeOthers => {
            stores.sessions.revoke_many(person.id, RevokeSessions::Except(id), effects).await.unwrap();
        }
        Deed::SignIn => {
            given::sign_in(&stores, &person, at(1)).await;
        }
    }
    None
}

/// S10: whoever was told that a session has ended is right, whatever else happened to it at the same time: also while
/// all others were being ended and it was taken into the new epoch.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_revoked_session_has_ended_whatever_it_met() {
    let fresh = fresh().await;
    for round in 0..30 {
        let ada = std::sync::Arc::new(person(&fresh.stores, &format!("ada{round}@example.org"), at(0)).await);
        let deeds = [
            Deed::Refresh,
            Deed::RevokeOthers,
            Deed::Revoke,
            Deed::Refresh,
            Deed::RevokeOthers,
            Deed::SignIn,
        ];
        let contenders = deeds.map(|deed| done(fresh.stores.clone(), ada.clone(), deed));
        race(contenders).await;
        let found = fresh.stores.sessions.find(ada.session.id).await.unwrap().unwrap();
        assert_eq!(found.state(at(1)), SessionState::Revoked, "round {round}");
    }
}

/// S10: every epoch counts, and a sign-in that met it belongs to the one before or to the one after.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sign_ins_and_revocations_meet_without_a_third_outcome() {
    let fresh = fresh().await;
    for round in 0..20 {
        let ada = std::sync::Arc::new(person(&fresh.stores, &format!("ada{round}@example.org"), at(0)).await);
        let deeds =
            [Deed::SignIn, Deed::RevokeAll, Deed::SignIn, Deed::Refresh, Deed::RevokeAll, Deed::SignIn];
        race(deeds.map(|deed| done(fresh.stores.clone(), ada.clone(), deed))).await;
        let account = fresh.stores.accounts.find(ada.id).await.unwrap().unwrap();
        assert_eq!(account.standing.epoch, 2);
        let sessions = fresh.stores.sessions.list(ada.id, given::everything()).await.unwrap().items;
        assert_eq!(sessions.len(), 4);
        assert!(sessions.iter().all(|session| session.epoch <= 2));
        let first = sessions.iter().find(|session| session.id == ada.session.id).unwrap();
        assert_eq!(first.state(at(1)), SessionState::Revoked);
    }
}

/// K8: of two siblings that are shown at once, one is used and retires the other.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_siblings_at_once_one_lives() {
    let fresh = fresh().await;
    for round in 0..30 {
        let ada = person(&fresh.stores, &format!("ada{round}@example.org"), at(0)).await;
        let (one, other) = (refreshing(&ada), refreshing(&ada));
        for command in [&one, &other] {
            let outcome = fresh.stores.sessions.refresh(command.clone()).await.unwrap();
            assert!(matches!(outcome, RefreshOutcome::Rotated(_)), "{outcome:?}");
        }
        let showing = [&one, &other].map(|parent| {
            let command = RefreshSession {
                token_id: parent.successor.id,
                token_hash: parent.successor.hash,
                ..refreshing(&ada)
            };
            let stores = fresh.stores.clone();
            async move { stores.sessions.refresh(command).await.unwrap() }
        });
        let outcomes = race(showing).await;
        let rotated = given::count(&outcomes, |outcome| matches!(outcome, RefreshOutcome::Rotated(_)));
        assert_eq!(rotated, 1, "round {round}: {outcomes:?}");
    }
}
