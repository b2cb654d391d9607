//! `symbolon completions`: the script that completes commands in a shell.

use clap::CommandFactory;
use clap_complete::Shell;

use crate::arguments::Arguments;
use crate::output::Output;
use crate::{CommandError, CommandResult};

/// Prints the script.
///
/// # Errors
///
/// [`CommandError::Output`] when it cannot be written.
pub fn run(shell: Shell, output: &mut Output<'_>) -> CommandResult {
    // The generator panics where it cannot write, so it writes to memory first.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "symbolon", &mut script);
    output.raw(&script).map_err(CommandError::Output)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::OutputFormat;

    #[test]
    fn every_shell_has_a_script_that_knows_the_commands() {
        for shell in [Shell::Bash, Shell::Elvish, Shell::Fish, Shell::PowerShell, Shell::Zsh] {
            let (mut results, mut notices) = (Vec::new(), Vec::new());
            run(shell, &mut Output::new(OutputFormat::Table, &mut results, &mut notices)).unwrap();
            let script = String::from_utf8(results).unwrap();
            assert!(script.contains("symbolon") && script.contains("doctor"), "{shell}");
        }
    }
}
