//! The command line: which goals, how long, and where the figures go.

use std::path::PathBuf;
use std::time::Duration;

use crate::failure::{Failure, Outcome};

pub(crate) const USAGE: &str = "\
Usage: cargo xtask bench [--quick] [--large] [--json FILE] [GOAL...]

  GOAL          ids such as G-5 or C9; without any, all
  --quick       shorter rounds: about two minutes, and figures that waver more
  --large       G-2 with ten million keys as well: some minutes and 5 GiB of disk more
  --json FILE   write the figures into FILE as well";

/// What the program is to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Task {
    /// Measure.
    Measure(Options),
    /// Be one of the servers that ours is compared with, in a process of its own.
    Reference(String),
    /// Say how it is called.
    Help,
}

/// What is measured, and for how long.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Options {
    goals: Vec<String>,
    quick: bool,
    /// Whether the largest stores are measured too.
    pub(crate) large: bool,
    /// Where the figures are written besides.
    pub(crate) json: Option<PathBuf>,
}

impl Options {
    /// Reads the command line; `known` are the ids of all goals.
    pub(crate) fn parse(arguments: &[String], known: &[&str]) -> Outcome<Task> {
        let mut options = Self::default();
        let mut arguments = arguments.iter().map(String::as_str);
        while let Some(argument) = arguments.next() {
            match argument {
                "reference" => {
                    let name = arguments.next().ok_or_else(|| Failure::missing("name of a reference"))?;
                    return Ok(Task::Reference(name.to_owned()));
                }
                "help" | "--help" | "-h" => return Ok(Task::Help),
                "--quick" => options.quick = true,
                "--large" => options.large = true,
                "--json" => {
                    let path = arguments.next().ok_or_else(|| Failure::missing("file after --json"))?;
                    options.json = Some(path.into());
                }
                other => options.goals.push(goal(other, known)?),
            }
        }
        Ok(Task::Measure(options))
    }

    /// Is this goal asked for?
    pub(crate) fn wants(&self, goal: &str) -> bool {
        self.goals.is_empty() || self.goals.iter().any(|wanted| wanted == goal)
    }

    /// Are rounds shorter than usual?
    pub(crate) const fn is_quick(&self) -> bool {
        self.quick
    }

    /// A time, or a third of it in a quick run.
    pub(crate) fn time(&self, seconds: u64) -> Duration {
        let whole = Duration::from_secs(seconds);
        if self.quick { whole / 3 } else { whole }
    }

    /// A number, or a quarter of it in a quick run.
    pub(crate) const fn count(&self, whole: usize) -> usize {
        if self.quick { whole / 4 } else { whole }
    }
}

fn goal(text: &str, known: &[&str]) -> Outcome<String> {
    let wanted = text.to_ascii_uppercase();
    match known.iter().find(|id| **id == wanted) {
        Some(_) => Ok(wanted),
        None => Err(Failure(format!("`{text}` is no goal: they are {}\n\n{USAGE}", known.join(", ")))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Outcome<Task> {
        let arguments: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&arguments, &["G-5", "C9"])
    }

    fn options(line: &str) -> Options {
        match parse(line).unwrap() {
            Task::Measure(options) => options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn without_a_goal_all_are_wanted() {
        assert!(options("").wants("G-5") && options("--quick").wants("C9"));
        assert!(options("g-5").wants("G-5") && !options("g-5").wants("C9"));
    }

    #[test]
    fn what_is_no_goal_is_named() {
        let Failure(why) = parse("G-99").unwrap_err();
        assert!(why.starts_with("`G-99` is no goal: they are G-5, C9"), "{why}");
        assert!(parse("--json").is_err() && parse("--fast").is_err());
    }

    #[test]
    fn a_quick_run_is_shorter() {
        assert_eq!(options("").time(6), Duration::from_secs(6));
        assert_eq!(options("--quick --json a.json C9").time(6), Duration::from_secs(2));
        assert_eq!(options("--quick").count(400), 100);
    }

    #[test]
    fn a_reference_is_asked_for_by_name() {
        assert_eq!(parse("reference verify").unwrap(), Task::Reference("verify".to_owned()));
    }
}
