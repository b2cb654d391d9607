//! Refreshing a key with a token that was not used before: what it changes, and who is refused (K7).

use std::time::Duration;

use symbolon_domain::{
    accounts::AccountChange,
    actor::{Actor, Role},
    api_keys::{
        ApiKey, IssueOutcome, NewApiKey, NewApiKeyToken, RefreshApiKey, RefreshApiKeyOutcome,
        RefreshApiKeyRefusal, RefreshHash, RefreshPart,
    },
    audit::{Act, Outcome, Subject},
    clock::Timestamp,
    id::ApiKeyTokenId,
    rotation::TokenUse,
};

use super::{
    ENOUGH, LIFE, administer, end_sessions, family, found, issue, issued, new_api_key, new_api_key_token,
    plain, revoke, revoke_all,
};
use crate::contract::{
    Stores,
    given::{DAY, Drawn, MICROSECOND, at, event, events_of, hash, person, race, written},
};

/// How long a used token is accepted once more.
pub(super) const GRACE: Duration = Duration::from_secs(10);

/// Somebody shows a key with its refresh token.
pub(crate) fn shown(token: &NewApiKeyToken, now: Timestamp) -> RefreshApiKey {
    let none = || RefreshHash::from_stored("sha256:none".to_owned());
    RefreshApiKey {
        token_id: token.id,
        proved: token.refresh.as_ref().map_or_else(none, |refresh| refresh.hash.clone()),
        hash: token.hash,
        ip: Some([198, 51, 100, 7].into()),
        successor: new_api_key_token(now),
        prefix: "sym_ak_v4.local.next".to_owned(),
        grace: GRACE,
        now,
        event: event(Act::API_KEY_REFRESHED, now),
    }
}

/// Shows what is rotated, and gives its successor.
pub(super) async fn rotated(stores: &Stores, command: RefreshApiKey) -> NewApiKeyToken {
    let successor = command.successor.clone();
    assert_eq!(stores.api_keys.refresh(command).await.unwrap(), RefreshApiKeyOutcome::Rotated);
    successor
}

/// The key that takes the place of this one.
pub(super) async fn successor(stores: &Stores, token: &NewApiKeyToken, now: Timestamp) -> NewApiKeyToken {
    rotated(stores, shown(token, now)).await
}

/// The reason why a presentation was refused; it changed nothing.
pub(super) async fn refusal(stores: &Stores, command: RefreshApiKey) -> RefreshApiKeyRefusal {
    let before = (written(stores).await, stores.api_keys.find(command.token_id).await.unwrap());
    let outcome = stores.api_keys.refresh(command.clone()).await.unwrap();
    let after = (written(stores).await, stores.api_keys.find(command.token_id).await.unwrap());
    assert_eq!(after, before);
    assert_eq!(stores.api_keys.find(command.successor.id).await.unwrap(), None);
    match outcome {
        RefreshApiKeyOutcome::Refused(reason) => reason,
        other => panic!("{other:?}"),
    }
}

/// K7: the family keeps all that it was issued for, and shows its newest key; the key before counts no more at once.
pub(crate) async fn a_live_key_is_rotated(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let key = issued(stores, ada.id, at(1)).await;
    let other = issued(stores, ada.id, at(1)).await;
    let before = family(stores, &key).await;
    let command = shown(&key.token, at(60));
    let next = rotated(stores, command.clone()).await;
    let expected = ApiKey {
        prefix: command.prefix.clone(),
        key_expires_at: next.expires_at,
        ends_at: next.ends_at(),
        ..before
    };
    let now = found(stores, next.id).await;
    assert_eq!((&now.key, &now.token.token, now.token.used), (&expected, &next, TokenUse::Live));
    assert!(now.is_current());
    let old = found(stores, key.token.id).await;
    assert_eq!(old.token.used, TokenUse::Rotated { at: at(60), successor_is_live: true });
    assert_eq!((&old.token.token, &old.key), (&key.token, &expected));
    assert!(!old.is_current() && found(stores, other.token.id).await.is_current());
    let events = events_of(stores, Act::API_KEY_REFRESHED).await;
    let [event] = events.as_slice() else { panic!("{events:?}") };
    assert_eq!((event.id, event.actor), (command.event.id, Actor::Account(ada.id)));
    assert_eq!((event.outcome, &event.subject), (Outcome::Done, &Some(Subject::from(key.id))));
    successor(stores, &next, at(120)).await;
}

/// K7, C25: the key itself may have expired; a microsecond before the end of its refresh token it is refreshed.
pub(crate) async fn a_refresh_token_ends_at_its_very_end(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let key = issued(stores, ada.id, at(1)).await;
    let end = at(1) + DAY;
    assert!(key.token.expires_at < end - MICROSECOND);
    assert_eq!(refusal(stores, shown(&key.token, end)).await, RefreshApiKeyRefusal::Expired);
    successor(stores, &key.token, end - MICROSECOND).await;
}

/// K1: not a microsecond before its beginning.
pub(crate) async fn a_refresh_token_counts_from_its_very_beginning(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let token = new_api_key_token(at(1));
    let refresh = token.refresh.map(|refresh| RefreshPart { not_before: at(600), ..refresh });
    let key = NewApiKey { token: NewApiKeyToken { refresh, ..token }, ..new_api_key(ada.id, at(1)) };
    assert_eq!(issue(stores, &key, ENOUGH).await, IssueOutcome::Issued);
    let early = shown(&key.token, at(600) - MICROSECOND);
    assert_eq!(refusal(stores, early).await, RefreshApiKeyRefusal::NotYetValid);
    successor(stores, &key.token, at(600)).await;
}

/// K3: which no refresh moves.
pub(crate) async fn a_family_ends_at_its_very_end(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let key = NewApiKey { expires_at: at(1_200), ..new_api_key(ada.id, at(1)) };
    assert_eq!(issue(stores, &key, ENOUGH).await, IssueOutcome::Issued);
    let second = successor(stores, &key.token, at(900)).await;
    assert_eq!(family(stores, &key).await.expires_at, at(1_200));
    assert_eq!(refusal(stores, shown(&second, at(1_200))).await, RefreshApiKeyRefusal::Expired);
    successor(stores, &second, at(1_200) - MICROSECOND).await;
}

/// K5, K11, C26, C61: by itself, with all keys, with all sessions, by another role, by a lock.
pub(crate) async fn an_ended_key_is_not_refreshed(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let is_refused = async |key: &NewApiKey| {
        assert_eq!(refusal(stores, shown(&key.token, at(3))).await, RefreshApiKeyRefusal::Revoked);
    };
    let key = issued(stores, ada, at(1)).await;
    assert!(revoke(stores, ada, key.id, at(2)).await);
    is_refused(&key).await;
    let key = issued(stores, ada, at(1)).await;
    assert_eq!(revoke_all(stores, ada, at(2)).await, Some(1));
    is_refused(&key).await;
    let key = issued(stores, ada, at(1)).await;
    end_sessions(stores, ada).await;
    is_refused(&key).await;
    let key = issued(stores, ada, at(1)).await;
    administer(stores, ada, AccountChange::ChangeRole(Role::Staff)).await;
    is_refused(&key).await;
    administer(stores, ada, AccountChange::ChangeRole(Role::Authenticated)).await;
    is_refused(&key).await;
    let key = issued(stores, ada, at(1)).await;
    stores.backdoor.lock(ada).await;
    is_refused(&key).await;
}

pub(crate) async fn an_unknown_key_is_not_refreshed(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let key = issued(stores, ada.id, at(1)).await;
    let known = shown(&key.token, at(2));
    for id in [ApiKeyTokenId::new(at(1), &Drawn), ApiKeyTokenId::from_bytes(*key.id.as_bytes())] {
        let unknown = RefreshApiKey { token_id: id, ..known.clone() };
        assert_eq!(refusal(stores, unknown).await, RefreshApiKeyRefusal::Unknown);
    }
}

/// K7, K8: neither a token that was not proved nor another key than its own; not even when it was used.
pub(crate) async fn what_does_not_fit_reveals_and_revokes_nothing(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let key = issued(stores, ada.id, at(1)).await;
    let others = issued(stores, ada.id, at(1)).await.token;
    let wrong = |now| {
        let right = shown(&key.token, now);
        let proved = shown(&others, now).proved;
        [
            RefreshApiKey { proved, ..right.clone() },
            RefreshApiKey { proved: RefreshHash::from_stored(String::new()), ..right.clone() },
            RefreshApiKey { hash: hash(), ..right.clone() },
            RefreshApiKey { hash: others.hash, ..right },
        ]
    };
    for command in wrong(at(2)) {
        assert_eq!(refusal(stores, command).await, RefreshApiKeyRefusal::Unknown);
    }
    let next = successor(stores, &key.token, at(2)).await;
    for command in wrong(at(2) + 9 * GRACE) {
        assert_eq!(refusal(stores, command).await, RefreshApiKeyRefusal::Unknown);
    }
    successor(stores, &next, at(2) + 9 * GRACE).await;
}

/// K1: there is nothing that could be proved.
pub(crate) async fn a_key_without_a_refresh_token_is_not_refreshed(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let key = plain(ada.id, at(1));
    assert_eq!(issue(stores, &key, ENOUGH).await, IssueOutcome::Issued);
    for proved in ["sha256:none", ""] {
        let proved = RefreshHash::from_stored(proved.to_owned());
        let command = RefreshApiKey { proved, ..shown(&key.token, at(2)) };
        assert_eq!(refusal(stores, command).await, RefreshApiKeyRefusal::Unknown);
    }
    assert!(found(stores, key.token.id).await.is_current());
    // A successor may be without one too: then it is the last.
    let key = issued(stores, ada.id, at(1)).await;
    let command = shown(&key.token, at(2));
    let last = NewApiKeyToken { refresh: None, ..command.successor };
    rotated(stores, RefreshApiKey { successor: last.clone(), ..command }).await;
    let family = family(stores, &key).await;
    assert_eq!((family.key_expires_at, family.ends_at), (at(2) + LIFE, at(2) + LIFE));
    assert_eq!(refusal(stores, shown(&last, at(3))).await, RefreshApiKeyRefusal::Unknown);
}

/// K7: the token is still its own holder's to use.
pub(crate) async fn a_bound_key_is_refreshed_inside_its_binding_only(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let address = Some("198.51.100.0/24".parse().unwrap());
    let key = NewApiKey { address, ..new_api_key(ada.id, at(1)) };
    assert_eq!(issue(stores, &key, ENOUGH).await, IssueOutcome::Issued);
    for ip in [None, Some([198, 51, 101, 7].into()), Some("2001:db8::7".parse().unwrap())] {
        let elsewhere = RefreshApiKey { ip, ..shown(&key.token, at(2)) };
        assert_eq!(refusal(stores, elsewhere).await, RefreshApiKeyRefusal::WrongAddress);
    }
    let next = successor(stores, &key.token, at(2)).await;
    assert_eq!(family(stores, &key).await.address, address);
    successor(stores, &next, at(3)).await;
}

/// C59, C61: whichever comes first, the successor counts no more.
pub(crate) async fn a_key_that_ends_while_it_is_refreshed_has_ended(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    for round in 0..12 {
        let key = issued(stores, ada, at(1)).await;
        let command = shown(&key.token, at(2));
        let next = command.successor.id;
        let contending = [true, false].map(|refreshes| {
            let (stores, command, id) = (stores.clone(), command.clone(), key.id);
            async move {
                if refreshes {
                    stores.api_keys.refresh(command).await.unwrap();
                } else if round % 2 == 0 {
                    assert!(revoke(&stores, ada, id, at(2)).await);
                } else {
                    assert_eq!(revoke_all(&stores, ada, at(2)).await, Some(1));
                }
            }
        });
        race(contending).await;
        assert!(!found(stores, key.token.id).await.is_current());
        let next = stores.api_keys.find(next).await.unwrap();
        assert!(next.is_none_or(|next| !next.is_current()));
    }
}

/// X6, X7: nobody who meets others is turned away; the owner's keys do not get in each other's way for good.
pub(crate) async fn what_meets_at_one_owner_is_all_carried_out(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let mut keys = Vec::new();
    for _ in 0..6 {
        keys.push(issued(stores, ada, at(1)).await);
    }
    let uses: Vec<_> = keys.iter().map(|key| (key.id, at(2))).collect();
    let contending = (0..30).map(|number: usize| {
        let (stores, key, mut uses) = (stores.clone(), keys[number % 6].clone(), uses.clone());
        async move {
            match number / 6 {
                0 | 1 => {
                    let outcome = stores.api_keys.refresh(shown(&key.token, at(2))).await.unwrap();
                    let revoked = RefreshApiKeyOutcome::Refused(RefreshApiKeyRefusal::Revoked);
                    assert!([RefreshApiKeyOutcome::Rotated, revoked].contains(&outcome), "{outcome:?}");
                }
                2 => {
                    uses.rotate_left(number % 6);
                    stores.api_keys.touch(uses).await.unwrap();
                }
                3 => drop(issued(&stores, ada, at(2)).await),
                _ if number.is_multiple_of(2) => assert!(revoke(&stores, ada, key.id, at(2)).await),
                _ => {}
            }
        }
    });
    race(contending).await;
    for (number, key) in keys.iter().enumerate() {
        let family = family(stores, key).await;
        assert_eq!((family.last_used_at, family.is_revoked()), (Some(at(2)), number % 2 == 0));
    }
    assert_eq!(revoke_all(stores, ada, at(3)).await, Some(9));
}
