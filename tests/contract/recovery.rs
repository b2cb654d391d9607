//! The suite of `RecoveryStore`: how recoveries begin, and what they do. What ends them is in [`completion`].

use std::time::Duration;

use symbolon_domain::{
    accounts::AccountState,
    audit::Act,
    clock::Timestamp,
    effects::Effects,
    id::{AccountId, CeremonyId},
    one_time_codes::{AttemptLimits, ReserveError, SlotLimit, SlotOwner},
    recovery::{
        BeginRecoveryError, CompleteRecovery, CompleteRecoveryError, NewRecovery, RecoveryProof,
        RecoverySubject,
    },
    sessions::SessionState,
    sign_in::throttle::ThrottleLimits,
};

use super::{
    Stores,
    given::{
        self, Drawn, MANY, MICROSECOND, WINDOW, at, count, effects, email, event, events_of, hash, matched,
        messages, new_code, owner, person, phc, race, sign_in,
    },
};

mod completion;

pub(crate) use self::completion::*;

/// The life of a recovery.
const LIFE: Duration = Duration::from_secs(600);
const GUESSES: AttemptLimits = AttemptLimits { attempts: 5, account_failures: 10, account_window: WINDOW };

fn recovery(subject: RecoverySubject, now: Timestamp) -> NewRecovery {
    let mut code = new_code(now);
    code.expires_at = now + LIFE;
    NewRecovery {
        id: CeremonyId::new(now, &Drawn),
        address: email("Ada@example.org"),
        subject,
        link: None,
        code,
        created_at: now,
        expires_at: now + LIFE,
        failures_of: owner(SlotOwner::CODE_FAILURES),
        limit: SlotLimit { owner: owner(SlotOwner::RECOVERIES), slots: 5, window: WINDOW },
        effects: effects(Act::RECOVERY_STARTED, now),
    }
}

/// A recovery by code of an account whose password nobody has changed yet.
pub(crate) fn by_code(account: AccountId, now: Timestamp) -> NewRecovery {
    recovery(RecoverySubject::Account { id: account, password_changes: 0 }, now)
}

/// The same by link.
pub(crate) fn by_link(account: AccountId, now: Timestamp) -> NewRecovery {
    NewRecovery { link: Some(hash()), ..by_code(account, now) }
}

fn decoy(now: Timestamp) -> NewRecovery {
    let padding = SlotLimit { owner: owner(SlotOwner::DECOYS), slots: 1, window: WINDOW };
    let effects = Effects::event(event(Act::RECOVERY_STARTED, now));
    NewRecovery { effects, ..recovery(RecoverySubject::Decoy(padding), now) }
}

/// Completes this recovery of this account with its own secret, as if a guess had been paid from slot 0.
pub(crate) fn finish(begun: &NewRecovery, account: AccountId, now: Timestamp) -> CompleteRecovery {
    let proof = match begun.link {
        Some(link) => RecoveryProof::Link(link),
        None => RecoveryProof::Code { code: matched(&begun.code, 0), failures_of: begun.failures_of },
    };
    CompleteRecovery {
        id: begun.id,
        account_id: account,
        proof,
        password: phc("new"),
        throttles: vec![hash()],
        now,
        effects: effects(Act::RECOVERY_COMPLETED, now),
    }
}

async fn begin(stores: &Stores, begun: &NewRecovery) {
    stores.recoveries.begin(begun.clone()).await.unwrap();
}

fn too_many(outcome: Result<(), BeginRecoveryError>) -> Timestamp {
    match outcome {
        Err(BeginRecoveryError::TooMany(until)) => until,
        other => panic!("{other:?}"),
    }
}

/// S12: as it was begun, whether by code, by link or for nobody.
pub(crate) async fn a_recovery_is_found_until_it_is_completed(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    for begun in [by_code(ada.id, at(1)), by_link(ada.id, at(1)), decoy(at(1))] {
        begin(stores, &begun).await;
        let found = stores.recoveries.find(begun.id).await.unwrap().unwrap();
        let is_theirs = matches!(begun.subject, RecoverySubject::Account { .. });
        assert_eq!(found.address.as_typed(), "Ada@example.org");
        assert_eq!(found.account_id, is_theirs.then_some(ada.id));
        assert_eq!((found.link, found.expires_at), (begun.link, begun.expires_at));
    }
    let begun = by_code(ada.id, at(1));
    begin(stores, &begun).await;
    stores.recoveries.complete(finish(&begun, ada.id, at(2))).await.unwrap();
    assert!(stores.recoveries.find(begun.id).await.unwrap().is_none());
    assert!(stores.recoveries.find(CeremonyId::new(at(1), &Drawn)).await.unwrap().is_none());
}

/// M1, G2: a decoy brings no message.
pub(crate) async fn what_a_recovery_says_is_written_with_it(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let before = messages(stores).await.len();
    begin(stores, &by_code(ada.id, at(1))).await;
    assert_eq!(messages(stores).await.len(), before + 1);
    begin(stores, &decoy(at(1))).await;
    assert_eq!(messages(stores).await.len(), before + 1);
    assert_eq!(events_of(stores, Act::RECOVERY_STARTED).await.len(), 2);
}

/// S12: of one address, known or not; the first slot is free again at its very end.
pub(crate) async fn an_address_has_five_recoveries_in_its_window(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    for make in [by_code, |_, now| decoy(now)] {
        let limit = by_code(ada.id, at(0)).limit;
        for seconds in 0..5 {
            begin(stores, &NewRecovery { limit, ..make(ada.id, at(seconds)) }).await;
        }
        let before = given::written(stores).await;
        let end = at(0) + WINDOW;
        for now in [at(5), end - MICROSECOND] {
            let sixth = NewRecovery { limit, ..make(ada.id, now) };
            assert_eq!(too_many(stores.recoveries.begin(sixth.clone()).await), end);
            assert!(stores.recoveries.find(sixth.id).await.unwrap().is_none());
        }
        assert_eq!(given::written(stores).await, before);
        begin(stores, &NewRecovery { limit, ..make(ada.id, end) }).await;
        begin(stores, &make(ada.id, at(5))).await;
    }
}

/// S12, X7: however many ask at once.
pub(crate) async fn of_many_recoveries_for_the_last_slot_one_begins(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let limit = by_code(ada.id, at(0)).limit;
    for _ in 0..4 {
        begin(stores, &NewRecovery { limit, ..by_code(ada.id, at(1)) }).await;
    }
    let beginning = (0..MANY).map(|_| {
        let (stores, begun) = (stores.clone(), NewRecovery { limit, ..by_code(ada.id, at(2)) });
        async move { stores.recoveries.begin(begun).await }
    });
    let outcomes = race(beginning).await;
    assert_eq!(count(&outcomes, Result::is_ok), 1);
    assert_eq!(count(&outcomes, |outcome| matches!(outcome, Err(BeginRecoveryError::TooMany(_)))), MANY - 1);
}

/// S12, C11: five, however parallel, of a decoy too.
pub(crate) async fn of_a_thousand_guesses_at_a_recovery_five_are_judged(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    for begun in [by_code(ada.id, at(1)), decoy(at(1))] {
        begin(stores, &begun).await;
        let guessing = (0..1_000).map(|_| {
            let (stores, id) = (stores.clone(), begun.id);
            async move { stores.codes.reserve_attempt(id, GUESSES, at(2)).await }
        });
        let outcomes = race(guessing).await;
        assert_eq!(count(&outcomes, Result::is_ok), 5);
        assert_eq!(count(&outcomes, |outcome| matches!(outcome, Err(ReserveError::Exhausted))), 995);
    }
}

/// S12, S10, C8: the new password counts, and nobody is signed in.
pub(crate) async fn a_recovery_sets_the_password_and_ends_every_session(stores: &Stores) {
    for make in [by_code, by_link] {
        let address = format!("{}@example.org", make(AccountId::from_bytes([1; 16]), at(0)).id);
        let ada = person(stores, &address, at(0)).await;
        let other = sign_in(stores, &ada, at(1)).await;
        let begun = make(ada.id, at(2));
        begin(stores, &begun).await;
        let completion = finish(&begun, ada.id, at(3));
        stores.recoveries.complete(completion.clone()).await.unwrap();
        for session in [ada.session.id, other.id] {
            let found = stores.sessions.find(session).await.unwrap().unwrap();
            assert_eq!(found.state(at(3)), SessionState::Revoked);
        }
        let found = stores.sign_ins.find_candidate(&ada.address).await.unwrap().unwrap();
        assert_eq!((found.password, found.password_changes), (phc("new"), 1));
        assert_eq!((found.standing.state, found.standing.epoch), (AccountState::Active, 1));
        let said = completion.effects;
        assert!(events_of(stores, Act::RECOVERY_COMPLETED).await.contains(&said.events[0]));
        assert!(messages(stores).await.iter().any(|message| message.id == said.messages[0].id));
    }
}

/// S14: of every address of the account, and of no other.
pub(crate) async fn a_recovery_forgets_the_failures(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let limits = ThrottleLimits { lock_after: 1, lock_for: given::DAY };
    let closed = [hash(), hash(), hash()];
    for address in closed {
        stores.sign_ins.reserve_attempt(address, limits, at(0)).await.unwrap().unwrap();
    }
    let begun = by_code(ada.id, at(1));
    begin(stores, &begun).await;
    let throttles = closed[..2].to_vec();
    stores
        .recoveries
        .complete(CompleteRecovery { throttles, ..finish(&begun, ada.id, at(2)) })
        .await
        .unwrap();
    for (address, is_open) in closed.into_iter().zip([true, true, false]) {
        let next = stores.sign_ins.reserve_attempt(address, limits, at(2)).await.unwrap();
        assert_eq!(next.is_ok(), is_open);
    }
}

/// S15: a compromised account is opened; until then its sessions do not count.
pub(crate) async fn a_recovery_opens_a_compromised_account(stores: &Stores) {
    for make in [by_code, by_link] {
        let address = format!("{}@example.org", make(AccountId::from_bytes([1; 16]), at(0)).id);
        let ada = person(stores, &address, at(0)).await;
        stores.backdoor.set_state(ada.id, AccountState::Compromised).await;
        let found = stores.sessions.find(ada.session.id).await.unwrap().unwrap();
        assert_eq!(found.state(at(1)), SessionState::Revoked);
        let refused = stores.sign_ins.begin(given::new_sign_in(ada.id, at(1))).await;
        assert!(refused.is_err(), "{refused:?}");
        let begun = make(ada.id, at(2));
        begin(stores, &begun).await;
        stores.recoveries.complete(finish(&begun, ada.id, at(3))).await.unwrap();
        let account = stores.accounts.find(ada.id).await.unwrap().unwrap();
        assert_eq!(account.standing.state, AccountState::Active);
        let found = stores.sessions.find(ada.session.id).await.unwrap().unwrap();
        assert_eq!(found.state(at(3)), SessionState::Revoked, "they stay over");
    }
}

/// What an administrator has locked stays so, and nothing is written.
pub(crate) async fn a_locked_account_is_not_recovered(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    for begun in [by_code(ada.id, at(1)), by_link(ada.id, at(1))] {
        begin(stores, &begun).await;
        stores.backdoor.lock(ada.id).await;
        let before = given::written(stores).await;
        let outcome = stores.recoveries.complete(finish(&begun, ada.id, at(2))).await;
        assert!(matches!(outcome, Err(CompleteRecoveryError::Gone)), "{outcome:?}");
        assert_eq!(given::written(stores).await, before);
        let found = stores.sign_ins.find_candidate(&ada.address).await.unwrap().unwrap();
        assert_eq!((found.standing.state, found.password_changes), (AccountState::Locked, 0));
        stores.backdoor.set_state(ada.id, AccountState::Active).await;
    }
}
