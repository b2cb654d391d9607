//! Reading all templates and trying each of them, so that a broken one stops the start and not a message.

use std::{collections::BTreeMap, fmt, path::Path};

use symbolon_domain::outbox::{MessageKind, RenderError, RenderedText, Templates as _};

use super::{Part, TemplateGlobals, TemplateSet, sources::Sources};

/// What is wrong with a template, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateProblem {
    /// The operator's file, or the name of an embedded one.
    pub file: String,
    /// The line, counted from 1, where it can be told.
    pub line: Option<usize>,
    /// What is wrong.
    pub problem: String,
}

impl TemplateProblem {
    pub(super) fn of_file(path: &Path, problem: impl Into<String>) -> Self {
        Self { file: path.display().to_string(), line: None, problem: problem.into() }
    }
}

impl fmt::Display for TemplateProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "{}:{line}: {}", self.file, self.problem),
            None => write!(formatter, "{}: {}", self.file, self.problem),
        }
    }
}

impl std::error::Error for TemplateProblem {}

impl TemplateSet {
    /// Reads the templates for a language and fills each of them with sample values. Files in `<directory>/<language>/`
    /// take the place of the embedded ones of the same name. A message that there is nothing of in this language is in
    /// the language without its region (`de` for `de-AT`), or else in English.
    ///
    /// # Errors
    /// Everything that is wrong with the templates.
    pub fn load(
        directory: Option<&Path>,
        language: &str,
        globals: TemplateGlobals<'_>,
    ) -> Result<Self, Vec<TemplateProblem>> {
        let sources = Sources::new(directory, language);
        let mut problems = sources.problems_of_directories();
        let mut set = Self::with_globals(globals);
        let mut found = vec![sources.layout()];
        for kind in MessageKind::ALL {
            let language = sources.language_of(kind);
            set.languages.insert(kind, language.to_owned());
            found.extend(Part::ALL.into_iter().map(|part| sources.find(language, &part.file_name(kind))));
        }
        let mut origins = BTreeMap::new();
        for source in found {
            match source {
                Ok(source) => {
                    origins.insert(source.name.clone(), source.origin);
                    if let Err(error) = set.environment.add_template_owned(source.name.clone(), source.text) {
                        problems.push(located(&origins, &source.name, &error));
                    }
                }
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            problems = MessageKind::ALL.into_iter().flat_map(|kind| set.try_out(kind, &origins)).collect();
        }
        if problems.is_empty() { Ok(set) } else { Err(problems) }
    }

    /// A message of this kind, filled with sample values (M4), and the language that it is in.
    ///
    /// # Errors
    /// The template is broken, which loading has found out already.
    pub fn preview(&self, kind: MessageKind) -> Result<(RenderedText, &str), RenderError> {
        Ok((self.render(kind, &samples(kind))?, self.language(kind)))
    }

    /// With a link, and as it is where there is no page to link to.
    fn try_out(&self, kind: MessageKind, origins: &Origins) -> Vec<TemplateProblem> {
        let samples = samples(kind);
        let problems = self.try_with(kind, &samples, origins);
        if !problems.is_empty() || !samples.contains_key("link") {
            return problems;
        }
        self.try_with(kind, &unlinked(samples), origins)
    }

    fn try_with(
        &self,
        kind: MessageKind,
        samples: &BTreeMap<String, String>,
        origins: &Origins,
    ) -> Vec<TemplateProblem> {
        let variables = self.values(kind, samples);
        let try_part = |part: Part| match self.fill_part(kind, part, &variables) {
            Ok(text) => lacks(part, &text, samples).map(|problem| TemplateProblem {
                file: origin(origins, &part.file_name(kind)),
                line: None,
                problem,
            }),
            Err((template, error)) => Some(located(origins, &template, &error)),
        };
        Part::ALL.into_iter().filter_map(try_part).collect()
    }
}

type Origins = BTreeMap<String, String>;

/// The variables of a message of this kind, as the domain's use cases fill them.
pub(super) fn samples(kind: MessageKind) -> BTreeMap<String, String> {
    let recovery = [
        ("token", "sym_pr_Sample"),
        ("link", "https://id.example.com/recovery#token=sym_pr_Sample"),
        ("code", "12345678"),
    ];
    let variables: &[(&str, &str)] = match kind {
        MessageKind::SignUpCode | MessageKind::SignInCode => &[("code", "123456")],
        MessageKind::RecoveryCode => &recovery,
        MessageKind::RecoveryLink => &recovery[..2],
        MessageKind::SignInLocked => &[("failures", "10")],
        MessageKind::Invitation => {
            &[("token", "sym_iv_sample"), ("link", "https://id.example.com/invitation#token=sym_iv_sample")]
        }
        MessageKind::ClaimCode => &[("code", "1234567"), ("device", "adas-lapto")],
        MessageKind::RoleChanged => &[("role", "staff")],
        MessageKind::AccountExists
        | MessageKind::PasswordChanged
        | MessageKind::AccountLocked
        | MessageKind::AccountUnlocked
        | MessageKind::AccountCompromised
        | MessageKind::Test => &[],
    };
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The same where there is no page to link to.
pub(super) fn unlinked(mut samples: BTreeMap<String, String>) -> BTreeMap<String, String> {
    samples.entry("link".to_owned()).and_modify(String::clear);
    samples
}

/// What a filled part must have and has not.
fn lacks(part: Part, text: &str, samples: &BTreeMap<String, String>) -> Option<String> {
    let text = text.trim();
    if text.is_empty() {
        return Some("says nothing".to_owned());
    }
    match part {
        Part::Subject => text.contains(char::is_control).then(|| "must be one line".to_owned()),
        Part::Text | Part::Html => {
            // A link ends with its token.
            let must_show = |(name, value): &(&String, &String)| {
                matches!(name.as_str(), "code" | "token") && !text.contains(value.as_str())
            };
            let (name, _) = samples.iter().find(must_show)?;
            Some(format!("does not show the {name}: write {{{{ {name} }}}}"))
        }
    }
}

fn located(origins: &Origins, template: &str, error: &minijinja::Error) -> TemplateProblem {
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    TemplateProblem {
        file: origin(origins, error.name().unwrap_or(template)),
        line: error.line(),
        problem: format!("{}{detail}", error.kind()),
    }
}

fn origin(origins: &Origins, template: &str) -> String {
    origins.get(template).cloned().unwrap_or_else(|| template.to_owned())
}
