//! Runs other programs, and says which one failed and how. It does not decide what a failure means.

use std::io;
use std::process::{Command, ExitStatus, Stdio};

/// Why a chore ended without success.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line was not understood.
    Usage,
    /// One sentence that has not been printed yet.
    Message(String),
    /// What went wrong stands on the screen already.
    Reported,
}

/// A chore has nothing to hand back but its failure.
pub(crate) type Outcome = Result<(), Failure>;

impl Failure {
    /// A failure with a sentence of its own.
    pub(crate) fn message(text: impl Into<String>) -> Self {
        Self::Message(text.into())
    }
}

/// What a program printed, and how it ended.
pub(crate) struct Finished {
    /// How it ended.
    pub(crate) status: ExitStatus,
    /// What it wrote to its standard output.
    pub(crate) stdout: String,
}

/// Runs `command` on our own standard streams; any end but success is a failure.
pub(crate) fn run(command: &mut Command) -> Outcome {
    let status = status(command)?;
    if status.success() { Ok(()) } else { Err(ended_badly(command, status)) }
}

/// Runs `command` on our own standard streams and leaves the judgement to the caller.
pub(crate) fn status(command: &mut Command) -> Result<ExitStatus, Failure> {
    command.status().map_err(|error| did_not_start(command, &error))
}

/// Runs `command`, keeps its standard output and lets its standard error through.
pub(crate) fn finish(command: &mut Command) -> Result<Finished, Failure> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| did_not_start(command, &error))?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(Finished { status: output.status, stdout })
}

/// The standard output of `command`, which must succeed.
pub(crate) fn read(command: &mut Command) -> Result<String, Failure> {
    let finished = finish(command)?;
    if finished.status.success() { Ok(finished.stdout) } else { Err(ended_badly(command, finished.status)) }
}

/// The standard output of `command` if it is there and succeeds; it is silent otherwise.
pub(crate) fn probe(command: &mut Command) -> Option<String> {
    let output = command.stdin(Stdio::null()).output().ok()?;
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then_some(stdout)
}

fn did_not_start(command: &Command, error: &io::Error) -> Failure {
    Failure::message(format!("`{}` did not start: {error}", describe(command)))
}

fn ended_badly(command: &Command, status: ExitStatus) -> Failure {
    Failure::message(format!("`{}` failed ({status})", describe(command)))
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
