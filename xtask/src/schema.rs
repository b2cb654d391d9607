//! `cargo xtask schema`: keeps `config/schema.json` what `symbolon config schema` prints.

use std::fs;
use std::process::Command;

use crate::checkout::Checkout;
use crate::process::{self, Failure, Outcome};

const SCHEMA: &str = "config/schema.json";

/// Writes the schema that the binary prints.
pub(crate) fn write(checkout: &Checkout) -> Outcome {
    let schema = print_schema(checkout)?;
    fs::write(checkout.root().join(SCHEMA), schema)
        .map_err(|error| Failure::message(format!("{SCHEMA} could not be written: {error}")))
}

/// Fails when the schema in the repository is not the one that the binary prints.
pub(crate) fn check(checkout: &Checkout) -> Outcome {
    let printed = print_schema(checkout)?;
    let kept = fs::read_to_string(checkout.root().join(SCHEMA)).unwrap_or_default();
    match first_difference(&kept, &printed) {
        None => Ok(()),
        Some(line) => Err(Failure::message(format!(
            "{SCHEMA}:{line}: is not what `symbolon config schema` prints: run `cargo xtask schema` and commit it"
        ))),
    }
}

fn print_schema(checkout: &Checkout) -> Result<String, Failure> {
    print(checkout, &["config", "schema"])
}

/// What the binary prints with its default settings. It is built with the features that the tests build with, so that
/// neither build undoes the other.
pub(crate) fn print(checkout: &Checkout, arguments: &[&str]) -> Result<String, Failure> {
    process::run(&mut checkout.cargo(&["build", "--workspace", "--all-targets"]))?;
    let binary = checkout.target().join("debug/symbolon");
    let printed = process::read(Command::new(binary).args(arguments).current_dir(checkout.root()))?;
    Ok(format!("{}\n", printed.trim_end()))
}

/// The first line, counted from one, on which two texts differ.
pub(crate) fn first_difference(kept: &str, printed: &str) -> Option<usize> {
    if kept == printed {
        return None;
    }
    let same = kept.lines().zip(printed.lines()).take_while(|(kept, printed)| kept == printed);
    Some(same.count() + 1)
}

#[cfg(test)]
mod tests {
    use super::first_difference;

    #[test]
    fn equal_texts_have_no_difference() {
        assert_eq!(first_difference("a\nb\n", "a\nb\n"), None);
    }

    #[test]
    fn a_difference_is_named_by_its_line() {
        assert_eq!(first_difference("a\nb\n", "a\nc\n"), Some(2));
        assert_eq!(first_difference("a\n", "a\nb\n"), Some(2));
        assert_eq!(first_difference("", "a\n"), Some(1));
    }
}
