//! G-1 and G-2: does an API key count? By what it says, and against the store, which holds ten thousand to ten million.

use std::sync::Arc;

use futures::future::try_join_all;
use rusqlite::{Connection, params};
use serde_json::{Value as Json, json};
use symbolon::wiring::{self, Questions, Service as Wired, Surroundings};
use symbolon_domain::{
    actor::{Actor, Origin, Role},
    api_keys::{ApiKeyRequest, ApiKeyText, Scopes},
    id::{AccountId, RequestId},
    secret::ExposeSecret as _,
};

use super::session_checks::{Same, claims_of, is_active};
use crate::failure::{Failure, Outcome};
use crate::http::{Answer, write_request};
use crate::load::{CONNECTIONS, Contender, Measured, Talk, compare};
use crate::options::Options;
use crate::people::{self, Person};
use crate::reference::{Floor, Running};
use crate::report::{Goal, Reference, Row, Unit};
use crate::service::Home;

const PATH: &str = "/v1/api-keys/verify";
/// So many of each owner are asked about: 16,384 in all, each at another place of the store.
const OF_EACH: usize = 256;
const SECONDS: u64 = 4;
/// Keys in the store.
const SIZES: [(usize, &str, &str); 4] = [
    (10_000, "api-keys/verify, warm, 10^4 keys", "api-keys/verify, cold, 10^4 keys"),
    (100_000, "api-keys/verify, warm, 10^5 keys", "api-keys/verify, cold, 10^5 keys"),
    (1_000_000, "api-keys/verify, warm, 10^6 keys", "api-keys/verify, cold, 10^6 keys"),
    (10_000_000, "api-keys/verify, warm, 10^7 keys", "api-keys/verify, cold, 10^7 keys"),
];
/// Everything that was asked once is remembered, or nothing is.
const WARM: [(&str, &str); 1] = [("SYMBOLON_CACHE__MAX_STALENESS", "60s")];
const COLD: [(&str, &str); 1] = [("SYMBOLON_CACHE__MAX_STALENESS", "0s")];

/// Keys, their owners, and the server that they are held against.
struct Scene {
    home: Home,
    keys: Vec<String>,
    people: Vec<Person>,
    floor: Running,
}

pub(super) async fn measure_stateless(options: &Options) -> Outcome<Vec<Row>> {
    let scene = Scene::new().await?;
    let service = scene.home.start()?;
    let (ours, floor) = scene.against_the_floor(options, service.address, "stateless").await?;
    Ok(vec![row("G-1", "api-keys/verify, stateless", &ours, &floor, 0.8)])
}

pub(super) async fn measure_stateful(options: &Options) -> Outcome<Vec<Row>> {
    let scene = Scene::new().await?;
    let (mut rows, mut smallest) = (Vec::new(), None);
    let most = match (options.is_quick(), options.large) {
        (true, _) => 100_000,
        (_, false) => 1_000_000,
        (_, true) => 10_000_000,
    };
    let mut largest = None;
    for (size, warm, cold) in SIZES.into_iter().filter(|(size, ..)| *size <= most) {
        scene.fill(size)?;
        let service = scene.home.start_with(&WARM)?;
        let idle = service.resident()?;
        let (of_warm, floor) = scene.against_the_floor(options, service.address, "stateful").await?;
        let after = service.resident()?;
        service.stop()?;
        rows.push(row("G-2", warm, &of_warm, &floor, 0.75));
        let service = scene.home.start_with(&COLD)?;
        let (of_cold, floor) = scene.against_the_floor(options, service.address, "stateful").await?;
        service.stop()?;
        rows.push(row("G-2", cold, &of_cold, &floor, 0.5));
        smallest.get_or_insert((of_warm.rate, of_cold.rate));
        largest = Some((of_warm, of_cold, idle, after));
    }
    let ((warm, cold), (of_warm, of_cold, idle, after)) =
        smallest.zip(largest).ok_or_else(|| Failure::missing("size of the store"))?;
    rows.push(growth("warm verifications, the largest store", &of_warm, warm, 0.8));
    rows.push(growth("cold verifications, the largest store", &of_cold, cold, 0.55));
    rows.push(Row {
        id: "G-2",
        work: "memory after warm verifications of 16,384 keys",
        figure: after,
        unit: Unit::Mebibytes,
        detail: String::new(),
        reference: Some(Reference { name: "just started", figure: idle, detail: String::new() }),
        goal: Goal::AtMostAbove(20.0),
    });
    Ok(rows)
}

fn row(id: &'static str, work: &'static str, ours: &Measured, floor: &Measured, goal: f64) -> Row {
    let reference = Reference { name: "verify floor", figure: floor.rate, detail: floor.detail() };
    Row {
        id,
        work,
        figure: ours.rate,
        unit: Unit::PerSecond,
        detail: ours.detail(),
        reference: Some(reference),
        goal: Goal::Ratio(goal),
    }
}

fn growth(work: &'static str, largest: &Measured, smallest: f64, goal: f64) -> Row {
    let reference = Reference { name: "10^4 keys", figure: smallest, detail: String::new() };
    Row {
        id: "G-2",
        work,
        figure: largest.rate,
        unit: Unit::PerSecond,
        detail: largest.detail(),
        reference: Some(reference),
        goal: Goal::Ratio(goal),
    }
}

impl Scene {
    async fn new() -> Outcome<Self> {
        let home = Home::on_sqlite()?;
        let service = home.start()?;
        let people = people::sign_up(service.address, &home.mail(), CONNECTIONS)?;
        service.stop()?;
        let keys = Box::pin(issue_many(&home, &people)).await?;
        let tokens: Vec<String> = people.iter().map(|person| person.access_token.clone()).collect();
        let floor = Running::start(Floor::Verify, &tokens)?;
        Ok(Self { home, keys, people, floor })
    }

    async fn against_the_floor(
        &self,
        options: &Options,
        address: std::net::SocketAddr,
        mode: &str,
    ) -> Outcome<(Measured, Measured)> {
        let questions: Arc<[Vec<u8>]> = self.keys.iter().map(|key| question(key, mode)).collect();
        let talks =
            (0..CONNECTIONS).map(|index| Keys { questions: Arc::clone(&questions), next: index * OF_EACH });
        let mut ours = Contender::new(address, talks.collect());
        let mut of_floor = Contender::new(self.floor.address, self.people.iter().map(Same::new).collect());
        compare(options, SECONDS, &mut ours, &mut of_floor).await
    }

    /// Puts others among the keys that are asked about, until there are so many.
    fn fill(&self, size: usize) -> Outcome<()> {
        let mut database = Connection::open(self.home.database())?;
        let count: i64 = database.query_row("SELECT COUNT(*) FROM api_keys", [], |row| row.get(0))?;
        let count = usize::try_from(count)?;
        let between = "SELECT MIN(id), MAX(id) FROM api_key_tokens";
        let (first, last): ([u8; 16], [u8; 16]) =
            database.query_row(between, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let owners: Vec<Vec<u8>> = database
            .prepare("SELECT id FROM accounts")?
            .query_map([], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        let transaction = database.transaction()?;
        {
            let mut key = transaction.prepare(KEY)?;
            let mut token = transaction.prepare(TOKEN)?;
            for number in count..size {
                let (id, hash) = (chance.between(first, last), [chance.bytes(), chance.bytes()].concat());
                key.execute(params![id, owners.get(number % owners.len().max(1))])?;
                token.execute(params![chance.between(first, last), id, hash])?;
            }
        }
        transaction.commit()?;
        database.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)")?;
        Ok(())
    }
}

const KEY: &str = "
    INSERT OR IGNORE INTO api_keys (
        id, account_id, role, epoch, key_epoch, issuer, audience, subject, version, scopes, lifetime, created_at, expires_at,
        prefix, key_expires_at, ends_at, slot
    ) VALUES (
        ?1, ?2, 'authenticated', 0, 0, 'https://app.example.org', 'https://api.example.org', '/v2/datasets', '2', 'read', 3600,
        0, 9000000000000000, 'sym_ak_v4.local.AAAAAAAA', 9000000000000000, 9000000000000000, 0
    )";
const TOKEN: &str = "
    INSERT OR IGNORE INTO api_key_tokens (id, key_id, hash, not_before, expires_at, uses)
    VALUES (?1, ?2, ?3, 0, 9000000000000000, 0)";

/// Numbers without a pattern (xorshift), the same in each run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self) -> [u8; 16] {
        ((u128::from(self.next()) << 64) | u128::from(self.next())).to_be_bytes()
    }

    /// An id among these, anywhere.
    fn between(&mut self, first: [u8; 16], last: [u8; 16]) -> [u8; 16] {
        let (first, last) = (u128::from_be_bytes(first), u128::from_be_bytes(last));
        let span = last.saturating_sub(first).max(1);
        (first + u128::from_be_bytes(self.bytes()) % span).to_be_bytes()
    }
}

/// Keys of these people that live for an hour, by turns, as the service would issue them.
async fn issue_many(home: &Home, people: &[Person]) -> Outcome<Vec<String>> {
    let mut settings = home.settings();
    settings.api_keys.refresh_hash = symbolon::settings::RefreshHash::Sha256;
    settings.access.limits.authenticated = vec!["max.api_key = 1000".to_owned().try_into()?];
    let service = wiring::open_existing(&settings, Surroundings::real(), Questions::Asked).await?;
    let owners: Vec<AccountId> = people.iter().map(owner).collect::<Outcome<_>>()?;
    let mut keys = Vec::new();
    for _ in 0..OF_EACH {
        keys.extend(try_join_all(owners.iter().map(|owner| issue(&service, *owner))).await?);
    }
    service.close().await;
    Ok(keys)
}

fn owner(person: &Person) -> Outcome<AccountId> {
    let claims = claims_of(person)?;
    let id = claims.get("sub").and_then(Json::as_str).ok_or_else(|| Failure::missing("sub"))?;
    Ok(id.parse()?)
}

async fn issue(service: &Wired, owner: AccountId) -> Outcome<String> {
    let text = |text: &str| text.parse::<ApiKeyText>();
    let settings = service.api_keys.settings();
    let request = ApiKeyRequest {
        issuer: text("https://app.example.org")?,
        audience: text("https://api.example.org")?,
        subject: text("/v2/datasets")?,
        version: text("2")?,
        life: settings.key_life(Some(3_600), 0, true)?,
        address: None,
        refresh: Some(settings.refresh_life(None, 0)?),
        scopes: Scopes::try_from(vec!["read".to_owned()])?,
        name: None,
        rate_limit: None,
    };
    let request_id = RequestId::new(service.clock.now(), &*service.entropy);
    let origin = Origin { request_id, ip: None, user_agent: None };
    let issued =
        service.api_keys.issue_by(Actor::Operator, owner, Role::Authenticated, request, &origin).await?;
    Ok(issued.api_key.expose_secret().to_owned())
}

/// The request about this key.
pub(super) fn question(key: &str, mode: &str) -> Vec<u8> {
    let expect = json!({"audience": "https://api.example.org", "scopes": ["read"]});
    let body = json!({"api_key": key, "expect": expect, "mode": mode}).to_string();
    let mut request = Vec::new();
    write_request(&mut request, "POST", PATH, "", body.as_bytes());
    request
}

/// The question about one key after the other.
struct Keys {
    questions: Arc<[Vec<u8>]>,
    next: usize,
}

impl Talk for Keys {
    fn ask(&mut self, out: &mut Vec<u8>) -> bool {
        // A stride that meets every key, and none soon again.
        self.next = (self.next + 7_919) % self.questions.len().max(1);
        let question = self.questions.get(self.next);
        question.map(|question| out.extend_from_slice(question)).is_some()
    }

    fn hear(&mut self, answer: &Answer<'_>) -> Outcome<()> {
        if is_active(answer)? { Ok(()) } else { Err(Failure("a good key does not count".to_owned())) }
    }
}
