//! Relative links in Markdown lead to something. Links to the web are not followed.

use super::Finding;
use crate::checkout::TextFile;

pub(super) fn check(file: &TextFile, exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    if !file.path.ends_with(".md") {
        return Vec::new();
    }
    let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut findings = Vec::new();
    let mut in_code = false;
    for (index, line) in file.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        let broken = targets(line).into_iter().filter(|target| !leads_somewhere(folder, target, &exists));
        findings.extend(broken.map(|target| {
            Finding::new(file, index, format!("the link to `{target}` leads nowhere"), "mend its path")
        }));
    }
    findings
}

/// The targets of inline links, `[text](target)` or `[text](target "title")`, outside `code`.
fn targets(line: &str) -> Vec<&str> {
    let outside_code = line.split('`').step_by(2);
    // `[`text`](target)` is cut in two by its own backticks, but the target stays whole.
    let after_text = outside_code.flat_map(|part| part.split("](").skip(1));
    after_text.filter_map(|rest| rest.split([')', ' ']).next()).collect()
}

fn leads_somewhere(folder: &str, target: &str, exists: impl Fn(&str) -> bool) -> bool {
    let path = target.split('#').next().unwrap_or_default();
    path.is_empty() || target.contains("://") || target.starts_with("mailto:") || exists(&join(folder, path))
}

/// Resolves `..` and `.` by text; a path that leaves the project keeps its `..`, and so is not found in it.
fn join(folder: &str, path: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "." | "" => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            other => parts.push(other),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::{check, join};
    use crate::tidy::testing::{NOTHING, file, lines};

    fn found(path: &str, text: &str) -> Vec<usize> {
        lines(&check(&file(path, text), |path| path == "ARCHITECTURE.md" || path == "config/default.toml"))
    }

    #[test]
    fn a_link_to_nothing_is_found() {
        assert_eq!(found("README.md", "good\nsee [here](NOWHERE.md) and [there](ARCHITECTURE.md)\n"), [2]);
        assert_eq!(found("docs/a.md", "[up](ARCHITECTURE.md)\n"), [1]);
        assert_eq!(found("README.md", "[`code`](NOWHERE.md)\n"), [1]);
    }

    #[test]
    fn good_links_pass() {
        let text = "[a](ARCHITECTURE.md#map) [b](#here) [c](https://example.com/) [d](./config/default.toml \"keys\")\n";
        assert_eq!(found("README.md", text), NOTHING);
        assert_eq!(found("docs/a.md", "[up](../ARCHITECTURE.md)\n"), NOTHING);
    }

    #[test]
    fn code_is_not_read_as_links() {
        assert_eq!(found("README.md", "`[a](b)`\n```\n[a](b)\n```\n"), NOTHING);
    }

    #[test]
    fn a_path_may_not_leave_the_project() {
        assert_eq!(join("docs", "../../elsewhere.md"), "../elsewhere.md");
        assert_eq!(found("README.md", "[out](../elsewhere.md)\n"), [1]);
    }
}
