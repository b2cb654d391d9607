//! `cargo xtask bench`: builds the program as it is shipped and what measures it, and lets that run. The goals, and what they
//! are held against, are in `bench/`.

use std::process::Command;

use crate::checkout::Checkout;
use crate::process::{self, Outcome};
use crate::tools::Tools;

/// The goal that wants the program as it is shipped for AWS Lambda, whose build takes minutes of its own.
const LAMBDA_GOAL: &str = "G-12";
/// Its features, and the store that a figure needs.
const LAMBDA_FEATURES: &str = "lambda,dynamodb,ses,sqlite";

/// Measures the goals that `arguments` name.
pub(crate) fn run(checkout: &Checkout, arguments: &[&str]) -> Outcome {
    Tools::of(checkout).install_system_packages()?;
    // Apart, so that the program has its own features and no others.
    for package in ["symbolon", "symbolon-bench"] {
        process::run(&mut checkout.cargo(&["build", "--release", "--package", package]))?;
    }
    let mut bench = Command::new(checkout.target().join("release/symbolon-bench"));
    if is_asked_for(arguments, LAMBDA_GOAL) {
        let mut build = checkout.cargo(&["build", "--profile", "lambda", "--package", "symbolon"]);
        process::run(build.args(["--no-default-features", "--features", LAMBDA_FEATURES]))?;
        bench.env("SYMBOLON_BENCH_LAMBDA", checkout.target().join("lambda/symbolon"));
    }
    process::run(bench.args(arguments).current_dir(checkout.root()))
}

/// Whether this goal is among those that are named, or none is.
fn is_asked_for(arguments: &[&str], goal: &str) -> bool {
    let is_goal = |argument: &&&str| {
        let name = argument.to_ascii_uppercase();
        name == "C9" || name.starts_with("G-")
    };
    let mut named = arguments.iter().filter(is_goal).peekable();
    named.peek().is_none() || named.any(|name| name.eq_ignore_ascii_case(goal))
}

#[cfg(test)]
mod tests {
    use super::is_asked_for;

    #[test]
    fn a_goal_is_asked_for_by_name_or_where_none_is_named() {
        assert!(is_asked_for(&[], "G-12") && is_asked_for(&["--quick", "--json", "a.json"], "G-12"));
        assert!(is_asked_for(&["C9", "g-12"], "G-12"));
        assert!(!is_asked_for(&["G-1", "--quick"], "G-12") && !is_asked_for(&["c9"], "G-12"));
    }
}
