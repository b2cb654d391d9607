//! API keys where only this engine can get them wrong: faults between it and the store, and what the engine may delete.

use std::{collections::HashMap, time::Duration};

use aws_sdk_dynamodb::types::AttributeValue;
use symbolon_domain::{
    api_keys::{IssueApiKey, IssueOutcome, NewApiKey, RefreshApiKey, RefreshApiKeyOutcome},
    audit::Act,
    effects::Effects,
    id::AccountId,
    sweeper::SESSION_HISTORY,
};

use super::faults::{ALL, Behind, behind_a_proxy, count_events};
use crate::{
    contract::{
        Stores,
        api_keys::{issued, new_api_key, refresh::shown},
        given::{self, DAY, at, count, event, person, race},
    },
    support::{dynamodb_proxy::Faults, engines::client},
};

async fn issue(stores: &Stores, key: &NewApiKey, most: u32) -> IssueOutcome {
    let effects = Effects::event(event(Act::API_KEY_ISSUED, key.created_at));
    stores.api_keys.issue(IssueApiKey { key: key.clone(), session: None, most, effects }).await.unwrap()
}

/// Takes the only key there may be, and refreshes it again and again; in the end all are revoked.
async fn walk(stores: &Stores, owner: AccountId, rotations: u64) {
    let key = new_api_key(owner, at(0));
    assert_eq!(issue(stores, &key, 1).await, IssueOutcome::Issued);
    let mut token = key.token;
    for turn in 1..=rotations {
        let command = RefreshApiKey { grace: Duration::ZERO, ..shown(&token, at(turn)) };
        let outcome = stores.api_keys.refresh(command.clone()).await.unwrap();
        assert_eq!(outcome, RefreshApiKeyOutcome::Rotated, "turn {turn}");
        token = command.successor;
    }
    assert!(stores.api_keys.find(token.id).await.unwrap().unwrap().is_current());
    let now = at(rotations + 1);
    let full = IssueOutcome::Full { free_at: at(rotations) + DAY };
    assert_eq!(issue(stores, &new_api_key(owner, now), 1).await, full);
    let effects = Effects::event(event(Act::API_KEYS_REVOKED, now));
    assert_eq!(stores.api_keys.revoke_all(owner, effects, now).await.unwrap(), Some(1));
    assert!(!stores.api_keys.find(token.id).await.unwrap().unwrap().is_current());
}

/// X5, K8: without any grace, a rotation that was done and not recognised would end its family at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn faults_cost_no_key_and_double_none() {
    const PEOPLE: usize = 10;
    const ROTATIONS: usize = 20;
    let Behind { stores, proxy, table: _table } = behind_a_proxy().await;
    let mut owners = Vec::new();
    for number in 0..PEOPLE {
        owners.push(person(&stores, &format!("person-{number}@example.org"), at(0)).await.id);
    }
    proxy.inject(ALL);
    let walks = owners.into_iter().map(|owner| {
        let stores = stores.clone();
        async move { walk(&stores, owner, ROTATIONS as u64).await }
    });
    race(walks).await;
    assert!(proxy.injected() > 200, "{} faults", proxy.injected());
    proxy.inject(Faults::default());
    assert_eq!(count_events(&stores, &Act::API_KEY_ISSUED).await, PEOPLE);
    assert_eq!(count_events(&stores, &Act::API_KEY_REFRESHED).await, PEOPLE * ROTATIONS);
    assert_eq!(count_events(&stores, &Act::API_KEY_REUSE_DETECTED).await, 0);
    assert_eq!(count_events(&stores, &Act::API_KEYS_REVOKED).await, PEOPLE);
}

/// X5, K8: of many presentations one wins without grace, whatever they meet, and the family ends once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn faults_let_nobody_win_twice() {
    let Behind { stores, proxy, table: _table } = behind_a_proxy().await;
    let ada = person(&stores, "ada@example.org", at(0)).await.id;
    let key = issued(&stores, ada, at(0)).await;
    proxy.inject(ALL);
    let presenting = (0..20).map(|_| {
        let stores = stores.clone();
        let command = RefreshApiKey { grace: Duration::ZERO, ..shown(&key.token, at(1)) };
        async move { stores.api_keys.refresh(command).await.unwrap() }
    });
    let outcomes = race(presenting).await;
    assert_eq!(count(&outcomes, |outcome| *outcome == RefreshApiKeyOutcome::Rotated), 1, "{outcomes:?}");
    assert_eq!(count(&outcomes, |outcome| *outcome == RefreshApiKeyOutcome::ReuseDetected), 1);
    proxy.inject(Faults::default());
    assert_eq!(count_events(&stores, &Act::API_KEY_REFRESHED).await, 1);
    assert_eq!(count_events(&stores, &Act::API_KEY_REUSE_DETECTED).await, 1);
}

/// K12, X5: whatever gets lost, the limit holds, and all of it can be had.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn faults_do_not_move_the_limit() {
    const MOST: usize = 5;
    let Behind { stores, proxy, table: _table } = behind_a_proxy().await;
    let ada = person(&stores, "ada@example.org", at(0)).await.id;
    proxy.inject(ALL);
    let issuing = (0..20).map(|_| {
        let stores = stores.clone();
        async move { issue(&stores, &new_api_key(ada, at(0)), 5).await }
    });
    let outcomes = race(issuing).await;
    assert_eq!(count(&outcomes, |outcome| *outcome == IssueOutcome::Issued), MOST, "{outcomes:?}");
    let full = IssueOutcome::Full { free_at: at(0) + DAY };
    assert_eq!(count(&outcomes, |outcome| *outcome == full), 20 - MOST);
    proxy.inject(Faults::default());
    assert_eq!(stores.api_keys.list(ada, given::everything()).await.unwrap().items.len(), MOST);
    assert_eq!(count_events(&stores, &Act::API_KEY_ISSUED).await, MOST);
}

/// K9, X5: last uses go forwards only, whatever they meet.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn faults_lose_no_last_use() {
    let Behind { stores, proxy, table: _table } = behind_a_proxy().await;
    let ada = person(&stores, "ada@example.org", at(0)).await.id;
    let mut uses = Vec::new();
    for number in 0..50 {
        uses.push((issued(&stores, ada, at(0)).await.id, at(100 + number)));
    }
    proxy.inject(ALL);
    let earlier = uses.iter().map(|(id, _)| (*id, at(90))).collect();
    stores.api_keys.touch(uses.clone()).await.unwrap();
    stores.api_keys.touch(earlier).await.unwrap();
    assert!(proxy.injected() > 20, "{} faults", proxy.injected());
    proxy.inject(Faults::default());
    let listed = stores.api_keys.list(ada, given::everything()).await.unwrap().items;
    let kept: HashMap<_, _> = listed.iter().map(|key| (key.id, key.last_used_at)).collect();
    assert!(uses.iter().all(|(id, at)| kept[id] == Some(*at)), "{kept:?}");
}

/// K8, K12: what is written of keys may go when it has ended; a used token only with its family, and the family when it
/// has been history for long enough.
#[tokio::test]
async fn everything_about_keys_expires() {
    let Behind { stores, proxy: _proxy, table } = behind_a_proxy().await;
    let ada = person(&stores, "ada@example.org", at(0)).await.id;
    let key = issued(&stores, ada, at(0)).await;
    let command = shown(&key.token, at(30));
    assert_eq!(stores.api_keys.refresh(command.clone()).await.unwrap(), RefreshApiKeyOutcome::Rotated);
    stores.api_keys.touch(vec![(key.id, at(31))]).await.unwrap();
    let client = client(&table.options).await;
    let scanned = client.scan().table_name(&table.options.table).consistent_read(true).send().await.unwrap();
    let mut ends = HashMap::new();
    for item in scanned.items() {
        let (pk, sk) = (item["pk"].as_s().unwrap(), item["sk"].as_s().unwrap());
        if pk.contains("api_key") || sk.contains("api_key") {
            let ttl = item.get("ttl").and_then(|ttl: &AttributeValue| ttl.as_n().ok());
            let place = if pk.starts_with("slots#") { sk.clone() } else { format!("{pk} {sk}") };
            ends.insert(place, ttl.unwrap().parse::<i64>().unwrap() - 1);
        }
    }
    let (family, end) = (key.id, key.expires_at);
    let history = (end + SESSION_HISTORY).seconds();
    let expected = HashMap::from([
        (format!("account#{ada} api_key#{family}"), history),
        (format!("api_key#{family} ."), history),
        (format!("api_key_token#{} .", key.token.id), end.seconds()),
        (format!("api_key_token#{} .", command.successor.id), end.seconds()),
        ("0000000000".to_owned(), (at(30) + DAY).seconds()),
    ]);
    assert_eq!(ends, expected);
}
