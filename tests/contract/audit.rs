//! The suite of `AuditStore`.

use symbolon_domain::{
    actor::Actor,
    audit::{Act, AuditEvent, AuditFilter, Outcome},
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
        let page = stores.audit.list(&AuditFilter::default(), PageRequest::new(3, after)).await.unwrap();
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

/// Everything that a filter finds, page by page, and how many pages it took.
async fn found(stores: &Stores, filter: &AuditFilter, limit: usize) -> (Vec<AuditEvent>, usize) {
    let mut events = Vec::new();
    let mut page = PageRequest::new(limit, None);
    for number in 1.. {
        let found = stores.audit.list(filter, page).await.unwrap();
        assert!(found.items.len() <= limit);
        events.extend(found.items);
        page.after = found.next;
        if page.after.is_none() {
            return (events, number);
        }
    }
    unreachable!()
}

/// G2: who did it or whom it was done to, what, and how it ended; all of what is asked for.
pub(crate) async fn events_are_found_by_account_act_and_outcome(stores: &Stores) {
    let [ada, eve] = [AccountId::new(at(0), &Drawn), AccountId::new(at(0), &Drawn)];
    let by_ada = event(Act::ACCOUNT_LOCKED, at(1)).by(Actor::Account(ada)).on(eve);
    let refused = event(Act::ACCOUNT_LOCKED, at(2)).by(Actor::Account(eve)).on(ada).refused("own_account");
    let on_eve = event(Act::ACCOUNT_UNLOCKED, at(3)).by(Actor::Operator).on(eve);
    let nobody = event(Act::ACCOUNT_UNLOCKED, at(4));
    let all = vec![by_ada.clone(), refused.clone(), on_eve.clone(), nobody.clone()];
    stores.audit.append(all).await.unwrap();
    let any = AuditFilter::default;
    let account = |id| AuditFilter { account: Some(id), ..any() };
    let act = |act| AuditFilter { act: Some(act), ..any() };
    for (filter, expected) in [
        (any(), vec![nobody.clone(), on_eve.clone(), refused.clone(), by_ada.clone()]),
        (account(ada), vec![refused.clone(), by_ada.clone()]),
        (account(eve), vec![on_eve.clone(), refused.clone(), by_ada.clone()]),
        (account(AccountId::new(at(0), &Drawn)), vec![]),
        (act(Act::ACCOUNT_UNLOCKED), vec![nobody, on_eve.clone()]),
        (AuditFilter { outcome: Some(Outcome::Refused), ..any() }, vec![refused.clone()]),
        (AuditFilter { outcome: Some(Outcome::Done), ..account(ada) }, vec![by_ada]),
        (AuditFilter { account: Some(eve), ..act(Act::ACCOUNT_UNLOCKED) }, vec![on_eve]),
        (AuditFilter { until: Some(at(3)), outcome: Some(Outcome::Refused), ..account(eve) }, vec![refused]),
    ] {
        for limit in [1, 50] {
            assert_eq!(found(stores, &filter, limit).await.0, expected, "{filter:?}");
        }
    }
}

pub(crate) async fn a_time_is_half_open_to_the_microsecond(stores: &Stores) {
    let moments =
        [0, 999, 1_000, 1_001, 2_000].map(|micros| at(5) + std::time::Duration::from_micros(micros));
    let events: Vec<_> = moments.map(|moment| event(Act::CODE_SENT, moment)).into();
    stores.audit.append(events.clone()).await.unwrap();
    let moments = |from: usize, until: usize| AuditFilter {
        since: Some(moments[from]),
        until: Some(moments[until]),
        ..AuditFilter::default()
    };
    for (from, until) in [(0, 4), (1, 3), (2, 3), (2, 2), (3, 1), (0, 1)] {
        let expected: Vec<_> = (from..until).rev().map(|number| events[number].at).collect();
        let found = found(stores, &moments(from, until), 2).await.0;
        // Of one millisecond the order is the ids', which are random there.
        let mut found: Vec<_> = found.into_iter().map(|event| event.at).collect();
        found.sort_unstable_by(|one, other| other.cmp(one));
        assert_eq!(found, expected, "{from} {until}");
    }
}

/// A page looks through so many events and no more: it may be empty, and go on.
pub(crate) async fn a_filter_finds_what_is_rare_page_by_page(stores: &Stores) {
    let rare = event(Act::SIGNING_KEY_CREATED, at(0));
    let mut events = vec![rare.clone()];
    events.extend((1..2_500).map(|seconds| event(Act::SESSION_REFRESHED, at(seconds))));
    for batch in events.chunks(symbolon_domain::audit::MOST_EVENTS) {
        stores.audit.append(batch.to_vec()).await.unwrap();
    }
    let filter = AuditFilter { act: Some(Act::SIGNING_KEY_CREATED), ..AuditFilter::default() };
    let (found, pages) = found(stores, &filter, 10).await;
    assert_eq!(found, [rare]);
    assert!(pages >= 2, "{pages}");
}
