//! The suite of `SessionStore`: finding, ending and listing. Refreshing is in [`refresh`], the rule about used tokens
//! in [`rotation`].

use symbolon_domain::{
    accounts::{AccountState, Standing},
    actor::Role,
    audit::Act,
    clock::Timestamp,
    effects::Effects,
    id::{AccountId, SessionId},
    page::PageRequest,
    sessions::{RevokeSessions, Session, SessionState},
};

use super::{
    Stores,
    given::{self, DAY, Drawn, at, event, events_of, person, sign_in, written},
};

pub(crate) mod refresh;
mod rotation;
mod sign_out;

pub(crate) use self::{refresh::*, rotation::*, sign_out::*};

async fn found(stores: &Stores, id: SessionId) -> Session {
    stores.sessions.find(id).await.unwrap().unwrap()
}

async fn state(stores: &Stores, id: SessionId, now: Timestamp) -> SessionState {
    found(stores, id).await.state(now)
}

fn revoked_at(now: Timestamp) -> Effects {
    Effects::event(event(Act::SESSION_REVOKED, now))
}

async fn revoke_many(stores: &Stores, account: AccountId, which: RevokeSessions) {
    let effects = Effects::event(event(Act::SESSIONS_REVOKED, at(0)));
    stores.sessions.revoke_many(account, which, effects).await.unwrap();
}

/// S6, C23: with the hash of its binding only.
pub(crate) async fn a_session_is_found_as_it_was_written(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(5)).await;
    let written = ada.session;
    let expected = Session {
        id: written.id,
        account_id: ada.id,
        binding: written.binding,
        methods: written.methods,
        created_at: at(5),
        refreshed_at: at(5),
        idle_expires_at: written.refresh_token.expires_at,
        expires_at: written.expires_at,
        ip: written.ip,
        user_agent: written.user_agent,
        revoked_at: None,
        epoch: 0,
        account: Standing { state: AccountState::Active, role: Role::Authenticated, epoch: 0 },
    };
    assert_eq!(found(stores, written.id).await, expected);
}

pub(crate) async fn an_unknown_session_is_not_found(stores: &Stores) {
    person(stores, "ada@example.org", at(0)).await;
    assert_eq!(stores.sessions.find(SessionId::new(at(0), &Drawn)).await.unwrap(), None);
}

/// S10, G2: the other one goes on; a second time only the event is written.
pub(crate) async fn one_session_is_revoked_and_stays_so(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let other = sign_in(stores, &ada, at(1)).await.id;
    let id = ada.session.id;
    assert!(stores.sessions.revoke(ada.id, id, revoked_at(at(2)), at(2)).await.unwrap());
    assert_eq!(found(stores, id).await.revoked_at, Some(at(2)));
    assert_eq!(state(stores, id, at(2)).await, SessionState::Revoked);
    assert_eq!(state(stores, other, at(2)).await, SessionState::Active);
    assert!(stores.sessions.revoke(ada.id, id, revoked_at(at(3)), at(3)).await.unwrap());
    assert_eq!(found(stores, id).await.revoked_at, Some(at(2)));
    assert_eq!(events_of(stores, Act::SESSION_REVOKED).await.len(), 2);
}

/// S10: nobody ends another's, and nothing is written about it.
pub(crate) async fn a_session_is_revoked_only_for_its_account(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let eve = person(stores, "eve@example.org", at(0)).await;
    let before = written(stores).await;
    let unknown = SessionId::new(at(0), &Drawn);
    for (account, id) in [(eve.id, ada.session.id), (ada.id, unknown)] {
        assert!(!stores.sessions.revoke(account, id, revoked_at(at(1)), at(1)).await.unwrap());
    }
    assert_eq!(written(stores).await, before);
    assert_eq!(state(stores, ada.session.id, at(1)).await, SessionState::Active);
}

/// S11: the history says how: by itself, with all others, or by its limits.
pub(crate) async fn a_session_that_has_ended_stays_as_it_ended(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let idle_end = ada.session.refresh_token.expires_at;
    assert!(stores.sessions.revoke(ada.id, ada.session.id, revoked_at(idle_end), idle_end).await.unwrap());
    assert_eq!(found(stores, ada.session.id).await.revoked_at, None);
    assert_eq!(state(stores, ada.session.id, idle_end).await, SessionState::Expired);
    let with_all_others = sign_in(stores, &ada, at(1)).await.id;
    revoke_many(stores, ada.id, RevokeSessions::All).await;
    assert!(stores.sessions.revoke(ada.id, with_all_others, revoked_at(at(2)), at(2)).await.unwrap());
    assert_eq!(found(stores, with_all_others).await.revoked_at, None);
    assert_eq!(state(stores, with_all_others, at(2)).await, SessionState::Revoked);
    assert_eq!(events_of(stores, Act::SESSION_REVOKED).await.len(), 2);
}

/// S10: of this account only, and those that are opened later count.
pub(crate) async fn all_sessions_end_with_the_epoch(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let eve = person(stores, "eve@example.org", at(0)).await;
    let second = sign_in(stores, &ada, at(1)).await.id;
    revoke_many(stores, ada.id, RevokeSessions::All).await;
    for id in [ada.session.id, second] {
        assert_eq!(state(stores, id, at(1)).await, SessionState::Revoked);
    }
    assert_eq!(state(stores, eve.session.id, at(1)).await, SessionState::Active);
    let later = sign_in(stores, &ada, at(2)).await.id;
    assert_eq!(state(stores, later, at(2)).await, SessionState::Active);
    assert_eq!(events_of(stores, Act::SESSIONS_REVOKED).await.len(), 1);
}

/// S10: the current one is stamped anew.
pub(crate) async fn all_others_end_and_the_one_that_asks_goes_on(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let kept = sign_in(stores, &ada, at(1)).await.id;
    let other = sign_in(stores, &ada, at(1)).await.id;
    revoke_many(stores, ada.id, RevokeSessions::Except(kept)).await;
    assert_eq!(state(stores, kept, at(1)).await, SessionState::Active);
    for id in [ada.session.id, other] {
        assert_eq!(state(stores, id, at(1)).await, SessionState::Revoked);
    }
}

/// S10: neither one that was revoked by itself, nor one of an earlier epoch.
pub(crate) async fn what_has_ended_is_not_revived(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let revoked = sign_in(stores, &ada, at(1)).await.id;
    assert!(stores.sessions.revoke(ada.id, revoked, revoked_at(at(1)), at(1)).await.unwrap());
    revoke_many(stores, ada.id, RevokeSessions::Except(revoked)).await;
    assert_eq!(state(stores, revoked, at(1)).await, SessionState::Revoked);
    revoke_many(stores, ada.id, RevokeSessions::Except(ada.session.id)).await;
    assert_eq!(state(stores, ada.session.id, at(1)).await, SessionState::Revoked);
}

pub(crate) async fn somebody_elses_session_is_not_kept(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let eve = person(stores, "eve@example.org", at(0)).await;
    revoke_many(stores, ada.id, RevokeSessions::Except(eve.session.id)).await;
    assert_eq!(state(stores, ada.session.id, at(0)).await, SessionState::Revoked);
    assert_eq!(state(stores, eve.session.id, at(0)).await, SessionState::Active);
}

/// S10: an integer, one up each time, however many ask at once.
pub(crate) async fn epochs_count_every_revocation(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let kept = ada.session.id;
    let revoking = (0..16).map(|_| {
        let stores = stores.clone();
        async move { revoke_many(&stores, ada.id, RevokeSessions::Except(kept)).await }
    });
    given::race(revoking).await;
    let session = found(stores, kept).await;
    assert_eq!((session.epoch, session.account.epoch), (16, 16));
    assert_eq!(session.state(at(0)), SessionState::Active);
    assert_eq!(events_of(stores, Act::SESSIONS_REVOKED).await.len(), 16);
}

pub(crate) async fn nothing_is_revoked_for_an_unknown_account(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let before = written(stores).await;
    let nobody = AccountId::new(at(0), &Drawn);
    for which in [RevokeSessions::All, RevokeSessions::Except(ada.session.id)] {
        revoke_many(stores, nobody, which).await;
    }
    assert_eq!(written(stores).await, before);
    assert_eq!(state(stores, ada.session.id, at(0)).await, SessionState::Active);
}

/// S11: one's own only.
pub(crate) async fn sessions_are_listed_newest_first_ended_ones_included(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let eve = person(stores, "eve@example.org", at(1)).await;
    let mut expected = vec![ada.session.id];
    for seconds in 2..6 {
        expected.insert(0, sign_in(stores, &ada, at(seconds)).await.id);
        sign_in(stores, &eve, at(seconds)).await;
    }
    assert!(stores.sessions.revoke(ada.id, ada.session.id, revoked_at(at(6)), at(6)).await.unwrap());
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = stores.sessions.list(ada.id, PageRequest::new(2, after)).await.unwrap();
        assert!(page.items.len() <= 2);
        for session in &page.items {
            assert_eq!(*session, found(stores, session.id).await);
        }
        listed.extend(page.items.iter().map(|session| session.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed, expected);
    let nobody = AccountId::new(at(0), &Drawn);
    assert!(stores.sessions.list(nobody, PageRequest::first()).await.unwrap().items.is_empty());
}

/// C26: at once.
pub(crate) async fn the_sessions_of_a_locked_account_are_over(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    stores.backdoor.lock(ada.id).await;
    assert_eq!(state(stores, ada.session.id, at(0) + DAY).await, SessionState::Revoked);
}
