//! The suite of `SweepStore`, through the sweeper itself: what goes, when, how much at once, and who takes it.

use std::{sync::Arc, time::Duration};

use symbolon_domain::{
    actor::Role,
    clock::Timestamp,
    device_tokens::ReserveClaimError,
    effects::Effects,
    outbox::{FinishMessage, LeaseMessages, MessageState},
    sessions::{RefreshOutcome, RefreshRefusal},
    sweeper::{Horizon, Sweep, Sweeper, SweeperSettings, Swept},
};

use super::{
    Stores,
    api_keys::{self, issued},
    device_tokens::{claimed, external, find, new_request, new_token, requested},
    given::{
        DAY, Drawn, LIMITS, MANY, MICROSECOND, at, count, everything, messages, new_sign_in, new_sign_up,
        person, race,
    },
    invitations::new_invitation,
    recovery::by_code,
    sessions::shown,
};
use crate::support::app::FixedClock;

const MILLISECOND: Duration = Duration::from_millis(1);
const LEASE: Duration = Duration::from_secs(180);

/// The sweeper of a node that has just started, at this moment.
fn sweeper(stores: &Stores, now: Timestamp) -> Sweeper {
    let clock = FixedClock::new();
    clock.set(now);
    let settings = SweeperSettings { lease: LEASE, session_life: 90 * DAY, device_token_life: DAY / 2 };
    Sweeper::new(stores.sweeper.clone(), Arc::new(clock), &Drawn, settings)
}

/// How many rows go at this moment. The lease is free, because the one before was taken more than its life ago.
async fn swept(stores: &Stores, now: Timestamp) -> usize {
    match sweeper(stores, now).sweep().await.unwrap() {
        Swept::Deleted { rows, more: false } => rows,
        other => panic!("{other:?}"),
    }
}

/// S1, S11, K8: not even on the day when they end.
pub(crate) async fn what_still_counts_is_not_swept(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let token = &ada.session.refresh_token;
    let begun = new_sign_up("eve@example.org", at(0));
    stores.sign_ups.begin(begun.clone()).await.unwrap();
    let sign_in = new_sign_in(ada.id, at(0));
    stores.sign_ins.begin(sign_in.clone()).await.unwrap();
    let recovery = by_code(ada.id, at(0));
    stores.recoveries.begin(recovery.clone()).await.unwrap();
    let invitation = new_invitation("grace@example.org", Role::Staff);
    stores.invitations.write(invitation.clone()).await.unwrap();
    let key = issued(stores, ada.id, at(0)).await;
    stores.api_keys.refresh(api_keys::shown(&key.token, at(60))).await.unwrap();
    let request = requested(stores, new_request(&external(), "adas-laptop", at(0))).await;
    let device_token = claimed(stores, new_token(&external(), "adas-telephone", at(0))).await;
    let pending = messages(stores).await.len();

    sweeper(stores, request.expires_at - MICROSECOND).sweep().await.unwrap();
    let guess = stores.device_tokens.reserve_claim(request.id, &request.holder, 5, at(1));
    guess.await.unwrap();
    sweeper(stores, device_token.expires_at - MICROSECOND).sweep().await.unwrap();
    assert!(find(stores, &device_token).await.is_some());
    sweeper(stores, begun.expires_at - MICROSECOND).sweep().await.unwrap();
    stores.codes.reserve_attempt(begun.id, LIMITS, at(1)).await.unwrap();
    assert!(stores.sign_ups.find(begun.id).await.unwrap().is_some());
    assert!(stores.sign_ins.find(sign_in.id).await.unwrap().is_some());
    assert!(stores.recoveries.find(recovery.id).await.unwrap().is_some());

    sweeper(stores, invitation.invitation.expires_at - MICROSECOND).sweep().await.unwrap();
    assert!(stores.invitations.find(invitation.id, invitation.hash).await.unwrap().is_some());

    sweeper(stores, key.expires_at - MICROSECOND).sweep().await.unwrap();
    let used = stores.api_keys.find(key.token.id).await.unwrap();
    assert!(used.is_some_and(|used| !used.is_current()), "a used key is recognised");

    sweeper(stores, ada.session.expires_at - MICROSECOND).sweep().await.unwrap();
    let late = stores.sessions.refresh(shown(&ada.session, token, token.expires_at)).await.unwrap();
    assert!(matches!(late, RefreshOutcome::Refused(RefreshRefusal::Expired)), "{late:?}");
    sweeper(stores, key.expires_at + 90 * DAY - MICROSECOND).sweep().await.unwrap();
    let listed = stores.api_keys.list(ada.id, everything()).await.unwrap().items;
    assert_eq!(listed.len(), 1, "a key stays in the list");
    sweeper(stores, ada.session.expires_at + 90 * DAY - MICROSECOND).sweep().await.unwrap();
    assert!(stores.sessions.find(ada.session.id).await.unwrap().is_some(), "a session stays in the history");
    assert_eq!(messages(stores).await.len(), pending, "nobody has delivered them");
    assert!(stores.accounts.find(ada.id).await.unwrap().is_some());
}

/// Each kind at its moment, and nothing else with it.
pub(crate) async fn what_has_ended_is_swept_when_its_time_is_over(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let begun = new_sign_up("eve@example.org", at(0));
    stores.sign_ups.begin(begun.clone()).await.unwrap();
    let sign_in = new_sign_in(ada.id, at(0));
    stores.sign_ins.begin(sign_in.clone()).await.unwrap();
    let recovery = by_code(ada.id, at(0));
    stores.recoveries.begin(recovery.clone()).await.unwrap();
    let invitation = new_invitation("grace@example.org", Role::Staff);
    stores.invitations.write(invitation.clone()).await.unwrap();
    let lease = [7; 16];
    let all = LeaseMessages { lease, now: at(0), until: at(60), limit: 99 };
    let [first, others @ ..] = &*stores.outbox.lease(all).await.unwrap() else { panic!("no messages") };
    let (id, now) = (first.message.id, at(10));
    let finish = FinishMessage { id, lease, state: MessageState::Delivered, reason: None, now };
    assert!(stores.outbox.finish(finish, Effects::default()).await.unwrap());

    // The slots of the two sign-ups and of the recovery, each with a window of 900 s.
    assert_eq!(swept(stores, at(899)).await, 0);
    assert_eq!(swept(stores, at(900) + LEASE).await, 3);
    // A sign-up, a sign-in, a recovery, a code of each, and an invitation; the completed one left nothing.
    assert_eq!(swept(stores, at(0) + DAY).await, 0);
    assert_eq!(swept(stores, at(0) + DAY + LEASE).await, 7);
    assert!(stores.invitations.find(invitation.id, invitation.hash).await.unwrap().is_none());
    assert!(stores.sign_ups.find(begun.id).await.unwrap().is_none());
    assert!(stores.sign_ins.find(sign_in.id).await.unwrap().is_none());
    assert!(stores.recoveries.find(recovery.id).await.unwrap().is_none());
    // One message is done with.
    assert_eq!(swept(stores, at(10) + 30 * DAY - MICROSECOND).await, 0);
    assert_eq!(swept(stores, at(10) + 30 * DAY + LEASE).await, 1);
    assert!(messages(stores).await.iter().all(|message| others.iter().any(|o| o.message.id == message.id)));
    // The session's token, and then the session.
    let (token, end) = (&ada.session.refresh_token, ada.session.expires_at);
    assert_eq!(swept(stores, end).await, 0);
    assert_eq!(swept(stores, end + LEASE).await, 1);
    let late = stores.sessions.refresh(shown(&ada.session, token, end)).await.unwrap();
    assert!(matches!(late, RefreshOutcome::Refused(RefreshRefusal::Unknown)), "{late:?}");
    assert_eq!(swept(stores, end + 90 * DAY).await, 0);
    assert_eq!(swept(stores, end + 90 * DAY + LEASE).await, 1);
    assert!(stores.sessions.find(ada.session.id).await.unwrap().is_none());
    assert!(stores.accounts.find(ada.id).await.unwrap().is_some());
}

/// D4, D12: the requests after a day, claimed or not, the token at its end, and the slots when they are free.
pub(crate) async fn device_tokens_are_swept_when_their_time_is_over(stores: &Stores) {
    let holder = external();
    let request = requested(stores, new_request(&holder, "adas-laptop", at(0))).await;
    let token = claimed(stores, new_token(&holder, "adas-telephone", at(0))).await;
    assert_eq!(swept(stores, at(899)).await, 0);
    assert_eq!(swept(stores, at(900) + LEASE).await, 2);
    assert_eq!(swept(stores, token.expires_at).await, 0);
    assert_eq!(swept(stores, token.expires_at + LEASE).await, 1);
    assert_eq!(find(stores, &token).await, None);
    assert_eq!(swept(stores, at(0) + DAY).await, 0);
    assert_eq!(swept(stores, at(0) + DAY + LEASE).await, 2);
    let guess = stores.device_tokens.reserve_claim(request.id, &holder, 5, at(1)).await;
    assert!(matches!(guess, Err(ReserveClaimError::Unknown)), "{guess:?}");
}

/// K3, K8, K9: its slot when that is free, its used keys at the end of the family, the family when the list has forgotten it.
pub(crate) async fn keys_are_swept_when_the_time_of_their_family_is_over(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let key = issued(stores, ada, at(0)).await;
    let command = api_keys::shown(&key.token, at(60));
    stores.api_keys.refresh(command.clone()).await.unwrap();
    let listed = async || stores.api_keys.list(ada, everything()).await.unwrap().items.len();
    // The slots of the sign-up, and then that of the key.
    assert_eq!(swept(stores, command.successor.ends_at() - MICROSECOND).await, 1);
    assert_eq!(swept(stores, command.successor.ends_at() + LEASE).await, 1);
    let end = key.expires_at;
    assert_eq!(swept(stores, end).await, 0);
    assert_eq!(swept(stores, end + LEASE).await, 2);
    for id in [key.token.id, command.successor.id] {
        assert_eq!(stores.api_keys.find(id).await.unwrap(), None);
    }
    // The session's token is in the way.
    assert_eq!(swept(stores, at(0) + 91 * DAY).await, 1);
    assert_eq!(swept(stores, end + 90 * DAY).await, 0);
    assert_eq!(listed().await, 1);
    assert_eq!(swept(stores, end + 90 * DAY + LEASE).await, 1);
    assert_eq!(listed().await, 0);
}

/// The oldest first; whoever waits behind a step does not wait for all of it.
pub(crate) async fn a_step_takes_so_much_of_each_kind_and_no_more(stores: &Stores) {
    let mut begun = Vec::new();
    for seconds in 0..5 {
        let sign_up = new_sign_up("eve@example.org", at(seconds));
        stores.sign_ups.begin(sign_up.clone()).await.unwrap();
        begun.push(sign_up.id);
    }
    let now = at(5) + 2 * DAY;
    let horizon = Horizon::new(now - DAY, now);
    let step = Sweep {
        holder: [1; 16],
        now,
        until: now + LEASE,
        limit: 2,
        ceremonies: horizon,
        refresh_tokens: horizon,
        sessions: horizon,
        api_key_tokens: horizon,
        api_keys: horizon,
        token_requests: horizon,
        device_tokens: horizon,
        messages: horizon,
    };
    // Of the sign-ups, their codes and their slots.
    for (rows, more, left) in [(6, true, 3), (6, true, 1), (3, false, 0)] {
        assert_eq!(stores.sweeper.sweep(step).await.unwrap(), Swept::Deleted { rows, more });
        for (index, id) in begun.iter().enumerate() {
            let is_there = stores.sign_ups.find(*id).await.unwrap().is_some();
            assert_eq!(is_there, index >= begun.len() - left, "{index} of {left}");
        }
    }
}

/// X6: one, and all others leave it alone.
pub(crate) async fn of_many_nodes_one_sweeps(stores: &Stores) {
    let nodes = (0..MANY).map(|_| {
        let node = sweeper(stores, at(0));
        async move { node.sweep().await.unwrap() }
    });
    let outcomes = race(nodes).await;
    assert_eq!(count(&outcomes, |swept| *swept == Swept::NOTHING), 1);
    assert_eq!(count(&outcomes, |swept| *swept == Swept::HeldByAnother), MANY - 1);
}

/// At its very end, and not before.
pub(crate) async fn another_takes_over_when_the_lease_has_ended(stores: &Stores) {
    assert_eq!(sweeper(stores, at(0)).sweep().await.unwrap(), Swept::NOTHING);
    let early = sweeper(stores, at(0) + LEASE - MICROSECOND).sweep().await.unwrap();
    assert_eq!(early, Swept::HeldByAnother);
    assert_eq!(sweeper(stores, at(0) + LEASE).sweep().await.unwrap(), Swept::NOTHING);
}

pub(crate) async fn whoever_holds_the_lease_prolongs_it(stores: &Stores) {
    let clock = Arc::new(FixedClock::new());
    clock.set(at(0));
    let settings = SweeperSettings { lease: LEASE, session_life: 90 * DAY, device_token_life: DAY / 2 };
    let holder = Sweeper::new(stores.sweeper.clone(), clock.clone(), &Drawn, settings);
    assert_eq!(holder.sweep().await.unwrap(), Swept::NOTHING);
    clock.set(at(0) + LEASE - MILLISECOND);
    assert_eq!(holder.sweep().await.unwrap(), Swept::NOTHING);
    assert_eq!(sweeper(stores, at(0) + LEASE).sweep().await.unwrap(), Swept::HeldByAnother);
}
