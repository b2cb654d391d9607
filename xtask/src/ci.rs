//! `cargo xtask ci`: every check in turn, the cheap ones first; the first failure ends the run.

#![expect(
    clippy::disallowed_methods,
    reason = "how long a stage takes on this machine is no business of the Clock port"
)]

use std::time::Instant;

use crate::checkout::Checkout;
use crate::process::{self, Failure, Outcome};
use crate::tools::Tools;
use crate::{fuzz, permissions, schema, test, tidy};

type Stage = fn(&Checkout) -> Outcome;

/// All that needs no test to run.
pub(crate) fn run_checks(checkout: &Checkout) -> Outcome {
    let stages: [(&str, Stage); 7] = [
        ("format", check_format),
        ("tidy", tidy::run),
        ("dependencies", check_dependencies),
        ("clippy", check_clippy),
        ("alone", check_alone),
        ("schema", schema::check),
        ("permissions", permissions::check),
    ];
    for (name, stage) in stages {
        run_stage(checkout, name, stage)?;
    }
    Ok(())
}

/// A short turn of fuzzing, then all tests, whose own summary ends the run.
pub(crate) fn run_tests(checkout: &Checkout) -> Outcome {
    run_stage(checkout, "fuzz", |checkout| fuzz::run_each(checkout, fuzz::SHORT_TURN, &[]))?;
    println!("== test");
    test::run(checkout, &[])
}

fn run_stage(checkout: &Checkout, name: &str, stage: Stage) -> Outcome {
    println!("== {name}");
    let start = Instant::now();
    let outcome = stage(checkout);
    let seconds = start.elapsed().as_secs_f64();
    match outcome {
        Ok(()) => {
            println!("== {name}: passed in {seconds:.1} s");
            Ok(())
        }
        Err(Failure::Message(message)) => {
            Err(Failure::message(format!("stage {name} failed after {seconds:.1} s: {message}")))
        }
        Err(other) => Err(other),
    }
}

fn check_format(checkout: &Checkout) -> Outcome {
    process::run(&mut checkout.cargo(&["fmt", "--all", "--check"])).map_err(|failure| match failure {
        Failure::Message(message) => Failure::message(format!("{message}: run `cargo fmt --all`")),
        other => other,
    })
}

fn check_clippy(checkout: &Checkout) -> Outcome {
    let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
    process::run(&mut checkout.cargo(&arguments))
}

/// The program as a newcomer builds it, with each store alone, with all of AWS and as a Lambda function, and the adapters without any store: a
/// feature that only another package of the workspace switches on is missed by every check of the whole workspace.
fn check_alone(checkout: &Checkout) -> Outcome {
    let builds: [&[&str]; 8] = [
        &[],
        &["--features", "aws"],
        &["--no-default-features", "--features", "lambda,aws"],
        &["--no-default-features", "--features", "sqlite"],
        &["--no-default-features", "--features", "postgres"],
        &["--no-default-features", "--features", "dynamodb"],
        &["--package", "symbolon-adapters", "--no-default-features"],
        &["--package", "symbolon-adapters", "--no-default-features", "--features", "smtp"],
    ];
    for features in builds {
        process::run(checkout.cargo(&["clippy"]).args(features).args(["--", "-D", "warnings"]))?;
    }
    Ok(())
}

fn check_dependencies(checkout: &Checkout) -> Outcome {
    let mut deny = Tools::of(checkout).deny()?;
    process::run(deny.args(["check", "licenses", "bans", "sources"]))
}
