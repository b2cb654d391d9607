//! `cargo xtask bench`: builds the program as it is shipped and what measures it, and lets that run. The goals, and what they
//! are held against, are in `bench/`.

use std::process::Command;

use crate::checkout::Checkout;
use crate::process::{self, Outcome};
use crate::tools::Tools;

/// Measures the goals that `arguments` name.
pub(crate) fn run(checkout: &Checkout, arguments: &[&str]) -> Outcome {
    Tools::of(checkout).install_system_packages()?;
    // Apart, so that the program has its own features and no others.
    for package in ["symbolon", "symbolon-bench"] {
        process::run(&mut checkout.cargo(&["build", "--release", "--package", package]))?;
    }
    let mut bench = Command::new(checkout.target().join("release/symbolon-bench"));
    process::run(bench.args(arguments).current_dir(checkout.root()))
}
