//! The suite of `OutboxStore`: listing, waiting. Leases are in [`leases`], other attempts at once in [`retries`].

use std::time::Duration;

use symbolon_domain::{
    effects::Effects,
    id::MessageId,
    outbox::{
        Backlog, FinishMessage, Lease, LeaseMessages, LeasedMessage, MessageKind, MessageState, NewMessage,
    },
    page::PageRequest,
};
use tokio::time::timeout;

use super::{
    Stores,
    given::{Drawn, at, message},
};

mod leases;
mod retries;

pub(crate) use self::{leases::*, retries::*};

/// Longer than any test takes: who waits for so long has not been woken.
const FOREVER: Duration = Duration::from_secs(3_600);
/// Long enough for anybody who was woken.
const SOON: Duration = Duration::from_secs(20);

/// Messages that a cause has written, one a second.
async fn messages(stores: &Stores, count: u64) -> Vec<NewMessage> {
    let messages: Vec<_> = (0..count).map(|seconds| message(at(seconds))).collect();
    write(stores, messages.clone()).await;
    messages
}

async fn write(stores: &Stores, messages: Vec<NewMessage>) {
    stores.sign_ins.refuse(Effects { messages, events: Vec::new() }).await.unwrap();
}

async fn lease(stores: &Stores, command: LeaseMessages) -> Vec<LeasedMessage> {
    stores.outbox.lease(command).await.unwrap()
}

fn leasing(lease: Lease) -> LeaseMessages {
    LeaseMessages { lease, now: at(100), until: at(160), limit: 10 }
}

fn finishing(id: MessageId, lease: Lease) -> FinishMessage {
    FinishMessage { id, lease, state: MessageState::Delivered, reason: None, now: at(101) }
}

fn ids(leased: &[LeasedMessage]) -> Vec<MessageId> {
    leased.iter().map(|leased| leased.message.id).collect()
}

pub(crate) async fn messages_are_listed_newest_first_page_by_page(stores: &Stores) {
    let written = messages(stores, 5).await;
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = stores.outbox.list(PageRequest::new(2, after)).await.unwrap();
        assert!(page.items.len() <= 2);
        for summary in &page.items {
            assert_eq!(stores.outbox.find(summary.id).await.unwrap().as_ref(), Some(summary));
        }
        listed.extend(page.items.iter().map(|summary| summary.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert!(listed.iter().eq(written.iter().rev().map(|message| &message.id)), "{listed:?}");
}

pub(crate) async fn an_unknown_message_is_not_found(stores: &Stores) {
    messages(stores, 1).await;
    assert_eq!(stores.outbox.find(MessageId::new(at(0), &Drawn)).await.unwrap(), None);
}

/// G3: leased ones wait too; those that are done with do not.
pub(crate) async fn the_backlog_is_what_is_pending(stores: &Stores) {
    assert_eq!(stores.outbox.backlog().await.unwrap(), Backlog::default());
    let written = messages(stores, 3).await;
    lease(stores, leasing([1; 16])).await;
    assert_eq!(stores.outbox.backlog().await.unwrap(), Backlog { pending: 3, oldest: Some(at(0)) });
    let done = finishing(written[0].id, [1; 16]);
    assert!(stores.outbox.finish(done, Effects::default()).await.unwrap());
    assert_eq!(stores.outbox.backlog().await.unwrap(), Backlog { pending: 2, oldest: Some(at(1)) });
}

/// M1: the worker need not ask again and again.
pub(crate) async fn a_message_ends_the_wait(stores: &Stores) {
    let waiting = {
        let stores = stores.clone();
        tokio::spawn(async move { stores.outbox.wait(FOREVER).await })
    };
    // A write without a message may wake it or not; one with a message must.
    write(stores, Vec::new()).await;
    messages(stores, 1).await;
    timeout(SOON, waiting).await.unwrap().unwrap();
}

pub(crate) async fn the_wait_ends_without_a_message(stores: &Stores) {
    stores.outbox.wait(Duration::from_millis(1)).await;
    stores.outbox.wait(Duration::ZERO).await;
}

/// C9: it is delivered all the same, at the worker's next look.
pub(crate) async fn a_message_that_only_accounts_get_wakes_nobody(stores: &Stores) {
    for kind in [MessageKind::RecoveryCode, MessageKind::RecoveryLink, MessageKind::SignInLocked] {
        write(stores, vec![NewMessage { kind, ..message(at(0)) }]).await;
        let woken = timeout(Duration::from_millis(200), stores.outbox.wait(FOREVER)).await;
        assert!(woken.is_err(), "{kind:?}");
    }
    assert_eq!(lease(stores, leasing([1; 16])).await.len(), 3);
}

/// M1: a message that comes between a worker's look and its wait is not overlooked.
pub(crate) async fn a_message_that_came_before_the_wait_ends_it(stores: &Stores) {
    messages(stores, 1).await;
    timeout(SOON, stores.outbox.wait(FOREVER)).await.unwrap();
}
