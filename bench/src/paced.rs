//! An open loop: requests at fixed moments, however long the answers take. What a request waits because the one before it
//! on its connection was late is counted in; what the pacing thread itself slept too long is not.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::Outcome;
use crate::http::Connection;
use crate::raw::on_threads;
use crate::statistics::Durations;

/// Sends these requests in turn, each connection one of them, `rate` a second over all for so long, and expects 200.
pub(crate) fn run(
    address: SocketAddr,
    requests: &[Vec<u8>],
    rate: u32,
    duration: Duration,
) -> Outcome<Durations> {
    let connections = u32::try_from(requests.len()).unwrap_or(u32::MAX);
    let between = Duration::from_secs(connections.into()) / rate;
    let start = Instant::now();
    let took = on_threads(requests.iter().zip(0..), |(request, index): (&Vec<u8>, u32)| {
        let first = start + between * index / connections;
        pace(address, request, (first, start + duration), between)
    })?;
    Ok(took.into_iter().flatten().collect())
}

fn pace(
    address: SocketAddr,
    request: &[u8],
    (first, end): (Instant, Instant),
    between: Duration,
) -> Outcome<Vec<Duration>> {
    let mut connection = Connection::open(address)?;
    let (mut due, mut took) = (first, Vec::new());
    while due < end {
        let wait = due.saturating_duration_since(Instant::now());
        let begun = if wait.is_zero() {
            due
        } else {
            thread::sleep(wait);
            Instant::now()
        };
        connection.exchange(request)?.expect(200)?;
        took.push(begun.elapsed());
        due += between;
    }
    Ok(took)
}
