//! The texts of messages: embedded defaults, which an operator's directory replaces file by file at run time (M4).
//! How a message looks on its way is the carrier's business ([`crate::email`]).
//!
//! Each kind of message has three files in each language, `<kind>.subject.txt`, `<kind>.txt` and `<kind>.html`; the HTML
//! ones share `layout.html`. All of them know `service_name`, `public_url` and `language`, and the message's own
//! variables. HTML is escaped, text is not. A variable that is not there is an error, never a gap.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
};

use minijinja::{Environment, ErrorKind, UndefinedBehavior, Value};
use symbolon_domain::outbox::{MessageKind, RenderError, RenderedText, Templates};

mod load;
mod sources;

pub use self::load::TemplateProblem;

/// What every template may say of the service.
#[derive(Clone, Copy, Debug)]
pub struct TemplateGlobals<'a> {
    /// What the service is called towards people.
    pub service_name: &'a str,
    /// The origin under which people reach it; the only base of an address in a message (C29).
    pub public_url: &'a str,
}

/// The templates for one language, all of which have been tried.
#[derive(Debug)]
pub struct TemplateSet {
    environment: Environment<'static>,
    /// What each kind of message is in: the language itself, or the one in its place.
    languages: HashMap<MessageKind, String>,
}

impl TemplateSet {
    fn with_globals(globals: TemplateGlobals<'_>) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.add_global("service_name", globals.service_name);
        environment.add_global("public_url", globals.public_url);
        Self { environment, languages: HashMap::new() }
    }

    fn language(&self, kind: MessageKind) -> &str {
        self.languages.get(&kind).map_or("en", String::as_str)
    }

    fn values(&self, kind: MessageKind, variables: &BTreeMap<String, String>) -> Value {
        let language = ("language", self.language(kind));
        let variables = variables.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        Value::from_pairs(std::iter::once(language).chain(variables))
    }

    fn fill(&self, template: &str, variables: &Value) -> Result<String, minijinja::Error> {
        self.environment.get_template(template)?.render(variables)
    }

    fn fill_part(
        &self,
        kind: MessageKind,
        part: Part,
        variables: &Value,
    ) -> Result<String, (String, minijinja::Error)> {
        let template = part.file_name(kind);
        self.fill(&template, variables).map_err(|error| (template, error))
    }
}

impl Templates for TemplateSet {
    fn render(
        &self,
        kind: MessageKind,
        variables: &BTreeMap<String, String>,
    ) -> Result<RenderedText, RenderError> {
        let variables = self.values(kind, variables);
        let fill = |part| {
            self.fill_part(kind, part, &variables).map_err(|(template, error)| RenderError {
                template,
                source: Box::new(RenderFault { kind: error.kind(), line: error.line() }),
            })
        };
        Ok(RenderedText {
            subject: one_line(&fill(Part::Subject)?),
            text: fill(Part::Text)?,
            html: fill(Part::Html)?,
        })
    }
}

/// One of the three files of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Subject,
    Text,
    Html,
}

impl Part {
    const ALL: [Self; 3] = [Self::Subject, Self::Text, Self::Html];

    fn file_name(self, kind: MessageKind) -> String {
        let ending = match self {
            Self::Subject => "subject.txt",
            Self::Text => "txt",
            Self::Html => "html",
        };
        format!("{}.{ending}", kind.as_str())
    }
}

/// Why a template could not be filled. The engine's own message may show a variable's value; this one does not.
#[derive(Debug)]
struct RenderFault {
    kind: ErrorKind,
    line: Option<usize>,
}

impl fmt::Display for RenderFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(formatter, "{} in line {line}", self.kind),
            None => self.kind.fmt(formatter),
        }
    }
}

impl std::error::Error for RenderFault {}

/// A header is one line: whatever would begin another becomes a blank.
fn one_line(text: &str) -> String {
    text.trim().replace(char::is_control, " ")
}

#[cfg(test)]
mod tests;
