//! The suite of `DeviceTokenStore`: requests, claims, exchanges, ends. Seats are in [`seats`].

use std::{num::NonZeroU32, time::Duration};

use symbolon_domain::{
    accounts::AccountState,
    audit::Act,
    clock::Timestamp,
    device_tokens::{
        ClaimOutcome, DeviceId, DeviceToken, ExchangeOutcome, FoundDeviceToken, Holder, NewDeviceToken,
        NewTokenRequest, REQUESTS, ReserveClaimError, ReservedClaim, TokenGone,
    },
    entropy::random_bytes,
    id::{DeviceTokenId, SessionId, TokenRequestId},
    one_time_codes::{SlotLimit, SlotOwner},
    page::PageRequest,
    sealing::SealedBytes,
    sessions::RevokeSessions,
};

use super::{
    Stores,
    api_keys::end_sessions,
    given::{
        Drawn, MANY, MICROSECOND, WINDOW, at, count, effects, email, event, events_of, everything, hash,
        messages, person, race, sign_in, written,
    },
    licenses::{self, granted, new_license, whoever_has},
};

mod seats;

pub(crate) use self::seats::*;

const DEVICE: &str = "adas-laptop-7f3a";
const ATTEMPTS: u32 = 5;
/// How long a claim code lives here.
const LIFE: Duration = Duration::from_secs(300);
/// How long a device token lives here.
const TOKEN_LIFE: Duration = Duration::from_secs(43_200);

pub(crate) fn device(id: &str) -> DeviceId {
    id.parse().unwrap()
}

pub(crate) fn external() -> Holder {
    "https://id.example.org|ada|with a bar".parse().unwrap()
}

/// A request of this holder's for this device.
pub(crate) fn new_request(holder: &Holder, device_id: &str, now: Timestamp) -> NewTokenRequest {
    let id = TokenRequestId::new(now, &Drawn);
    let owner = SlotOwner::new(REQUESTS, hash());
    NewTokenRequest {
        id,
        holder: holder.clone(),
        device_id: device(device_id),
        code: hash(),
        created_at: now,
        expires_at: now + LIFE,
        token_expires_at: now + TOKEN_LIFE,
        limit: SlotLimit { owner, slots: 5, window: WINDOW },
        effects: effects(Act::DEVICE_TOKEN_REQUESTED, now),
    }
}

/// A token for this device, without a licence.
pub(crate) fn new_token(holder: &Holder, device_id: &str, now: Timestamp) -> DeviceToken {
    DeviceToken {
        id: DeviceTokenId::new(now, &Drawn),
        holder: holder.clone(),
        address: None,
        device_id: device(device_id),
        license: None,
        entitlements: vec!["export".to_owned()].try_into().unwrap(),
        seat: None,
        secret: SealedBytes::new(random_bytes::<60>(&Drawn).to_vec()),
        issued_at: now,
        expires_at: now + TOKEN_LIFE,
    }
}

pub(crate) async fn requested(stores: &Stores, request: NewTokenRequest) -> NewTokenRequest {
    stores.device_tokens.request(request.clone()).await.unwrap().unwrap();
    request
}

async fn reserve(
    stores: &Stores,
    request: &NewTokenRequest,
    now: Timestamp,
) -> Result<ReservedClaim, ReserveClaimError> {
    stores.device_tokens.reserve_claim(request.id, &request.holder, ATTEMPTS, now).await
}

async fn gone(stores: &Stores, request: &NewTokenRequest, now: Timestamp) -> TokenGone {
    match reserve(stores, request, now).await {
        Err(ReserveClaimError::Gone(gone)) => gone,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn claim(
    stores: &Stores,
    request: TokenRequestId,
    token: &DeviceToken,
    seats: Option<NonZeroU32>,
) -> ClaimOutcome {
    stores.device_tokens.claim(new_claim(request, token, seats)).await.unwrap()
}

/// Of a token that no session is needed for.
pub(crate) fn new_claim(
    request: TokenRequestId,
    token: &DeviceToken,
    seats: Option<NonZeroU32>,
) -> NewDeviceToken {
    let effects = effects(Act::DEVICE_TOKEN_CLAIMED, token.issued_at);
    NewDeviceToken { request, session: None, token: token.clone(), seats, effects }
}

/// Requests and claims this token.
pub(crate) async fn claimed(stores: &Stores, token: DeviceToken) -> DeviceToken {
    let request = new_request(&token.holder, token.device_id.as_str(), token.issued_at);
    let request = requested(stores, request).await;
    assert_eq!(claim(stores, request.id, &token, None).await, ClaimOutcome::Claimed);
    token
}

async fn exchange(stores: &Stores, id: DeviceTokenId, token: &DeviceToken) -> ExchangeOutcome {
    let effects = effects(Act::DEVICE_TOKEN_EXCHANGED, token.issued_at);
    stores.device_tokens.exchange(id, token.clone(), None, effects).await.unwrap()
}

pub(crate) async fn revoke(stores: &Stores, id: DeviceTokenId, holder: &Holder) -> bool {
    stores.device_tokens.revoke(id, holder, effects(Act::DEVICE_TOKEN_REVOKED, at(0))).await.unwrap()
}

pub(crate) async fn find(stores: &Stores, token: &DeviceToken) -> Option<FoundDeviceToken> {
    stores.device_tokens.find(token.id).await.unwrap()
}

async fn is_revoked(stores: &Stores, token: &DeviceToken) -> bool {
    find(stores, token).await.unwrap().is_revoked
}

async fn listed(stores: &Stores, holder: &Holder, now: Timestamp) -> Vec<DeviceToken> {
    stores.device_tokens.list(holder, now, everything()).await.unwrap().items
}

async fn ada(stores: &Stores) -> Holder {
    Holder::Account(person(stores, "ada@example.org", at(0)).await.id)
}

/// D5: with its message, for the holder only.
pub(crate) async fn a_request_is_paid_for_and_judged(stores: &Stores) {
    let ada = ada(stores).await;
    let before = messages(stores).await.len();
    let request = requested(stores, new_request(&ada, DEVICE, at(0))).await;
    assert_eq!(messages(stores).await.len(), before + 1);
    let reserved = reserve(stores, &request, at(1)).await.unwrap();
    let expected = ReservedClaim {
        device_id: request.device_id.clone(),
        code: request.code,
        token_expires_at: request.token_expires_at,
    };
    assert_eq!(reserved, expected);
    let other = NewTokenRequest { holder: external(), ..request.clone() };
    assert!(matches!(reserve(stores, &other, at(1)).await, Err(ReserveClaimError::Unknown)));
    let unknown = new_request(&ada, DEVICE, at(0));
    assert!(matches!(reserve(stores, &unknown, at(1)).await, Err(ReserveClaimError::Unknown)));
}

/// D8: five, and none is paid for by what is refused.
pub(crate) async fn a_request_has_five_guesses(stores: &Stores) {
    let request = requested(stores, new_request(&external(), DEVICE, at(0))).await;
    let other = NewTokenRequest { holder: ada(stores).await, ..request.clone() };
    for _ in 0..ATTEMPTS {
        assert!(reserve(stores, &other, at(1)).await.is_err());
        reserve(stores, &request, at(1)).await.unwrap();
    }
    assert_eq!(gone(stores, &request, at(1)).await, TokenGone::AttemptsExhausted);
    assert_eq!(gone(stores, &request, at(300)).await, TokenGone::AttemptsExhausted);
}

/// D8, C11: a thousand at once.
pub(crate) async fn of_a_thousand_guesses_at_a_request_five_are_judged(stores: &Stores) {
    let request = requested(stores, new_request(&external(), DEVICE, at(0))).await;
    let guessing = (0..1_000).map(|_| {
        let (stores, request) = (stores.clone(), request.clone());
        async move { reserve(&stores, &request, at(1)).await }
    });
    let outcomes = race(guessing).await;
    let paid = count(&outcomes, Result::is_ok);
    let exhausted = |outcome: &Result<_, _>| {
        matches!(outcome, Err(ReserveClaimError::Gone(TokenGone::AttemptsExhausted)))
    };
    let busy = |outcome: &Result<_, _>| matches!(outcome, Err(ReserveClaimError::Store(_)));
    assert!(paid <= 5, "{paid}");
    assert_eq!(paid + count(&outcomes, exhausted) + count(&outcomes, busy), 1_000);
    // Whoever was told to come back later finds what is left.
    for _ in paid..5 {
        reserve(stores, &request, at(1)).await.unwrap();
    }
    assert_eq!(gone(stores, &request, at(1)).await, TokenGone::AttemptsExhausted);
}

/// D4: judged at its very end.
pub(crate) async fn a_request_ends_at_its_very_end(stores: &Stores) {
    let request = requested(stores, new_request(&external(), DEVICE, at(0))).await;
    reserve(stores, &request, at(300) - MICROSECOND).await.unwrap();
    assert_eq!(gone(stores, &request, at(300)).await, TokenGone::Expired);
    let late = new_token(&request.holder, DEVICE, at(300));
    assert_eq!(claim(stores, request.id, &late, None).await, ClaimOutcome::Gone(TokenGone::Expired));
    let in_time = new_token(&request.holder, DEVICE, at(300) - MICROSECOND);
    assert_eq!(claim(stores, request.id, &in_time, None).await, ClaimOutcome::Claimed);
}

/// D7, C26: not in a session that was ended after the caller had shown it, by itself or with all others, nor in somebody else's;
/// the request stays.
pub(crate) async fn a_token_is_claimed_in_a_session_that_stands_only(stores: &Stores) {
    let (ada, eve) =
        (person(stores, "ada@example.org", at(0)).await, person(stores, "eve@example.org", at(0)).await);
    let holder = Holder::Account(ada.id);
    let request = requested(stores, new_request(&holder, DEVICE, at(1))).await;
    let ended = sign_in(stores, &ada, at(1)).await;
    let event = effects(Act::SESSION_REVOKED, at(2));
    assert!(stores.sessions.revoke(ada.id, ended.id, event, at(2)).await.unwrap());
    let token = new_token(&holder, DEVICE, at(2));
    let try_in = async |session| {
        let claim = NewDeviceToken { session: Some(session), ..new_claim(request.id, &token, None) };
        let outcome = stores.device_tokens.claim(claim).await.unwrap();
        assert_eq!(find(stores, &token).await.is_some(), outcome == ClaimOutcome::Claimed);
        outcome
    };
    for session in [ended.id, eve.session.id, SessionId::new(at(0), &Drawn)] {
        assert_eq!(try_in(session).await, ClaimOutcome::Denied);
    }
    end_sessions(stores, ada.id).await;
    assert_eq!(try_in(ada.session.id).await, ClaimOutcome::Denied);
    let anew = sign_in(stores, &ada, at(3)).await;
    assert_eq!(try_in(anew.id).await, ClaimOutcome::Claimed);
    assert!(!is_revoked(stores, &token).await);
}

/// D6: of one device, in the order in which they were written; other devices and other users are left alone.
pub(crate) async fn a_newer_request_takes_the_place_of_an_older_one(stores: &Stores) {
    let first = requested(stores, new_request(&external(), DEVICE, at(0))).await;
    let elsewhere = requested(stores, new_request(&external(), "another-device", at(1))).await;
    let theirs = requested(stores, new_request(&ada(stores).await, DEVICE, at(1))).await;
    reserve(stores, &first, at(2)).await.unwrap();
    let second = requested(stores, new_request(&external(), DEVICE, at(3))).await;
    assert_eq!(gone(stores, &first, at(4)).await, TokenGone::Superseded);
    let token = new_token(&first.holder, DEVICE, at(4));
    assert_eq!(claim(stores, first.id, &token, None).await, ClaimOutcome::Gone(TokenGone::Superseded));
    for request in [&elsewhere, &theirs, &second] {
        reserve(stores, request, at(4)).await.unwrap();
    }
    assert_eq!(claim(stores, second.id, &token, None).await, ClaimOutcome::Claimed);
    // Also once the newer one is claimed.
    assert_eq!(gone(stores, &first, at(4)).await, TokenGone::Superseded);
    assert_eq!(gone(stores, &second, at(4)).await, TokenGone::Consumed);
}

/// D6: one of many requests at once is left.
pub(crate) async fn of_many_requests_of_one_device_one_is_left(stores: &Stores) {
    let requests: Vec<_> = (0..8).map(|_| new_request(&external(), DEVICE, at(0))).collect();
    race(requests.clone().into_iter().map(|request| {
        let stores = stores.clone();
        async move { requested(&stores, request).await }
    }))
    .await;
    let mut left = 0;
    for request in &requests {
        match reserve(stores, request, at(9)).await {
            Ok(_) => left += 1,
            Err(ReserveClaimError::Gone(TokenGone::Superseded)) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(left, 1);
}

/// D6: also where the clock of the node that wrote the one before is ahead.
pub(crate) async fn a_request_of_a_slower_clock_takes_its_place(stores: &Stores) {
    let ahead = requested(stores, new_request(&external(), DEVICE, at(20))).await;
    let token = new_token(&external(), DEVICE, at(20));
    assert_eq!(claim(stores, ahead.id, &token, None).await, ClaimOutcome::Claimed);
    let behind = requested(stores, new_request(&external(), DEVICE, at(10))).await;
    reserve(stores, &behind, at(10)).await.unwrap();
    let later = requested(stores, new_request(&external(), DEVICE, at(5))).await;
    assert_eq!(gone(stores, &behind, at(11)).await, TokenGone::Superseded);
    assert_eq!(
        claim(stores, later.id, &new_token(&external(), DEVICE, at(11)), None).await,
        ClaimOutcome::Claimed
    );
    assert_eq!(gone(stores, &ahead, at(20)).await, TokenGone::Consumed);
}

/// D6: five in 900 s; the sixth is told when, and writes nothing.
pub(crate) async fn a_user_has_five_requests_in_the_window(stores: &Stores) {
    let first = new_request(&external(), DEVICE, at(0));
    let again =
        |second| NewTokenRequest { limit: first.limit, ..new_request(&external(), DEVICE, at(second)) };
    requested(stores, first.clone()).await;
    for second in 1..5 {
        requested(stores, again(second)).await;
    }
    let before = written(stores).await;
    let refused = stores.device_tokens.request(again(10)).await.unwrap();
    assert_eq!(refused, Err(at(900)));
    assert_eq!(written(stores).await, before);
    assert_eq!(stores.device_tokens.request(again(899)).await.unwrap(), Err(at(900)));
    requested(stores, again(900)).await;
}

/// D7: the request is consumed and the device has its token, which says what was written.
pub(crate) async fn a_claim_is_written_once(stores: &Stores) {
    for holder in [ada(stores).await, external()] {
        let request = requested(stores, new_request(&holder, DEVICE, at(0))).await;
        let license = granted(stores, new_license(whoever_has("ada@example.org"), at(60))).await;
        let token = DeviceToken {
            license: Some(license.id),
            address: holder.account().is_none().then(|| email("Ada@example.org")),
            ..new_token(&holder, DEVICE, at(1))
        };
        assert_eq!(claim(stores, request.id, &token, None).await, ClaimOutcome::Claimed);
        let expected = FoundDeviceToken { token: token.clone(), is_revoked: false };
        assert_eq!(find(stores, &token).await, Some(expected));
        assert_eq!(gone(stores, &request, at(1)).await, TokenGone::Consumed);
        let second = new_token(&holder, DEVICE, at(2));
        assert_eq!(claim(stores, request.id, &second, None).await, ClaimOutcome::Gone(TokenGone::Consumed));
        assert_eq!(find(stores, &second).await, None);
        assert_eq!(listed(stores, &holder, at(2)).await, [token]);
    }
    assert_eq!(events_of(stores, Act::DEVICE_TOKEN_CLAIMED).await.len(), 2);
}

/// D7, X7: fifty right ones at once.
pub(crate) async fn of_many_claims_of_one_request_one_wins(stores: &Stores) {
    let ada = ada(stores).await;
    let request = requested(stores, new_request(&ada, DEVICE, at(0))).await;
    let claiming = (0..MANY).map(|_| {
        let (stores, token) = (stores.clone(), new_token(&ada, DEVICE, at(1)));
        async move { (claim(&stores, request.id, &token, None).await, token) }
    });
    let outcomes = race(claiming).await;
    let won: Vec<_> = outcomes.iter().filter(|(outcome, _)| *outcome == ClaimOutcome::Claimed).collect();
    assert_eq!(won.len(), 1);
    let lost = |(outcome, _): &(ClaimOutcome, _)| *outcome == ClaimOutcome::Gone(TokenGone::Consumed);
    assert_eq!(count(&outcomes, lost), MANY - 1);
    assert_eq!(listed(stores, &ada, at(1)).await, [won.first().unwrap().1.clone()]);
    assert_eq!(events_of(stores, Act::DEVICE_TOKEN_CLAIMED).await.len(), 1);
}

/// D7: a device has one token; the one before is not there any more.
pub(crate) async fn a_claim_takes_the_place_of_the_devices_token(stores: &Stores) {
    let ada = ada(stores).await;
    let first = claimed(stores, new_token(&ada, DEVICE, at(0))).await;
    let other = claimed(stores, new_token(&ada, "another-device", at(1))).await;
    let theirs = claimed(stores, new_token(&external(), DEVICE, at(1))).await;
    let second = claimed(stores, new_token(&ada, DEVICE, at(2))).await;
    assert_eq!(find(stores, &first).await, None);
    assert_eq!(listed(stores, &ada, at(2)).await, [second, other]);
    assert_eq!(listed(stores, &external(), at(2)).await, [theirs]);
}

/// Nothing is claimed for an account that may not be used.
pub(crate) async fn nothing_is_claimed_for_a_closed_account(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let holder = Holder::Account(ada);
    let request = requested(stores, new_request(&holder, DEVICE, at(0))).await;
    stores.backdoor.lock(ada).await;
    let token = new_token(&holder, DEVICE, at(1));
    assert_eq!(claim(stores, request.id, &token, None).await, ClaimOutcome::Denied);
    assert_eq!(find(stores, &token).await, None);
    stores.backdoor.set_state(ada, AccountState::Active).await;
    assert_eq!(claim(stores, request.id, &token, None).await, ClaimOutcome::Claimed, "nothing was consumed");
}

/// D11, C26: with the account's rights, and for good.
pub(crate) async fn device_tokens_end_with_their_accounts_rights(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let token = claimed(stores, new_token(&Holder::Account(ada), DEVICE, at(0))).await;
    assert!(!is_revoked(stores, &token).await);
    stores.backdoor.lock(ada).await;
    assert!(is_revoked(stores, &token).await);
    assert_eq!(listed(stores, &token.holder, at(1)).await, []);
    stores.backdoor.set_state(ada, AccountState::Active).await;
    assert!(!is_revoked(stores, &token).await);
    let effects = symbolon_domain::effects::Effects::event(event(Act::SESSIONS_REVOKED, at(1)));
    stores.sessions.revoke_many(ada, RevokeSessions::All, effects).await.unwrap();
    assert!(is_revoked(stores, &token).await, "of an earlier epoch");
    let next = claimed(stores, new_token(&token.holder, DEVICE, at(2))).await;
    assert!(!is_revoked(stores, &next).await, "under the present epoch");
}

/// L3: with the licence that they were given for.
pub(crate) async fn device_tokens_end_with_their_license(stores: &Stores) {
    let license = granted(stores, new_license(whoever_has("ada@example.org"), at(9_000))).await;
    let other = granted(stores, new_license(whoever_has("ada@example.org"), at(9_000))).await;
    let with = |id, device: &str| DeviceToken { license: Some(id), ..new_token(&external(), device, at(0)) };
    let ends = claimed(stores, with(license.id, DEVICE)).await;
    let stays = claimed(stores, with(other.id, "another-device")).await;
    assert!(licenses::revoke(stores, license.id, at(1)).await);
    assert!(is_revoked(stores, &ends).await);
    assert!(!is_revoked(stores, &stays).await);
    assert_eq!(listed(stores, &external(), at(1)).await, [stays]);
}

/// D12: the new one is there and the old one is not.
pub(crate) async fn a_token_is_exchanged_once(stores: &Stores) {
    for holder in [ada(stores).await, external()] {
        let old = claimed(stores, new_token(&holder, DEVICE, at(0))).await;
        let new = new_token(&holder, DEVICE, at(40_000));
        assert_eq!(exchange(stores, old.id, &new).await, ExchangeOutcome::Exchanged);
        assert_eq!(find(stores, &old).await, None);
        assert!(!is_revoked(stores, &new).await);
        let again = new_token(&holder, DEVICE, at(40_001));
        assert_eq!(exchange(stores, old.id, &again).await, ExchangeOutcome::Gone);
        assert_eq!(listed(stores, &holder, at(40_001)).await, [new]);
    }
    assert_eq!(events_of(stores, Act::DEVICE_TOKEN_EXCHANGED).await.len(), 2);
}

/// D12, X7: fifty at once.
pub(crate) async fn of_many_exchanges_of_one_token_one_wins(stores: &Stores) {
    let old = claimed(stores, new_token(&ada(stores).await, DEVICE, at(0))).await;
    let exchanging = (0..MANY).map(|_| {
        let (stores, old, new) = (stores.clone(), old.id, new_token(&old.holder, DEVICE, at(40_000)));
        async move { (exchange(&stores, old, &new).await, new) }
    });
    let outcomes = race(exchanging).await;
    let won: Vec<_> = outcomes.iter().filter(|(outcome, _)| *outcome == ExchangeOutcome::Exchanged).collect();
    assert_eq!(won.len(), 1);
    assert_eq!(listed(stores, &old.holder, at(40_000)).await, [won.first().unwrap().1.clone()]);
}

/// D12: not for another device or holder, not at its end, not with its account or licence gone.
pub(crate) async fn only_a_token_that_counts_is_exchanged(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let holder = Holder::Account(ada);
    let license = granted(stores, new_license(whoever_has("ada@example.org"), at(99_000))).await;
    let old = DeviceToken { license: Some(license.id), ..new_token(&holder, DEVICE, at(0)) };
    claimed(stores, old.clone()).await;
    let refused = async |new: DeviceToken| {
        assert_eq!(exchange(stores, old.id, &new).await, ExchangeOutcome::Gone);
        assert_eq!(find(stores, &new).await, None);
    };
    refused(new_token(&holder, "another-device", at(1))).await;
    refused(new_token(&external(), DEVICE, at(1))).await;
    refused(new_token(&holder, DEVICE, old.expires_at)).await;
    stores.backdoor.lock(ada).await;
    refused(new_token(&holder, DEVICE, at(1))).await;
    stores.backdoor.set_state(ada, AccountState::Active).await;
    let last = new_token(&holder, DEVICE, old.expires_at - MICROSECOND);
    assert!(licenses::revoke(stores, license.id, at(1)).await);
    refused(last).await;
    assert!(find(stores, &old).await.is_some(), "it stays what it was");
}

/// D11: by whoever holds it only; then it is not there.
pub(crate) async fn a_device_token_is_revoked(stores: &Stores) {
    let token = claimed(stores, new_token(&ada(stores).await, DEVICE, at(0))).await;
    assert!(!revoke(stores, token.id, &external()).await);
    assert!(find(stores, &token).await.is_some());
    assert!(revoke(stores, token.id, &token.holder).await);
    assert_eq!(find(stores, &token).await, None);
    assert!(!revoke(stores, token.id, &token.holder).await);
    assert_eq!(listed(stores, &token.holder, at(1)).await, []);
    assert_eq!(events_of(stores, Act::DEVICE_TOKEN_REVOKED).await.len(), 1);
    let next = claimed(stores, new_token(&token.holder, DEVICE, at(1))).await;
    assert!(find(stores, &next).await.is_some());
}

pub(crate) async fn device_tokens_are_listed_newest_first_while_they_count(stores: &Stores) {
    let holder = external();
    let mut all = Vec::new();
    for second in 0..5 {
        all.push(claimed(stores, new_token(&holder, &format!("device-number-{second}"), at(second))).await);
    }
    all.reverse();
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = stores.device_tokens.list(&holder, at(5), PageRequest::new(2, after)).await.unwrap();
        found.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(found, all);
    // The first one ends.
    all.pop();
    let end = at(0) + TOKEN_LIFE;
    assert_eq!(listed(stores, &holder, end).await, all);
    assert_eq!(listed(stores, &holder, end - MICROSECOND).await.len(), 5);
}
