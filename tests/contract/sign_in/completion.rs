//! The second step of a sign-in: one code, one session.

use symbolon_domain::{
    audit::Act,
    id::{AccountId, CeremonyId},
    one_time_codes::{AttemptLimits, ReserveError},
    sessions::{RevokeSessions, SessionState},
    sign_in::{CompleteError, CompleteSignIn, NewSignIn},
};

use super::begun;
use crate::contract::{
    Stores,
    given::{
        self, CODE_LIFE, Drawn, LIMITS, MANY, MICROSECOND, at, count, events_of, matched, new_code,
        new_sign_in, person, race, resend, sign_in_completion, written,
    },
};

async fn is_gone(stores: &Stores, command: CompleteSignIn) -> bool {
    matches!(stores.sign_ins.complete(command).await, Err(CompleteError::Gone))
}

/// S6, S10: under the account's present epoch.
pub(crate) async fn completing_writes_the_session_and_touches_what_was_used(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    stores.sessions.revoke_many(ada.id, RevokeSessions::All, Default::default()).await.unwrap();
    let begun = begun(stores, ada.id, at(0)).await;
    let command = sign_in_completion(&begun, at(7));
    let standing = stores.sign_ins.complete(command.clone()).await.unwrap();
    let account = stores.accounts.find(ada.id).await.unwrap().unwrap();
    assert_eq!((standing, standing.epoch), (account.standing, 1));
    assert_eq!(account.last_seen_at, Some(at(7)));
    assert_eq!(account.identifiers.first().and_then(|identifier| identifier.last_used_at), Some(at(7)));
    let session = stores.sessions.find(command.session.id).await.unwrap().unwrap();
    assert_eq!((session.account_id, session.epoch, session.account), (ada.id, 1, standing));
    assert_eq!(session.state(at(7)), SessionState::Active);
    assert_eq!(events_of(stores, Act::SIGN_IN_COMPLETED).await, command.effects.events);
}

/// C10: once.
pub(crate) async fn a_code_completes_once(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let begun = begun(stores, ada.id, at(0)).await;
    stores.sign_ins.complete(sign_in_completion(&begun, at(1))).await.unwrap();
    let before = written(stores).await;
    let again = sign_in_completion(&begun, at(1));
    assert!(is_gone(stores, again.clone()).await);
    assert_eq!(written(stores).await, before);
    assert_eq!(stores.sessions.find(again.session.id).await.unwrap(), None);
}

/// Another code, another account, no such sign-in, the sign-in of a sign-up: the right one still completes.
pub(crate) async fn what_does_not_fit_completes_nothing_and_costs_nothing(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let eve = person(stores, "eve@example.org", at(0)).await;
    let begun = begun(stores, ada.id, at(0)).await;
    let before = written(stores).await;
    let fitting = || sign_in_completion(&begun, at(1));
    for command in [
        CompleteSignIn { code: matched(&new_code(at(0)), 0), ..fitting() },
        CompleteSignIn { account_id: eve.id, ..fitting() },
        CompleteSignIn { account_id: AccountId::new(at(0), &Drawn), ..fitting() },
        CompleteSignIn { id: CeremonyId::new(at(0), &Drawn), ..fitting() },
    ] {
        assert!(is_gone(stores, command).await);
    }
    assert_eq!(written(stores).await, before);
    let sign_up = given::new_sign_up("new@example.org", at(0));
    stores.sign_ups.begin(sign_up.clone()).await.unwrap();
    let code = matched(&sign_up.code, 0);
    assert!(is_gone(stores, CompleteSignIn { id: sign_up.id, code, ..fitting() }).await);
    stores.sign_ins.complete(fitting()).await.unwrap();
    stores.sign_ups.complete(given::completion(&sign_up, at(1))).await.unwrap();
}

/// S5: a resend ends the code before it.
pub(crate) async fn a_replaced_code_completes_nothing(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let begun = begun(stores, ada.id, at(0)).await;
    let replaced = resend(begun.id, at(30));
    stores.codes.replace(replaced.clone()).await.unwrap();
    assert!(is_gone(stores, sign_in_completion(&begun, at(31))).await);
    let command = CompleteSignIn { code: matched(&replaced.code, 0), ..sign_in_completion(&begun, at(31)) };
    stores.sign_ins.complete(command).await.unwrap();
}

/// C10: valid a microsecond before, and not at its end.
pub(crate) async fn a_code_ends_at_its_very_end(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let begun = begun(stores, ada.id, at(0)).await;
    let end = at(0) + CODE_LIFE;
    assert!(is_gone(stores, sign_in_completion(&begun, end)).await);
    stores.sign_ins.complete(sign_in_completion(&begun, end - MICROSECOND)).await.unwrap();
}

/// S2: the life of what the first factor earned, where a code was sent late in it.
pub(crate) async fn a_sign_in_ends_at_its_very_end(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let begun = begun(stores, ada.id, at(0)).await;
    let replaced = resend(begun.id, begun.expires_at - CODE_LIFE / 2);
    stores.codes.replace(replaced.clone()).await.unwrap();
    let command =
        |now| CompleteSignIn { code: matched(&replaced.code, 0), ..sign_in_completion(&begun, now) };
    assert!(is_gone(stores, command(begun.expires_at)).await);
    assert!(stores.sign_ins.find(begun.id).await.unwrap().is_some(), "expired ones are found");
    stores.sign_ins.complete(command(begun.expires_at - MICROSECOND)).await.unwrap();
}

/// S4: between the two factors.
pub(crate) async fn an_account_locked_meanwhile_is_not_signed_in_to(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let begun = begun(stores, ada.id, at(0)).await;
    stores.backdoor.lock(ada.id).await;
    let before = written(stores).await;
    let command = sign_in_completion(&begun, at(1));
    assert!(is_gone(stores, command.clone()).await);
    assert_eq!(written(stores).await, before);
    assert_eq!(stores.sessions.find(command.session.id).await.unwrap(), None);
}

/// X7: one session.
pub(crate) async fn of_many_completions_one_wins(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let begun = begun(stores, ada.id, at(0)).await;
    let completing = (0..MANY).map(|_| {
        let (stores, command) = (stores.clone(), sign_in_completion(&begun, at(1)));
        async move { stores.sign_ins.complete(command).await }
    });
    let outcomes = race(completing).await;
    assert_eq!(count(&outcomes, Result::is_ok), 1);
    assert_eq!(count(&outcomes, |outcome| matches!(outcome, Err(CompleteError::Gone))), MANY - 1);
    let sessions = stores.sessions.list(ada.id, given::everything()).await.unwrap().items;
    assert_eq!(sessions.len(), 2, "the sign-up's and this one");
    assert_eq!(events_of(stores, Act::SIGN_IN_COMPLETED).await.len(), 1);
}

/// S5: who knows the code has not failed.
pub(crate) async fn a_right_guess_is_paid_back(stores: &Stores) {
    let limits = AttemptLimits { account_failures: 1, ..LIMITS };
    let ada = person(stores, "ada@example.org", at(0)).await;
    let begun = begun(stores, ada.id, at(0)).await;
    let next = NewSignIn { failures_of: begun.failures_of, ..new_sign_in(ada.id, at(0)) };
    stores.sign_ins.begin(next.clone()).await.unwrap();
    let guess = stores.codes.reserve_attempt(begun.id, limits, at(1)).await.unwrap();
    let spent = stores.codes.reserve_attempt(next.id, limits, at(1)).await;
    assert!(matches!(spent, Err(ReserveError::BudgetSpent(_))), "{spent:?}");
    let command =
        CompleteSignIn { code: matched(&begun.code, guess.budget_slot), ..sign_in_completion(&begun, at(1)) };
    stores.sign_ins.complete(command).await.unwrap();
    stores.codes.reserve_attempt(next.id, limits, at(1)).await.unwrap();
}
