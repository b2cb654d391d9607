//! The suite of `PasswordStore`.

use symbolon_domain::{
    accounts::AccountState,
    audit::Act,
    id::{AccountId, SessionId},
    passwords::ReplacePassword,
    recovery::CompleteRecoveryError,
    sessions::{Session, SessionState},
    sign_in::{BeginError, CompleteError, throttle::ThrottleLimits},
};

use super::{
    Stores,
    given::{
        self, DAY, Drawn, MANY, Person, at, count, effects, events_of, hash, messages, new_sign_in, person,
        phc, race, sign_in, sign_in_completion, written,
    },
    recovery::{by_code, finish},
};

/// Replaces the password of somebody who signed up with their address as password.
fn replacement(person: &Person, kept: SessionId) -> ReplacePassword {
    ReplacePassword {
        account_id: person.id,
        old: phc("ada@example.org"),
        new: phc("new"),
        kept,
        throttle: hash(),
        effects: effects(Act::PASSWORD_CHANGED, at(1)),
    }
}

async fn session(stores: &Stores, id: SessionId) -> Session {
    stores.sessions.find(id).await.unwrap().unwrap()
}

/// S12, S10: the session that asks goes on, and no other.
pub(crate) async fn a_new_password_ends_the_other_sessions(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let kept = sign_in(stores, &ada, at(0)).await;
    let replacement = replacement(&ada, kept.id);
    assert!(stores.passwords.replace(replacement.clone()).await.unwrap());
    assert_eq!(session(stores, kept.id).await.state(at(2)), SessionState::Active);
    assert_eq!(session(stores, ada.session.id).await.state(at(2)), SessionState::Revoked);
    let found = stores.sign_ins.find_candidate(&ada.address).await.unwrap().unwrap();
    assert_eq!((found.password, found.password_changes), (phc("new"), 1));
    assert_eq!(events_of(stores, Act::PASSWORD_CHANGED).await, replacement.effects.events);
    let told = replacement.effects.messages[0].id;
    assert!(messages(stores).await.iter().any(|message| message.id == told));
}

/// S12: only over the very hash that was verified, and in an account that may be used.
pub(crate) async fn a_password_is_replaced_only_in_its_place(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let right = replacement(&ada, ada.session.id);
    let before = written(stores).await;
    let wrong = ReplacePassword { old: phc("another"), ..right.clone() };
    let unknown = ReplacePassword { account_id: AccountId::new(at(0), &Drawn), ..right.clone() };
    for refused in [wrong, unknown] {
        assert!(!stores.passwords.replace(refused).await.unwrap());
    }
    for state in [AccountState::Locked, AccountState::Compromised] {
        stores.backdoor.set_state(ada.id, state).await;
        assert!(!stores.passwords.replace(right.clone()).await.unwrap());
    }
    stores.backdoor.set_state(ada.id, AccountState::Active).await;
    assert_eq!(written(stores).await, before);
    assert_eq!(session(stores, ada.session.id).await.state(at(1)), SessionState::Active);
    assert!(stores.passwords.replace(right).await.unwrap());
}

/// S10: what has ended is not revived, and nobody else's session is kept.
pub(crate) async fn only_a_live_session_of_ones_own_is_kept(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let eve = person(stores, "eve@example.org", at(0)).await;
    let ended = sign_in(stores, &ada, at(0)).await;
    let event = symbolon_domain::effects::Effects::default();
    assert!(stores.sessions.revoke(ada.id, ended.id, event, at(1)).await.unwrap());
    assert!(stores.passwords.replace(replacement(&ada, ended.id)).await.unwrap());
    assert_eq!(session(stores, ended.id).await.state(at(2)), SessionState::Revoked);
    let second = ReplacePassword { old: phc("new"), new: phc("newer"), ..replacement(&ada, eve.session.id) };
    assert!(stores.passwords.replace(second).await.unwrap());
    assert_eq!(session(stores, eve.session.id).await.state(at(2)), SessionState::Active);
    assert_eq!(session(stores, eve.session.id).await.epoch, 0);
}

/// S14: of the address under which the current one was shown.
pub(crate) async fn a_new_password_forgets_the_failures(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let limits = ThrottleLimits { lock_after: 1, lock_for: DAY };
    let replacement = replacement(&ada, ada.session.id);
    let other = hash();
    for address in [replacement.throttle, other] {
        stores.sign_ins.reserve_attempt(address, limits, at(0)).await.unwrap().unwrap();
    }
    assert!(stores.passwords.replace(replacement.clone()).await.unwrap());
    assert!(stores.sign_ins.reserve_attempt(replacement.throttle, limits, at(1)).await.unwrap().is_ok());
    assert!(stores.sign_ins.reserve_attempt(other, limits, at(1)).await.unwrap().is_err());
}

/// S12: sign-ins and recoveries that were begun under the old one.
pub(crate) async fn a_new_password_ends_what_was_begun_before(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let open = new_sign_in(ada.id, at(0));
    stores.sign_ins.begin(open.clone()).await.unwrap();
    let recovery = by_code(ada.id, at(0));
    stores.recoveries.begin(recovery.clone()).await.unwrap();
    assert!(stores.passwords.replace(replacement(&ada, ada.session.id)).await.unwrap());
    assert!(stores.sign_ins.find(open.id).await.unwrap().is_none());
    let outcome = stores.sign_ins.complete(sign_in_completion(&open, at(2))).await;
    assert!(matches!(outcome, Err(CompleteError::Gone)), "{outcome:?}");
    assert!(stores.recoveries.find(recovery.id).await.unwrap().is_none());
    let outcome = stores.recoveries.complete(finish(&recovery, ada.id, at(2))).await;
    assert!(matches!(outcome, Err(CompleteRecoveryError::Gone)), "{outcome:?}");
    let outcome = stores.sign_ins.begin(new_sign_in(ada.id, at(2))).await;
    assert!(matches!(outcome, Err(BeginError::AccountUnavailable)), "{outcome:?}");
}

/// S12, X7: exactly one, and one session goes on.
pub(crate) async fn of_many_changes_over_one_password_one_wins(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let mut sessions = vec![ada.session.id];
    for _ in 1..MANY {
        sessions.push(sign_in(stores, &ada, at(0)).await.id);
    }
    let changing = sessions.clone().into_iter().map(|kept| {
        let (stores, replacement) = (stores.clone(), replacement(&ada, kept));
        async move { stores.passwords.replace(replacement).await.unwrap() }
    });
    let outcomes = race(changing).await;
    assert_eq!(count(&outcomes, |won| *won), 1);
    let winner = outcomes.iter().position(|won| *won).unwrap();
    for (index, id) in sessions.into_iter().enumerate() {
        let is_active = session(stores, id).await.state(at(2)) == SessionState::Active;
        assert_eq!(is_active, index == winner, "{index}");
    }
    assert_eq!(given::events_of(stores, Act::PASSWORD_CHANGED).await.len(), 1);
}
