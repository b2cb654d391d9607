//! `cargo xtask test`: sets everything up, builds, runs every test and says how many ran on each backend.

mod engines;
mod previous;
mod report;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, io};

use crate::checkout::Checkout;
use crate::process::{self, Failure, Finished, Outcome};
use crate::tools::Tools;
use engines::Engines;
use report::Report;

/// Every store that must have run its tests. A backend that was not there is a failure, never a silent pass.
const BACKENDS: &[&str] = &["sqlite", "postgres", "dynamodb"];

/// The test that needs the version before, and the one that needs leave to mount a file system.
const UPGRADE: &str = "faults::upgrade::two_versions_run_side_by_side_through_a_migration";
const FULL_DISK: &str = "faults::disk::a_full_disk_is_outlived";

/// How long the faults go on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    Short,
    Long,
}

/// Runs the tests whose names contain one of `filters`, or all of them when there is none.
pub(crate) fn run(checkout: &Checkout, filters: &[&str]) -> Outcome {
    run_turn(checkout, filters, Turn::Short)
}

/// Runs the tests of faults, or those of them whose names contain one of `filters`, each for its long turn.
pub(crate) fn run_faults(checkout: &Checkout, filters: &[&str]) -> Outcome {
    let all = ["faults::", "full_disk::"];
    run_turn(checkout, if filters.is_empty() { &all } else { filters }, Turn::Long)
}

fn run_turn(checkout: &Checkout, filters: &[&str], turn: Turn) -> Outcome {
    let tools = Tools::of(checkout);
    tools.install_system_packages()?;
    let mut nextest = tools.nextest()?;
    nextest.arg("run");
    nextest.env("SYMBOLON_TEST_PYTHON", tools.python()?);
    nextest.env("SYMBOLON_TEST_NODE_MODULES", tools.node_modules()?);
    let previous = if is_asked_for(filters, UPGRADE) { previous::build(checkout)? } else { None };
    // Always the whole workspace: a package on its own has other features, and all would be compiled again.
    process::run(&mut checkout.cargo(&["build", "--workspace", "--all-targets"]))?;

    let mut report = run_documentation_tests(checkout, filters)?;
    if turn == Turn::Long {
        nextest.env("SYMBOLON_TEST_TURN", "long");
    }
    let mut engines = Engines::start(checkout, &tools)?;
    engines.pass_to(&mut nextest);
    let mut left_out = Vec::new();
    match &previous {
        Some(program) => drop(nextest.env("SYMBOLON_TEST_PREVIOUS", program)),
        None => left_out.push((UPGRADE, "this checkout has no history to build the version before of")),
    }
    if !can_mount(checkout)? {
        left_out.push((FULL_DISK, "this user may mount no file system"));
    }
    let without: Vec<_> = left_out.iter().map(|(test, _)| format!("not test(={test})")).collect();
    if !without.is_empty() {
        nextest.args(["-E", &without.join(" and ")]);
    }
    report.add(run_nextest(checkout, nextest, filters, turn)?);
    for engine in engines.ended() {
        report.add_problem(format!("{engine} ended during the tests"));
    }
    drop(engines);
    for (test, why) in left_out.into_iter().filter(|(test, _)| is_asked_for(filters, test)) {
        println!("{test} did not run: {why}");
    }
    if filters.is_empty() {
        report.require_backends(BACKENDS);
    }
    conclude(&report)
}

fn is_asked_for(filters: &[&str], test: &str) -> bool {
    filters.is_empty() || filters.iter().any(|filter| test.contains(filter))
}

/// Whether this user may mount a file system in memory.
fn can_mount(checkout: &Checkout) -> Result<bool, Failure> {
    let at = checkout.target().join("mount");
    fs::create_dir_all(&at).map_err(|error| Failure::message(format!("{}: {error}", at.display())))?;
    let mut mount = Command::new("mount");
    let mounted =
        mount.args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(&at).stderr(Stdio::null()).status();
    let can = mounted.is_ok_and(|status| status.success());
    if can {
        process::run(Command::new("umount").arg(&at))?;
    }
    Ok(can)
}

/// Documentation tests are few, so they are heard of only when one fails.
fn run_documentation_tests(checkout: &Checkout, filters: &[&str]) -> Result<Report, Failure> {
    let mut command = checkout.cargo(&["test", "--doc", "--workspace", "--quiet", "--no-fail-fast", "--"]);
    let Finished { status, stdout } = process::finish(command.args(filters))?;
    let mut report = Report::of_documentation_tests(&stdout);
    if !status.success() {
        print!("{stdout}");
        report.add_problem(format!("the documentation tests failed ({status})"));
    }
    Ok(report)
}

fn run_nextest(
    checkout: &Checkout,
    mut nextest: Command,
    filters: &[&str],
    turn: Turn,
) -> Result<Report, Failure> {
    let profile = match turn {
        Turn::Long => "faults",
        Turn::Short if env::var_os("CI").is_some() => "ci",
        Turn::Short => "default",
    };
    let junit: PathBuf = checkout.root().join("target/nextest").join(profile).join("junit.xml");
    remove_if_there(&junit)?;
    let status = process::status(nextest.args(["--workspace", "--profile", profile]).args(filters))?;
    // Without a report nothing was run, because nothing compiled or no name matched; nextest has said which.
    let mut report = Report::of_junit(&fs::read_to_string(&junit).unwrap_or_default());
    if !status.success() {
        report.add_problem(format!("cargo nextest failed ({status})"));
    }
    Ok(report)
}

fn remove_if_there(path: &Path) -> Outcome {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(Failure::message(format!("{} could not be removed: {error}", path.display())))
        }
        _ => Ok(()),
    }
}

/// Prints the summary, whose last line is `N passed, N failed`.
fn conclude(report: &Report) -> Outcome {
    for problem in report.problems() {
        eprintln!("error: {problem}");
    }
    for backend in BACKENDS {
        println!("contract on {backend}: {}", report.contract_tests(backend));
    }
    for backend in BACKENDS {
        println!("end to end on {backend}: {}", report.end_to_end_tests(backend));
    }
    println!("{} passed, {} failed", report.passed(), report.failed());
    if report.is_good() { Ok(()) } else { Err(Failure::Reported) }
}
