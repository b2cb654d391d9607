//! The project's own chores, as `cargo xtask <command>`; one module each. Nothing here is shipped.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command-line tool speaks on its standard streams"
)]

mod bench;
mod checkout;
mod ci;
mod fuzz;
mod permissions;
mod process;
mod schema;
mod test;
mod tidy;
mod tools;

use std::env;
use std::process::ExitCode;

use checkout::Checkout;
use process::{Failure, Outcome};

const USAGE: &str = "\
Usage: cargo xtask <COMMAND>

Commands:
  test [FILTER...]   set up, build and run every test, or those whose name contains a FILTER
  test --faults [FILTER...]
                     the faults alone, or those whose name contains a FILTER, each for its long turn
  bench [--quick] [--json FILE] [GOAL...]
                     measure the goals of speed and memory, or those named, beside their references
  fuzz [--seconds N] [TARGET...]
                     throw bytes at every parser, or at the named targets, for 600 seconds each
  ci [--skip-test]   every check, the cheap ones first, then a short turn of fuzzing and the tests
  tidy               the project's rules that clippy cannot say
  schema [--check]   write config/schema.json, or compare it with what the binary prints
  permissions [--check]  write the tables of docs/permissions.md, or compare them with the policies
  help               this text";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Reported) => ExitCode::FAILURE,
        Err(Failure::Message(message)) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
        Err(Failure::Usage) => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &[&str]) -> Outcome {
    match arguments {
        ["test", filters @ ..] if filters.iter().all(|filter| !filter.starts_with('-')) => {
            test::run(&Checkout::find()?, filters)
        }
        ["bench", arguments @ ..] => bench::run(&Checkout::find()?, arguments),
        ["test", "--faults", filters @ ..] if filters.iter().all(|filter| !filter.starts_with('-')) => {
            test::run_faults(&Checkout::find()?, filters)
        }
        ["fuzz", arguments @ ..] => fuzz::run(&Checkout::find()?, arguments),
        ["ci"] => {
            let checkout = Checkout::find()?;
            ci::run_checks(&checkout)?;
            ci::run_tests(&checkout)
        }
        ["ci", "--skip-test"] => ci::run_checks(&Checkout::find()?),
        ["tidy"] => tidy::run(&Checkout::find()?),
        ["schema"] => schema::write(&Checkout::find()?),
        ["schema", "--check"] => schema::check(&Checkout::find()?),
        ["permissions"] => permissions::write(&Checkout::find()?),
        ["permissions", "--check"] => permissions::check(&Checkout::find()?),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(Failure::Usage),
    }
}
