//! G-7: what the program takes while nobody asks anything of it, and how soon it is there.

use std::thread;
use std::time::Duration;

use crate::failure::{Failure, Outcome};
use crate::options::Options;
use crate::report::{Goal, Row, Unit};
use crate::service::{Home, program};
use crate::statistics::median;

/// What has settled by then is what it keeps.
const SETTLED: Duration = Duration::from_secs(5);
const STARTS: usize = 5;

pub(super) fn measure(_: &Options) -> Outcome<Vec<Row>> {
    let size = std::fs::metadata(program()?)?.len();
    let (mut first, mut again, mut homes) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let home = Home::on_sqlite()?;
        let service = home.start()?;
        first.push(service.ready_after.as_secs_f64() * 1_000.0);
        service.stop()?;
        let service = home.start()?;
        again.push(service.ready_after.as_secs_f64() * 1_000.0);
        service.stop()?;
        homes.push(home);
    }
    let home = homes.pop().ok_or_else(|| Failure::missing("home"))?;
    let service = home.start()?;
    thread::sleep(SETTLED);
    let idle = service.resident()?;
    #[expect(clippy::cast_precision_loss, reason = "no program has 2^52 bytes")]
    let megabytes = size as f64 / 1e6;
    Ok(vec![
        row("idle memory", idle, Unit::Mebibytes, 20.0),
        row("ready again", median(&again).unwrap_or(f64::NAN), Unit::Milliseconds, 50.0),
        row("first start, with nothing there", median(&first).unwrap_or(f64::NAN), Unit::Milliseconds, 500.0),
        row("size of the program", megabytes, Unit::Megabytes, 30.0),
    ])
}

fn row(work: &'static str, figure: f64, unit: Unit, most: f64) -> Row {
    Row { id: "G-7", work, figure, unit, detail: String::new(), reference: None, goal: Goal::AtMost(most) }
}
