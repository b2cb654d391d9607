//! Retries: a message that waits is made due at once, by whoever mended what kept it.

use symbolon_domain::{
    audit::Act,
    effects::Effects,
    id::MessageId,
    outbox::{FinishMessage, LeaseMessages, MessageState, PostponeMessage, Retried, RetryMessage},
};

use super::{finishing, ids, lease, leasing, messages};
use crate::contract::{
    Stores,
    given::{self, Drawn, MANY, MICROSECOND, at, count, event, race},
};

const MINE: [u8; 16] = [1; 16];

async fn retry(stores: &Stores, id: MessageId) -> Retried {
    let effects = Effects::event(event(Act::MESSAGE_RETRIED, at(150)).on(id));
    stores.outbox.retry(RetryMessage { id, now: at(150) }, effects).await.unwrap()
}

async fn postpone(stores: &Stores, id: MessageId) {
    lease(stores, leasing(MINE)).await;
    let command = PostponeMessage { id, lease: MINE, next_attempt_at: at(200), reason: "down".into() };
    assert!(stores.outbox.postpone(command).await.unwrap());
}

/// M4: it is due at that very moment, and nothing else of it changes.
pub(crate) async fn a_waiting_message_is_made_due(stores: &Stores) {
    let id = messages(stores, 1).await[0].id;
    postpone(stores, id).await;
    let before = stores.outbox.find(id).await.unwrap().unwrap();
    assert_eq!(retry(stores, id).await, Retried::Due);
    let after = stores.outbox.find(id).await.unwrap().unwrap();
    assert_eq!(after.next_attempt_at, Some(at(150)));
    assert_eq!((after.attempts, after.state, after.reason), (before.attempts, before.state, before.reason));
    assert_eq!(given::events(stores).await.len(), 1);
    let theirs = |now| LeaseMessages { now, until: at(300), ..leasing([2; 16]) };
    assert!(lease(stores, theirs(at(150) - MICROSECOND)).await.is_empty());
    assert_eq!(ids(&lease(stores, theirs(at(150))).await), [id]);
}

/// M1: whoever holds it is sending it; who held it and said nothing may have sent it.
pub(crate) async fn a_message_in_a_workers_hands_is_not_made_due(stores: &Stores) {
    let id = messages(stores, 1).await[0].id;
    lease(stores, leasing(MINE)).await;
    let before = stores.outbox.find(id).await.unwrap();
    assert_eq!(retry(stores, id).await, Retried::Leased);
    assert_eq!(stores.outbox.find(id).await.unwrap(), before);
    assert!(given::events(stores).await.is_empty());
    assert!(stores.outbox.finish(finishing(id, MINE), Effects::default()).await.unwrap());
}

/// M1: its content is gone.
pub(crate) async fn a_message_that_has_ended_is_not_made_due(stores: &Stores) {
    let written = messages(stores, 2).await;
    lease(stores, leasing(MINE)).await;
    let states = [MessageState::Delivered, MessageState::Dropped];
    for (message, state) in written.iter().zip(states) {
        let command = FinishMessage { state, ..finishing(message.id, MINE) };
        assert!(stores.outbox.finish(command, Effects::default()).await.unwrap());
        assert_eq!(retry(stores, message.id).await, Retried::Ended(state));
        let after = stores.outbox.find(message.id).await.unwrap().unwrap();
        assert_eq!((after.state, after.next_attempt_at), (state, None));
    }
    assert!(given::events(stores).await.is_empty());
}

pub(crate) async fn an_unknown_message_is_not_made_due(stores: &Stores) {
    messages(stores, 1).await;
    assert_eq!(retry(stores, MessageId::new(at(0), &Drawn)).await, Retried::Unknown);
    assert!(given::events(stores).await.is_empty());
}

/// M1: however many ask for it, and whenever, one worker gets it.
pub(crate) async fn of_many_workers_one_gets_a_message_that_is_made_due(stores: &Stores) {
    let id = messages(stores, 1).await[0].id;
    postpone(stores, id).await;
    assert_eq!(retry(stores, id).await, Retried::Due);
    let racing = (0..MANY).map(|contender| {
        let stores = stores.clone();
        async move {
            if contender % 2 == 0 {
                return (Some(retry(&stores, id).await), 0);
            }
            let lease_of_ones_own = [u8::try_from(contender).unwrap(); 16];
            let command = LeaseMessages { now: at(150), until: at(300), ..leasing(lease_of_ones_own) };
            (None, lease(&stores, command).await.len())
        }
    });
    let outcomes = race(racing).await;
    assert_eq!(outcomes.iter().map(|(_, leased)| leased).sum::<usize>(), 1);
    let due = count(&outcomes, |(retried, _)| *retried == Some(Retried::Due));
    let held = count(&outcomes, |(retried, _)| *retried == Some(Retried::Leased));
    assert_eq!(due + held, MANY / 2);
    assert_eq!(given::events(stores).await.len(), due + 1);
}
