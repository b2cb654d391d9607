//! The suite of `SignUpStore`.

use symbolon_domain::{
    audit::Act,
    clock::Timestamp,
    id::CeremonyId,
    one_time_codes::{ReserveError, SlotLimit, SlotOwner},
    sign_up::{BeginSignUpError, CompleteSignUp, CompleteSignUpError, NewSignUp},
};

use super::{
    Stores,
    given::{
        self, CODE_LIFE, DAY, Drawn, LIMITS, MANY, MICROSECOND, WINDOW, at, completion, count, email,
        events_of, matched, new_code, new_sign_up, owner, person, phc, race, resend, written,
    },
};

async fn begun(stores: &Stores, address: &str, now: Timestamp) -> NewSignUp {
    let sign_up = new_sign_up(address, now);
    stores.sign_ups.begin(sign_up.clone()).await.unwrap();
    sign_up
}

async fn is_gone(stores: &Stores, command: CompleteSignUp) -> bool {
    matches!(stores.sign_ups.complete(command).await, Err(CompleteSignUpError::Gone))
}

pub(crate) async fn a_sign_up_is_found_until_it_is_completed(stores: &Stores) {
    let ada = begun(stores, "Ada@Example.org", at(0)).await;
    let found = stores.sign_ups.find(ada.id).await.unwrap().unwrap();
    assert_eq!((found.address.as_typed(), found.decoy), ("Ada@Example.org", false));
    assert!(stores.sign_ups.find(CeremonyId::new(at(0), &Drawn)).await.unwrap().is_none());
    stores.sign_ups.complete(completion(&ada, at(1))).await.unwrap();
    assert!(stores.sign_ups.find(ada.id).await.unwrap().is_none());
}

/// S1, A3: and not from the first step on; in whatever case it is typed.
pub(crate) async fn an_address_is_taken_from_the_completion_on(stores: &Stores) {
    let ada = begun(stores, "ada@example.org", at(0)).await;
    assert!(!stores.sign_ups.is_taken(&ada.address).await.unwrap());
    stores.sign_ups.complete(completion(&ada, at(1))).await.unwrap();
    assert!(stores.sign_ups.is_taken(&email("ADA@Example.org")).await.unwrap());
    assert!(!stores.sign_ups.is_taken(&email("eve@example.org")).await.unwrap());
}

/// S1: whoever signed up later with this address, their password and name are nobody's.
pub(crate) async fn the_account_is_made_of_the_verified_row(stores: &Stores) {
    let row = |password, name: &str| NewSignUp {
        password: phc(password),
        name: Some(name.parse().unwrap()),
        ..new_sign_up("ada@example.org", at(0))
    };
    let before = row("before", "Mallory");
    let verified = row("hers", "Ada");
    let after = row("after", "Mallory");
    for sign_up in [&before, &verified, &after] {
        stores.sign_ups.begin(sign_up.clone()).await.unwrap();
    }
    let command = completion(&verified, at(1));
    stores.sign_ups.complete(command.clone()).await.unwrap();
    let account = stores.accounts.find(command.account_id).await.unwrap().unwrap();
    assert_eq!(account.name, verified.name);
    assert_eq!(account.identifiers.first().map(|identifier| identifier.id), Some(command.identifier_id));
    let candidate = stores.sign_ins.find_candidate(&verified.address).await.unwrap().unwrap();
    assert_eq!(candidate.account_id, command.account_id);
    assert_eq!(candidate.password, verified.password);
    let session = stores.sessions.find(command.session.id).await.unwrap().unwrap();
    assert_eq!((session.account_id, session.epoch), (command.account_id, account.standing.epoch));
}

/// M1, G2: in the same write.
pub(crate) async fn what_caused_a_message_is_written_with_it(stores: &Stores) {
    let ada = begun(stores, "ada@example.org", at(0)).await;
    let message = ada.effects.messages.first().unwrap().id;
    assert!(stores.outbox.find(message).await.unwrap().is_some());
    assert_eq!(events_of(stores, Act::SIGN_UP_STARTED).await, ada.effects.events);
    let command = completion(&ada, at(1));
    stores.sign_ups.complete(command.clone()).await.unwrap();
    assert_eq!(events_of(stores, Act::SIGN_UP_COMPLETED).await, command.effects.events);
}

/// C10: once.
pub(crate) async fn a_code_completes_once(stores: &Stores) {
    let ada = begun(stores, "ada@example.org", at(0)).await;
    stores.sign_ups.complete(completion(&ada, at(1))).await.unwrap();
    let before = written(stores).await;
    assert!(is_gone(stores, completion(&ada, at(1))).await);
    assert_eq!(written(stores).await, before);
    let unknown = CompleteSignUp { id: CeremonyId::new(at(0), &Drawn), ..completion(&ada, at(1)) };
    assert!(is_gone(stores, unknown).await);
}

pub(crate) async fn another_code_completes_nothing_and_costs_nothing(stores: &Stores) {
    let ada = begun(stores, "ada@example.org", at(0)).await;
    let eve = begun(stores, "eve@example.org", at(0)).await;
    let before = written(stores).await;
    for code in [&new_code(at(0)), &eve.code] {
        let command = CompleteSignUp { code: matched(code, 0), ..completion(&ada, at(1)) };
        assert!(is_gone(stores, command).await);
    }
    assert_eq!(written(stores).await, before);
    stores.sign_ups.complete(completion(&ada, at(1))).await.unwrap();
}

/// S5: a resend ends the code before it.
pub(crate) async fn a_replaced_code_completes_nothing(stores: &Stores) {
    let ada = begun(stores, "ada@example.org", at(0)).await;
    let replaced = resend(ada.id, at(30));
    stores.codes.replace(replaced.clone()).await.unwrap();
    assert!(is_gone(stores, completion(&ada, at(31))).await);
    let command = CompleteSignUp { code: matched(&replaced.code, 0), ..completion(&ada, at(31)) };
    stores.sign_ups.complete(command).await.unwrap();
}

/// C10: valid a microsecond before, and not at its end.
pub(crate) async fn a_code_ends_at_its_very_end(stores: &Stores) {
    let end = at(0) + CODE_LIFE;
    let ada = begun(stores, "ada@example.org", at(0)).await;
    assert!(is_gone(stores, completion(&ada, end)).await);
    stores.sign_ups.complete(completion(&ada, end - MICROSECOND)).await.unwrap();
}

/// S1: the row's life, where a code was sent late in it.
pub(crate) async fn a_sign_up_ends_at_its_very_end(stores: &Stores) {
    let ada = begun(stores, "ada@example.org", at(0)).await;
    let replaced = resend(ada.id, ada.expires_at - CODE_LIFE / 2);
    stores.codes.replace(replaced.clone()).await.unwrap();
    let command = |now| CompleteSignUp { code: matched(&replaced.code, 0), ..completion(&ada, now) };
    assert!(is_gone(stores, command(ada.expires_at)).await);
    stores.sign_ups.complete(command(ada.expires_at - MICROSECOND)).await.unwrap();
}

/// S1: the others of that address, and nobody else's.
pub(crate) async fn verifying_one_ends_the_others_of_its_address(stores: &Stores) {
    let verified = begun(stores, "ada@example.org", at(0)).await;
    let other = begun(stores, "ADA@example.org", at(0)).await;
    let eve = begun(stores, "eve@example.org", at(0)).await;
    stores.sign_ups.complete(completion(&verified, at(1))).await.unwrap();
    assert!(stores.sign_ups.find(other.id).await.unwrap().is_none());
    let guess = stores.codes.reserve_attempt(other.id, LIMITS, at(1)).await;
    assert!(matches!(guess, Err(ReserveError::Gone)), "{guess:?}");
    assert!(stores.sign_ups.complete(completion(&other, at(1))).await.is_err());
    assert!(stores.sign_ups.find(eve.id).await.unwrap().is_some());
    stores.sign_ups.complete(completion(&eve, at(1))).await.unwrap();
}

/// X7: one account, one session, one event.
pub(crate) async fn of_many_completions_of_one_sign_up_one_wins(stores: &Stores) {
    let ada = begun(stores, "ada@example.org", at(0)).await;
    let completing = (0..MANY).map(|_| {
        let (stores, command) = (stores.clone(), completion(&ada, at(1)));
        async move { stores.sign_ups.complete(command).await }
    });
    let outcomes = race(completing).await;
    assert_eq!(count(&outcomes, Result::is_ok), 1);
    assert_eq!(count(&outcomes, |outcome| matches!(outcome, Err(CompleteSignUpError::Gone))), MANY - 1);
    let accounts = stores.accounts.list(given::everything()).await.unwrap().items;
    let [account] = accounts.as_slice() else { panic!("{accounts:?}") };
    let sessions = stores.sessions.list(account.id, given::everything()).await.unwrap().items;
    assert_eq!(sessions.len(), 1);
    assert_eq!(events_of(stores, Act::SIGN_UP_COMPLETED).await.len(), 1);
}

/// S1, X7: the account has the password of the one that won.
pub(crate) async fn of_many_sign_ups_of_one_address_one_wins(stores: &Stores) {
    let mut sign_ups = Vec::new();
    for number in 0..16 {
        let sign_up =
            NewSignUp { password: phc(&number.to_string()), ..new_sign_up("ada@example.org", at(0)) };
        stores.sign_ups.begin(sign_up.clone()).await.unwrap();
        sign_ups.push(sign_up);
    }
    let completing = sign_ups.iter().map(|sign_up| {
        let (stores, command) = (stores.clone(), completion(sign_up, at(1)));
        async move { stores.sign_ups.complete(command).await }
    });
    let outcomes = race(completing).await;
    assert_eq!(count(&outcomes, Result::is_ok), 1);
    assert_eq!(stores.accounts.list(given::everything()).await.unwrap().items.len(), 1);
    let winner = outcomes.iter().position(Result::is_ok).unwrap();
    let candidate = stores.sign_ins.find_candidate(&email("ada@example.org")).await.unwrap().unwrap();
    assert_eq!(candidate.password, sign_ups[winner].password);
}

/// S1: it looked free at the first step; the account that there is by now stays as it is.
pub(crate) async fn a_sign_up_begun_before_another_was_verified_finds_its_address_taken(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let late = NewSignUp { password: phc("mallory"), ..new_sign_up("ADA@example.org", at(1)) };
    stores.sign_ups.begin(late.clone()).await.unwrap();
    let before = written(stores).await;
    let command = completion(&late, at(2));
    let outcome = stores.sign_ups.complete(command.clone()).await;
    assert!(matches!(outcome, Err(CompleteSignUpError::AddressTaken)), "{outcome:?}");
    assert_eq!(written(stores).await, before);
    assert_eq!(stores.accounts.find(command.account_id).await.unwrap(), None);
    assert_eq!(stores.sessions.find(command.session.id).await.unwrap(), None);
    let candidate = stores.sign_ins.find_candidate(&ada.address).await.unwrap().unwrap();
    assert_eq!((candidate.account_id, candidate.password), (ada.id, phc("ada@example.org")));
}

/// S1: not even the code that it keeps.
pub(crate) async fn no_code_opens_a_decoy(stores: &Stores) {
    let decoy = NewSignUp { decoy: true, ..new_sign_up("ada@example.org", at(0)) };
    stores.sign_ups.begin(decoy.clone()).await.unwrap();
    assert!(stores.sign_ups.find(decoy.id).await.unwrap().unwrap().decoy);
    // To whoever guesses it looks like any other sign-up.
    let guess = stores.codes.reserve_attempt(decoy.id, LIMITS, at(1)).await.unwrap();
    assert_eq!(guess.hash, decoy.code.hash);
    assert!(is_gone(stores, completion(&decoy, at(1))).await);
    assert!(!stores.sign_ups.is_taken(&decoy.address).await.unwrap());
}

/// Each begins a mail to somebody who may not have asked for it.
pub(crate) async fn an_address_has_ten_sign_ups_in_its_window(stores: &Stores) {
    let limit = SlotLimit { owner: owner(SlotOwner::SIGN_UPS), slots: 10, window: WINDOW };
    let sign_up = |now| NewSignUp { limit, ..new_sign_up("ada@example.org", now) };
    for seconds in 0..10 {
        stores.sign_ups.begin(sign_up(at(seconds))).await.unwrap();
    }
    let before = written(stores).await;
    let first_end = at(0) + WINDOW;
    for now in [at(10), first_end - MICROSECOND] {
        let refused = sign_up(now);
        let outcome = stores.sign_ups.begin(refused.clone()).await;
        let Err(BeginSignUpError::TooMany(until)) = outcome else { panic!("{outcome:?}") };
        assert_eq!(until, first_end);
        assert!(stores.sign_ups.find(refused.id).await.unwrap().is_none());
    }
    assert_eq!(written(stores).await, before);
    begun(stores, "ada@example.org", at(10)).await;
    stores.sign_ups.begin(sign_up(first_end)).await.unwrap();
    let outcome = stores.sign_ups.begin(sign_up(first_end)).await;
    let Err(BeginSignUpError::TooMany(until)) = outcome else { panic!("{outcome:?}") };
    assert_eq!(until, at(1) + WINDOW);
}

pub(crate) async fn of_many_sign_ups_for_the_last_slot_one_begins(stores: &Stores) {
    let limit = SlotLimit { owner: owner(SlotOwner::SIGN_UPS), slots: 1, window: WINDOW };
    let beginning = (0..MANY).map(|_| {
        let (stores, command) =
            (stores.clone(), NewSignUp { limit, ..new_sign_up("ada@example.org", at(0)) });
        async move { stores.sign_ups.begin(command).await }
    });
    let outcomes = race(beginning).await;
    assert_eq!(count(&outcomes, Result::is_ok), 1);
    assert_eq!(count(&outcomes, |outcome| matches!(outcome, Err(BeginSignUpError::TooMany(_)))), MANY - 1);
    assert_eq!(given::messages(stores).await.len(), 1);
}

/// S5: who knows the code has not failed; who guessed before that has.
pub(crate) async fn a_right_guess_is_paid_back(stores: &Stores) {
    let limits = symbolon_domain::one_time_codes::AttemptLimits { account_failures: 2, ..LIMITS };
    let ada = begun(stores, "ada@example.org", at(0)).await;
    let wrong = stores.codes.reserve_attempt(ada.id, limits, at(1)).await.unwrap();
    let right = stores.codes.reserve_attempt(ada.id, limits, at(2)).await.unwrap();
    assert_ne!(wrong.budget_slot, right.budget_slot);
    let next = NewSignUp { failures_of: ada.failures_of, ..new_sign_up("ada@example.org", at(3)) };
    let command = CompleteSignUp { code: matched(&ada.code, right.budget_slot), ..completion(&ada, at(2)) };
    stores.sign_ups.complete(command).await.unwrap();
    stores.sign_ups.begin(next.clone()).await.unwrap();
    let guess = stores.codes.reserve_attempt(next.id, limits, at(3)).await.unwrap();
    assert_eq!(guess.budget_slot, right.budget_slot);
    let spent = stores.codes.reserve_attempt(next.id, limits, at(3)).await;
    let Err(ReserveError::BudgetSpent(until)) = spent else { panic!("{spent:?}") };
    assert_eq!(until, at(1) + DAY);
}
