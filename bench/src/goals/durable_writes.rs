//! G-5: a refresh with rotation, which is durable when it is answered: on SQLite, and on PostgreSQL.

use std::time::Duration;

use serde_json::json;

use crate::failure::Outcome;
use crate::http::{Answer, text_member, write_request};
use crate::load::{CONNECTIONS, Contender, Measured, Runs, Talk, compare};
use crate::options::Options;
use crate::people::{self, Person};
use crate::postgres::Postgres;
use crate::reference::{Floor, Running};
use crate::report::{Goal, Reference, Row, Unit};
use crate::service::Home;
use crate::statistics::Durations;

const PATH: &str = "/v1/sessions/refresh";
const SECONDS: u64 = 4;

pub(super) async fn measure(options: &Options) -> Outcome<Vec<Row>> {
    Ok(vec![on_sqlite(options).await?, on_postgres(options).await?])
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
