//! Leases: who holds a message, until when, and what its holder may do.

use symbolon_domain::{
    audit::Act,
    effects::Effects,
    id::MessageId,
    outbox::{FinishMessage, LeaseMessages, MessageState, MessageSummary, NewMessage, PostponeMessage},
};

use super::{finishing, ids, lease, leasing, messages, write};
use crate::contract::{
    Stores,
    given::{self, Drawn, MANY, MICROSECOND, at, count, event, race},
};

const MINE: [u8; 16] = [1; 16];
const THEIRS: [u8; 16] = [2; 16];

async fn found(stores: &Stores, id: MessageId) -> MessageSummary {
    stores.outbox.find(id).await.unwrap().unwrap()
}

fn postponing(id: MessageId) -> PostponeMessage {
    PostponeMessage { id, lease: MINE, next_attempt_at: at(200), reason: "greylisted".into() }
}

/// M1, M2: due from its cause on, with its sealed content; an attempt is counted.
pub(crate) async fn a_message_is_leased_as_it_was_written(stores: &Stores) {
    let written = messages(stores, 1).await;
    let written = written.first().unwrap();
    let waiting = MessageSummary {
        id: written.id,
        kind: written.kind,
        state: MessageState::Pending,
        attempts: 0,
        created_at: written.created_at,
        expires_at: written.expires_at,
        next_attempt_at: Some(written.created_at),
        ended_at: None,
        reason: None,
    };
    assert_eq!(found(stores, written.id).await, waiting);
    let early = LeaseMessages { now: written.created_at - MICROSECOND, ..leasing(MINE) };
    assert!(lease(stores, early).await.is_empty());
    let leased = lease(stores, LeaseMessages { now: written.created_at, ..leasing(MINE) }).await;
    let [leased] = leased.as_slice() else { panic!("{leased:?}") };
    let NewMessage { id, kind, content, created_at, expires_at } = &leased.message;
    assert_eq!((*id, *kind, leased.attempts), (written.id, written.kind, 1));
    assert_eq!((*created_at, *expires_at), (written.created_at, written.expires_at));
    assert_eq!(content, &written.content);
    let held = MessageSummary { attempts: 1, next_attempt_at: Some(leasing(MINE).until), ..waiting };
    assert_eq!(found(stores, written.id).await, held);
}

/// The oldest first; one that was postponed comes after those that have been due for longer.
pub(crate) async fn messages_are_leased_in_the_order_in_which_they_are_due(stores: &Stores) {
    let written = messages(stores, 5).await;
    let expected: Vec<_> = written.iter().map(|message| message.id).collect();
    let two = LeaseMessages { limit: 2, ..leasing(MINE) };
    assert_eq!(ids(&lease(stores, two).await), expected[..2]);
    assert!(stores.outbox.postpone(postponing(expected[0])).await.unwrap());
    let two = LeaseMessages { limit: 2, now: at(200), until: at(260), ..leasing(THEIRS) };
    assert_eq!(ids(&lease(stores, two).await), expected[2..4]);
    let two = LeaseMessages { limit: 2, now: at(200), until: at(260), ..leasing(THEIRS) };
    let mut rest = ids(&lease(stores, two).await);
    rest.sort_unstable();
    assert_eq!(rest, [expected[1], expected[4]], "what a worker let go of comes before what was postponed");
}

/// M1: though it is due.
pub(crate) async fn nobody_gets_a_message_that_is_held(stores: &Stores) {
    let written = messages(stores, 2).await;
    let one = LeaseMessages { limit: 1, ..leasing(MINE) };
    assert_eq!(ids(&lease(stores, one).await), [written[0].id]);
    assert_eq!(ids(&lease(stores, leasing(THEIRS)).await), [written[1].id]);
    assert!(lease(stores, leasing(MINE)).await.is_empty());
}

/// M1: a worker that died holds its messages until then, and not a microsecond longer.
pub(crate) async fn a_lease_ends_at_its_very_end(stores: &Stores) {
    let written = messages(stores, 1).await;
    let mine = leasing(MINE);
    lease(stores, mine).await;
    let theirs = |now| LeaseMessages { now, until: at(300), ..leasing(THEIRS) };
    assert!(lease(stores, theirs(mine.until - MICROSECOND)).await.is_empty());
    let leased = lease(stores, theirs(mine.until)).await;
    assert_eq!(ids(&leased), [written[0].id]);
    assert_eq!(leased[0].attempts, 2);
}

/// M1: no worker is special.
pub(crate) async fn of_many_workers_each_message_has_one(stores: &Stores) {
    let written = messages(stores, 40).await;
    let working = (1..=16).map(|worker| {
        let stores = stores.clone();
        async move { ids(&lease(&stores, LeaseMessages { limit: 3, ..leasing([worker; 16]) }).await) }
    });
    let outcomes = race(working).await;
    assert!(outcomes.iter().all(|taken| taken.len() <= 3), "{outcomes:?}");
    let mut taken: Vec<_> = outcomes.into_iter().flatten().collect();
    taken.sort_unstable();
    let mut expected: Vec<_> = written.iter().map(|message| message.id).collect();
    expected.sort_unstable();
    assert_eq!(taken, expected, "each exactly once");
}

/// M1: there is nothing left to send again.
pub(crate) async fn a_finished_message_is_never_leased_again_and_forgets_its_content(stores: &Stores) {
    let written = messages(stores, 1).await;
    let id = written[0].id;
    lease(stores, leasing(MINE)).await;
    assert!(stores.outbox.finish(finishing(id, MINE), Effects::default()).await.unwrap());
    let done = found(stores, id).await;
    assert_eq!(
        (done.state, done.ended_at, done.next_attempt_at),
        (MessageState::Delivered, Some(at(101)), None)
    );
    assert_eq!((done.attempts, done.reason), (1, None));
    assert!(
        lease(stores, LeaseMessages { now: at(9_000), until: at(9_060), ..leasing(THEIRS) }).await.is_empty()
    );
    assert!(!stores.outbox.finish(finishing(id, MINE), Effects::default()).await.unwrap());
    assert!(!stores.outbox.postpone(postponing(id)).await.unwrap());
    assert_eq!(found(stores, id).await, MessageSummary { reason: None, ..done });
}

/// M2: counted and audited.
pub(crate) async fn a_dropped_message_keeps_its_reason_and_writes_its_event(stores: &Stores) {
    let written = messages(stores, 1).await;
    let id = written[0].id;
    lease(stores, leasing(MINE)).await;
    let effects = Effects::event(event(Act::MESSAGE_DROPPED, at(101)));
    let command = FinishMessage {
        state: MessageState::Dropped,
        reason: Some("mailbox_unknown".into()),
        ..finishing(id, MINE)
    };
    assert!(stores.outbox.finish(command, effects.clone()).await.unwrap());
    let dropped = found(stores, id).await;
    assert_eq!((dropped.state, dropped.reason.as_deref()), (MessageState::Dropped, Some("mailbox_unknown")));
    assert_eq!(given::events(stores).await, effects.events);
}

/// Nor one that nobody holds, or that does not exist; nothing is written then.
pub(crate) async fn a_message_is_finished_only_by_its_holder(stores: &Stores) {
    let written = messages(stores, 2).await;
    lease(stores, LeaseMessages { limit: 1, ..leasing(MINE) }).await;
    let unknown = MessageId::new(at(0), &Drawn);
    for (id, lease) in [(written[0].id, THEIRS), (written[1].id, MINE), (unknown, MINE)] {
        let effects = Effects::event(event(Act::MESSAGE_DROPPED, at(101)));
        assert!(!stores.outbox.finish(finishing(id, lease), effects).await.unwrap());
    }
    assert!(given::events(stores).await.is_empty());
    assert!(stores.outbox.finish(finishing(written[0].id, MINE), Effects::default()).await.unwrap());
}

/// What was delivered was delivered; but after another has taken over, it is that one's to say.
pub(crate) async fn a_late_report_counts_while_nobody_else_has_taken_over(stores: &Stores) {
    let written = messages(stores, 2).await;
    lease(stores, leasing(MINE)).await;
    let late = |id| FinishMessage { now: at(200), ..finishing(id, MINE) };
    assert!(stores.outbox.finish(late(written[0].id), Effects::default()).await.unwrap());
    let taken = lease(stores, LeaseMessages { now: at(200), until: at(260), ..leasing(THEIRS) }).await;
    assert_eq!(ids(&taken), [written[1].id]);
    assert!(!stores.outbox.finish(late(written[1].id), Effects::default()).await.unwrap());
    assert!(!stores.outbox.postpone(postponing(written[1].id)).await.unwrap());
    assert_eq!(found(stores, written[1].id).await.state, MessageState::Pending);
}

pub(crate) async fn of_many_reports_one_counts(stores: &Stores) {
    let id = messages(stores, 1).await[0].id;
    lease(stores, leasing(MINE)).await;
    let reporting = (0..MANY).map(|_| {
        let stores = stores.clone();
        let effects = Effects::event(event(Act::MESSAGE_DROPPED, at(101)));
        async move { stores.outbox.finish(finishing(id, MINE), effects).await.unwrap() }
    });
    assert_eq!(count(&race(reporting).await, |counts| *counts), 1);
    assert_eq!(given::events(stores).await.len(), 1);
}

/// M2: due at that very moment, with its content, its attempts and the reason of the last one.
pub(crate) async fn a_postponed_message_waits_for_its_next_attempt(stores: &Stores) {
    let written = messages(stores, 1).await;
    let id = written[0].id;
    lease(stores, leasing(MINE)).await;
    assert!(stores.outbox.postpone(postponing(id)).await.unwrap());
    let waiting = found(stores, id).await;
    assert_eq!((waiting.state, waiting.attempts), (MessageState::Pending, 1));
    assert_eq!((waiting.next_attempt_at, waiting.reason.as_deref()), (Some(at(200)), Some("greylisted")));
    let theirs = |now| LeaseMessages { now, until: at(300), ..leasing(THEIRS) };
    assert!(lease(stores, theirs(at(200) - MICROSECOND)).await.is_empty());
    let leased = lease(stores, theirs(at(200))).await;
    let [leased] = leased.as_slice() else { panic!("{leased:?}") };
    assert_eq!((leased.attempts, &leased.message.content), (2, &written[0].content));
}

/// Who gave it back does not hold it any more.
pub(crate) async fn a_message_is_postponed_only_by_its_holder(stores: &Stores) {
    let written = messages(stores, 2).await;
    let id = written[0].id;
    lease(stores, LeaseMessages { limit: 1, ..leasing(MINE) }).await;
    let before = found(stores, id).await;
    let unknown = MessageId::new(at(0), &Drawn);
    for command in
        [PostponeMessage { lease: THEIRS, ..postponing(id) }, postponing(written[1].id), postponing(unknown)]
    {
        assert!(!stores.outbox.postpone(command).await.unwrap());
    }
    assert_eq!(found(stores, id).await, before);
    assert!(stores.outbox.postpone(postponing(id)).await.unwrap());
    assert!(!stores.outbox.postpone(postponing(id)).await.unwrap());
    assert!(!stores.outbox.finish(finishing(id, MINE), Effects::default()).await.unwrap());
}

/// M2: it is the worker that drops them.
pub(crate) async fn expired_messages_are_leased_too(stores: &Stores) {
    let expired = given::message(at(0));
    write(stores, vec![expired.clone()]).await;
    let late = LeaseMessages { now: expired.expires_at, until: at(900), ..leasing(MINE) };
    assert_eq!(ids(&lease(stores, late).await), [expired.id]);
}
