//! C9: an address that has an account and one that has none take the same time, at sign-in, sign-up and recovery.
//!
//! One request at a time; known and unknown by turns, and which of them comes first changes too, because what the service
//! does after an answer (it writes the mail) falls on whoever comes next. What comes next is measured by itself, too: there
//! a pause lets the service come to rest before each pair of requests.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use crate::failure::Outcome;
use crate::http::{Connection, write_request};
use crate::options::Options;
use crate::people::{self, PASSWORD};
use crate::report::{Goal, Reference, Row, Unit};
use crate::service::{Home, Service};
use crate::statistics::Durations;

/// So many addresses of each kind: each bears but a few recoveries, sign-ups and failures in a quarter of an hour.
const ADDRESSES: usize = 400;
/// Times that each address is used.
const RECOVERIES: usize = 5;
/// A password hash takes long, so sign-ins and sign-ups are half as many: 1,000 of each kind.
const HASHED_PER_MILLE: usize = 2_500;
/// Requests of which the one after is measured, of each kind.
const FOLLOWED: usize = 400;
/// Longer than the service is busy with anything of a recovery.
const PAUSE: Duration = Duration::from_millis(30);
const WRONG_PASSWORD: &str = "eleven lanterns over the harbour";

pub(super) fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let home = Home::on_sqlite()?;
    let service = home.start()?;
    let count = options.count(ADDRESSES);
    let known = addresses(&home, &service, count)?;
    let unknown: Vec<String> = (0..count).map(|number| format!("nobody-{number}@example.org")).collect();
    let mut connection = Connection::open(service.address)?;
    let hashed = count * HASHED_PER_MILLE / 1_000;
    let mut row = |work, path, pairs, status, body: &dyn Fn(&str) -> Json| {
        let ask = |addresses: &[String]| requests(path, addresses, body);
        compare(&mut connection, work, (&ask(&known), &ask(&unknown)), pairs, status)
    };
    let mut rows = vec![
        row("recovery, known beside unknown address", "/v1/recovery", count * RECOVERIES, 202, &recovery)?,
        row("sign-in, wrong password, known beside unknown", "/v1/sign-in", hashed, 401, &|address| {
            people::body(address, WRONG_PASSWORD)
        })?,
        row("sign-up, known beside unknown address", "/v1/sign-up", hashed, 201, &|address| {
            people::body(address, PASSWORD)
        })?,
    ];
    drop(service);
    rows.push(followers(options)?);
    Ok(rows)
}

/// The recovery of an address that nobody has ever named, right after one of an address with an account, and after one of an address
/// without.
fn followers(options: &Options) -> Outcome<Row> {
    let home = Home::on_sqlite()?;
    let service = home.start()?;
    let pairs = options.count(FOLLOWED);
    let known = addresses(&home, &service, pairs)?;
    let mut connection = Connection::open(service.address)?;
    let (mut after_known, mut after_unknown) = (Vec::new(), Vec::new());
    let mut number = 0;
    let mut nobody = || {
        number += 1;
        format!("stranger-{number}@example.org")
    };
    for (index, known) in known.iter().enumerate() {
        let mut both = [(known.clone(), &mut after_known), (nobody(), &mut after_unknown)];
        if index % 2 == 1 {
            both.reverse();
        }
        for (address, times) in both {
            thread::sleep(PAUSE);
            let mut begun = Instant::now();
            for request in requests("/v1/recovery", &[address, nobody()], &recovery) {
                begun = Instant::now();
                connection.exchange(&request)?.expect(202)?;
            }
            // Of the second one.
            times.push(begun.elapsed());
        }
    }
    Ok(alike("the recovery after one, known beside unknown", pairs, (after_known, after_unknown)))
}

/// So many people have signed up with these.
fn addresses(home: &Home, service: &Service, count: usize) -> Outcome<Vec<String>> {
    let people = people::sign_up(service.address, &home.mail(), count)?;
    Ok(people.into_iter().map(|person| person.address).collect())
}

fn recovery(address: &str) -> Json {
    json!({"identifier": {"type": "email", "value": address}})
}

fn requests(path: &str, addresses: &[String], body: &dyn Fn(&str) -> Json) -> Vec<Vec<u8>> {
    let request = |address: &String| {
        let mut request = Vec::new();
        write_request(&mut request, "POST", path, "", body(address).to_string().as_bytes());
        request
    };
    addresses.iter().map(request).collect()
}

fn compare(
    connection: &mut Connection,
    work: &'static str,
    (known, unknown): (&[Vec<u8>], &[Vec<u8>]),
    pairs: usize,
    status: u16,
) -> Outcome<Row> {
    let (mut of_known, mut of_unknown) = (Vec::new(), Vec::new());
    let mut time = |request: &[u8]| -> Outcome<Duration> {
        let asked = Instant::now();
        connection.exchange(request)?.expect(status)?;
        Ok(asked.elapsed())
    };
    let both = known.iter().zip(unknown).cycle().take(pairs);
    for (index, (known, unknown)) in both.enumerate() {
        if index % 2 == 0 {
            of_known.push(time(known)?);
            of_unknown.push(time(unknown)?);
        } else {
            of_unknown.push(time(unknown)?);
            of_known.push(time(known)?);
        }
    }
    Ok(alike(work, pairs, (of_known, of_unknown)))
}

fn alike(work: &'static str, pairs: usize, (of_known, of_unknown): (Vec<Duration>, Vec<Duration>)) -> Row {
    let (of_known, of_unknown): (Durations, Durations) =
        (of_known.into_iter().collect(), of_unknown.into_iter().collect());
    Row {
        id: "C9",
        work,
        figure: of_known.median().as_secs_f64() * 1_000.0,
        unit: Unit::Milliseconds,
        detail: format!("2 × {pairs}"),
        reference: Some(Reference {
            name: "unknown",
            figure: of_unknown.median().as_secs_f64() * 1_000.0,
            detail: String::new(),
        }),
        goal: Goal::Alike(0.05, 2.0),
    }
}
