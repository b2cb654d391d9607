//! Seats (L5): as many devices at a time as the licence says.

use std::num::NonZeroU32;

use symbolon_domain::{
    audit::Act,
    clock::Timestamp,
    device_tokens::{ClaimOutcome, DeviceToken, ExchangeOutcome, Holder},
    effects::Effects,
    id::LicenseId,
    licenses::SeatKey,
    sessions::RevokeSessions,
};

use super::{TOKEN_LIFE, claim, external, find, new_claim, new_request, new_token, requested, revoke};
use crate::contract::{
    Stores,
    given::{Drawn, MANY, MICROSECOND, at, count, effects, event, person, race},
};

const TWO: Option<NonZeroU32> = NonZeroU32::new(2);

fn seat() -> SeatKey {
    SeatKey::of_license(LicenseId::new(at(0), &Drawn))
}

fn with_seat(seat: SeatKey, device: &str, now: Timestamp) -> DeviceToken {
    DeviceToken { seat: Some(seat), ..new_token(&external(), device, now) }
}

async fn try_claim(stores: &Stores, token: &DeviceToken, seats: Option<NonZeroU32>) -> ClaimOutcome {
    let request = new_request(&token.holder, token.device_id.as_str(), token.issued_at);
    let request = requested(stores, request).await;
    claim(stores, request.id, token, seats).await
}

/// L5: the third device finds none, its request stays, and one that is revoked makes room.
pub(crate) async fn a_license_has_so_many_seats(stores: &Stores) {
    let seat = seat();
    let [first, second, third] =
        ["first-device", "second-device", "third-device"].map(|d| with_seat(seat, d, at(0)));
    assert_eq!(try_claim(stores, &first, TWO).await, ClaimOutcome::Claimed);
    assert_eq!(try_claim(stores, &second, TWO).await, ClaimOutcome::Claimed);
    let request = requested(stores, new_request(&third.holder, "third-device", at(0))).await;
    assert_eq!(claim(stores, request.id, &third, TWO).await, ClaimOutcome::NoSeat);
    assert_eq!(find(stores, &third).await, None);
    assert!(revoke(stores, first.id, &first.holder).await);
    assert_eq!(claim(stores, request.id, &third, TWO).await, ClaimOutcome::Claimed);
    // Another licence has its own, and one without seats any number.
    let elsewhere =
        DeviceToken { seat: Some(self::seat()), ..new_token(&external(), "fourth-device", at(0)) };
    assert_eq!(try_claim(stores, &elsewhere, TWO).await, ClaimOutcome::Claimed);
    let free = new_token(&external(), "fifth-device", at(0));
    assert_eq!(try_claim(stores, &free, None).await, ClaimOutcome::Claimed);
}

/// L5: a seat is free at the end of its token, whether that was swept or not.
pub(crate) async fn a_seat_is_free_at_the_end_of_its_token(stores: &Stores) {
    let (seat, one) = (seat(), NonZeroU32::new(1));
    assert_eq!(try_claim(stores, &with_seat(seat, "first-device", at(0)), one).await, ClaimOutcome::Claimed);
    let end = at(0) + TOKEN_LIFE;
    let early = with_seat(seat, "second-device", end - MICROSECOND);
    assert_eq!(try_claim(stores, &early, one).await, ClaimOutcome::NoSeat);
    let in_time = with_seat(seat, "second-device", end);
    assert_eq!(try_claim(stores, &in_time, one).await, ClaimOutcome::Claimed);
}

/// L5: the same device, by a claim or an exchange, takes no other seat, and keeps it until its new end.
pub(crate) async fn a_device_keeps_its_seat(stores: &Stores) {
    let (seat, one) = (seat(), NonZeroU32::new(1));
    let first = with_seat(seat, "first-device", at(0));
    assert_eq!(try_claim(stores, &first, one).await, ClaimOutcome::Claimed);
    let again = with_seat(seat, "first-device", at(10));
    assert_eq!(try_claim(stores, &again, one).await, ClaimOutcome::Claimed);
    let exchanged = with_seat(seat, "first-device", at(40_000));
    let effects = effects(Act::DEVICE_TOKEN_EXCHANGED, at(40_000));
    let outcome = stores.device_tokens.exchange(again.id, exchanged.clone(), one, effects).await.unwrap();
    assert_eq!(outcome, ExchangeOutcome::Exchanged);
    // After the first two would have ended.
    let other = with_seat(seat, "second-device", at(45_000));
    assert_eq!(try_claim(stores, &other, one).await, ClaimOutcome::NoSeat);
    assert!(revoke(stores, exchanged.id, &exchanged.holder).await);
    assert_eq!(try_claim(stores, &other, one).await, ClaimOutcome::Claimed);
}

/// L5: whoever moves to another licence gives the seat of the one before back, and whoever finds none there keeps it.
pub(crate) async fn a_seat_of_the_license_before_is_given_back(stores: &Stores) {
    let (old, new, one) = (seat(), seat(), NonZeroU32::new(1));
    let mover = with_seat(old, "first-device", at(0));
    assert_eq!(try_claim(stores, &mover, one).await, ClaimOutcome::Claimed);
    let holds = with_seat(new, "second-device", at(0));
    assert_eq!(try_claim(stores, &holds, one).await, ClaimOutcome::Claimed);
    let moved = with_seat(new, "first-device", at(1));
    assert_eq!(try_claim(stores, &moved, one).await, ClaimOutcome::NoSeat);
    assert!(find(stores, &mover).await.is_some(), "the token before stays");
    let waits = with_seat(old, "third-device", at(1));
    assert_eq!(try_claim(stores, &waits, one).await, ClaimOutcome::NoSeat);
    assert!(revoke(stores, holds.id, &holds.holder).await);
    assert_eq!(try_claim(stores, &moved, one).await, ClaimOutcome::Claimed);
    assert_eq!(try_claim(stores, &waits, one).await, ClaimOutcome::Claimed);
}

/// L5, D11: what ended with its account's rights is removed, its seat is free, and what counts stays.
pub(crate) async fn a_revoked_token_gives_its_seat_back(stores: &Stores) {
    let (seat, one) = (seat(), NonZeroU32::new(1));
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let holder = Holder::Account(ada);
    let with = |device: &str, now| DeviceToken { seat: Some(seat), ..new_token(&holder, device, now) };
    let dead = with("first-device", at(0));
    assert_eq!(try_claim(stores, &dead, one).await, ClaimOutcome::Claimed);
    let other = with_seat(self::seat(), "first-device", at(0));
    assert_eq!(try_claim(stores, &other, one).await, ClaimOutcome::Claimed);
    assert!(!stores.device_tokens.forget_revoked(&holder).await.unwrap(), "it counts");
    let ended = Effects::event(event(Act::SESSIONS_REVOKED, at(1)));
    stores.sessions.revoke_many(ada, RevokeSessions::All, ended).await.unwrap();
    let next = with("second-device", at(2));
    assert_eq!(try_claim(stores, &next, one).await, ClaimOutcome::NoSeat);
    assert!(stores.device_tokens.forget_revoked(&holder).await.unwrap());
    assert_eq!(find(stores, &dead).await, None);
    assert_eq!(try_claim(stores, &next, one).await, ClaimOutcome::Claimed);
    assert!(!stores.device_tokens.forget_revoked(&holder).await.unwrap());
    assert!(find(stores, &next).await.is_some() && find(stores, &other).await.is_some());
}

/// L5, X7: of fifty devices at once as many win as there are seats.
pub(crate) async fn of_many_claims_at_once_as_many_win_as_there_are_seats(stores: &Stores) {
    let (seat, seven) = (seat(), NonZeroU32::new(7));
    let mut claims = Vec::new();
    for number in 0..MANY {
        let holder: Holder = format!("https://id.example.org|user-{number}").parse().unwrap();
        let token = DeviceToken { seat: Some(seat), ..new_token(&holder, "the-device", at(0)) };
        let request = requested(stores, new_request(&holder, "the-device", at(0))).await;
        claims.push((request.id, token));
    }
    let mut won = 0;
    // Whoever was told that the store is busy comes back.
    for _ in 0..20 {
        let claiming = claims.clone().into_iter().map(|(request, token)| {
            let stores = stores.clone();
            async move {
                let outcome = stores.device_tokens.claim(new_claim(request, &token, seven)).await;
                (outcome.ok(), (request, token))
            }
        });
        let outcomes = race(claiming).await;
        won += count(&outcomes, |(outcome, _)| *outcome == Some(ClaimOutcome::Claimed));
        claims =
            outcomes.into_iter().filter(|(outcome, _)| outcome.is_none()).map(|(_, claim)| claim).collect();
        if claims.is_empty() {
            break;
        }
    }
    assert_eq!((won, claims.len()), (7, 0));
}
