//! The suite of `ApiKeyStore`: issuing, finding, ending and listing. The slots are in [`slots`], refreshing is in
//! [`refresh`], the rule about used tokens in [`rotation`].

use std::time::Duration;

use symbolon_domain::{
    accounts::{AccountChange, Standing},
    actor::Role,
    api_keys::{
        ApiKey, ApiKeyToken, FoundApiKey, IssueApiKey, IssueOutcome, NewApiKey, NewApiKeyToken, RateLimit,
        RefreshHash, RefreshLife, RefreshPart, RevokeApiKey, Scopes,
    },
    audit::Act,
    clock::Timestamp,
    effects::Effects,
    entropy::random_bytes,
    id::{AccountId, ApiKeyId, ApiKeyTokenId, SessionId},
    page::PageRequest,
    rotation::TokenUse,
    sessions::RevokeSessions,
};

use super::{
    Stores,
    accounts::administer,
    given::{
        DAY, Drawn, MICROSECOND, at, event, events_of, everything, hash, person, race, sign_in, written,
    },
};

pub(crate) mod refresh;
mod rotation;
mod slots;

pub(crate) use self::{refresh::*, rotation::*, slots::*};

/// The life of a key.
const LIFE: Duration = Duration::from_secs(900);
/// More keys than any test issues to one owner.
const ENOUGH: u32 = 100;

/// A key of a family, with a refresh token of a day.
pub(crate) fn new_api_key_token(now: Timestamp) -> NewApiKeyToken {
    let drawn: [u8; 8] = random_bytes(&Drawn);
    let stored = format!("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA${}", u64::from_be_bytes(drawn));
    NewApiKeyToken {
        id: ApiKeyTokenId::new(now, &Drawn),
        hash: hash(),
        not_before: now,
        expires_at: now + LIFE,
        refresh: Some(RefreshPart {
            hash: RefreshHash::from_stored(stored),
            not_before: now,
            expires_at: now + DAY,
        }),
    }
}

/// A family that has everything a family may have, but a binding.
pub(crate) fn new_api_key(owner: AccountId, now: Timestamp) -> NewApiKey {
    NewApiKey {
        id: ApiKeyId::new(now, &Drawn),
        owner,
        role: Role::Authenticated,
        issuer: "https://example.org".parse().unwrap(),
        audience: "billing".parse().unwrap(),
        subject: "/v1/invoices?year=2030 \"ü\"".parse().unwrap(),
        version: "2".parse().unwrap(),
        scopes: vec!["read".to_owned(), "write".to_owned()].try_into().unwrap(),
        address: None,
        name: Some("nightly export".parse().unwrap()),
        rate_limit: Some(RateLimit { requests: 60, window: Duration::from_secs(60) }),
        lifetime: LIFE,
        refresh: Some(RefreshLife { lifetime: DAY }),
        created_at: now,
        expires_at: now + 30 * DAY,
        prefix: "sym_ak_v4.local.first".to_owned(),
        token: new_api_key_token(now),
    }
}

/// The same for whoever asks for nothing: no refresh token either.
fn plain(owner: AccountId, now: Timestamp) -> NewApiKey {
    let key = new_api_key(owner, now);
    NewApiKey {
        scopes: Scopes::default(),
        name: None,
        rate_limit: None,
        refresh: None,
        expires_at: now + LIFE,
        token: NewApiKeyToken { refresh: None, ..key.token },
        ..key
    }
}

async fn issue(stores: &Stores, key: &NewApiKey, most: u32) -> IssueOutcome {
    let effects = Effects::event(event(Act::API_KEY_ISSUED, key.created_at));
    stores.api_keys.issue(IssueApiKey { key: key.clone(), session: None, most, effects }).await.unwrap()
}

/// A key of this owner's.
pub(crate) async fn issued(stores: &Stores, owner: AccountId, now: Timestamp) -> NewApiKey {
    let key = new_api_key(owner, now);
    assert_eq!(issue(stores, &key, ENOUGH).await, IssueOutcome::Issued);
    key
}

async fn found(stores: &Stores, id: ApiKeyTokenId) -> FoundApiKey {
    stores.api_keys.find(id).await.unwrap().unwrap()
}

/// The family as it is now.
async fn family(stores: &Stores, key: &NewApiKey) -> ApiKey {
    found(stores, key.token.id).await.key
}

pub(crate) async fn is_live(stores: &Stores, key: &NewApiKey, now: Timestamp) -> bool {
    family(stores, key).await.is_live(now)
}

async fn revoke(stores: &Stores, owner: AccountId, id: ApiKeyId, now: Timestamp) -> bool {
    let effects = Effects::event(event(Act::API_KEY_REVOKED, now));
    stores.api_keys.revoke(RevokeApiKey { owner, id, effects, now }).await.unwrap()
}

async fn revoke_all(stores: &Stores, owner: AccountId, now: Timestamp) -> Option<u64> {
    let effects = Effects::event(event(Act::API_KEYS_REVOKED, now));
    stores.api_keys.revoke_all(owner, effects, now).await.unwrap()
}

pub(crate) async fn end_sessions(stores: &Stores, account: AccountId) {
    let effects = Effects::event(event(Act::SESSIONS_REVOKED, at(0)));
    stores.sessions.revoke_many(account, RevokeSessions::All, effects).await.unwrap();
}

/// What is found of a family that was just written, under the first epochs of its owner.
fn as_written(key: NewApiKey, standing: Standing) -> FoundApiKey {
    let token = ApiKeyToken { token: key.token.clone(), used: TokenUse::Live };
    let key = ApiKey {
        id: key.id,
        owner: key.owner,
        role: key.role,
        issuer: key.issuer,
        audience: key.audience,
        subject: key.subject,
        version: key.version,
        scopes: key.scopes,
        address: key.address,
        name: key.name,
        rate_limit: key.rate_limit,
        lifetime: key.lifetime,
        refresh: key.refresh,
        created_at: key.created_at,
        expires_at: key.expires_at,
        prefix: key.prefix,
        key_expires_at: key.token.expires_at,
        ends_at: key.token.ends_at(),
        last_used_at: None,
        revoked_at: None,
        epochs: (0, 0),
        standing,
        key_epoch: 0,
    };
    FoundApiKey { token, key }
}

/// K1, K4, C23: with the hash of its secret only; read at once after the write.
pub(crate) async fn a_key_is_found_as_it_was_issued(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let standing = stores.accounts.find(ada).await.unwrap().unwrap().standing;
    let full = NewApiKey { address: Some("2001:db8::/32".parse().unwrap()), ..new_api_key(ada, at(5)) };
    for key in [full, plain(ada, at(6))] {
        assert_eq!(issue(stores, &key, ENOUGH).await, IssueOutcome::Issued);
        assert_eq!(found(stores, key.token.id).await, as_written(key.clone(), standing));
        assert_eq!(stores.api_keys.owner(key.id).await.unwrap(), Some(ada));
        assert!(is_live(stores, &key, at(6)).await);
    }
    assert_eq!(events_of(stores, Act::API_KEY_ISSUED).await.len(), 2);
}

/// The id of a family finds no key, nor the id of a key a family.
pub(crate) async fn an_unknown_key_is_not_found(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let key = issued(stores, ada, at(0)).await;
    for id in [ApiKeyTokenId::new(at(0), &Drawn), ApiKeyTokenId::from_bytes(*key.id.as_bytes())] {
        assert_eq!(stores.api_keys.find(id).await.unwrap(), None);
    }
    for id in [ApiKeyId::new(at(0), &Drawn), ApiKeyId::from_bytes(*key.token.id.as_bytes())] {
        assert_eq!(stores.api_keys.owner(id).await.unwrap(), None);
        assert!(!revoke(stores, ada, id, at(1)).await);
    }
}

/// K1, C59: judged in the write, which writes nothing then and takes no slot.
pub(crate) async fn a_key_is_issued_to_an_active_owner_with_its_role_only(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let eve = person(stores, "eve@example.org", at(0)).await.id;
    stores.backdoor.lock(eve).await;
    let before = written(stores).await;
    let nobody = AccountId::new(at(0), &Drawn);
    let as_staff = NewApiKey { role: Role::Staff, ..new_api_key(ada, at(1)) };
    for key in [as_staff, new_api_key(eve, at(1)), new_api_key(nobody, at(1))] {
        assert_eq!(issue(stores, &key, 1).await, IssueOutcome::Denied);
        assert_eq!(stores.api_keys.find(key.token.id).await.unwrap(), None);
        assert_eq!(stores.api_keys.owner(key.id).await.unwrap(), None);
    }
    assert_eq!(written(stores).await, before);
    assert_eq!(issue(stores, &new_api_key(ada, at(1)), 1).await, IssueOutcome::Issued);
}

/// C26, K11: not in a session that was ended meanwhile, by itself or with all others, nor in somebody else's.
pub(crate) async fn a_key_is_issued_in_a_session_that_stands_only(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await;
    let eve = person(stores, "eve@example.org", at(0)).await;
    let ended = sign_in(stores, &ada, at(1)).await;
    let effects = || Effects::event(event(Act::API_KEY_ISSUED, at(2)));
    assert!(stores.sessions.revoke(ada.id, ended.id, effects(), at(2)).await.unwrap());
    let try_in = async |session| {
        let key = new_api_key(ada.id, at(2));
        let command =
            IssueApiKey { key: key.clone(), session: Some(session), most: ENOUGH, effects: effects() };
        let outcome = stores.api_keys.issue(command).await.unwrap();
        assert_eq!(stores.api_keys.owner(key.id).await.unwrap().is_some(), outcome == IssueOutcome::Issued);
        outcome
    };
    for session in [ended.id, eve.session.id, SessionId::new(at(0), &Drawn)] {
        assert_eq!(try_in(session).await, IssueOutcome::Denied);
    }
    assert_eq!(try_in(ada.session.id).await, IssueOutcome::Issued);
    end_sessions(stores, ada.id).await;
    assert_eq!(try_in(ada.session.id).await, IssueOutcome::Denied);
    let anew = sign_in(stores, &ada, at(3)).await;
    assert_eq!(try_in(anew.id).await, IssueOutcome::Issued);
}

/// K9, G2: the other one goes on; a second time only the event is written.
pub(crate) async fn one_key_is_revoked_and_stays_so(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let (key, other) = (issued(stores, ada, at(1)).await, issued(stores, ada, at(1)).await);
    assert!(revoke(stores, ada, key.id, at(2)).await);
    assert_eq!(family(stores, &key).await.revoked_at, Some(at(2)));
    assert!(!found(stores, key.token.id).await.is_current());
    assert!(!is_live(stores, &key, at(2)).await && is_live(stores, &other, at(2)).await);
    assert!(revoke(stores, ada, key.id, at(3)).await);
    assert_eq!(family(stores, &key).await.revoked_at, Some(at(2)));
    assert_eq!(events_of(stores, Act::API_KEY_REVOKED).await.len(), 2);
}

/// K9, K10: nobody ends another's, and nothing is written about it.
pub(crate) async fn a_key_is_revoked_for_its_owner_only(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let eve = person(stores, "eve@example.org", at(0)).await.id;
    let key = issued(stores, ada, at(0)).await;
    let before = written(stores).await;
    let nobody = AccountId::new(at(0), &Drawn);
    for owner in [eve, nobody] {
        assert!(!revoke(stores, owner, key.id, at(1)).await);
    }
    assert_eq!(written(stores).await, before);
    assert!(is_live(stores, &key, at(1)).await);
}

/// K9: the list says how: by itself, with all others, or by its limits.
pub(crate) async fn a_key_that_has_ended_stays_as_it_ended(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let expired = issued(stores, ada, at(0)).await;
    let end = expired.token.ends_at();
    assert!(is_live(stores, &expired, end - MICROSECOND).await && !is_live(stores, &expired, end).await);
    assert!(revoke(stores, ada, expired.id, end).await);
    assert_eq!(family(stores, &expired).await.revoked_at, None);
    let with_all_others = issued(stores, ada, at(1)).await;
    revoke_all(stores, ada, at(2)).await.unwrap();
    assert!(revoke(stores, ada, with_all_others.id, at(3)).await);
    assert_eq!(family(stores, &with_all_others).await.revoked_at, None);
    let in_its_last_moment = issued(stores, ada, at(4)).await;
    let last = in_its_last_moment.token.ends_at() - MICROSECOND;
    assert!(revoke(stores, ada, in_its_last_moment.id, last).await);
    assert_eq!(family(stores, &in_its_last_moment).await.revoked_at, Some(last));
    assert_eq!(events_of(stores, Act::API_KEY_REVOKED).await.len(), 3);
}

/// K9: of this owner only; those that had ended are not counted; those that are issued later count.
pub(crate) async fn all_keys_end_with_the_epoch(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let eve = person(stores, "eve@example.org", at(0)).await.id;
    let expired = plain(ada, at(0));
    assert_eq!(issue(stores, &expired, ENOUGH).await, IssueOutcome::Issued);
    let revoked = issued(stores, ada, at(0)).await;
    assert!(revoke(stores, ada, revoked.id, at(1)).await);
    let (one, two) = (issued(stores, ada, at(1)).await, issued(stores, ada, at(2)).await);
    let hers = issued(stores, eve, at(2)).await;
    let now = expired.token.ends_at();
    assert_eq!(revoke_all(stores, ada, now).await, Some(2));
    for key in [&one, &two] {
        assert!(!is_live(stores, key, now).await && !found(stores, key.token.id).await.is_current());
    }
    assert!(is_live(stores, &hers, now).await);
    let later = issued(stores, ada, now).await;
    assert!(is_live(stores, &later, now).await);
    let later = family(stores, &later).await;
    assert_eq!((later.epochs, later.standing.epoch, later.key_epoch), ((0, 1), 0, 1));
    assert_eq!(revoke_all(stores, ada, now).await, Some(1));
    assert_eq!(revoke_all(stores, ada, now).await, Some(0));
    assert_eq!(events_of(stores, Act::API_KEYS_REVOKED).await.len(), 3);
    assert!(stores.sessions.list(ada, everything()).await.unwrap().items.iter().all(|s| s.epoch == 0));
}

pub(crate) async fn no_keys_are_revoked_for_an_unknown_owner(stores: &Stores) {
    person(stores, "ada@example.org", at(0)).await;
    let before = written(stores).await;
    assert_eq!(revoke_all(stores, AccountId::new(at(0), &Drawn), at(1)).await, None);
    assert_eq!(written(stores).await, before);
}

/// K9: an integer, one up each time, however many ask at once; each key is counted as ended once.
pub(crate) async fn epochs_of_keys_count_every_revocation(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    for _ in 0..3 {
        issued(stores, ada, at(1)).await;
    }
    let revoking = (0..16).map(|_| {
        let stores = stores.clone();
        async move { revoke_all(&stores, ada, at(2)).await.unwrap() }
    });
    assert_eq!(race(revoking).await.iter().sum::<u64>(), 3);
    let later = issued(stores, ada, at(3)).await;
    assert_eq!(family(stores, &later).await.epochs, (0, 16));
    assert_eq!(events_of(stores, Act::API_KEYS_REVOKED).await.len(), 16);
}

/// K11, C26, C61: with all sessions, a lock or another role; what gives the rights back revives none.
pub(crate) async fn keys_end_with_their_owners_rights(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let mut ended = Vec::new();
    let key = issued(stores, ada, at(1)).await;
    end_sessions(stores, ada).await;
    ended.push(key);
    for (takes, gives_back) in [
        (AccountChange::Lock, AccountChange::Unlock),
        (AccountChange::ChangeRole(Role::Staff), AccountChange::ChangeRole(Role::Authenticated)),
    ] {
        let key = issued(stores, ada, at(1)).await;
        assert!(is_live(stores, &key, at(1)).await);
        administer(stores, ada, takes).await;
        assert!(!is_live(stores, &key, at(1)).await);
        administer(stores, ada, gives_back).await;
        ended.push(key);
    }
    for key in &ended {
        assert!(!is_live(stores, key, at(1)).await && !found(stores, key.token.id).await.is_current());
    }
    let key = issued(stores, ada, at(2)).await;
    assert_eq!(family(stores, &key).await.revoked_at, None);
    stores.backdoor.lock(ada).await;
    assert!(!is_live(stores, &key, at(2)).await);
    assert_eq!(revoke_all(stores, ada, at(2)).await, Some(0));
}

/// K9: one's own only.
pub(crate) async fn keys_are_listed_newest_first_ended_ones_included(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let eve = person(stores, "eve@example.org", at(0)).await.id;
    let mut expected = Vec::new();
    for seconds in 1..6 {
        expected.insert(0, issued(stores, ada, at(seconds)).await);
        issued(stores, eve, at(seconds)).await;
    }
    assert!(revoke(stores, ada, expected[4].id, at(7)).await);
    revoke_all(stores, ada, at(8)).await.unwrap();
    let mut listed = Vec::new();
    let mut after = None;
    loop {
        let page = stores.api_keys.list(ada, PageRequest::new(2, after)).await.unwrap();
        assert!(page.items.len() <= 2);
        listed.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed.len(), expected.len());
    for (listed, expected) in listed.iter().zip(&expected) {
        assert_eq!(*listed, family(stores, expected).await);
    }
    let nobody = AccountId::new(at(0), &Drawn);
    assert!(stores.api_keys.list(nobody, PageRequest::first()).await.unwrap().items.is_empty());
}

/// K9: whatever the order in which nodes tell.
pub(crate) async fn a_last_use_moves_forwards_only(stores: &Stores) {
    let ada = person(stores, "ada@example.org", at(0)).await.id;
    let (one, two) = (issued(stores, ada, at(1)).await, issued(stores, ada, at(1)).await);
    let unknown = ApiKeyId::new(at(0), &Drawn);
    let before = written(stores).await;
    stores.api_keys.touch(Vec::new()).await.unwrap();
    stores.api_keys.touch(vec![(one.id, at(60)), (unknown, at(60)), (two.id, at(50))]).await.unwrap();
    stores.api_keys.touch(vec![(two.id, at(70)), (one.id, at(60) - MICROSECOND)]).await.unwrap();
    let last = |key: ApiKey| key.last_used_at;
    assert_eq!(last(family(stores, &one).await), Some(at(60)));
    assert_eq!(last(family(stores, &two).await), Some(at(70)));
    assert_eq!(written(stores).await, before);
    let many = (0..500).map(|_| (ApiKeyId::new(at(0), &Drawn), at(80))).chain([(one.id, at(80))]);
    stores.api_keys.touch(many.collect()).await.unwrap();
    assert_eq!(last(family(stores, &one).await), Some(at(80)));
}
