//! What each use case asks of DynamoDB: the calls and the capacity units in `docs/dynamodb.md`, counted anew.

use std::{collections::BTreeMap, fs, path::Path};

use symbolon_adapters::dynamodb::{DynamoOptions, DynamoStore};
use symbolon_domain::{
    accounts::{AccountChange, AdministerAccount, Administrator},
    actor::Role,
    api_keys::{IssueApiKey, RevokeApiKey},
    audit::{Act, AuditFilter},
    device_tokens::{DeviceToken, Holder, NewDeviceToken, NewTokenRequest},
    effects::Effects,
    licenses::SeatKey,
    outbox::{FinishMessage, LeaseMessages, MessageState, RetryMessage},
    page::PageRequest,
    passwords::ReplacePassword,
    recovery::RecoveryProof,
    sessions::RevokeSessions,
    sign_in::throttle::ThrottleLimits,
};

use super::stores;
use crate::{
    contract::{
        api_keys::{issued, new_api_key, refresh::shown as shown_key},
        device_tokens::{new_request, new_token},
        given::{
            self, LIMITS, at, completion, event, hash, matched, new_sign_in, new_sign_up, person, resend,
            sign_in_completion,
        },
        invitations::{new_invitation, redemption},
        licenses::{new_license, whoever_has},
        recovery::{by_code, finish as finish_recovery},
        sessions::refresh::shown,
    },
    support::{
        Table,
        dynamodb_proxy::{Calls, DynamoProxy},
    },
};

/// One line of the table in the documentation.
fn line(use_case: &str, calls: &BTreeMap<String, Calls>) -> String {
    let listed: Vec<String> =
        calls.iter().map(|(operation, calls)| format!("{} {operation}", calls.count)).collect();
    let (writes, reads): (Vec<_>, Vec<_>) = calls
        .iter()
        .partition(|(operation, _)| operation.starts_with("Transact") || operation.ends_with("teItem"));
    let sum = |calls: Vec<(&String, &Calls)>| calls.iter().fold(0.0, |sum, (_, calls)| sum + calls.units);
    format!("| {use_case} | {} | {} | {} |", listed.join(", "), sum(reads), sum(writes))
}

macro_rules! counted {
    ($lines:ident, $proxy:ident, $use_case:literal, $command:expr) => {{
        $proxy.take_calls();
        let outcome = $command.await.unwrap();
        $lines.push(line($use_case, &$proxy.take_calls()));
        outcome
    }};
}

/// The whole of a person's first day, one use case after the other, on a table of their own.
#[expect(clippy::too_many_lines, reason = "one day, use case after use case")]
async fn count() -> Vec<String> {
    let table = Table::migrated().await;
    let proxy = DynamoProxy::start(table.options.endpoint.as_deref().unwrap()).await;
    let options = DynamoOptions { endpoint: Some(proxy.url.clone()), ..table.options.clone() };
    let store = DynamoStore::connect(&options).await.unwrap();
    let stores = stores(&store, table.options.clone());
    let mut lines = Vec::new();

    let begun = new_sign_up("ada@example.org", at(0));
    counted!(lines, proxy, "sign-up: is the address taken", stores.sign_ups.is_taken(&begun.address));
    counted!(lines, proxy, "sign-up: begin", stores.sign_ups.begin(begun.clone()));
    counted!(lines, proxy, "code: send again", stores.codes.replace(resend(begun.id, at(40))));
    let guess = counted!(
        lines,
        proxy,
        "code: pay for a guess",
        stores.codes.reserve_attempt(begun.id, LIMITS, at(41))
    );
    let mut completed = completion(&begun, at(42));
    completed.code.hash = guess.hash;
    completed.code.budget_slot = guess.budget_slot;
    let account = completed.account_id;
    let session = completed.session.clone();
    counted!(lines, proxy, "sign-up: complete", stores.sign_ups.complete(completed));

    let limits = ThrottleLimits { lock_after: 10, lock_for: given::DAY };
    let _ = counted!(
        lines,
        proxy,
        "sign-in: pay for an attempt",
        stores.sign_ins.reserve_attempt(hash(), limits, at(50))
    );
    counted!(lines, proxy, "sign-in: find the account", stores.sign_ins.find_candidate(&begun.address));
    counted!(
        lines,
        proxy,
        "sign-in: refuse",
        stores.sign_ins.refuse(Effects::event(event(Act::SIGN_IN_STARTED, at(50))))
    );
    let sign_in = new_sign_in(account, at(51));
    counted!(lines, proxy, "sign-in: begin", stores.sign_ins.begin(sign_in.clone()));
    let guess = stores.codes.reserve_attempt(sign_in.id, LIMITS, at(52)).await.unwrap();
    let mut completed = sign_in_completion(&sign_in, at(53));
    completed.code = matched(&sign_in.code, guess.budget_slot);
    let other = completed.session.id;
    counted!(lines, proxy, "sign-in: complete", stores.sign_ins.complete(completed));

    counted!(lines, proxy, "session: verify", stores.sessions.find(session.id));
    let first = shown(&session, &session.refresh_token, at(60));
    counted!(lines, proxy, "session: refresh", stores.sessions.refresh(first.clone()));
    counted!(
        lines,
        proxy,
        "session: refresh again within the grace",
        stores.sessions.refresh(shown(&session, &session.refresh_token, at(61)))
    );
    counted!(
        lines,
        proxy,
        "session: refuse a used token",
        stores.sessions.refresh(shown(&session, &session.refresh_token, at(62)))
    );
    let page = PageRequest::first();
    counted!(lines, proxy, "session: list of an account (2)", stores.sessions.list(account, page));
    counted!(
        lines,
        proxy,
        "session: revoke",
        stores.sessions.revoke(
            account,
            session.id,
            Effects::event(event(Act::SESSION_REVOKED, at(70))),
            at(70)
        )
    );
    let event_of_end = Effects::event(event(Act::SESSION_REVOKED, at(70)));
    let sign_out = stores.sessions.sign_out(account, other, event_of_end, at(70));
    counted!(lines, proxy, "session: sign out, with every API key", sign_out);
    counted!(
        lines,
        proxy,
        "session: revoke all",
        stores.sessions.revoke_many(
            account,
            RevokeSessions::All,
            Effects::event(event(Act::SESSIONS_REVOKED, at(71)))
        )
    );

    counted!(lines, proxy, "account: find", stores.accounts.find(account));
    counted!(lines, proxy, "account: standing of one", stores.accounts.standings(&[account]));
    counted!(lines, proxy, "account: find by address", stores.accounts.find_by_address(&begun.address));
    counted!(
        lines,
        proxy,
        "account: set the name",
        stores.accounts.set_name(
            account,
            Some("Ada".parse().unwrap()),
            Effects::event(event(Act::ACCOUNT_UPDATED, at(80)))
        )
    );
    counted!(lines, proxy, "account: list (1)", stores.accounts.list(page));

    let waiting = stores.outbox.list(page).await.unwrap().items[0].id;
    let retry = RetryMessage { id: waiting, now: at(90) };
    counted!(lines, proxy, "outbox: retry a message", stores.outbox.retry(retry, Effects::default()));
    let lease = LeaseMessages { lease: [1; 16], now: at(90), until: at(150), limit: 1 };
    let leased = counted!(lines, proxy, "outbox: lease a message", stores.outbox.lease(lease));
    let finish = FinishMessage {
        id: leased[0].message.id,
        lease: [1; 16],
        state: MessageState::Delivered,
        reason: None,
        now: at(91),
    };
    counted!(lines, proxy, "outbox: finish a message", stores.outbox.finish(finish, Effects::default()));
    counted!(
        lines,
        proxy,
        "outbox: look, with nothing due",
        stores.outbox.lease(LeaseMessages { now: at(0), ..lease })
    );
    counted!(lines, proxy, "outbox: backlog (2)", stores.outbox.backlog());
    counted!(
        lines,
        proxy,
        "audit: append an event",
        stores.audit.append(vec![event(Act::CODE_JUDGED, at(95))])
    );
    counted!(lines, proxy, "audit: list (14)", stores.audit.list(&AuditFilter::default(), page));
    let of_account = AuditFilter { account: Some(account), ..AuditFilter::default() };
    counted!(lines, proxy, "audit: list of an account (20)", stores.audit.list(&of_account, page));
    counted!(lines, proxy, "signing keys: list", stores.signing_keys.list());

    let recovery = by_code(account, at(100));
    counted!(lines, proxy, "recovery: begin", stores.recoveries.begin(recovery.clone()));
    counted!(lines, proxy, "recovery: find", stores.recoveries.find(recovery.id));
    let paid = stores.codes.reserve_attempt(recovery.id, LIMITS, at(101)).await.unwrap();
    let mut finished = finish_recovery(&recovery, account, at(102));
    let code = matched(&recovery.code, paid.budget_slot);
    finished.proof = RecoveryProof::Code { code, failures_of: recovery.failures_of };
    counted!(lines, proxy, "recovery: complete", stores.recoveries.complete(finished.clone()));
    let replacement = ReplacePassword {
        account_id: account,
        old: finished.password,
        new: given::phc("newer"),
        kept: session.id,
        throttle: hash(),
        effects: given::effects(Act::PASSWORD_CHANGED, at(103)),
    };
    counted!(lines, proxy, "password: replace", stores.passwords.replace(replacement));
    let administered = |account, change| AdministerAccount {
        account,
        by: Administrator::Operator,
        change,
        failures: Vec::new(),
        effects: Effects::event(event(Act::ACCOUNT_LOCKED, at(81))),
    };
    let invitation = new_invitation("root@example.org", Role::Superuser);
    let root = redemption(&invitation);
    counted!(lines, proxy, "invitation: write", stores.invitations.write(invitation.clone()));
    counted!(lines, proxy, "invitation: find", stores.invitations.find(invitation.id, invitation.hash));
    counted!(lines, proxy, "invitation: redeem", stores.invitations.redeem(root.clone()));
    let promote = administered(account, AccountChange::ChangeRole(Role::Superuser));
    counted!(lines, proxy, "account: make a superuser", stores.accounts.administer(promote));
    let demote = administered(root.account_id, AccountChange::ChangeRole(Role::Staff));
    counted!(lines, proxy, "account: demote a superuser (2)", stores.accounts.administer(demote));
    let lock = administered(root.account_id, AccountChange::Lock);
    counted!(lines, proxy, "account: lock", stores.accounts.administer(lock));
    lines
}

/// The whole of a program's day with API keys, on a table of its own.
async fn count_of_keys() -> Vec<String> {
    let table = Table::migrated().await;
    let proxy = DynamoProxy::start(table.options.endpoint.as_deref().unwrap()).await;
    let options = DynamoOptions { endpoint: Some(proxy.url.clone()), ..table.options.clone() };
    let store = DynamoStore::connect(&options).await.unwrap();
    let stores = stores(&store, table.options.clone());
    let mut lines = Vec::new();
    let owner = person(&stores, "ada@example.org", at(0)).await.id;
    let key = new_api_key(owner, at(0));
    let (id, token) = (key.id, key.token.clone());
    let effects = |act| Effects::event(event(act, at(9)));
    let issue = IssueApiKey { key, session: None, most: 100, effects: effects(Act::API_KEY_ISSUED) };
    counted!(lines, proxy, "API key: issue", stores.api_keys.issue(issue));
    counted!(lines, proxy, "API key: verify", stores.api_keys.find(token.id));
    counted!(lines, proxy, "API key: note its last use", stores.api_keys.touch(vec![(id, at(10))]));
    counted!(lines, proxy, "API key: refresh", stores.api_keys.refresh(shown_key(&token, at(11))));
    counted!(
        lines,
        proxy,
        "API key: refresh again within the grace",
        stores.api_keys.refresh(shown_key(&token, at(12)))
    );
    counted!(
        lines,
        proxy,
        "API key: refuse a used token",
        stores.api_keys.refresh(shown_key(&token, at(13)))
    );
    let other = issued(&stores, owner, at(14)).await;
    let page = PageRequest::first();
    counted!(lines, proxy, "API key: list of an owner (2)", stores.api_keys.list(owner, page));
    counted!(lines, proxy, "API key: whose it is", stores.api_keys.owner(other.id));
    let revoke = RevokeApiKey { owner, id: other.id, effects: effects(Act::API_KEY_REVOKED), now: at(15) };
    counted!(lines, proxy, "API key: revoke", stores.api_keys.revoke(revoke));
    counted!(
        lines,
        proxy,
        "API key: revoke all",
        stores.api_keys.revoke_all(owner, effects(Act::API_KEYS_REVOKED), at(16))
    );
    lines
}

/// The whole of a device's life, with one seat of a licence, on a table of its own.
async fn count_of_devices() -> Vec<String> {
    let table = Table::migrated().await;
    let proxy = DynamoProxy::start(table.options.endpoint.as_deref().unwrap()).await;
    let options = DynamoOptions { endpoint: Some(proxy.url.clone()), ..table.options.clone() };
    let store = DynamoStore::connect(&options).await.unwrap();
    let stores = stores(&store, table.options.clone());
    let mut lines = Vec::new();
    let ada = person(&stores, "ada@example.org", at(0)).await;
    let holder = Holder::Account(ada.id);
    let effects = |act| Effects::event(event(act, at(9)));
    let license = new_license(whoever_has("ada@example.org"), at(99_000));
    let (subjects, seats) = ([license.subject.clone()], license.seats);
    counted!(
        lines,
        proxy,
        "licence: grant",
        stores.licenses.grant(license.clone(), effects(Act::LICENSE_GRANTED))
    );
    counted!(
        lines,
        proxy,
        "licence: the best of one subject",
        stores.licenses.held(&subjects, None, at(1), 1)
    );
    counted!(lines, proxy, "licence: list (1)", stores.licenses.list(None, PageRequest::first()));
    let request = NewTokenRequest {
        effects: effects(Act::DEVICE_TOKEN_REQUESTED),
        ..new_request(&holder, "adas-laptop", at(1))
    };
    let id = request.id;
    counted!(lines, proxy, "device token: request", stores.device_tokens.request(request)).unwrap();
    let guess = stores.device_tokens.reserve_claim(id, &holder, 5, at(2));
    counted!(lines, proxy, "device token: pay for a guess", guess);
    let seat = Some(SeatKey::of_license(license.id));
    let token =
        |now| DeviceToken { license: Some(license.id), seat, ..new_token(&holder, "adas-laptop", now) };
    let (first, second) = (token(at(2)), token(at(40_000)));
    let effects_of_claim = effects(Act::DEVICE_TOKEN_CLAIMED);
    let claim = NewDeviceToken {
        request: id,
        session: Some(ada.session.id),
        token: first.clone(),
        seats,
        effects: effects_of_claim,
    };
    counted!(lines, proxy, "device token: claim", stores.device_tokens.claim(claim));
    counted!(lines, proxy, "device token: verify", stores.device_tokens.find(first.id));
    let exchanged = effects(Act::DEVICE_TOKEN_EXCHANGED);
    let exchange = stores.device_tokens.exchange(first.id, second.clone(), seats, exchanged);
    counted!(lines, proxy, "device token: exchange", exchange);
    let list = stores.device_tokens.list(&holder, at(40_001), PageRequest::first());
    counted!(lines, proxy, "device token: list of a holder (1)", list);
    let revoke = stores.device_tokens.revoke(second.id, &holder, effects(Act::DEVICE_TOKEN_REVOKED));
    counted!(lines, proxy, "device token: revoke", revoke);
    let revoke = stores.licenses.revoke(license.id, effects(Act::LICENSE_REVOKED), at(40_002));
    counted!(lines, proxy, "licence: revoke", revoke);
    lines
}

/// The documentation says what is so.
#[tokio::test]
async fn the_costs_in_the_documentation_are_the_real_ones() {
    let counted = [count().await, count_of_keys().await, count_of_devices().await].concat().join("\n");
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs/dynamodb.md");
    let written = fs::read_to_string(page).unwrap();
    assert!(written.contains(&counted), "docs/dynamodb.md is to say:\n{counted}");
}
