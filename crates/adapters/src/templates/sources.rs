//! Where the text of a template comes from: the operator's directory, else the embedded defaults.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use symbolon_domain::outbox::MessageKind;

use super::{Part, TemplateProblem};

/// The frame of all HTML parts. It has no words, so the embedded one serves every language.
pub(super) const LAYOUT: &str = "layout.html";
const EMBEDDED_LANGUAGE: &str = "en";

macro_rules! embedded {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../config/templates/en/", $name)))),+]
    };
}

const EMBEDDED: &[(&str, &str)] = embedded![
    "layout.html",
    "sign_up_code.subject.txt",
    "sign_up_code.txt",
    "sign_up_code.html",
    "sign_in_code.subject.txt",
    "sign_in_code.txt",
    "sign_in_code.html",
    "account_exists.subject.txt",
    "account_exists.txt",
    "account_exists.html",
    "sign_in_locked.subject.txt",
    "sign_in_locked.txt",
    "sign_in_locked.html",
];

/// The text of one template.
pub(super) struct Source {
    /// What it is called among the templates.
    pub(super) name: String,
    /// What it is called towards an operator: a path, or `embedded en/sign_in_code.txt`.
    pub(super) origin: String,
    pub(super) text: String,
}

/// The templates of one language.
pub(super) struct Sources<'a> {
    language: &'a str,
    directory: Option<PathBuf>,
}

impl<'a> Sources<'a> {
    /// Below `directory`, where there is one, a language has a directory of its own.
    pub(super) fn new(directory: Option<&Path>, language: &'a str) -> Self {
        Self { language, directory: directory.map(|directory| directory.join(language)) }
    }

    /// The names of all templates that there are to be.
    pub(super) fn names() -> impl Iterator<Item = String> {
        let of_kind = |kind| Part::ALL.into_iter().map(move |part: Part| part.file_name(kind));
        std::iter::once(LAYOUT.to_owned()).chain(MessageKind::ALL.into_iter().flat_map(of_kind))
    }

    /// The text of the template with this name.
    pub(super) fn find(&self, name: String) -> Result<Source, TemplateProblem> {
        if let Some(directory) = &self.directory {
            let path = directory.join(&name);
            match fs::read_to_string(&path) {
                Ok(text) => return Ok(Source { name, origin: path.display().to_string(), text }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(TemplateProblem::of_file(&path, format!("cannot be read: {error}")));
                }
            }
        }
        let is_embedded = self.language == EMBEDDED_LANGUAGE || name == LAYOUT;
        let text = EMBEDDED.iter().find(|(known, _)| is_embedded && *known == name).map(|(_, text)| *text);
        match text {
            Some(text) => {
                let origin = format!("embedded {EMBEDDED_LANGUAGE}/{name}");
                Ok(Source { name, origin, text: text.to_owned() })
            }
            None => Err(TemplateProblem {
                file: format!("{}/{name}", self.language),
                line: None,
                problem: "is missing, and there is no embedded one in this language".to_owned(),
            }),
        }
    }

    /// What is wrong with the operator's directory itself: not there, or with templates that nobody will ask for.
    pub(super) fn problems_of_directory(&self) -> Vec<TemplateProblem> {
        let Some(directory) = &self.directory else { return Vec::new() };
        let entries = match fs::read_dir(directory) {
            Ok(entries) => entries,
            Err(error) => {
                return vec![TemplateProblem::of_file(directory, format!("cannot be read: {error}"))];
            }
        };
        let names: Vec<String> = Self::names().collect();
        let mut unknown: Vec<PathBuf> = entries
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|path| looks_like_template(path) && !is_one_of(&names, path))
            .collect();
        unknown.sort();
        let problem = || format!("is no template; there are {}", names.join(", "));
        unknown.iter().map(|path| TemplateProblem::of_file(path, problem())).collect()
    }
}

fn looks_like_template(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    !hidden && path.extension().is_some_and(|ending| ending == "txt" || ending == "html")
}

fn is_one_of(names: &[String], path: &Path) -> bool {
    names.iter().any(|name| path.file_name().is_some_and(|file| file == name.as_str()))
}
