//! Measures the goals of speed and memory, each beside a reference that is measured in the same run on the same machine.
//!
//! `cargo xtask bench` builds it and runs it; docs/performance.md says how to read what it prints. It judges nothing by
//! time: a goal that is missed is a line of the table, not a failure. A goal is a file in `goals/`.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool speaks on its standard streams"
)]
#![expect(clippy::disallowed_methods, reason = "what takes how long is all that this program is about")]

mod failure;
mod goals;
mod http;
mod load;
mod options;
mod paced;
mod people;
mod postgres;
mod raw;
mod reference;
mod report;
mod service;
mod statistics;

use std::env;
use std::process::ExitCode;

use failure::{Failure, Outcome};
use options::{Options, Task};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure(why)) => {
            eprintln!("error: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Outcome<()> {
    match Options::parse(arguments, goals::IDS)? {
        Task::Reference(name) => reference::serve(&name),
        Task::Help => {
            println!("{}", options::USAGE);
            Ok(())
        }
        Task::Measure(options) => measure(&options),
    }
}

fn measure(options: &Options) -> Outcome<()> {
    let report = goals::measure(options)?;
    println!("\n{}", report.table());
    if let Some(path) = &options.json {
        std::fs::write(path, format!("{:#}\n", report.json()))
            .map_err(|error| Failure(format!("{} cannot be written: {error}", path.display())))?;
    }
    Ok(())
}
