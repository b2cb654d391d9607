//! Sending a code again: a new one in the place of the old, as often as the limits allow.

use symbolon_domain::{
    audit::Act,
    id::CeremonyId,
    one_time_codes::{ReplaceCode, ReplaceError, ReserveError, SlotLimit, SlotOwner},
};

use super::{ceremony, ceremony_of, guess};
use crate::contract::{
    Stores,
    given::{
        self, CODE_LIFE, Drawn, MANY, MICROSECOND, RESEND_INTERVAL, WINDOW, at, completion, count, events_of,
        owner, race, resend, written,
    },
};

async fn too_many_until(stores: &Stores, command: ReplaceCode) -> symbolon_domain::clock::Timestamp {
    match stores.codes.replace(command).await {
        Err(ReplaceError::TooMany(until)) => until,
        other => panic!("{other:?}"),
    }
}

/// S5, M1: with a life of its own, its message and its event.
pub(crate) async fn a_new_code_takes_the_place_of_the_old_one(stores: &Stores) {
    let begun = ceremony(stores).await;
    let command = resend(begun.id, at(200));
    stores.codes.replace(command.clone()).await.unwrap();
    let reserved = guess(stores, &begun, at(200) + CODE_LIFE - MICROSECOND).await.unwrap();
    assert_eq!((reserved.salt, reserved.hash), (command.code.salt, command.code.hash));
    let outcome = guess(stores, &begun, at(200) + CODE_LIFE).await;
    assert!(matches!(outcome, Err(ReserveError::Expired)), "{outcome:?}");
    assert_eq!(events_of(stores, Act::CODE_SENT).await, command.effects.events);
    let message = command.effects.messages.first().unwrap().id;
    assert!(stores.outbox.find(message).await.unwrap().is_some());
}

/// C11: the guesses are the ceremony's, and without guesses there is no new code.
pub(crate) async fn a_resend_does_not_renew_the_guesses(stores: &Stores) {
    let begun = ceremony(stores).await;
    for _ in 0..3 {
        guess(stores, &begun, at(1)).await.unwrap();
    }
    stores.codes.replace(resend(begun.id, at(30))).await.unwrap();
    for _ in 0..2 {
        guess(stores, &begun, at(31)).await.unwrap();
    }
    let outcome = guess(stores, &begun, at(31)).await;
    assert!(matches!(outcome, Err(ReserveError::Exhausted)), "{outcome:?}");
    let outcome = stores.codes.replace(resend(begun.id, at(60))).await;
    assert!(matches!(outcome, Err(ReplaceError::Exhausted)), "{outcome:?}");
}

/// S5: thirty seconds after the first code, and after each one that follows.
pub(crate) async fn a_resend_waits_for_its_interval(stores: &Stores) {
    let begun = ceremony(stores).await;
    let end = at(0) + RESEND_INTERVAL;
    assert_eq!(too_many_until(stores, resend(begun.id, end - MICROSECOND)).await, end);
    stores.codes.replace(resend(begun.id, end)).await.unwrap();
    assert_eq!(too_many_until(stores, resend(begun.id, end)).await, end + RESEND_INTERVAL);
    stores.codes.replace(resend(begun.id, end + RESEND_INTERVAL)).await.unwrap();
}

/// S5: over all ceremonies of the owner; the first is free again at its very end.
pub(crate) async fn an_owner_has_five_resends_in_the_window(stores: &Stores) {
    let limit = SlotLimit { owner: owner(SlotOwner::CODE_RESENDS), slots: 5, window: WINDOW };
    let begun = ceremony(stores).await;
    let resend = |ceremony, now| ReplaceCode { limit, ..resend(ceremony, now) };
    for number in 1..=5 {
        stores.codes.replace(resend(begun.id, at(30 * number))).await.unwrap();
    }
    let other = ceremony(stores).await;
    let end = at(30) + WINDOW;
    for ceremony in [begun.id, other.id] {
        assert_eq!(too_many_until(stores, resend(ceremony, at(180))).await, end);
        assert_eq!(too_many_until(stores, resend(ceremony, end - MICROSECOND)).await, end);
    }
    stores.codes.replace(resend(other.id, end)).await.unwrap();
    assert_eq!(too_many_until(stores, resend(begun.id, end)).await, at(60) + WINDOW);
    let of_another = given::resend(begun.id, end);
    stores.codes.replace(of_another).await.unwrap();
}

/// The old code stays, nothing is sent, and no slot is taken.
pub(crate) async fn a_refused_resend_changes_nothing(stores: &Stores) {
    let limit = SlotLimit { owner: owner(SlotOwner::CODE_RESENDS), slots: 1, window: WINDOW };
    let begun = ceremony(stores).await;
    let before = written(stores).await;
    for _ in 0..9 {
        too_many_until(stores, ReplaceCode { limit, ..resend(begun.id, at(29)) }).await;
    }
    assert_eq!(written(stores).await, before);
    assert_eq!(guess(stores, &begun, at(29)).await.unwrap().hash, begun.code.hash);
    let accepted = ReplaceCode { limit, ..resend(begun.id, at(30)) };
    stores.codes.replace(accepted.clone()).await.unwrap();
    let before = written(stores).await;
    too_many_until(stores, ReplaceCode { limit, ..resend(begun.id, at(60)) }).await;
    assert_eq!(written(stores).await, before);
    assert_eq!(guess(stores, &begun, at(60)).await.unwrap().hash, accepted.code.hash);
}

/// At its very end, once it is completed, and where there never was one; a microsecond before, it is sent.
pub(crate) async fn nothing_is_sent_again_in_a_ceremony_that_is_over(stores: &Stores) {
    let completed = ceremony(stores).await;
    stores.sign_ups.complete(completion(&completed, at(1))).await.unwrap();
    let begun = ceremony_of(stores, owner(SlotOwner::CODE_FAILURES), at(0)).await;
    let before = written(stores).await;
    let unknown = CeremonyId::new(at(0), &Drawn);
    for (id, now) in [(completed.id, at(60)), (unknown, at(60)), (begun.id, begun.expires_at)] {
        let outcome = stores.codes.replace(resend(id, now)).await;
        assert!(matches!(outcome, Err(ReplaceError::Gone)), "{outcome:?}");
    }
    assert_eq!(written(stores).await, before);
    stores.codes.replace(resend(begun.id, begun.expires_at - MICROSECOND)).await.unwrap();
}

/// S5, X7: the interval holds for parallel ones too.
pub(crate) async fn of_many_resends_at_once_one_is_sent(stores: &Stores) {
    let begun = ceremony(stores).await;
    let sending = (0..MANY).map(|_| {
        let (stores, command) = (stores.clone(), resend(begun.id, at(30)));
        async move { stores.codes.replace(command).await }
    });
    let outcomes = race(sending).await;
    assert_eq!(count(&outcomes, Result::is_ok), 1);
    let refused = |outcome: &Result<(), ReplaceError>| matches!(outcome, Err(ReplaceError::TooMany(until)) if *until == at(60));
    assert_eq!(count(&outcomes, refused), MANY - 1);
    assert_eq!(events_of(stores, Act::CODE_SENT).await.len(), 1);
}
