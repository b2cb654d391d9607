//! What ends a recovery: its use, its time, another password.

use symbolon_domain::{
    accounts::AccountState,
    one_time_codes::{AttemptLimits, SlotOwner},
    recovery::{CompleteRecovery, CompleteRecoveryError, NewRecovery, RecoveryProof},
    sign_in::{BeginError, CompleteError},
};

use super::{
    super::{
        Stores,
        given::{
            self, MANY, MICROSECOND, at, count, hash, matched, new_code, new_sign_in, owner, person, phc,
            race, sign_in_completion,
        },
    },
    GUESSES, LIFE, begin, by_code, by_link, decoy, finish,
};

/// Nothing is written, and the recovery stays as it is.
async fn is_refused(stores: &Stores, completion: CompleteRecovery) {
    let before = given::written(stores).await;
    let outcome = stores.recoveries.complete(completion).await;
    assert!(matches!(outcome, Err(CompleteRecoveryError::Gone)), "{outcome:?}");
    assert_eq!(given::written(stores).await, before);
}

/// S12, C30: single use.
pub(crate) async fn a_secret_sets_one_password(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let begun = by_code(ada.id, at(1));
    begin(stores, &begun).await;
    stores.recoveries.complete(finish(&begun, ada.id, at(2))).await.unwrap();
    is_refused(stores, CompleteRecovery { password: phc("newer"), ..finish(&begun, ada.id, at(2)) }).await;
    let eve = person(stores, "eve@example.org", at(0)).await;
    let begun = by_link(eve.id, at(1));
    begin(stores, &begun).await;
    stores.recoveries.complete(finish(&begun, eve.id, at(2))).await.unwrap();
    is_refused(stores, CompleteRecovery { password: phc("newer"), ..finish(&begun, eve.id, at(2)) }).await;
    for person in [ada, eve] {
        let found = stores.sign_ins.find_candidate(&person.address).await.unwrap().unwrap();
        assert_eq!((found.password, found.password_changes), (phc("new"), 1));
    }
}

/// C10, C52: another code, another link, a code in the place of a link, somebody else's account, a decoy.
pub(crate) async fn what_does_not_fit_recovers_nothing_and_costs_nothing(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let eve = person(stores, "eve@example.org", at(0)).await;
    let (code, link) = (by_code(ada.id, at(1)), by_link(ada.id, at(1)));
    for begun in [&code, &link] {
        begin(stores, begun).await;
        is_refused(stores, finish(begun, eve.id, at(2))).await;
        let proof = RecoveryProof::Link(hash());
        is_refused(stores, CompleteRecovery { proof, ..finish(begun, ada.id, at(2)) }).await;
        let other = matched(&new_code(at(1)), 0);
        let proof = RecoveryProof::Code { code: other, failures_of: begun.failures_of };
        is_refused(stores, CompleteRecovery { proof, ..finish(begun, ada.id, at(2)) }).await;
    }
    let nobodys = decoy(at(1));
    begin(stores, &nobodys).await;
    is_refused(stores, finish(&nobodys, ada.id, at(2))).await;
    is_refused(
        stores,
        CompleteRecovery { id: new_sign_in(ada.id, at(1)).id, ..finish(&code, ada.id, at(2)) },
    )
    .await;
    // Another kind of ceremony with the very code that is shown.
    let sign_in = new_sign_in(ada.id, at(1));
    stores.sign_ins.begin(sign_in.clone()).await.unwrap();
    let as_sign_in = NewRecovery { id: sign_in.id, code: sign_in.code, ..code.clone() };
    is_refused(stores, finish(&as_sign_in, ada.id, at(2))).await;
    stores.recoveries.complete(finish(&code, ada.id, at(2))).await.unwrap();
}

/// S12: a microsecond before it counts, at its end it does not.
pub(crate) async fn a_recovery_ends_at_its_very_end(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let begun = by_code(ada.id, at(1));
    begin(stores, &begun).await;
    is_refused(stores, finish(&begun, ada.id, at(1) + LIFE)).await;
    stores.recoveries.complete(finish(&begun, ada.id, at(1) + LIFE - MICROSECOND)).await.unwrap();
    let eve = person(stores, "eve@example.org", at(0)).await;
    let begun = by_link(eve.id, at(1));
    begin(stores, &begun).await;
    is_refused(stores, finish(&begun, eve.id, at(1) + LIFE)).await;
    stores.recoveries.complete(finish(&begun, eve.id, at(1) + LIFE - MICROSECOND)).await.unwrap();
}

/// S12: whatever was begun under the old password is over: recoveries, sign-ins, and a first factor that was judged
/// before and is only now to begin one.
pub(crate) async fn a_recovery_ends_what_was_begun_before(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let (first, second, link) = (by_code(ada.id, at(1)), by_code(ada.id, at(1)), by_link(ada.id, at(1)));
    for begun in [&first, &second, &link] {
        begin(stores, begun).await;
    }
    let open = new_sign_in(ada.id, at(1));
    stores.sign_ins.begin(open.clone()).await.unwrap();
    stores.recoveries.complete(finish(&first, ada.id, at(2))).await.unwrap();

    for begun in [&second, &link] {
        assert!(stores.recoveries.find(begun.id).await.unwrap().is_none());
        is_refused(stores, finish(begun, ada.id, at(3))).await;
    }
    assert!(stores.sign_ins.find(open.id).await.unwrap().is_none());
    let outcome = stores.sign_ins.complete(sign_in_completion(&open, at(3))).await;
    assert!(matches!(outcome, Err(CompleteError::Gone)), "{outcome:?}");
    let before = given::written(stores).await;
    let judged_before = new_sign_in(ada.id, at(3));
    let outcome = stores.sign_ins.begin(judged_before.clone()).await;
    assert!(matches!(outcome, Err(BeginError::AccountUnavailable)), "{outcome:?}");
    assert!(stores.sign_ins.find(judged_before.id).await.unwrap().is_none());
    assert_eq!(given::written(stores).await, before);

    let next = symbolon_domain::sign_in::NewSignIn { password_changes: 1, ..new_sign_in(ada.id, at(3)) };
    stores.sign_ins.begin(next.clone()).await.unwrap();
    stores.sign_ins.complete(sign_in_completion(&next, at(4))).await.unwrap();
}

/// S12, X7: exactly one.
pub(crate) async fn of_many_redemptions_of_one_recovery_one_wins(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let eve = person(stores, "eve@example.org", at(0)).await;
    for (account, begun) in [(ada.id, by_code(ada.id, at(1))), (eve.id, by_link(eve.id, at(1)))] {
        begin(stores, &begun).await;
        let redeeming = (0..MANY).map(|_| {
            let (stores, completion) = (stores.clone(), finish(&begun, account, at(2)));
            async move { stores.recoveries.complete(completion).await }
        });
        let outcomes = race(redeeming).await;
        assert_eq!(count(&outcomes, Result::is_ok), 1);
        assert_eq!(count(&outcomes, |outcome| matches!(outcome, Err(CompleteRecoveryError::Gone))), MANY - 1);
        let account = stores.accounts.find(account).await.unwrap().unwrap();
        assert_eq!((account.standing.epoch, account.standing.state), (1, AccountState::Active));
    }
}

/// S12, X7: of several recoveries of one account, too.
pub(crate) async fn of_many_recoveries_of_one_account_one_wins(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let mut begun = Vec::new();
    for number in 0..MANY {
        let recovery = if number % 2 == 0 { by_code(ada.id, at(1)) } else { by_link(ada.id, at(1)) };
        begin(stores, &recovery).await;
        begun.push(recovery);
    }
    let redeeming = begun.into_iter().map(|begun| {
        let (stores, completion) = (stores.clone(), finish(&begun, ada.id, at(2)));
        async move { stores.recoveries.complete(completion).await }
    });
    let outcomes = race(redeeming).await;
    assert_eq!(count(&outcomes, Result::is_ok), 1);
    let found = stores.sign_ins.find_candidate(&ada.address).await.unwrap().unwrap();
    assert_eq!(found.password_changes, 1);
}

/// S5: by the completion, and by giving it back.
pub(crate) async fn a_right_guess_at_a_recovery_is_paid_back(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let limits = AttemptLimits { account_failures: 5, ..GUESSES };
    let failures_of = owner(SlotOwner::CODE_FAILURES);
    let begun = NewRecovery { failures_of, ..by_code(ada.id, at(1)) };
    begin(stores, &begun).await;
    for _ in 0..9 {
        let paid = stores.codes.reserve_attempt(begun.id, limits, at(2)).await.unwrap();
        let code = matched(&begun.code, paid.budget_slot);
        stores.codes.release_attempt(begun.id, code, failures_of).await.unwrap();
    }
    for _ in 0..4 {
        stores.codes.reserve_attempt(begun.id, limits, at(2)).await.unwrap();
    }
    let paid = stores.codes.reserve_attempt(begun.id, limits, at(2)).await.unwrap();
    stores.codes.reserve_attempt(begun.id, limits, at(2)).await.unwrap_err();
    // What is not in its place gives nothing back.
    let other = matched(&new_code(at(1)), paid.budget_slot);
    stores.codes.release_attempt(begun.id, other, failures_of).await.unwrap();
    stores.codes.reserve_attempt(begun.id, limits, at(2)).await.unwrap_err();
    let code = matched(&begun.code, paid.budget_slot);
    let proof = RecoveryProof::Code { code, failures_of };
    stores.recoveries.complete(CompleteRecovery { proof, ..finish(&begun, ada.id, at(3)) }).await.unwrap();
    // Four failures are left of the owner's five.
    let next = NewRecovery { failures_of, ..decoy(at(3)) };
    begin(stores, &next).await;
    stores.codes.reserve_attempt(next.id, limits, at(4)).await.unwrap();
    stores.codes.reserve_attempt(next.id, limits, at(4)).await.unwrap_err();
}
