//! How often something is done in a second by threads that do nothing else: the limit of the processor, without a server.

use std::thread;
use std::time::{Duration, Instant};

use crate::failure::{Failure, Outcome};
use crate::statistics::median;

/// The processor is asked for the time after so many turns.
const TURNS: usize = 64;

/// How many processor cores there are.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// Turns in a second over this many threads, each with work of its own that `make` gives it.
pub(crate) fn rate<W: FnMut() -> Outcome<()>>(
    threads: usize,
    duration: Duration,
    make: impl Fn(usize) -> W + Sync,
) -> Outcome<f64> {
    let rates = on_threads(0..threads, |thread| turns(make(thread), duration))?;
    Ok(rates.iter().sum())
}

/// Does this with each item, on a thread for each, and gives back what came of them, in their order.
pub(crate) fn on_threads<I: Send, R: Send>(
    items: impl Iterator<Item = I>,
    work: impl Fn(I) -> Outcome<R> + Sync,
) -> Outcome<Vec<R>> {
    let work = &work;
    thread::scope(|scope| {
        let runs: Vec<_> = items.map(|item| scope.spawn(move || work(item))).collect();
        let ended = |_| Failure("a thread has ended before its work".to_owned());
        runs.into_iter().map(|run| run.join().map_err(ended)?).collect()
    })
}

/// Turns in a second on this thread.
pub(crate) fn turns(mut work: impl FnMut() -> Outcome<()>, duration: Duration) -> Outcome<f64> {
    let start = Instant::now();
    let mut count = 0_u32;
    while start.elapsed() < duration {
        for _ in 0..TURNS {
            work()?;
            count += 1;
        }
    }
    Ok(f64::from(count) / start.elapsed().as_secs_f64())
}

/// The middle of three, after one to warm up.
pub(crate) fn middle(mut measure: impl FnMut() -> Outcome<f64>) -> Outcome<f64> {
    measure()?;
    let rates = [measure()?, measure()?, measure()?];
    median(&rates).ok_or_else(|| Failure::missing("measurement"))
}
