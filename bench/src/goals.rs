//! The goals, a file each. To add one: a file, a line in [`IDS`] and one in [`rows`].

use std::path::Path;

use crate::failure::Outcome;
use crate::options::Options;
use crate::report::{Report, Row};

mod access_decisions;
mod api_keys;
mod durable_writes;
mod footprint;
mod gateway;
mod lambda;
mod lookalikes;
mod revocation;
mod session_checks;
mod sign_in;
mod signing;
mod trusted_issuers;

/// The ids of the design's goals, in the order of the table.
pub(crate) const IDS: &[&str] =
    &["G-1", "G-2", "G-4", "G-5", "G-6", "G-7", "G-8", "G-9", "G-10", "G-11", "G-12", "C9"];

/// Measures what is asked for.
pub(crate) fn measure(options: &Options) -> Outcome<Report> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut report = Report { rows: Vec::new(), machine: machine(), quick: options.is_quick() };
    for id in IDS.iter().filter(|id| options.wants(id)) {
        eprintln!("measuring {id}");
        report.rows.extend(runtime.block_on(rows(id, options))?);
    }
    Ok(report)
}

async fn rows(id: &str, options: &Options) -> Outcome<Vec<Row>> {
    match id {
        "G-1" => Box::pin(api_keys::measure_stateless(options)).await,
        "G-2" => Box::pin(api_keys::measure_stateful(options)).await,
        "G-4" => {
            let mut rows = Box::pin(session_checks::measure(options)).await?;
            rows.extend(Box::pin(gateway::measure(options)).await?);
            Ok(rows)
        }
        "G-5" => durable_writes::measure(options).await,
        "G-6" => sign_in::measure(options).await,
        "G-7" => footprint::measure(options),
        "G-8" => Box::pin(trusted_issuers::measure(options)).await,
        "G-9" => signing::measure(options),
        "G-10" => revocation::measure(options),
        "G-11" => access_decisions::measure(options),
        "G-12" => Box::pin(lambda::measure(options)).await,
        _ => lookalikes::measure(options),
    }
}

/// What the figures hold for.
fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(Path::new(path)).unwrap_or_default();
    let value = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':'))
            .map_or_else(String::new, |(_, value)| value.trim().to_owned())
    };
    let processor = value(&read("/proc/cpuinfo"), "model name");
    let kib: u64 = value(&read("/proc/meminfo"), "MemTotal").trim_end_matches(" kB").parse().unwrap_or(0);
    let system = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    let cores = crate::raw::cores();
    format!(
        "{processor}, {cores} cores, {} GiB, Linux {}; load before: {load}",
        kib / 1_048_576,
        system.trim()
    )
}
