//! The files that policies stand in, and where in them something is wrong.

use std::{
    fmt, fs,
    path::{Path, PathBuf},
};

use cedar_policy::ffi::DetailedError;

const EMBEDDED: (&str, &str) =
    ("embedded default.cedar", include_str!("../../../../config/policies/default.cedar"));
const EMBEDDED_SCHEMA: (&str, &str) =
    ("embedded symbolon.cedarschema", include_str!("../../../../config/policies/symbolon.cedarschema"));

/// What is wrong, or odd, with a policy or its schema, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PolicyProblem {
    /// The operator's file or directory, or the name of an embedded file.
    pub file: String,
    /// The line, counted from 1, where it can be told.
    pub line: Option<usize>,
    /// What is wrong.
    pub problem: String,
}

impl fmt::Display for PolicyProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "{}:{line}: {}", self.file, self.problem),
            None => write!(formatter, "{}: {}", self.file, self.problem),
        }
    }
}

impl std::error::Error for PolicyProblem {}

/// One file's text.
#[derive(Debug)]
pub(super) struct Source {
    /// What it is called towards an operator.
    pub(super) origin: String,
    pub(super) text: String,
}

/// The policies, file by file, and the schema.
#[derive(Debug)]
pub(super) struct Sources {
    pub(super) policies: Vec<Source>,
    pub(super) schema: Source,
}

impl Source {
    pub(super) fn embedded((origin, text): (&str, &str)) -> Self {
        Self { origin: origin.to_owned(), text: text.to_owned() }
    }

    fn read(path: &Path) -> Result<Self, PolicyProblem> {
        let origin = path.display().to_string();
        match fs::read_to_string(path) {
            Ok(text) => Ok(Self { origin, text }),
            Err(error) => Err(unlocated(path, format!("cannot be read: {error}"))),
        }
    }

    /// A problem at this byte.
    pub(super) fn problem_at(&self, offset: Option<usize>, problem: impl Into<String>) -> PolicyProblem {
        let before = offset.and_then(|offset| self.text.as_bytes().get(..offset));
        let line = before.map(|before| before.iter().filter(|byte| **byte == b'\n').count() + 1);
        PolicyProblem { file: self.origin.clone(), line, problem: problem.into() }
    }

    /// What the engine says is wrong, with all that it is related to.
    pub(super) fn problems(&self, error: &DetailedError) -> Vec<PolicyProblem> {
        let offset = error.source_locations.first().map(|label| label.loc.start);
        let help = error.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        let own = self.problem_at(offset, format!("{}{help}", one_line(&error.message)));
        std::iter::once(own).chain(error.related.iter().flat_map(|error| self.problems(error))).collect()
    }
}

impl Sources {
    /// Those of the directory, where there is one, else the embedded ones.
    pub(super) fn read(directory: Option<&Path>) -> Result<Self, Vec<PolicyProblem>> {
        let Some(directory) = directory else {
            return Ok(Self {
                policies: vec![Source::embedded(EMBEDDED)],
                schema: Source::embedded(EMBEDDED_SCHEMA),
            });
        };
        let paths = list(directory)?;
        let (policies, mut problems) = read_all(&paths, "cedar");
        let (mut schemas, more) = read_all(&paths, "cedarschema");
        problems.extend(more);
        if policies.is_empty() && problems.is_empty() {
            problems.push(without_policies(directory));
        }
        let schema = schemas.pop().unwrap_or_else(|| Source::embedded(EMBEDDED_SCHEMA));
        problems.extend(schemas.iter().map(|other| {
            let problem = format!("is a second schema beside {}: there can be one", schema.origin);
            other.problem_at(None, problem)
        }));
        if problems.is_empty() { Ok(Self { policies, schema }) } else { Err(problems) }
    }
}

/// The policies of the directory, without the schema that it may have.
pub(super) fn read_policies(directory: &Path) -> Result<Vec<Source>, Vec<PolicyProblem>> {
    let (policies, mut problems) = read_all(&list(directory)?, "cedar");
    if policies.is_empty() && problems.is_empty() {
        problems.push(without_policies(directory));
    }
    if problems.is_empty() { Ok(policies) } else { Err(problems) }
}

fn list(directory: &Path) -> Result<Vec<PathBuf>, Vec<PolicyProblem>> {
    let entries = fs::read_dir(directory)
        .map_err(|error| vec![unlocated(directory, format!("cannot be read: {error}"))])?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.sort();
    Ok(paths)
}

fn without_policies(directory: &Path) -> PolicyProblem {
    unlocated(directory, "has no policies (*.cedar)".to_owned())
}

fn read_all(paths: &[PathBuf], ending: &str) -> (Vec<Source>, Vec<PolicyProblem>) {
    let is_hidden =
        |path: &Path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    let wanted =
        paths.iter().filter(|path| path.extension().is_some_and(|found| found == ending) && !is_hidden(path));
    let (mut sources, mut problems) = (Vec::new(), Vec::new());
    for read in wanted.map(|path| Source::read(path)) {
        match read {
            Ok(source) => sources.push(source),
            Err(problem) => problems.push(problem),
        }
    }
    (sources, problems)
}

fn unlocated(path: &Path, problem: String) -> PolicyProblem {
    PolicyProblem { file: path.display().to_string(), line: None, problem }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
