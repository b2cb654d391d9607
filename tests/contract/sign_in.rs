//! The suite of `SignInStore`: the failures of the first factor, and the ceremony. What ends a ceremony is in
//! [`completion`].

use std::time::Duration;

use symbolon_domain::{
    accounts::AccountState,
    audit::Act,
    clock::Timestamp,
    effects::Effects,
    id::{AccountId, CeremonyId},
    secret::SecretHash,
    sign_in::{
        BeginError, NewSignIn, Rehashed,
        throttle::{Throttle, ThrottleLimits},
    },
};

use super::{
    Stores,
    given::{
        self, Drawn, MANY, MICROSECOND, at, count, effects, email, event, events_of, hash, message,
        new_sign_in, person, phc, race, written,
    },
};

mod completion;

pub(crate) use self::completion::*;

const HOUR: Duration = Duration::from_secs(3_600);
const LIMITS: ThrottleLimits = ThrottleLimits { lock_after: 10, lock_for: HOUR };

async fn attempt(stores: &Stores, address: SecretHash, now: Timestamp) -> Result<Throttle, Timestamp> {
    stores.sign_ins.reserve_attempt(address, LIMITS, now).await.unwrap()
}

async fn begun(stores: &Stores, account: AccountId, now: Timestamp) -> NewSignIn {
    let sign_in = new_sign_in(account, now);
    stores.sign_ins.begin(sign_in.clone()).await.unwrap();
    sign_in
}

/// S14: refused at once a microsecond before, let through at its end; a refusal costs nothing.
pub(crate) async fn the_next_attempt_waits_for_its_pause(stores: &Stores) {
    let address = hash();
    assert_eq!(attempt(stores, address, at(0)).await, Ok(Throttle { failures: 1, next_at: Some(at(1)) }));
    for _ in 0..3 {
        assert_eq!(attempt(stores, address, at(1) - MICROSECOND).await, Err(at(1)));
    }
    let end = at(1) + Duration::from_millis(1_500);
    assert_eq!(attempt(stores, address, at(1)).await, Ok(Throttle { failures: 2, next_at: Some(end) }));
    assert_eq!(attempt(stores, address, end - MICROSECOND).await, Err(end));
    assert_eq!(attempt(stores, address, end).await.map(|throttle| throttle.failures), Ok(3));
}

/// S14, C7: for an hour.
pub(crate) async fn ten_failures_close_the_sign_in(stores: &Stores) {
    let address = hash();
    let mut now = at(0);
    for failures in 1..=10 {
        let throttle = attempt(stores, address, now).await.unwrap();
        assert_eq!((throttle.failures, throttle.is_closed(LIMITS)), (failures, failures == 10));
        if failures < 10 {
            now = throttle.next_at.unwrap();
        }
    }
    assert_eq!(attempt(stores, address, now + HOUR - MICROSECOND).await, Err(now + HOUR));
    assert_eq!(attempt(stores, address, now + HOUR).await.map(|throttle| throttle.failures), Ok(11));
}

/// S14, X11: what could not be judged is no failure; a count that has moved on stays as it is.
pub(crate) async fn an_attempt_that_was_not_judged_is_given_back(stores: &Stores) {
    let address = hash();
    let first = attempt(stores, address, at(0)).await.unwrap();
    let second = attempt(stores, address, at(1)).await.unwrap();
    stores.sign_ins.release_attempt(address, first).await.unwrap();
    assert!(attempt(stores, address, at(1)).await.is_err(), "the first is not the last any more");
    stores.sign_ins.release_attempt(address, second).await.unwrap();
    stores.sign_ins.release_attempt(address, second).await.unwrap();
    assert_eq!(attempt(stores, address, at(1)).await.map(|throttle| throttle.failures), Ok(2));
    stores.sign_ins.release_attempt(hash(), second).await.unwrap();
}

/// C7: the hundredth failure in a row closes for good, whatever the pauses that were waited out.
pub(crate) async fn a_hundred_failures_are_the_most(stores: &Stores) {
    let address = hash();
    let mut now = at(0);
    for _ in 0..100 {
        now = attempt(stores, address, now).await.unwrap().next_at.unwrap();
    }
    assert_eq!(now, Timestamp::MAX);
    let years_later = at(0) + Duration::from_secs(100 * 365 * 86_400);
    assert_eq!(attempt(stores, address, years_later).await, Err(Timestamp::MAX));
}

/// S14: of one address nothing is known from another's.
pub(crate) async fn failures_are_counted_per_address(stores: &Stores) {
    let (one, other) = (hash(), hash());
    attempt(stores, one, at(0)).await.unwrap();
    assert_eq!(attempt(stores, other, at(0)).await.map(|throttle| throttle.failures), Ok(1));
}

/// S14: reserved before anything is judged, so that parallel guesses see each other.
pub(crate) async fn of_many_attempts_at_once_one_is_let_through(stores: &Stores) {
    let address = hash();
    let trying = (0..MANY).map(|_| {
        let stores = stores.clone();
        async move { attempt(&stores, address, at(0)).await }
    });
    let outcomes = race(trying).await;
    assert_eq!(count(&outcomes, Result::is_ok), 1);
    assert_eq!(count(&outcomes, |outcome| *outcome == Err(at(1))), MANY - 1);
}

/// A3: however it is typed; a locked account is found as one.
pub(crate) async fn a_candidate_is_found_by_its_address(stores: &Stores) {
    let ada = person(stores, "Ada@Example.org", at(0)).await;
    person(stores, "eve@example.org", at(0)).await;
    let found = stores.sign_ins.find_candidate(&email("ADA@example.org")).await.unwrap().unwrap();
    assert_eq!((found.account_id, found.address.as_typed()), (ada.id, "Ada@Example.org"));
    assert_eq!((found.standing.state, found.password), (AccountState::Active, phc("Ada@Example.org")));
    stores.backdoor.lock(ada.id).await;
    let locked = stores.sign_ins.find_candidate(&ada.address).await.unwrap().unwrap();
    assert_eq!(locked.standing.state, AccountState::Locked);
    assert!(stores.sign_ins.find_candidate(&email("nobody@example.org")).await.unwrap().is_none());
}

/// S14: its own, and nobody else's; the code's message and the event are written (M1, G2).
pub(crate) async fn a_right_first_factor_forgets_the_failures(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let (address, other) = (hash(), hash());
    attempt(stores, address, at(0)).await.unwrap();
    attempt(stores, other, at(0)).await.unwrap();
    let begun = NewSignIn { throttle: address, ..new_sign_in(ada.id, at(0)) };
    stores.sign_ins.begin(begun.clone()).await.unwrap();
    assert_eq!(attempt(stores, address, at(0)).await.map(|throttle| throttle.failures), Ok(1));
    assert_eq!(attempt(stores, other, at(0)).await, Err(at(1)));
    assert_eq!(events_of(stores, Act::SIGN_IN_STARTED).await, begun.effects.events);
    let message = begun.effects.messages.first().unwrap().id;
    assert!(stores.outbox.find(message).await.unwrap().is_some());
}

/// S4: an account that is gone, or locked; the failures are not forgotten either.
pub(crate) async fn nothing_begins_for_an_account_that_may_not_be_used(stores: &Stores) {
    let locked = person(stores, "ada@example.org", at(0)).await.id;
    stores.backdoor.lock(locked).await;
    for account in [locked, AccountId::new(at(0), &Drawn)] {
        let refused = NewSignIn { throttle: hash(), ..new_sign_in(account, at(0)) };
        attempt(stores, refused.throttle, at(0)).await.unwrap();
        let before = written(stores).await;
        let outcome = stores.sign_ins.begin(refused.clone()).await;
        assert!(matches!(outcome, Err(BeginError::AccountUnavailable)), "{outcome:?}");
        assert_eq!(written(stores).await, before);
        assert!(stores.sign_ins.find(refused.id).await.unwrap().is_none());
        assert_eq!(attempt(stores, refused.throttle, at(0)).await, Err(at(1)));
    }
}

/// S13, C6: hers, and nobody else's.
pub(crate) async fn a_fresh_hash_replaces_the_one_that_was_verified(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let eve = person(stores, "eve@example.org", at(0)).await;
    let rehashed = Some(Rehashed { old: phc("ada@example.org"), new: phc("stronger") });
    stores.sign_ins.begin(NewSignIn { rehashed, ..new_sign_in(ada.id, at(0)) }).await.unwrap();
    let password = async |person: &given::Person| {
        stores.sign_ins.find_candidate(&person.address).await.unwrap().unwrap().password
    };
    assert_eq!(password(&ada).await, phc("stronger"));
    assert_eq!(password(&eve).await, phc("eve@example.org"));
}

/// S13: a password that was changed in between is not undone.
pub(crate) async fn a_hash_that_was_changed_meanwhile_stays(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let rehashed = Some(Rehashed { old: phc("an older one"), new: phc("stronger") });
    stores.sign_ins.begin(NewSignIn { rehashed, ..new_sign_in(ada.id, at(0)) }).await.unwrap();
    let found = stores.sign_ins.find_candidate(&ada.address).await.unwrap().unwrap();
    assert_eq!(found.password, phc("ada@example.org"));
}

/// S14, G2: the owner is told.
pub(crate) async fn a_refusal_writes_its_event_and_its_notice(stores: &Stores) {
    let notice = effects(Act::SIGN_IN_STARTED, at(0));
    stores.sign_ins.refuse(notice.clone()).await.unwrap();
    assert_eq!(given::events(stores).await, notice.events);
    assert_eq!(given::messages(stores).await.first().map(|message| message.id), Some(notice.messages[0].id));
    stores.sign_ins.refuse(Effects::event(event(Act::SIGN_IN_STARTED, at(1)))).await.unwrap();
    assert_eq!(written(stores).await, (2, 1));
    let two = Effects { messages: vec![message(at(2)), message(at(2))], events: Vec::new() };
    stores.sign_ins.refuse(two).await.unwrap();
    assert_eq!(written(stores).await, (2, 3));
}

/// An expired one is found too: it is the caller who tells the time.
pub(crate) async fn a_sign_in_is_found_until_it_is_completed(stores: &Stores) {
    let ada = person(stores, "Ada@Example.org", at(0)).await;
    let begun = begun(stores, ada.id, at(0)).await;
    let found = stores.sign_ins.find(begun.id).await.unwrap().unwrap();
    assert_eq!((found.account_id, found.expires_at), (ada.id, begun.expires_at));
    let account = stores.accounts.find(ada.id).await.unwrap().unwrap();
    assert_eq!(account.identifiers, [found.identifier]);
    assert!(stores.sign_ins.find(CeremonyId::new(at(0), &Drawn)).await.unwrap().is_none());
    stores.sign_ins.complete(given::sign_in_completion(&begun, at(1))).await.unwrap();
    assert!(stores.sign_ins.find(begun.id).await.unwrap().is_none());
}
