//! G-10: a session that is ended at one node stops counting at another, on PostgreSQL.

use std::time::{Duration, Instant};

use crate::failure::{Failure, Outcome};
use crate::http::{Connection, credentials, write_request};
use crate::options::Options;
use crate::people;
use crate::postgres::Postgres;
use crate::report::{Goal, Row, Unit};
use crate::service::Home;
use crate::statistics::Durations;

use super::session_checks::{is_active, question};

const SESSIONS: usize = 400;
/// Longer than the bound, so that it is seen to be broken.
const PATIENCE: Duration = Duration::from_secs(5);

pub(super) fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let server = Postgres::start()?;
    let home = Home::on_postgres(&server.database("symbolon")?)?;
    let (here, there) = (home.start()?, home.start()?);
    let people = people::sign_up(here.address, &home.mail(), options.count(SESSIONS))?;
    let (mut to_here, mut to_there) = (Connection::open(here.address)?, Connection::open(there.address)?);
    let mut took = Vec::new();
    for person in &people {
        let question = question(&person.access_token, &person.binding);
        if !is_active(&to_there.exchange(&question)?)? {
            return Err(Failure("a session does not count at the other node".to_owned()));
        }
        let mut end = Vec::new();
        let headers = credentials(&person.access_token, &person.binding);
        write_request(&mut end, "DELETE", "/v1/sessions/current", &headers, b"");
        to_here.exchange(&end)?.expect(204)?;
        let ended = Instant::now();
        while is_active(&to_there.exchange(&question)?)? {
            if ended.elapsed() > PATIENCE {
                return Err(Failure("an ended session goes on counting at the other node".to_owned()));
            }
        }
        took.push(ended.elapsed());
    }
    let took: Durations = took.into_iter().collect();
    let row = |work, share, most| Row {
        id: "G-10",
        work,
        figure: took.percentile(share).as_secs_f64() * 1_000.0,
        unit: Unit::Milliseconds,
        detail: format!("{} sessions, median {:.2} ms", took.len(), took.median().as_secs_f64() * 1_000.0),
        reference: None,
        goal: Goal::AtMost(most),
    };
    Ok(vec![
        row("revocation seen by another node, PostgreSQL, p99", 0.99, 100.0),
        row("revocation seen by another node, PostgreSQL, longest", 1.0, 1_000.0),
    ])
}
