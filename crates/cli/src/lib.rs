//! `symbolon` as a library: the settings, the command line, and (in `wiring`) the one place where use cases, stores
//! and
//! front ends meet. The binary beside it only calls [`run`]; the tests use the rest.

pub mod arguments;
pub mod completions;
pub mod config;
pub mod output;
pub mod settings;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use crate::arguments::{Arguments, Command};
use crate::output::Output;
use crate::settings::{LoadOptions, Problem, Settings};

/// What a command ends with when it did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// The configuration is wrong. Each problem is printed on a line of its own.
    #[error("the configuration is wrong")]
    Settings(Vec<Problem>),
    /// Nobody takes what is written. A reader that has gone away, as `head` does, is no failure.
    #[error("the output could not be written: {0}")]
    Output(#[from] io::Error),
    /// The command is not there yet.
    #[error("this command is not wired yet")]
    NotWired,
}

/// What a command ends with.
pub type CommandResult = Result<(), CommandError>;

/// Runs the command that the process's arguments name: exit code 0 done, 1 refused or failed, 2 wrong usage.
#[must_use]
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(usage) => {
            // Help and version come this way too, with exit code 0. If nobody reads them, there is nothing to add.
            drop(usage.print());
            return u8::try_from(usage.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from);
        }
    };
    let options = LoadOptions::of_process(arguments.config.clone(), arguments.command.overrides());
    let (mut results, mut notices) = (io::stdout(), io::stderr());
    let mut output = Output::new(arguments.output, &mut results, &mut notices);
    let result = execute(&arguments.command, &options, &mut output).and_then(|()| Ok(results.flush()?));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(CommandError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            // When standard error is closed as well, the exit code is all that is left to say.
            drop(report(&error, &mut notices));
            ExitCode::FAILURE
        }
    }
}

/// Runs one command.
///
/// # Errors
///
/// What the command could not do.
pub fn execute(command: &Command, options: &LoadOptions, output: &mut Output<'_>) -> CommandResult {
    match command {
        Command::Config(command) => config::run(*command, options, output),
        Command::Completions { shell } => completions::run(*shell, output),
        // NOT WIRED YET: each gets its own file and its own line here.
        Command::Serve(_)
        | Command::Migrate(_)
        | Command::Account(_)
        | Command::Token(_)
        | Command::Outbox(_)
        | Command::Audit(_)
        | Command::Doctor => {
            Settings::load(options).map_err(CommandError::Settings)?;
            Err(CommandError::NotWired)
        }
    }
}

/// Writes why a command failed, every problem on a line of its own.
fn report(error: &CommandError, notices: &mut dyn Write) -> io::Result<()> {
    writeln!(notices, "error: {error}")?;
    if let CommandError::Settings(problems) = error {
        for problem in problems {
            writeln!(notices, "  {problem}")?;
        }
    }
    Ok(())
}
