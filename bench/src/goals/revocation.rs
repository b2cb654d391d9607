//! G-10: a session, or an API key, that is ended at one node stops counting at another, on PostgreSQL.

use std::time::{Duration, Instant};

use crate::failure::{Failure, Outcome};
use crate::http::{Connection, credentials, text_member, write_request};
use crate::options::Options;
use crate::people;
use crate::postgres::Postgres;
use crate::report::{Goal, Row, Unit};
use crate::service::Home;
use crate::statistics::Durations;

use super::api_keys::question as key_question;
use super::durable_writes::key_request;
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
    // Keys first: whoever signs out has none any more.
    let (mut of_keys, mut of_sessions) = (Vec::new(), Vec::new());
    for person in &people {
        let mut issue = Vec::new();
        key_request(person, 3_600, &mut issue);
        let answer = to_here.exchange(&issue)?;
        let body = answer.expect(201)?;
        let (id, key) = (text_member(body, "id")?.to_owned(), text_member(body, "api_key")?.to_owned());
        let end = (format!("/v1/api-keys/{id}"), credentials(&person.access_token, &person.binding));
        // The second answer is from what the node remembers.
        let question = key_question(&key, "stateful");
        is_active(&to_there.exchange(&question)?)?;
        of_keys.push(seen_after(&mut to_here, &mut to_there, &question, &end)?);
    }
    for person in &people {
        let end = ("/v1/sessions/current".to_owned(), credentials(&person.access_token, &person.binding));
        let question = question(&person.access_token, &person.binding);
        of_sessions.push(seen_after(&mut to_here, &mut to_there, &question, &end)?);
    }
    let mut rows = rows(
        &of_sessions.into_iter().collect(),
        "sessions",
        [
            "revocation seen by another node, PostgreSQL, p99",
            "revocation seen by another node, PostgreSQL, longest",
        ],
    );
    rows.extend(self::rows(
        &of_keys.into_iter().collect(),
        "API keys",
        [
            "the same of an API key that is remembered, p99",
            "the same of an API key that is remembered, longest",
        ],
    ));
    Ok(rows)
}

/// How long what is ended here goes on counting there.
fn seen_after(
    here: &mut Connection,
    there: &mut Connection,
    question: &[u8],
    (path, headers): &(String, String),
) -> Outcome<Duration> {
    if !is_active(&there.exchange(question)?)? {
        return Err(Failure("it does not count at the other node".to_owned()));
    }
    let mut end = Vec::new();
    write_request(&mut end, "DELETE", path, headers, b"");
    here.exchange(&end)?.expect(204)?;
    let ended = Instant::now();
    while is_active(&there.exchange(question)?)? {
        if ended.elapsed() > PATIENCE {
            return Err(Failure("what was ended goes on counting at the other node".to_owned()));
        }
    }
    Ok(ended.elapsed())
}

fn rows(took: &Durations, what: &str, works: [&'static str; 2]) -> Vec<Row> {
    let row = |work, share, most| Row {
        id: "G-10",
        work,
        figure: took.percentile(share).as_secs_f64() * 1_000.0,
        unit: Unit::Milliseconds,
        detail: format!("{} {what}, median {:.2} ms", took.len(), took.median().as_secs_f64() * 1_000.0),
        reference: None,
        goal: Goal::AtMost(most),
    };
    let [p99, longest] = works;
    vec![row(p99, 0.99, 100.0), row(longest, 1.0, 1_000.0)]
}
