//! What the engine of the tests never does by itself, injected between it and the store: throttling, conflicts between
//! transactions, answers that are lost after the write, an outage (X5).

use std::{collections::HashSet, time::Duration};

use futures::future::join_all;
use symbolon_adapters::dynamodb::{DynamoOptions, DynamoStore};
use symbolon_domain::{
    audit::{Act, AuditFilter},
    outbox::{FinishMessage, LeaseMessages, MessageState},
    page::PageRequest,
    sessions::{RefreshOutcome, RefreshSession},
    store_error::StoreError,
};
use tokio::time::timeout;

use super::stores;
use crate::{
    contract::{
        Stores,
        given::{self, at, completion, new_sign_up, person, race},
        sessions::refresh::shown,
    },
    support::{
        Table,
        dynamodb_proxy::{DynamoProxy, Faults},
    },
};

/// A fifth of the calls is throttled; a tenth of the transactions meets another one, and of the writes loses its answer.
pub(super) const ALL: Faults = Faults { throttled: 20, conflicts: 10, lost_answers: 10 };
/// Longer than any command may take.
const BOUND: Duration = Duration::from_secs(20);

/// A table with a proxy in front of it.
pub(super) struct Behind {
    pub(super) stores: Stores,
    pub(super) proxy: DynamoProxy,
    pub(super) table: Table,
}

pub(super) async fn behind_a_proxy() -> Behind {
    let table = Table::migrated().await;
    let proxy = DynamoProxy::start(table.options.endpoint.as_deref().unwrap()).await;
    let options = DynamoOptions { endpoint: Some(proxy.url.clone()), ..table.options.clone() };
    let store = DynamoStore::connect(&options).await.unwrap();
    Behind { stores: stores(&store, table.options.clone()), proxy, table }
}

/// How many events of this kind there are.
pub(super) async fn count_events(stores: &Stores, act: &Act) -> usize {
    let mut count = 0;
    let mut after = None;
    loop {
        let page = stores
            .audit
            .list(&AuditFilter::default(), PageRequest::new(PageRequest::MAX_LIMIT, after))
            .await
            .unwrap();
        count += page.items.iter().filter(|event| event.act == *act).count();
        after = page.next;
        if after.is_none() {
            return count;
        }
    }
}

/// Signs up, and refreshes one token after the other without any grace: a rotation that was done and not recognised
/// would end the family at once.
async fn walk(stores: &Stores, person: usize, rotations: u64) {
    let begun = new_sign_up(&format!("person-{person}@example.org"), at(0));
    stores.sign_ups.begin(begun.clone()).await.unwrap();
    let completed = completion(&begun, at(0));
    stores.sign_ups.complete(completed.clone()).await.unwrap();
    let session = completed.session;
    let mut token = session.refresh_token.clone();
    for turn in 0..rotations {
        let command = RefreshSession { grace: Duration::ZERO, ..shown(&session, &token, at(turn + 1)) };
        let outcome = stores.sessions.refresh(command.clone()).await.unwrap();
        assert!(matches!(outcome, RefreshOutcome::Rotated(_)), "{outcome:?}");
        token = command.successor;
    }
    assert!(stores.sessions.find(session.id).await.unwrap().is_some());
}

/// X5: every command succeeds, and each has its effect once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn throttling_conflicts_and_lost_answers_cost_nothing_and_double_nothing() {
    const PEOPLE: usize = 20;
    const ROTATIONS: u64 = 50;
    let Behind { stores, proxy, table: _table } = behind_a_proxy().await;
    proxy.inject(ALL);
    let walks = (0..PEOPLE).map(|person| {
        let stores = stores.clone();
        async move { walk(&stores, person, ROTATIONS).await }
    });
    race(walks).await;
    let injected = proxy.injected();
    assert!(injected > 1_000, "{injected} faults");
    proxy.inject(Faults::default());
    assert_eq!(count_events(&stores, &Act::SIGN_UP_STARTED).await, PEOPLE);
    assert_eq!(count_events(&stores, &Act::SIGN_UP_COMPLETED).await, PEOPLE);
    assert_eq!(count_events(&stores, &Act::SESSION_REFRESHED).await, PEOPLE * 50);
    assert_eq!(count_events(&stores, &Act::SESSION_REUSE_DETECTED).await, 0);
    assert_eq!(given::messages(&stores).await.len(), PEOPLE);
}

/// X5, M1: a worker whose lease's answer was lost holds what it took, and counts one attempt; also where the try after it
/// meets a transaction, which says nothing of the first.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_lease_whose_answer_was_lost_is_held() {
    let Behind { stores, proxy, table: _table } = behind_a_proxy().await;
    for person in 0..20 {
        stores.sign_ups.begin(new_sign_up(&format!("{person}@example.org"), at(0))).await.unwrap();
    }
    proxy.inject(Faults { conflicts: 25, lost_answers: 25, ..Faults::default() });
    let lease = LeaseMessages { lease: [7; 16], now: at(1), until: at(61), limit: 20 };
    let leased = stores.outbox.lease(lease).await.unwrap();
    assert_eq!(leased.iter().map(|leased| leased.message.id).collect::<HashSet<_>>().len(), 20);
    assert!(leased.iter().all(|leased| leased.attempts == 1), "{leased:?}");
    let finishing = leased.iter().map(|leased| {
        let state = MessageState::Delivered;
        let finish = FinishMessage { id: leased.message.id, lease: [7; 16], state, reason: None, now: at(2) };
        stores.outbox.finish(finish, given::effects(Act::MESSAGE_DROPPED, at(2)))
    });
    assert!(join_all(finishing).await.into_iter().all(Result::unwrap), "each report counts once");
    assert!(proxy.injected() > 10);
}

/// S14, X5: an attempt whose reservation's answer was lost is paid once, and let through.
#[tokio::test]
async fn a_reservation_whose_answer_was_lost_is_paid_once() {
    let Behind { stores, proxy, table: _table } = behind_a_proxy().await;
    proxy.inject(Faults { lost_answers: 25, ..Faults::default() });
    for _ in 0..20 {
        let reserved =
            stores.sign_ins.reserve_attempt(given::hash(), THROTTLE, at(0)).await.unwrap().unwrap();
        assert_eq!(reserved.failures, 1);
    }
    assert!(proxy.injected() >= 3);
}

const THROTTLE: symbolon_domain::sign_in::throttle::ThrottleLimits =
    symbolon_domain::sign_in::throttle::ThrottleLimits {
        lock_after: 10,
        lock_for: Duration::from_secs(3_600),
    };

/// X5: an outage is an outage, after a bounded time, and never a "no".
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_outage_is_never_a_no() {
    let Behind { stores, proxy, table: _table } = behind_a_proxy().await;
    let ada = person(&stores, "ada@example.org", at(0)).await;
    proxy.inject(Faults { throttled: 100, ..Faults::default() });
    let is_outage = |error: StoreError| matches!(error, StoreError::Unavailable(_) | StoreError::Busy);
    let found = timeout(BOUND, stores.sessions.find(ada.session.id)).await.unwrap();
    assert!(found.is_err_and(is_outage));
    let command = shown(&ada.session, &ada.session.refresh_token, at(1));
    assert!(timeout(BOUND, stores.sessions.refresh(command)).await.unwrap().is_err_and(is_outage));
    let taken = timeout(BOUND, stores.sign_ups.is_taken(&ada.address)).await.unwrap();
    assert!(taken.is_err_and(is_outage));
    proxy.inject(Faults::default());
    assert!(stores.sessions.find(ada.session.id).await.unwrap().is_some());
    let command = shown(&ada.session, &ada.session.refresh_token, at(1));
    assert!(matches!(stores.sessions.refresh(command).await.unwrap(), RefreshOutcome::Rotated(_)));
}

/// S10: a session that goes on while all others end is never taken for ended, however the two of its items are read.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_session_that_is_kept_is_never_seen_as_ended() {
    use symbolon_domain::sessions::{RevokeSessions, SessionState};
    let Behind { stores, proxy, table: _table } = behind_a_proxy().await;
    proxy.inject(Faults { conflicts: 20, ..Faults::default() });
    let ada = person(&stores, "ada@example.org", at(0)).await;
    let id = ada.session.id;
    let revoking = async {
        for turn in 0..40 {
            let effects = given::effects(Act::SESSIONS_REVOKED, at(turn));
            stores.sessions.revoke_many(ada.id, RevokeSessions::Except(id), effects).await.unwrap();
        }
    };
    let looking = async {
        for turn in 0..200 {
            let session = stores.sessions.find(id).await.unwrap().unwrap();
            assert_eq!(session.state(at(1)), SessionState::Active, "look {turn}");
        }
    };
    futures::join!(revoking, looking);
}
