//! An open loop: requests at fixed moments, however long the answers take. What a request waits because the one before it
//! on its connection was late is counted in; what the pacing thread itself slept too long is not.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::{Failure, Outcome};
use crate::http::Connection;
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
    let took: Outcome<Vec<Vec<Duration>>> = thread::scope(|scope| {
        let runs: Vec<_> = requests
            .iter()
            .zip(0..)
            .map(|(request, index): (_, u32)| {
                let first = start + between * index / connections;
                scope.spawn(move || pace(address, request, (first, start + duration), between))
            })
            .collect();
        runs.into_iter()
            .map(|run| run.join().map_err(|_| Failure("a pacing thread has ended".to_owned()))?)
            .collect()
    });
    Ok(took?.into_iter().flatten().collect())
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
