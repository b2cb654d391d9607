//! `cargo xtask tidy`: the project's rules that clippy cannot say. Each group of rules is a file of pure functions from
//! text to findings; only this one reads the checkout.

mod checklist;
mod features;
mod links;
mod manifests;
mod sources;
mod texts;

use std::fmt;

use crate::checkout::{Checkout, TextFile};
use crate::process::{Failure, Outcome};

/// A place where a rule is broken, printed as `file:line: what is wrong: what to do`.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    path: String,
    line: usize,
    wrong: String,
    remedy: String,
}

/// Checks every text file of the checkout.
pub(crate) fn run(checkout: &Checkout) -> Outcome {
    let files = checkout.text_files()?;
    let findings = check(&files, |path| checkout.root().join(path).exists());
    for finding in &findings {
        eprintln!("{finding}");
    }
    match findings.len() {
        0 => Ok(()),
        1 => Err(Failure::message("tidy has one finding")),
        count => Err(Failure::message(format!("tidy has {count} findings"))),
    }
}

fn check(files: &[TextFile], exists: impl Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        findings.extend(texts::check(file));
        findings.extend(sources::check(file));
        findings.extend(manifests::check(file));
        findings.extend(links::check(file, &exists));
        findings.extend(checklist::check(file));
    }
    findings.extend(features::check(files));
    findings.extend(checklist::check_coverage(files));
    findings
}

impl Finding {
    /// A finding on a line of `file`, counted from zero as `enumerate` does.
    fn new(file: &TextFile, index: usize, wrong: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { path: file.path.clone(), line: index + 1, wrong: wrong.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, line, wrong, remedy } = self;
        write!(formatter, "{path}:{line}: {wrong}: {remedy}")
    }
}

/// What the checks' own tests share.
#[cfg(test)]
mod testing {
    use super::Finding;
    use crate::checkout::TextFile;

    /// The lines of a text without a finding.
    pub(super) const NOTHING: [usize; 0] = [];

    pub(super) fn file(path: &str, text: &str) -> TextFile {
        TextFile { path: path.to_owned(), text: text.to_owned() }
    }

    /// The lines that have a finding, in order.
    pub(super) fn lines(findings: &[Finding]) -> Vec<usize> {
        findings.iter().map(|finding| finding.line).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Finding, testing::file};

    #[test]
    fn a_finding_reads_file_line_wrong_remedy() {
        let finding = Finding::new(&file("a.md", ""), 2, "it is wrong", "mend it");
        assert_eq!(finding.to_string(), "a.md:3: it is wrong: mend it");
    }
}
