//! The suite of `AuditStore`.

use symbolon_domain::{
    actor::Actor,
    audit::{Act, AuditEvent, Outcome},
    clock::Timestamp,
    id::{AccountId, RequestId, SessionId},
    page::PageRequest,
};

use super::{
    Stores,
    given::{Drawn, MANY, at, event, events, race},
};

/// An event with every field filled.
fn full_event(actor: Actor, now: Timestamp) -> AuditEvent {
    AuditEvent {
        request_id: Some(RequestId::new(now, &Drawn)),
        ip: Some("2001:db8::7".parse().unwrap()),
        count: 3,
        ..event(Act::SESSION_VERIFIED, now).by(actor).refused("wrong_client").on(SessionId::new(now, &Drawn))
    }
}

/// G2, C63: who, what, when, from where, with which result.
pub(crate) async fn an_event_is_read_as_it_was_written(stores: &Stores) {
    let actors =
        [Actor::Anonymous, Actor::Account(AccountId::new(at(0), &Drawn)), Actor::Operator, Actor::System];
    let mut written = vec![event(Act::SIGNING_KEY_CREATED, at(0))];
    for (seconds, actor) in (1..).zip(actors) {
        written.insert(0, full_event(actor, at(seconds)));
    }
    stores.audit.append(written.clone()).await.unwrap();
    assert_eq!(events(stores).await, written);
    assert_eq!(written.last().map(|event| event.outcome), Some(Outcome::Done));
}

/// A batch that is written again after a lost answer adds what is missing from it, and changes nothing.
pub(crate) async fn an_event_is_written_once(stores: &Stores) {
    let one = full_event(Actor::Anonymous, at(0));
    let other = full_event(Actor::Anonymous, at(1));
    stores.audit.append(vec![one.clone()]).await.unwrap();
    let changed = AuditEvent { count: 99, ..one.clone() };
    stores.audit.append(vec![changed, other.clone()]).await.unwrap();
    assert_eq!(events(stores).await, [other, one]);
    stores.audit.append(Vec::new()).await.unwrap();
    assert_eq!(events(stores).await.len(), 2);
}

pub(crate) async fn events_are_listed_newest_first_page_by_page(stores: &Stores) {
    let oldest_first: Vec<_> = (0..7).map(|seconds| event(Act::CODE_SENT, at(seconds))).collect();
    stores.audit.append(oldest_first.clone()).await.unwrap();
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = stores.audit.list(PageRequest::new(3, after)).await.unwrap();
        assert!(page.items.len() <= 3);
        listed.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
        // What is written meanwhile belongs to no page that follows.
        stores.audit.append(vec![event(Act::CODE_JUDGED, at(100))]).await.unwrap();
    }
    assert!(listed.iter().eq(oldest_first.iter().rev()), "{listed:?}");
}

pub(crate) async fn of_many_writers_of_one_event_one_writes_it(stores: &Stores) {
    let shared = event(Act::CODE_SENT, at(0));
    let appending = (0..MANY).map(|number| {
        let (stores, own) = (stores.clone(), event(Act::CODE_JUDGED, at(1)));
        let batch = vec![AuditEvent { count: u32::try_from(number).unwrap() + 1, ..shared.clone() }, own];
        async move { stores.audit.append(batch).await.unwrap() }
    });
    race(appending).await;
    let events = events(stores).await;
    assert_eq!(events.len(), MANY + 1);
    assert_eq!(events.iter().filter(|event| event.id == shared.id).count(), 1);
}
