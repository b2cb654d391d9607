//! G-5: what is durable when it is answered: a refresh with rotation, on SQLite and on PostgreSQL; the issue of an API key, and its
//! refresh, with SHA-256 and with Argon2id for the refresh token.

use std::time::Duration;

use serde_json::json;

use super::sign_in::Hash;
use crate::failure::Outcome;
use crate::http::{Answer, credentials, text_member, write_request};
use crate::load::{CONNECTIONS, Contender, Measured, Runs, Talk, compare};
use crate::options::Options;
use crate::people::{self, Person};
use crate::postgres::Postgres;
use crate::reference::{Floor, Running};
use crate::report::{Goal, Reference, Row, Unit};
use crate::service::Home;
use crate::statistics::Durations;

const PATH: &str = "/v1/sessions/refresh";
const KEYS: &str = "/v1/api-keys";
const REFRESH_KEY: &str = "/v1/api-keys/refresh";
const SECONDS: u64 = 4;

pub(super) async fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let mut rows = vec![on_sqlite(options).await?, on_postgres(options).await?];
    rows.extend(keys_with_sha256(options).await?);
    rows.extend(keys_with_argon2id(options).await?);
    Ok(rows)
}

async fn on_sqlite(options: &Options) -> Outcome<Row> {
    let home = Home::on_sqlite()?;
    let service = home.start()?;
    let people = people::sign_up(service.address, &home.mail(), CONNECTIONS)?;
    let floor = Running::start(Floor::Durable, &[])?;
    let mut of_floor = Contender::new(floor.address, people.iter().map(Refresh::new).collect());
    let mut ours = Contender::new(service.address, people.iter().map(Refresh::new).collect());
    let (ours, of_floor) = compare(options, SECONDS, &mut ours, &mut of_floor).await?;
    let reference = Reference { name: "durable floor", figure: of_floor.rate, detail: of_floor.detail() };
    Ok(row("sessions/refresh, SQLite", &ours, reference, Goal::Ratio(0.4)))
}

async fn on_postgres(options: &Options) -> Outcome<Row> {
    let server = Postgres::start()?;
    let home = Home::on_postgres(&server.database("symbolon")?)?;
    let service = home.start()?;
    let people = people::sign_up(service.address, &home.mail(), CONNECTIONS)?;
    let mut ours = Contender::new(service.address, people.iter().map(Refresh::new).collect());
    server.prepare_inserts()?;
    let (ours, inserts) = compare(options, SECONDS, &mut ours, &mut Inserts(&server)).await?;
    let reference = Reference {
        name: "pgbench, one-row insert, 32 clients",
        figure: inserts.rate,
        detail: String::new(),
    };
    Ok(row("sessions/refresh, PostgreSQL", &ours, reference, Goal::Ratio(0.5)))
}

/// So many live keys may an owner of the measurement have: each that is issued in it ends after a second.
const LIMITS: (&str, &str) = ("SYMBOLON_ACCESS__LIMITS__AUTHENTICATED", "max.api_key = 100000");

async fn keys_with_sha256(options: &Options) -> Outcome<[Row; 2]> {
    let home = Home::on_sqlite()?;
    let service = home.start_with(&[LIMITS, ("SYMBOLON_API_KEYS__REFRESH_HASH", "sha256")])?;
    let people = people::sign_up(service.address, &home.mail(), CONNECTIONS)?;
    let floor = Running::start(Floor::Durable, &[])?;
    let mut of_floor = Contender::new(floor.address, people.iter().map(Refresh::new).collect());
    let mut issues = Contender::new(service.address, people.iter().map(Issue::new).collect());
    let (issued, floor) = compare(options, SECONDS, &mut issues, &mut of_floor).await?;
    let reference =
        |floor: &Measured| Reference { name: "durable floor", figure: floor.rate, detail: floor.detail() };
    let issue = row("api-keys issue, SHA-256, SQLite", &issued, reference(&floor), Goal::Ratio(0.6));
    let mut refreshes = Contender::new(service.address, people.iter().map(RefreshKey::new).collect());
    let (refreshed, floor) = compare(options, SECONDS, &mut refreshes, &mut of_floor).await?;
    let refresh = row("api-keys/refresh, SHA-256, SQLite", &refreshed, reference(&floor), Goal::Ratio(0.4));
    Ok([issue, refresh])
}

/// A refresh verifies one hash and makes another.
async fn keys_with_argon2id(options: &Options) -> Outcome<[Row; 2]> {
    let home = Home::on_sqlite()?;
    let service = home.start_with(&[LIMITS])?;
    let people = people::sign_up(service.address, &home.mail(), CONNECTIONS)?;
    let floor = Running::start(Floor::SignIn, &[])?;
    let mut of_floor = Contender::new(floor.address, people.iter().map(|_| Hash).collect());
    let mut issues = Contender::new(service.address, people.iter().map(Issue::new).collect());
    let (issued, floor) = compare(options, SECONDS, &mut issues, &mut of_floor).await?;
    let reference =
        |floor: &Measured| Reference { name: "sign-in floor", figure: floor.rate, detail: floor.detail() };
    let issue = row("api-keys issue, Argon2id", &issued, reference(&floor), Goal::Ratio(0.95));
    let mut refreshes = Contender::new(service.address, people.iter().map(RefreshKey::new).collect());
    let (refreshed, floor) = compare(options, SECONDS, &mut refreshes, &mut of_floor).await?;
    let refresh =
        row("api-keys/refresh, Argon2id, two hashes", &refreshed, reference(&floor), Goal::Ratio(0.475));
    Ok([issue, refresh])
}

/// The members that a key needs, and how long it and its refresh token live.
pub(super) fn key_request(person: &Person, lifetime: u32, out: &mut Vec<u8>) {
    let headers = credentials(&person.access_token, &person.binding);
    let body = json!({
        "issuer": "https://app.example.org", "audience": "https://api.example.org", "subject": "/v2/datasets", "version": "2",
        "scopes": ["read"], "expires_in": lifetime, "refresh_expires_in": lifetime,
    });
    write_request(out, "POST", KEYS, &headers, body.to_string().as_bytes());
}

/// A client that has one key issued after the other. They end by themselves, so that owners never have many.
struct Issue(Person);

impl Issue {
    fn new(person: &Person) -> Self {
        Self(person.clone())
    }
}

impl Talk for Issue {
    fn ask(&mut self, out: &mut Vec<u8>) -> bool {
        key_request(&self.0, 1, out);
        true
    }

    fn hear(&mut self, answer: &Answer<'_>) -> Outcome<()> {
        answer.expect(201).map(drop)
    }
}

/// A client that has a key issued, and then refreshes it again and again.
struct RefreshKey {
    person: Person,
    key: Option<(String, String)>,
}

impl RefreshKey {
    fn new(person: &Person) -> Self {
        Self { person: person.clone(), key: None }
    }
}

impl Talk for RefreshKey {
    fn ask(&mut self, out: &mut Vec<u8>) -> bool {
        match &self.key {
            None => key_request(&self.person, 3_600, out),
            Some((api_key, refresh_token)) => {
                let body = json!({"api_key": api_key, "refresh_token": refresh_token}).to_string();
                write_request(out, "POST", REFRESH_KEY, "", body.as_bytes());
            }
        }
        true
    }

    fn hear(&mut self, answer: &Answer<'_>) -> Outcome<()> {
        let body = answer.expect(if self.key.is_some() { 200 } else { 201 })?;
        let member = |name| text_member(body, name).map(str::to_owned);
        self.key = Some((member("api_key")?, member("refresh_token")?));
        Ok(())
    }
}

/// What `pgbench` inserts into this server. How long each insert takes it does not say.
struct Inserts<'a>(&'a Postgres);

impl Runs for Inserts<'_> {
    async fn run(&mut self, duration: Duration) -> Outcome<Measured> {
        Ok(Measured { rate: self.0.insert_rate(duration)?, latencies: Durations::default() })
    }
}

fn row(work: &'static str, ours: &Measured, reference: Reference, goal: Goal) -> Row {
    Row {
        id: "G-5",
        work,
        figure: ours.rate,
        unit: Unit::PerSecond,
        detail: ours.detail(),
        reference: Some(reference),
        goal,
    }
}

/// A client that shows each refresh token once, and gets the next.
struct Refresh {
    binding: String,
    token: String,
}

impl Refresh {
    fn new(person: &Person) -> Self {
        Self {
            binding: format!("Symbolon-Binding: {}\r\n", person.binding),
            token: person.refresh_token.clone(),
        }
    }
}

impl Talk for Refresh {
    fn ask(&mut self, out: &mut Vec<u8>) -> bool {
        let body = json!({"refresh_token": self.token}).to_string();
        write_request(out, "POST", PATH, &self.binding, body.as_bytes());
        true
    }

    fn hear(&mut self, answer: &Answer<'_>) -> Outcome<()> {
        text_member(answer.expect(200)?, "refresh_token")?.clone_into(&mut self.token);
        Ok(())
    }
}
