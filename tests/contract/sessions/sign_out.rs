//! A session that ends itself, and the API keys of its account (K11).

use symbolon_domain::{
    api_keys::{IssueApiKey, IssueOutcome},
    audit::Act,
    effects::Effects,
    id::SessionId,
    sessions::SessionState,
};

use super::{found, revoked_at, state};
use crate::contract::{
    Stores,
    api_keys::{is_live, issued, new_api_key},
    given::{Drawn, at, event, events_of, person, race, sign_in, written},
};

/// K11, S10: of this account alone, and nobody ends another's; a second time only the event is written, and the keys of other
/// sessions end again.
pub(crate) async fn a_session_that_ends_itself_takes_api_keys_along(stores: &Stores) {
    let (ada, eve) =
        (person(stores, "ada@example.org", at(0)).await, person(stores, "eve@example.org", at(0)).await);
    let other = sign_in(stores, &ada, at(1)).await.id;
    let (of_ada, of_eve) = (issued(stores, ada.id, at(1)).await, issued(stores, eve.id, at(1)).await);
    let sign_out =
        async |account, id, now| stores.sessions.sign_out(account, id, revoked_at(now), now).await.unwrap();
    let before = written(stores).await;
    for (account, id) in [(eve.id, ada.session.id), (ada.id, SessionId::new(at(0), &Drawn))] {
        assert!(!sign_out(account, id, at(2)).await);
    }
    assert_eq!(written(stores).await, before);
    assert!(is_live(stores, &of_ada, at(2)).await && is_live(stores, &of_eve, at(2)).await);

    assert!(sign_out(ada.id, ada.session.id, at(3)).await);
    assert_eq!(state(stores, ada.session.id, at(3)).await, SessionState::Revoked);
    assert_eq!(state(stores, other, at(3)).await, SessionState::Active);
    assert!(!is_live(stores, &of_ada, at(3)).await && is_live(stores, &of_eve, at(3)).await);
    let later = issued(stores, ada.id, at(4)).await;
    assert!(is_live(stores, &later, at(4)).await);
    assert!(sign_out(ada.id, ada.session.id, at(5)).await);
    assert_eq!(found(stores, ada.session.id).await.revoked_at, Some(at(3)));
    assert!(!is_live(stores, &later, at(5)).await);
    assert_eq!(events_of(stores, Act::SESSION_REVOKED).await.len(), 2);
}

/// K11, C26, X7: what is issued in a session at the moment at which it ends itself either ends with it, or is not issued.
pub(crate) async fn no_key_outlives_the_session_that_ends_itself(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let mut given_out = 0;
    for round in 0..12 {
        let session = sign_in(stores, &ada, at(round)).await.id;
        let keys: Vec<_> = (0..6).map(|_| new_api_key(ada.id, at(round))).collect();
        let deeds = keys.iter().cloned().map(Some).chain([None]).map(|key| {
            let (stores, account) = (stores.clone(), ada.id);
            async move {
                let Some(key) = key else {
                    return stores
                        .sessions
                        .sign_out(account, session, revoked_at(at(round)), at(round))
                        .await;
                };
                let effects = Effects::event(event(Act::API_KEY_ISSUED, at(round)));
                let command = IssueApiKey { key, session: Some(session), most: 100, effects };
                stores.api_keys.issue(command).await.map(|outcome| outcome == IssueOutcome::Issued)
            }
        });
        // Whoever is told that the store is busy has done nothing.
        let done = race(deeds).await;
        if done.last().is_none_or(Result::is_err) {
            let signed_out = stores.sessions.sign_out(ada.id, session, revoked_at(at(round)), at(round));
            assert!(signed_out.await.unwrap());
        }
        for key in &keys {
            if stores.api_keys.find(key.token.id).await.unwrap().is_some() {
                given_out += 1;
                assert!(!is_live(stores, key, at(round)).await, "round {round}");
            }
        }
    }
    assert!(given_out > 0, "somebody must have been quicker than the end of the session");
}
