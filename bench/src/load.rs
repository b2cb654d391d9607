//! A closed loop: so many connections that are kept, each of which asks again as soon as it is answered. It counts what
//! was answered, and how long each answer took.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::failure::{Failure, Outcome};
use crate::http::Answer;
use crate::options::Options;
use crate::statistics::{Durations, median};

/// Connections of every load.
pub(crate) const CONNECTIONS: usize = 64;
const ROUNDS: usize = 3;

/// What one connection has to say.
pub(crate) trait Talk: Send + 'static {
    /// Writes the next request. False when there is none any more.
    fn ask(&mut self, out: &mut Vec<u8>) -> bool;

    /// Takes the answer; what is not as expected ends the measurement.
    fn hear(&mut self, answer: &Answer<'_>) -> Outcome<()>;
}

/// What one round, or the middle of several, came to.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// Answers in a second.
    pub(crate) rate: f64,
    /// How long they took.
    pub(crate) latencies: Durations,
}

impl Measured {
    /// For the table.
    pub(crate) fn detail(&self) -> String {
        format!("p99 {:.1} ms", self.latencies.percentile(0.99).as_secs_f64() * 1_000.0)
    }
}

/// A server, and the talks with it that go on from round to round.
pub(crate) struct Contender<T> {
    address: SocketAddr,
    talks: Vec<T>,
}

impl<T: Talk> Contender<T> {
    /// Each talk gets a connection of its own.
    pub(crate) const fn new(address: SocketAddr, talks: Vec<T>) -> Self {
        Self { address, talks }
    }

    /// One round.
    pub(crate) async fn run(&mut self, duration: Duration) -> Outcome<Measured> {
        let start = Instant::now();
        let address = self.address;
        let runs = self.talks.drain(..).map(|talk| tokio::spawn(talk_until(address, talk, start + duration)));
        let runs: Vec<_> = runs.collect();
        let mut latencies = Vec::new();
        for run in runs {
            let (talk, mut took) = run.await??;
            self.talks.push(talk);
            latencies.append(&mut took);
        }
        let seconds = start.elapsed().as_secs_f64();
        let latencies: Durations = latencies.into_iter().collect();
        #[expect(clippy::cast_precision_loss, reason = "nothing is counted up to 2^52")]
        let count = latencies.len() as f64;
        Ok(Measured { rate: count / seconds, latencies })
    }
}

/// A contender of any talk.
pub(crate) trait Runs {
    /// One round.
    fn run(&mut self, duration: Duration) -> impl Future<Output = Outcome<Measured>>;
}

impl<T: Talk> Runs for Contender<T> {
    async fn run(&mut self, duration: Duration) -> Outcome<Measured> {
        Self::run(self, duration).await
    }
}

/// Both by turns, so that what the machine does besides falls on both; of each the middle of three rounds after one to
/// warm up.
pub(crate) async fn compare(
    options: &Options,
    seconds: u64,
    ours: &mut impl Runs,
    reference: &mut impl Runs,
) -> Outcome<(Measured, Measured)> {
    let duration = options.time(seconds);
    ours.run(duration / 2).await?;
    reference.run(duration / 2).await?;
    let (mut of_ours, mut of_reference) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        of_reference.push(reference.run(duration).await?);
        of_ours.push(ours.run(duration).await?);
    }
    Ok((middle(of_ours)?, middle(of_reference)?))
}

/// One alone, in the same way.
pub(crate) async fn alone(options: &Options, seconds: u64, ours: &mut impl Runs) -> Outcome<Measured> {
    let duration = options.time(seconds);
    ours.run(duration / 2).await?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(ours.run(duration).await?);
    }
    middle(rounds)
}

/// The round whose rate is in the middle.
fn middle(rounds: Vec<Measured>) -> Outcome<Measured> {
    let rates: Vec<f64> = rounds.iter().map(|round| round.rate).collect();
    let middle = median(&rates).ok_or_else(|| Failure::missing("round"))?;
    let found = rounds.into_iter().find(|round| round.rate.total_cmp(&middle).is_eq());
    found.ok_or_else(|| Failure::missing("round in the middle"))
}

async fn talk_until<T: Talk>(address: SocketAddr, mut talk: T, end: Instant) -> Outcome<(T, Vec<Duration>)> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (mut out, mut buffer) = (Vec::with_capacity(4096), Vec::with_capacity(16 * 1024));
    let mut took = Vec::with_capacity(64 * 1024);
    let mut asked = Instant::now();
    while asked < end {
        out.clear();
        if !talk.ask(&mut out) {
            break;
        }
        stream.write_all(&out).await?;
        buffer.clear();
        loop {
            if stream.read_buf(&mut buffer).await? == 0 {
                return Err(Failure("the server closed a connection in the middle".to_owned()));
            }
            if let Some(answer) = Answer::read(&buffer)? {
                talk.hear(&answer)?;
                break;
            }
        }
        let answered = Instant::now();
        took.push(answered - asked);
        asked = answered;
    }
    Ok((talk, took))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(rate: f64) -> Measured {
        Measured { rate, latencies: Durations::default() }
    }

    #[test]
    fn the_middle_round_is_taken_whole() {
        let rounds = vec![round(3.0), round(1.0), round(2.0)];
        assert!(middle(rounds).unwrap().rate.total_cmp(&2.0).is_eq());
        assert!(middle(Vec::new()).is_err());
    }
}
