//! Rules for every text file: no trailing blanks, no path of somebody's machine.

use super::Finding;
use crate::checkout::TextFile;

/// Directories of one machine. Each is put together here, so that this file passes its own check.
const MACHINE_PATHS: &[&str] = &[concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/home", "/")];
/// Made by tools that keep the blanks of what they record.
const BLANKS_ALLOWED: &[&str] = &[".snap", ".patch", ".eml"];
/// Bytes that happen to be text.
const BYTES: &str = "fuzz/seeds/";

pub(super) fn check(file: &TextFile) -> Vec<Finding> {
    let blanks_allowed =
        file.path.starts_with(BYTES) || BLANKS_ALLOWED.iter().any(|ending| file.path.ends_with(ending));
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        if !blanks_allowed && line.ends_with([' ', '\t']) {
            findings.push(Finding::new(file, index, "the line ends with blanks", "remove them"));
        }
        if let Some(path) = MACHINE_PATHS.iter().find(|path| names_path(line, path)) {
            findings.push(Finding::new(
                file,
                index,
                format!("`{path}` is a path of one machine"),
                "name it relative to the project",
            ));
        }
    }
    findings
}

/// Whether `line` has `path` as an absolute path, not as the middle of a longer one or of a URL.
fn names_path(line: &str, path: &str) -> bool {
    line.match_indices(path).any(|(start, _)| {
        let before = line.get(..start).and_then(|text| text.chars().next_back());
        !before.is_some_and(|character| character.is_alphanumeric() || "._-/}".contains(character))
    })
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::tidy::testing::{NOTHING, file, lines};

    #[test]
    fn trailing_blanks_are_found() {
        assert_eq!(lines(&check(&file("a.md", "good\nbad \nbad\t\n"))), [2, 3]);
        assert_eq!(lines(&check(&file("a.snap", "recorded \n"))), NOTHING);
    }

    #[test]
    fn machine_paths_are_found() {
        let bad = concat!("cd /wo", "rk/main\n");
        assert_eq!(lines(&check(&file("README.md", bad))), [1]);
        let bad = concat!("CARGO=\"/ro", "ot/.cargo\"\n");
        assert_eq!(lines(&check(&file("run", bad))), [1]);
    }

    #[test]
    fn the_same_word_inside_another_path_is_fine() {
        let good = concat!("https://example.com/wo", "rk/ ../ro", "ot/\n");
        assert_eq!(lines(&check(&file("README.md", good))), NOTHING);
    }
}
