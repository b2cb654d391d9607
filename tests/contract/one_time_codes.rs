//! The suite of `OneTimeCodeStore`: what guesses cost. Sending codes again is in [`resends`].

use std::time::Duration;

use symbolon_domain::{
    clock::Timestamp,
    id::CeremonyId,
    one_time_codes::{AttemptLimits, ReserveError, ReservedAttempt, SlotOwner},
    sign_up::{CompleteSignUp, NewSignUp},
};

use super::{
    Stores,
    given::{
        CODE_LIFE, DAY, Drawn, LIMITS, MANY, MICROSECOND, at, completion, count, matched, new_sign_up, owner,
        race, resend,
    },
};

mod resends;

pub(crate) use self::resends::*;

/// A ceremony whose failures are counted for this owner.
async fn ceremony_of(stores: &Stores, failures_of: SlotOwner, now: Timestamp) -> NewSignUp {
    let begun = NewSignUp { failures_of, ..new_sign_up("ada@example.org", now) };
    stores.sign_ups.begin(begun.clone()).await.unwrap();
    begun
}

async fn ceremony(stores: &Stores) -> NewSignUp {
    ceremony_of(stores, owner(SlotOwner::CODE_FAILURES), at(0)).await
}

async fn guess(
    stores: &Stores,
    ceremony: &NewSignUp,
    now: Timestamp,
) -> Result<ReservedAttempt, ReserveError> {
    stores.codes.reserve_attempt(ceremony.id, LIMITS, now).await
}

fn spent_until(outcome: Result<ReservedAttempt, ReserveError>) -> Timestamp {
    match outcome {
        Err(ReserveError::BudgetSpent(until)) => until,
        other => panic!("{other:?}"),
    }
}

/// C12: the salted hash; the store compares nothing.
pub(crate) async fn a_paid_guess_gets_the_code_to_compare(stores: &Stores) {
    let begun = ceremony(stores).await;
    let other = ceremony(stores).await;
    let reserved = guess(stores, &begun, at(1)).await.unwrap();
    assert_eq!((reserved.salt, reserved.hash), (begun.code.salt, begun.code.hash));
    assert_ne!(reserved.hash, other.code.hash);
}

/// S5, C11: five and no sixth, whenever it comes; the other ceremonies have their own.
pub(crate) async fn a_ceremony_has_five_guesses(stores: &Stores) {
    let begun = ceremony(stores).await;
    let other = ceremony(stores).await;
    for seconds in 0..5 {
        guess(stores, &begun, at(seconds)).await.unwrap();
    }
    for now in [at(4), at(0) + CODE_LIFE, begun.expires_at - MICROSECOND] {
        let outcome = guess(stores, &begun, now).await;
        assert!(matches!(outcome, Err(ReserveError::Exhausted)), "{outcome:?}");
    }
    guess(stores, &other, at(5)).await.unwrap();
}

/// C11, X7: however parallel.
pub(crate) async fn of_a_thousand_guesses_at_once_five_are_judged(stores: &Stores) {
    let begun = ceremony(stores).await;
    let guessing = (0..1_000).map(|_| {
        let (stores, begun) = (stores.clone(), begun.clone());
        async move { guess(&stores, &begun, at(1)).await }
    });
    let outcomes = race(guessing).await;
    assert_eq!(count(&outcomes, Result::is_ok), 5);
    assert_eq!(count(&outcomes, |outcome| matches!(outcome, Err(ReserveError::Exhausted))), 995);
}

/// C10: a microsecond before it is judged, at its end it is not.
pub(crate) async fn guesses_are_judged_until_the_codes_very_end(stores: &Stores) {
    let begun = ceremony(stores).await;
    let end = at(0) + CODE_LIFE;
    let outcome = guess(stores, &begun, end).await;
    assert!(matches!(outcome, Err(ReserveError::Expired)), "{outcome:?}");
    guess(stores, &begun, end - MICROSECOND).await.unwrap();
}

/// S1: then no other code helps either.
pub(crate) async fn a_ceremony_is_gone_at_its_very_end(stores: &Stores) {
    let begun = ceremony(stores).await;
    stores.codes.replace(resend(begun.id, begun.expires_at - CODE_LIFE / 2)).await.unwrap();
    let outcome = guess(stores, &begun, begun.expires_at).await;
    assert!(matches!(outcome, Err(ReserveError::Gone)), "{outcome:?}");
    guess(stores, &begun, begun.expires_at - MICROSECOND).await.unwrap();
}

/// Nor in one that is completed.
pub(crate) async fn there_is_nothing_to_guess_at_in_an_unknown_ceremony(stores: &Stores) {
    let unknown = CeremonyId::new(at(0), &Drawn);
    let outcome = stores.codes.reserve_attempt(unknown, LIMITS, at(0)).await;
    assert!(matches!(outcome, Err(ReserveError::Gone)), "{outcome:?}");
    let begun = ceremony(stores).await;
    stores.sign_ups.complete(completion(&begun, at(1))).await.unwrap();
    let outcome = guess(stores, &begun, at(1)).await;
    assert!(matches!(outcome, Err(ReserveError::Gone)), "{outcome:?}");
}

/// S5: neither one of the ceremony's guesses nor one of its owner's failures.
pub(crate) async fn a_refused_guess_costs_nothing(stores: &Stores) {
    let failures_of = owner(SlotOwner::CODE_FAILURES);
    let begun = ceremony_of(stores, failures_of, at(0)).await;
    let other = ceremony_of(stores, failures_of, at(0)).await;
    // Refused because the code has expired.
    for _ in 0..9 {
        guess(stores, &begun, at(0) + CODE_LIFE).await.unwrap_err();
    }
    // Refused because the owner's only failure is taken.
    let scarce = AttemptLimits { account_failures: 1, ..LIMITS };
    stores.codes.reserve_attempt(other.id, scarce, at(1)).await.unwrap();
    for _ in 0..9 {
        spent_until(stores.codes.reserve_attempt(begun.id, scarce, at(1)).await);
    }
    for seconds in 2..7 {
        guess(stores, &begun, at(seconds)).await.unwrap();
    }
    // Refused because the ceremony's guesses are used up: six of the owner's failures are taken, and no more.
    for _ in 0..9 {
        guess(stores, &begun, at(7)).await.unwrap_err();
    }
    let seven = AttemptLimits { account_failures: 7, ..LIMITS };
    stores.codes.reserve_attempt(other.id, seven, at(8)).await.unwrap();
    assert_eq!(spent_until(stores.codes.reserve_attempt(other.id, seven, at(8)).await), at(1) + DAY);
}

/// S5, C14: over all ceremonies; the first is free again at its very end.
pub(crate) async fn an_account_has_twenty_failures_in_a_day(stores: &Stores) {
    let failures_of = owner(SlotOwner::CODE_FAILURES);
    for number in 0..4 {
        let begun = ceremony_of(stores, failures_of, at(number)).await;
        for _ in 0..5 {
            guess(stores, &begun, at(number)).await.unwrap();
        }
    }
    let begun = ceremony_of(stores, failures_of, at(10)).await;
    assert_eq!(spent_until(guess(stores, &begun, at(10)).await), at(0) + DAY);
    let late = ceremony_of(stores, failures_of, at(0) + DAY - Duration::from_secs(60)).await;
    assert_eq!(spent_until(guess(stores, &late, at(0) + DAY - MICROSECOND).await), at(0) + DAY);
    for _ in 0..5 {
        guess(stores, &late, at(0) + DAY).await.unwrap();
    }
    let next = ceremony_of(stores, failures_of, at(0) + DAY).await;
    assert_eq!(spent_until(guess(stores, &next, at(0) + DAY).await), at(1) + DAY);
}

/// S5: of another owner, and of another kind of the same key.
pub(crate) async fn failures_are_counted_per_owner(stores: &Stores) {
    let failures_of = owner(SlotOwner::CODE_FAILURES);
    let scarce = AttemptLimits { account_failures: 1, ..LIMITS };
    let begun = ceremony_of(stores, failures_of, at(0)).await;
    stores.codes.reserve_attempt(begun.id, scarce, at(0)).await.unwrap();
    spent_until(stores.codes.reserve_attempt(begun.id, scarce, at(0)).await);
    let of_another_kind = SlotOwner { kind: SlotOwner::CODE_RESENDS, ..failures_of };
    for other in [owner(SlotOwner::CODE_FAILURES), of_another_kind] {
        let begun = ceremony_of(stores, other, at(0)).await;
        stores.codes.reserve_attempt(begun.id, scarce, at(0)).await.unwrap();
    }
}

/// S5, X7: from many ceremonies at once.
pub(crate) async fn of_many_guesses_for_the_last_failure_one_is_judged(stores: &Stores) {
    let failures_of = owner(SlotOwner::CODE_FAILURES);
    let limits = AttemptLimits { account_failures: 5, ..LIMITS };
    let first = ceremony_of(stores, failures_of, at(0)).await;
    for _ in 0..4 {
        stores.codes.reserve_attempt(first.id, limits, at(0)).await.unwrap();
    }
    let mut ceremonies = Vec::new();
    for _ in 0..MANY {
        ceremonies.push(ceremony_of(stores, failures_of, at(0)).await.id);
    }
    let guessing = ceremonies.into_iter().map(|id| {
        let stores = stores.clone();
        async move { stores.codes.reserve_attempt(id, limits, at(1)).await }
    });
    let outcomes = race(guessing).await;
    assert_eq!(count(&outcomes, Result::is_ok), 1);
    assert_eq!(count(&outcomes, |outcome| matches!(outcome, Err(ReserveError::BudgetSpent(_)))), MANY - 1);
}

/// A guess whose slot has expired and was taken by another ceremony since pays nothing back.
pub(crate) async fn only_the_ceremony_that_took_a_slot_gives_it_back(stores: &Stores) {
    let minute = Duration::from_secs(60);
    let limits = AttemptLimits { account_failures: 1, account_window: minute, ..LIMITS };
    let failures_of = owner(SlotOwner::CODE_FAILURES);
    let first = ceremony_of(stores, failures_of, at(0)).await;
    let second = ceremony_of(stores, failures_of, at(0)).await;
    let paid = stores.codes.reserve_attempt(first.id, limits, at(0)).await.unwrap();
    let taken = stores.codes.reserve_attempt(second.id, limits, at(60)).await.unwrap();
    assert_eq!(paid.budget_slot, taken.budget_slot);
    let code = matched(&first.code, paid.budget_slot);
    stores.sign_ups.complete(CompleteSignUp { code, ..completion(&first, at(61)) }).await.unwrap();
    let third = ceremony_of(stores, failures_of, at(61)).await;
    assert_eq!(spent_until(stores.codes.reserve_attempt(third.id, limits, at(61)).await), at(120));
}

/// A retry moment there is all the same.
pub(crate) async fn a_budget_of_nothing_lets_nothing_through(stores: &Stores) {
    let begun = ceremony(stores).await;
    let nothing = AttemptLimits { account_failures: 0, ..LIMITS };
    assert!(spent_until(stores.codes.reserve_attempt(begun.id, nothing, at(1)).await) > at(1));
    let nothing = AttemptLimits { attempts: 0, ..LIMITS };
    let outcome = stores.codes.reserve_attempt(begun.id, nothing, at(1)).await;
    assert!(matches!(outcome, Err(ReserveError::Exhausted)), "{outcome:?}");
}
