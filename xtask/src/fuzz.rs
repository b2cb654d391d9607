//! `cargo xtask fuzz`: builds the fuzz targets with their instruments, and runs each for a while (X15). What a run has found
//! of interest is kept in `target/fuzz/corpus` and is where the next one begins; the seeds in `fuzz/seeds` are written by
//! hand.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use crate::checkout::Checkout;
use crate::process::{self, Failure, Outcome};
use crate::tools::Tools;

/// How long each target runs where nothing else is said, in seconds.
const TURN: u32 = 600;
/// How long it runs in CI.
pub(crate) const SHORT_TURN: u32 = 10;
/// So much of what a target said before it failed is shown.
const LAST_LINES: usize = 60;

/// Runs the targets that the arguments name, or all of them.
pub(crate) fn run(checkout: &Checkout, arguments: &[&str]) -> Outcome {
    let (seconds, named) = match arguments {
        ["--seconds", seconds, named @ ..] => (seconds.parse().map_err(|_| Failure::Usage)?, named),
        named => (TURN, named),
    };
    if named.iter().any(|name| name.starts_with('-')) {
        return Err(Failure::Usage);
    }
    run_each(checkout, seconds, named)
}

/// Runs these targets, or all of them, for so many seconds each.
pub(crate) fn run_each(checkout: &Checkout, seconds: u32, named: &[&str]) -> Outcome {
    let fuzzing = Fuzzing::of(checkout)?;
    let all = fuzzing.targets()?;
    if let Some(unknown) = named.iter().find(|name| !all.iter().any(|target| target == *name)) {
        return Err(Failure::message(format!(
            "there is no fuzz target {unknown}; there are {}",
            all.join(", ")
        )));
    }
    fuzzing.build(checkout)?;
    let mut failed = Vec::new();
    for target in all.iter().filter(|target| named.is_empty() || named.contains(&target.as_str())) {
        if !fuzzing.run(target, seconds)? {
            failed.push(target.as_str());
        }
    }
    if failed.is_empty() {
        Ok(())
    } else {
        Err(Failure::message(format!("fuzzing found something in {}", failed.join(", "))))
    }
}

/// Where everything is.
struct Fuzzing {
    source: PathBuf,
    target: PathBuf,
    host: String,
}

impl Fuzzing {
    fn of(checkout: &Checkout) -> Result<Self, Failure> {
        let version = process::read(Command::new("rustc").arg("-vV").current_dir(checkout.root()))?;
        let host = version.lines().find_map(|line| line.strip_prefix("host: "));
        let host = host.ok_or_else(|| Failure::message("`rustc -vV` names no host"))?.to_owned();
        Ok(Self { source: checkout.root().join("fuzz"), target: checkout.target().join("fuzz"), host })
    }

    /// The names of all targets, in order.
    fn targets(&self) -> Result<Vec<String>, Failure> {
        let directory = self.source.join("targets");
        let entries = fs::read_dir(&directory).map_err(|error| failed(&directory, &error))?;
        let paths = entries.filter_map(Result::ok).map(|entry| entry.path());
        let rust = paths.filter(|path| path.extension().is_some_and(|extension| extension == "rs"));
        let mut names: Vec<String> =
            rust.filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned())).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// The compiler is a stable one, so there are instruments for coverage and none for memory: what is unsafe is not ours.
    fn build(&self, checkout: &Checkout) -> Outcome {
        self.take_lock_file(checkout)?;
        let mut fuzz = Tools::of(checkout).fuzz()?;
        fuzz.args(["build", "--sanitizer", "none", "--target", &self.host]);
        fuzz.arg("--fuzz-dir").arg(&self.source).arg("--target-dir").arg(&self.target);
        process::run(&mut fuzz)
    }

    /// The versions are the workspace's; what is fuzzed only is added to them by Cargo.
    fn take_lock_file(&self, checkout: &Checkout) -> Outcome {
        let (of_workspace, taken) = (checkout.root().join("Cargo.lock"), self.target.join("workspace.lock"));
        let own = self.source.join("Cargo.lock");
        let wanted = fs::read(&of_workspace).map_err(|error| failed(&of_workspace, &error))?;
        if own.exists() && fs::read(&taken).is_ok_and(|taken| taken == wanted) {
            return Ok(());
        }
        create(&self.target)?;
        for path in [&own, &taken] {
            fs::write(path, &wanted).map_err(|error| failed(path, &error))?;
        }
        Ok(())
    }

    /// Runs one target, and says what came of it; false when it found something.
    fn run(&self, target: &str, seconds: u32) -> Result<bool, Failure> {
        let [corpus, work, found] =
            ["corpus", "work", "found"].map(|directory| self.target.join(directory).join(target));
        clear(&work)?;
        for directory in [&corpus, &work, &found] {
            create(directory)?;
        }
        let log = self.target.join(target).with_extension("log");
        let output = fs::File::create(&log).map_err(|error| failed(&log, &error))?;
        let mut command = Command::new(self.target.join(&self.host).join("release").join(target));
        command.args(["-timeout=20", "-rss_limit_mb=4096", "-print_final_stats=1"]);
        command.arg(format!("-max_total_time={seconds}"));
        command.arg(format!("-artifact_prefix={}/", found.display()));
        let dictionary = self.source.join("dictionaries").join(target).with_extension("dict");
        if dictionary.exists() {
            command.arg(format!("-dict={}", dictionary.display()));
        }
        command.arg(&corpus).arg(self.source.join("seeds").join(target));
        command.env("TMPDIR", &work).stdin(Stdio::null()).stdout(Stdio::null()).stderr(output);
        let status = process::status(&mut command)?;
        clear(&work)?;
        let text = fs::read(&log).map_err(|error| failed(&log, &error))?;
        let text = String::from_utf8_lossy(&text);
        if status.success() {
            println!("fuzz {target}: {}", summary(&text));
            return Ok(true);
        }
        let lines: Vec<&str> = text.lines().collect();
        let last = lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default();
        eprintln!("{}", last.join("\n"));
        eprintln!("fuzz {target}: {status}; the input is in {}", found.display());
        Ok(false)
    }
}

/// What libFuzzer counted.
fn summary(log: &str) -> String {
    let number = |name: &str| {
        let line = log.lines().find_map(|line| line.strip_prefix(name));
        line.map_or("?", str::trim).to_owned()
    };
    format!(
        "{} executions, {} a second, {} inputs of interest added, nothing found",
        number("stat::number_of_executed_units:"),
        number("stat::average_exec_per_sec:"),
        number("stat::new_units_added:")
    )
}

fn create(directory: &Path) -> Outcome {
    fs::create_dir_all(directory).map_err(|error| failed(directory, &error))
}

fn clear(directory: &Path) -> Outcome {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(directory, &error)),
        _ => Ok(()),
    }
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    Failure::message(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::summary;

    #[test]
    fn the_summary_repeats_what_libfuzzer_counted() {
        let log = "#1 INITED\nstat::number_of_executed_units: 120\nstat::average_exec_per_sec:     12\n\
                   stat::new_units_added:         3\n";
        assert_eq!(summary(log), "120 executions, 12 a second, 3 inputs of interest added, nothing found");
    }
}
