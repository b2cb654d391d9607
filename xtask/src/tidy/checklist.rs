//! Tests name the rule they prove, `/// C23, X7: …`, by ids that exist; and every checklist id that is built so far is
//! named by some test. That the test proves what it names is for its reader to judge.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::Finding;
use crate::checkout::TextFile;

/// The families of rules in the design and their highest numbers.
const FAMILIES: &[(char, u32)] = &[
    ('A', 6),
    ('C', 65),
    ('D', 12),
    ('F', 7),
    ('G', 10),
    ('K', 15),
    ('L', 5),
    ('M', 7),
    ('O', 8),
    ('P', 6),
    ('S', 15),
    ('X', 15),
    ('Z', 10),
];
/// Numbers that the checklist leaves out.
const GAPS: &[(char, u32)] = &[('C', 16), ('C', 41), ('C', 60)];

/// The checklist lines that a test must name by now; it grows with what is built.
const PROVEN: &[(char, RangeInclusive<u32>)] = &[
    ('C', 1..=12),
    ('C', 14..=14),
    ('C', 23..=23),
    ('C', 25..=25),
    ('C', 29..=30),
    ('C', 42..=42),
    ('C', 52..=55),
    ('C', 63..=65),
    ('X', 1..=7),
    ('X', 10..=11),
    ('X', 13..=14),
];

type Id = (char, u32);

/// The ids in the comments of this file's tests are well formed and exist.
pub(super) fn check(file: &TextFile) -> Vec<Finding> {
    let remedy = "write `/// C23, X7: what is proven.` with ids of the checklist";
    let wrong = test_comments(file).into_iter().filter_map(|(index, comment)| {
        let label = label(comment)?;
        let unknown = ids(label).into_iter().find_map(Result::err)?;
        Some(Finding::new(file, index, format!("`{unknown}` is no rule id"), remedy))
    });
    wrong.collect()
}

/// Every id in `PROVEN` is named by a test of the project.
pub(super) fn check_coverage(files: &[TextFile]) -> Vec<Finding> {
    let comments = files.iter().flat_map(test_comments);
    let labels = comments.filter_map(|(_, comment)| label(comment));
    let named: BTreeSet<Id> = labels.flat_map(ids).filter_map(Result::ok).collect();
    let expected =
        PROVEN.iter().flat_map(|(family, numbers)| numbers.clone().map(|number| (*family, number)));
    let missing: Vec<String> = expected
        .filter(|id| !named.contains(id))
        .map(|(family, number)| format!("{family}{number}"))
        .collect();
    if missing.is_empty() {
        return Vec::new();
    }
    vec![Finding {
        path: "tests/main.rs".to_owned(),
        line: 1,
        wrong: format!("no test names {}", missing.join(", ")),
        remedy: "let the test that proves it say `/// C23: …`".to_owned(),
    }]
}

/// The lines of doc comments that belong to a test: all in `tests/`, elsewhere those above a test attribute.
fn test_comments(file: &TextFile) -> Vec<(usize, &str)> {
    let is_ours = file.path.starts_with("crates/") || file.path.starts_with("tests/");
    if !is_ours || !file.path.ends_with(".rs") {
        return Vec::new();
    }
    let everywhere = file.path.starts_with("tests/");
    let mut found = Vec::new();
    let mut block = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let line = line.trim_start();
        if let Some(comment) = line.strip_prefix("/// ") {
            block.push((index, comment));
        } else if line.starts_with("#[") {
            // An attribute between the comment and its item; the one that makes it a test may be any of them.
            if line.contains("test]") || line.contains("test(") {
                found.append(&mut block);
            }
        } else {
            if everywhere {
                found.append(&mut block);
            }
            block.clear();
        }
    }
    found
}

/// What stands before the colon of a comment that starts like a rule id; without a colon, all of it.
fn label(comment: &str) -> Option<&str> {
    let first = comment.split([' ', ',', ':', '–', '-']).next()?;
    let mut characters = first.chars();
    let family = characters.next()?;
    let number = characters.as_str();
    let is_number = !number.is_empty() && number.chars().all(|character| character.is_ascii_digit());
    let is_family = FAMILIES.iter().any(|(known, _)| *known == family);
    (is_family && is_number).then(|| comment.split_once(':').map_or(comment, |(label, _)| label))
}

/// The ids in `label`, or the text that is none.
fn ids(label: &str) -> Vec<Result<Id, &str>> {
    label.split(',').map(str::trim).map(|text| id(text).ok_or(text)).collect()
}

fn id(text: &str) -> Option<Id> {
    let family = text.chars().next()?;
    let number: u32 = text.strip_prefix(family)?.parse().ok()?;
    let known = FAMILIES.iter().any(|(known, highest)| *known == family && (1..=*highest).contains(&number));
    (known && !GAPS.contains(&(family, number))).then_some((family, number))
}

#[cfg(test)]
mod tests {
    use super::{check, check_coverage};
    use crate::tidy::testing::{NOTHING, file, lines};

    fn found(path: &str, text: &str) -> Vec<usize> {
        lines(&check(&file(path, text)))
    }

    #[test]
    fn known_ids_pass() {
        let text = "/// C23: stored hashed.\n/// C11, X7: one wins.\n/// JWTs are no rule.\nfn a() {}\n";
        assert_eq!(found("tests/http/sessions.rs", text), NOTHING);
    }

    #[test]
    fn unknown_and_malformed_ids_are_found() {
        for label in
            ["C99: none.", "C16: left out.", "C1–C7: a range.", "C23 without colon.", "C23 and X7: joined."]
        {
            assert_eq!(
                found("tests/http/sessions.rs", &format!("/// {label}\nfn a() {{}}\n")),
                [1],
                "{label}"
            );
        }
    }

    #[test]
    fn outside_tests_a_comment_belongs_to_the_test_below_it() {
        assert_eq!(found("crates/domain/src/a.rs", "/// C99: no test.\nfn a() {}\n"), NOTHING);
        assert_eq!(found("crates/domain/src/a.rs", "/// C99: a test.\n#[test]\nfn a() {}\n"), [1]);
        assert_eq!(found("crates/domain/src/a.rs", "/// C99: a test.\n#[tokio::test]\nfn a() {}\n"), [1]);
        assert_eq!(
            found("crates/domain/src/a.rs", "/// C99: no test.\nfn a() {}\n#[test]\nfn b() {}\n"),
            NOTHING
        );
    }

    #[test]
    fn an_id_that_no_test_names_is_found() {
        let files = [file("tests/http/sessions.rs", "/// C1, C2: two.\nfn a() {}\n")];
        let wrong: Vec<String> = check_coverage(&files).into_iter().map(|finding| finding.wrong).collect();
        assert_eq!(wrong.len(), 1);
        assert!(wrong.iter().all(|wrong| wrong.starts_with("no test names C3, C4,")), "{wrong:?}");
    }
}
