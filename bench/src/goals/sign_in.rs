//! G-6: the first step of a sign-in, which is one password hash; the memory that a flood of them leaves behind; and how long
//! the check of a token takes meanwhile.

use std::thread;
use std::time::Duration;

use crate::failure::{Failure, Outcome};
use crate::http::{Answer, write_request};
use crate::load::{CONNECTIONS, Contender, Measured, Talk, compare};
use crate::options::Options;
use crate::paced;
use crate::people::{self, PASSWORD, Person};
use crate::raw;
use crate::reference::{Floor, Running};
use crate::report::{Goal, Reference, Row, Unit};
use crate::service::Home;
use crate::statistics::Durations;

use super::session_checks::Same;

const PATH: &str = "/v1/sign-in";
const PEOPLE: usize = 128;
const SECONDS: u64 = 6;
const FLOOD_SECONDS: u64 = 60;
/// Verifications a second during the flood, over so many connections.
const PACE: u32 = 2_000;
const PACED_CONNECTIONS: usize = 8;
/// Working memory of one hash, and what else a flood may leave behind, in MiB.
const A_CORE: f64 = 19.0;
const BESIDES: f64 = 20.0;

pub(super) async fn measure(options: &Options) -> Outcome<Vec<Row>> {
    let home = Home::on_sqlite()?;
    let service = home.start()?;
    let people = people::sign_up(service.address, &home.mail(), PEOPLE)?;
    let floor = Running::start(Floor::SignIn, &[])?;
    let mut of_floor = Contender::new(floor.address, vec_of(|| Hash));
    let mut ours = Contender::new(service.address, talks(&people));
    let (ours, of_floor) = compare(options, SECONDS, &mut ours, &mut of_floor).await?;
    drop(floor);
    service.stop()?;

    let service = home.start()?;
    thread::sleep(Duration::from_secs(2));
    let idle = service.resident()?;
    let requests: Vec<Vec<u8>> =
        people.iter().take(PACED_CONNECTIONS).map(|person| Same::new(person).into_request()).collect();
    let (duration, address) = (options.time(FLOOD_SECONDS), service.address);
    let paced = thread::spawn(move || paced::run(address, &requests, PACE, duration));
    let flood = Contender::new(address, talks(&people)).run(duration).await?;
    let paced = paced.join().map_err(|_| Failure("the paced load has ended".to_owned()))??;
    let after = service.resident()?;

    let mut rows = vec![first_step(&ours, &of_floor), memory(idle, after, &flood)];
    rows.extend(meanwhile(&paced));
    Ok(rows)
}

fn first_step(ours: &Measured, floor: &Measured) -> Row {
    Row {
        id: "G-6",
        work: "sign-in, first step",
        figure: ours.rate,
        unit: Unit::PerSecond,
        detail: ours.detail(),
        reference: Some(Reference { name: "sign-in floor", figure: floor.rate, detail: floor.detail() }),
        goal: Goal::Ratio(0.95),
    }
}

fn memory(idle: f64, after: f64, flood: &Measured) -> Row {
    let cores = f64::from(u32::try_from(raw::cores()).unwrap_or(u32::MAX));
    Row {
        id: "G-6",
        work: "memory after a flood of sign-ins",
        figure: after,
        unit: Unit::Mebibytes,
        detail: format!("{} sign-ins at {:.0} /s", flood.latencies.len(), flood.rate),
        reference: Some(Reference { name: "idle", figure: idle, detail: String::new() }),
        goal: Goal::AtMostAbove(A_CORE * cores + BESIDES),
    }
}

fn meanwhile(paced: &Durations) -> [Row; 2] {
    let row = |work, share, most| Row {
        id: "G-6",
        work,
        figure: paced.percentile(share).as_secs_f64() * 1_000.0,
        unit: Unit::Milliseconds,
        detail: format!("{} checks, median {:.2} ms", paced.len(), paced.median().as_secs_f64() * 1_000.0),
        reference: None,
        goal: Goal::AtMost(most),
    };
    [
        row("sessions/verify at 2 k/s meanwhile, p99", 0.99, 1.0),
        row("sessions/verify at 2 k/s meanwhile, p99.9", 0.999, 5.0),
    ]
}

fn vec_of<T>(make: impl Fn() -> T) -> Vec<T> {
    (0..CONNECTIONS).map(|_| make()).collect()
}

fn talks(people: &[Person]) -> Vec<SignIn> {
    let of_one = |index: usize| people.iter().skip(index).step_by(CONNECTIONS).map(request).collect();
    (0..CONNECTIONS).map(|index| SignIn { requests: of_one(index), next: 0 }).collect()
}

fn request(person: &Person) -> Vec<u8> {
    let mut request = Vec::new();
    let body = people::body(&person.address, PASSWORD).to_string();
    write_request(&mut request, "POST", PATH, "", body.as_bytes());
    request
}

/// Some people by turns, with the right password.
struct SignIn {
    requests: Vec<Vec<u8>>,
    next: usize,
}

impl Talk for SignIn {
    fn ask(&mut self, out: &mut Vec<u8>) -> bool {
        let request = self.requests.get(self.next % self.requests.len().max(1));
        self.next += 1;
        request.map(|request| out.extend_from_slice(request)).is_some()
    }

    fn hear(&mut self, answer: &Answer<'_>) -> Outcome<()> {
        answer.expect(200).map(drop)
    }
}

/// What the floor is asked.
pub(super) struct Hash;

impl Talk for Hash {
    fn ask(&mut self, out: &mut Vec<u8>) -> bool {
        let body = serde_json::json!({"password": PASSWORD}).to_string();
        write_request(out, "POST", PATH, "", body.as_bytes());
        true
    }

    fn hear(&mut self, answer: &Answer<'_>) -> Outcome<()> {
        answer.expect(200).map(drop)
    }
}
