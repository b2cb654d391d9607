//! The numbered slots that limit how many live keys an owner has (K12).

use symbolon_domain::{
    api_keys::{IssueOutcome, NewApiKey, RefreshApiKeyOutcome},
    clock::Timestamp,
    id::AccountId,
};

use super::{
    LIFE, end_sessions, is_live, issue, issued, new_api_key, plain,
    refresh::{GRACE, rotated, shown},
    revoke, revoke_all,
};
use crate::contract::{
    Stores,
    given::{DAY, MANY, MICROSECOND, at, count, everything, person, race, written},
};

/// An owner may not have one more of so many at this moment; gives when they may.
async fn full(stores: &Stores, owner: AccountId, most: u32, now: Timestamp) -> Timestamp {
    let before = written(stores).await;
    let key = new_api_key(owner, now);
    let outcome = issue(stores, &key, most).await;
    assert_eq!(written(stores).await, before);
    assert_eq!(stores.api_keys.find(key.token.id).await.unwrap(), None);
    match outcome {
        IssueOutcome::Full { free_at } => free_at,
        other => panic!("{other:?}"),
    }
}

/// K12: until the very end of the first of them, and not a moment longer; an owner's keys are nobody else's.
pub(crate) async fn an_owner_has_so_many_live_keys(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let eve = person(stores, "eve@example.org", at(0)).await.id;
    let (long, short, later) = (new_api_key(ada, at(0)), plain(ada, at(1)), plain(ada, at(2)));
    for key in [&long, &short, &later] {
        assert_eq!(issue(stores, key, 3).await, IssueOutcome::Issued);
    }
    assert_eq!(full(stores, ada, 3, at(3)).await, at(1) + LIFE);
    assert_eq!(full(stores, ada, 3, at(1) + LIFE - MICROSECOND).await, at(1) + LIFE);
    assert_eq!(issue(stores, &new_api_key(eve, at(3)), 1).await, IssueOutcome::Issued);
    assert_eq!(issue(stores, &new_api_key(ada, at(1) + LIFE), 3).await, IssueOutcome::Issued);
    assert_eq!(full(stores, ada, 3, at(1) + LIFE).await, at(2) + LIFE);
    assert_eq!(full(stores, ada, 1, at(1) + LIFE).await, long.token.ends_at());
}

/// K12: without a limit there is always another, and with one of nothing none.
pub(crate) async fn a_limit_may_be_nothing_or_none(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    full(stores, ada, 0, at(1)).await;
    for _ in 0..3 {
        assert_eq!(issue(stores, &new_api_key(ada, at(1)), u32::MAX).await, IssueOutcome::Issued);
    }
    assert_eq!(full(stores, ada, 3, at(1)).await, at(1) + DAY);
}

/// K12: once, and only its own.
pub(crate) async fn a_revoked_key_gives_its_slot_back(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let first = new_api_key(ada, at(1));
    assert_eq!(issue(stores, &first, 2).await, IssueOutcome::Issued);
    assert_eq!(issue(stores, &new_api_key(ada, at(1)), 2).await, IssueOutcome::Issued);
    full(stores, ada, 2, at(2)).await;
    assert!(revoke(stores, ada, first.id, at(2)).await);
    assert_eq!(issue(stores, &new_api_key(ada, at(2)), 2).await, IssueOutcome::Issued);
    assert!(revoke(stores, ada, first.id, at(3)).await);
    full(stores, ada, 2, at(3)).await;
}

/// K9, K12: with the epoch of the keys, and with that of the account.
pub(crate) async fn the_slots_of_all_keys_are_free_when_all_have_ended(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    assert_eq!(issue(stores, &new_api_key(ada, at(1)), 1).await, IssueOutcome::Issued);
    assert_eq!(revoke_all(stores, ada, at(2)).await, Some(1));
    let second = new_api_key(ada, at(2));
    assert_eq!(issue(stores, &second, 1).await, IssueOutcome::Issued);
    full(stores, ada, 1, at(2)).await;
    end_sessions(stores, ada).await;
    assert_eq!(issue(stores, &new_api_key(ada, at(3)), 1).await, IssueOutcome::Issued);
    // One that had ended with all others has none to give back.
    assert!(revoke(stores, ada, second.id, at(3)).await);
    full(stores, ada, 1, at(3)).await;
}

/// K12: until its successor ends.
pub(crate) async fn a_refreshed_key_keeps_its_slot(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let key = new_api_key(ada, at(1));
    assert_eq!(issue(stores, &key, 1).await, IssueOutcome::Issued);
    rotated(stores, shown(&key.token, at(60))).await;
    assert_eq!(full(stores, ada, 1, key.token.ends_at()).await, at(60) + DAY);
    rotated(stores, shown(&key.token, at(61))).await;
    assert_eq!(full(stores, ada, 1, at(62)).await, at(61) + DAY);
    assert!(revoke(stores, ada, key.id, at(62)).await);
    assert_eq!(issue(stores, &new_api_key(ada, at(62)), 1).await, IssueOutcome::Issued);
}

/// K3, K12: it is not held past the end of the family, which no refresh moves.
pub(crate) async fn a_slot_is_free_at_the_end_of_its_family(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let key = NewApiKey { expires_at: at(600), ..new_api_key(ada, at(1)) };
    assert_eq!(issue(stores, &key, 1).await, IssueOutcome::Issued);
    assert_eq!(full(stores, ada, 1, at(2)).await, at(600));
    rotated(stores, shown(&key.token, at(60))).await;
    assert_eq!(full(stores, ada, 1, at(600) - MICROSECOND).await, at(600));
    assert!(!is_live(stores, &key, at(600)).await);
    assert_eq!(issue(stores, &new_api_key(ada, at(600)), 1).await, IssueOutcome::Issued);
}

/// K12: a key that is refreshed by a clock which is behind leaves the slot to whoever has it by then.
pub(crate) async fn a_rotation_moves_only_its_own_slot(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let late = issued(stores, ada, at(1)).await;
    let end = late.token.ends_at();
    assert_eq!(issue(stores, &plain(ada, end), 1).await, IssueOutcome::Issued);
    rotated(stores, shown(&late.token, end - MICROSECOND)).await;
    assert_eq!(full(stores, ada, 1, end).await, end + LIFE);
    assert!(revoke(stores, ada, late.id, end).await);
    assert_eq!(full(stores, ada, 1, end).await, end + LIFE);
}

/// K8, K12: a family that a used token has ended counts no more.
pub(crate) async fn a_family_that_reuse_has_ended_gives_its_slot_back(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let key = new_api_key(ada, at(1));
    assert_eq!(issue(stores, &key, 1).await, IssueOutcome::Issued);
    rotated(stores, shown(&key.token, at(60))).await;
    let reused = stores.api_keys.refresh(shown(&key.token, at(60) + GRACE)).await.unwrap();
    assert_eq!(reused, RefreshApiKeyOutcome::ReuseDetected);
    assert_eq!(issue(stores, &new_api_key(ada, at(80)), 1).await, IssueOutcome::Issued);
}

/// K12, X7: one more than the limit is never live.
pub(crate) async fn of_many_keys_issued_at_once_so_many_are_written(stores: &Stores) {
    const MOST: u32 = 7;
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    // Slots that are free again, and one that is given back, are taken by one each.
    for _ in 0..MOST {
        assert_eq!(issue(stores, &plain(ada, at(1)), MOST).await, IssueOutcome::Issued);
    }
    let now = at(1) + LIFE;
    let issuing = (0..MANY).map(|_| {
        let stores = stores.clone();
        async move { issue(&stores, &new_api_key(ada, now), MOST).await }
    });
    let outcomes = race(issuing).await;
    let most = usize::try_from(MOST).unwrap();
    assert_eq!(count(&outcomes, |outcome| *outcome == IssueOutcome::Issued), most);
    assert_eq!(
        count(&outcomes, |outcome| *outcome == IssueOutcome::Full { free_at: now + DAY }),
        MANY - most
    );
    let keys = stores.api_keys.list(ada, everything()).await.unwrap().items;
    assert_eq!(keys.iter().filter(|key| key.is_live(now)).count(), most);
}

/// K12, X7: a slot that is given back while many wait for it is taken once.
pub(crate) async fn of_many_keys_for_a_slot_that_is_given_back_one_is_written(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let first = new_api_key(ada, at(1));
    assert_eq!(issue(stores, &first, 1).await, IssueOutcome::Issued);
    let contending = (0..MANY).map(|number| {
        let stores = stores.clone();
        let first = first.id;
        async move {
            if number == 0 {
                assert!(revoke(&stores, ada, first, at(2)).await);
            }
            issue(&stores, &new_api_key(ada, at(2)), 1).await
        }
    });
    let outcomes = race(contending).await;
    assert_eq!(count(&outcomes, |outcome| *outcome == IssueOutcome::Issued), 1);
    assert_eq!(revoke_all(stores, ada, at(3)).await, Some(1));
}
