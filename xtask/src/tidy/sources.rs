//! Rules for Rust files: what each opens with, how long it is, and what must not be in it.

use super::Finding;
use crate::checkout::TextFile;

/// The lines after which a file is refused unless its opening comment says why. The aim is 400.
const MOST_LINES: usize = 500;
const EXCUSE: &str = "//! Long because ";

/// Starts of a line, after its indentation, that are refused. Each is put together here, so that this file passes.
const REFUSED_STARTS: &[(&str, &str)] = &[
    (concat!("#[al", "low("), "use `#[expect(…, reason = \"…\")]`"),
    (concat!("#![al", "low("), "use `#![expect(…, reason = \"…\")]`"),
    (concat!("#[ig", "nore"), "make the test run, or remove it"),
];
/// Words that say that something is not done.
const REFUSED_WORDS: &[&str] =
    &[concat!("to", "do!("), concat!("unimple", "mented!("), concat!("TO", "DO"), concat!("FIX", "ME")];

pub(super) fn check(file: &TextFile) -> Vec<Finding> {
    if !file.path.ends_with(".rs") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    findings.extend(check_name(file));
    findings.extend(check_opening(file));
    findings.extend(check_length(file));
    for (index, line) in file.text.lines().enumerate() {
        findings.extend(check_line(file, index, line));
    }
    findings
}

fn check_name(file: &TextFile) -> Option<Finding> {
    let folder = file.path.strip_suffix("/mod.rs")?;
    Some(Finding::new(file, 0, "the module hides in a `mod.rs`", format!("name it {folder}.rs")))
}

fn check_opening(file: &TextFile) -> Option<Finding> {
    let opens_well = file.text.starts_with("//! ");
    (!opens_well).then(|| {
        let remedy = "say in its first lines what it is, and what it is not";
        Finding::new(file, 0, "the file does not open with `//!`", remedy)
    })
}

fn check_length(file: &TextFile) -> Option<Finding> {
    let lines = file.text.lines().count();
    let mut opening = file.text.lines().take_while(|line| line.starts_with("//!"));
    let excused = opening.any(|line| line.starts_with(EXCUSE));
    (lines > MOST_LINES && !excused).then(|| {
        let remedy = format!("split it (aim at 400), or open it with `{EXCUSE}…`");
        Finding::new(file, lines - 1, format!("the file has {lines} lines"), remedy)
    })
}

fn check_line(file: &TextFile, index: usize, line: &str) -> Option<Finding> {
    let code = line.trim_start();
    if let Some((start, remedy)) = REFUSED_STARTS.iter().find(|(start, _)| code.starts_with(start)) {
        return Some(Finding::new(file, index, format!("`{start}` is refused"), *remedy));
    }
    let word = REFUSED_WORDS.iter().find(|word| has_word(line, word))?;
    Some(Finding::new(file, index, format!("`{word}` says that it is unfinished"), "finish it"))
}

/// Whether `word` stands in `line` by itself, not as a part of a longer name.
fn has_word(line: &str, word: &str) -> bool {
    let is_letter = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(start, _)| {
        let before = line.get(..start).and_then(|text| text.chars().next_back());
        let after = line.get(start + word.len()..).and_then(|text| text.chars().next());
        let ends_open = word.ends_with('(') || !after.is_some_and(is_letter);
        !before.is_some_and(is_letter) && ends_open
    })
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::testing::{NOTHING, file, lines};

    fn found(text: &str) -> Vec<usize> {
        lines(&check(&file("crates/api/src/a.rs", text)))
    }

    #[test]
    fn a_good_file_has_no_finding() {
        assert_eq!(found("//! What it is.\n\nfn main() {}\n"), NOTHING);
    }

    #[test]
    fn the_opening_comment_is_missed() {
        assert_eq!(found("fn main() {}\n"), [1]);
        assert_eq!(found(""), [1]);
    }

    #[test]
    fn a_module_is_not_called_mod() {
        assert_eq!(lines(&check(&file("crates/api/src/pages/mod.rs", "//! Pages.\n"))), [1]);
    }

    #[test]
    fn a_long_file_needs_its_reason() {
        let body = "\n".repeat(500);
        assert_eq!(found(&format!("//! A table.\n{body}")), [501]);
        assert_eq!(found(&format!("//! A table.\n//! Long because it is one table.\n{body}")), NOTHING);
        assert_eq!(found(&format!("//! A table.\n{}", "\n".repeat(499))), NOTHING);
    }

    #[test]
    fn escapes_from_the_rules_are_found() {
        assert_eq!(found(concat!("//! A.\n    #[al", "low(dead_code)]\n")), [2]);
        assert_eq!(found(concat!("//! A.\n#![al", "low(dead_code)]\n")), [2]);
        assert_eq!(found(concat!("//! A.\n#[ig", "nore = \"slow\"]\n")), [2]);
    }

    #[test]
    fn unfinished_work_is_found() {
        assert_eq!(found(concat!("//! A.\n    to", "do!(\"later\")\n")), [2]);
        assert_eq!(found(concat!("//! A.\n// FIX", "ME: later\n")), [2]);
        assert_eq!(found(concat!("//! A.\n// TO", "DO later\n")), [2]);
    }

    #[test]
    fn longer_names_are_not_taken_for_unfinished_work() {
        assert_eq!(found(concat!("//! A.\nconst TO", "DOS: u8 = 1;\n")), NOTHING);
    }
}
