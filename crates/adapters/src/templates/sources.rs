//! Where the text of a template comes from: the operator's directory, else the embedded defaults.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use symbolon_domain::outbox::MessageKind;

use super::{Part, TemplateProblem};

/// The frame of all HTML parts. It has no words, so the embedded one serves every language.
pub(super) const LAYOUT: &str = "layout.html";
/// What a message is in when there is nothing of it in the language that is wanted.
const LAST_RESORT: &str = "en";

macro_rules! embedded {
    ($($language:literal: $($kind:literal),+;)+) => {
        &[$($(
            ($language, concat!($kind, ".subject.txt"), embedded!($language, $kind, ".subject.txt")),
            ($language, concat!($kind, ".txt"), embedded!($language, $kind, ".txt")),
            ($language, concat!($kind, ".html"), embedded!($language, $kind, ".html")),
        )+)+]
    };
    ($language:literal, $kind:literal, $part:literal) => {
        include_str!(concat!("../../../../config/templates/", $language, "/", $kind, $part))
    };
}

/// Language, name and text.
const EMBEDDED: &[(&str, &str, &str)] = embedded![
    "en": "sign_up_code", "sign_in_code", "account_exists", "sign_in_locked", "invitation", "recovery_code", "recovery_link", "password_changed", "claim_code",
        "account_locked", "account_unlocked", "account_compromised", "role_changed", "test";
    "de": "sign_up_code", "sign_in_code", "account_exists", "sign_in_locked", "invitation", "recovery_code", "recovery_link", "password_changed", "claim_code",
        "account_locked", "account_unlocked", "account_compromised", "role_changed", "test";
];
const EMBEDDED_LAYOUT: &str = include_str!("../../../../config/templates/en/layout.html");

/// The text of one template.
pub(super) struct Source {
    /// What it is called among the templates.
    pub(super) name: String,
    /// What it is called towards an operator: a path, or `embedded en/sign_in_code.txt`.
    pub(super) origin: String,
    pub(super) text: String,
}

/// The templates for one language, and for those that take its place where it has none: without its region, then
/// English. A message is in one language, whole.
pub(super) struct Sources<'a> {
    languages: Vec<&'a str>,
    directory: Option<&'a Path>,
}

impl<'a> Sources<'a> {
    /// Below `directory`, where there is one, a language has a directory of its own.
    pub(super) fn new(directory: Option<&'a Path>, language: &'a str) -> Self {
        let without_region = language.split_once('-').map(|(language, _)| language);
        let mut languages = vec![language];
        languages.extend(without_region);
        languages.push(LAST_RESORT);
        languages.dedup();
        Self { languages, directory }
    }

    /// The names of all templates that there are to be.
    pub(super) fn names() -> impl Iterator<Item = String> {
        let of_kind = |kind| Part::ALL.into_iter().map(move |part: Part| part.file_name(kind));
        std::iter::once(LAYOUT.to_owned()).chain(MessageKind::ALL.into_iter().flat_map(of_kind))
    }

    /// The language that messages of this kind are in: the first of which there is anything.
    pub(super) fn language_of(&self, kind: MessageKind) -> &'a str {
        let has = |language: &str| {
            Part::ALL.into_iter().map(|part| part.file_name(kind)).any(|name| {
                embedded(language, &name).is_some()
                    || self.path(language, &name).is_some_and(|path| path.symlink_metadata().is_ok())
            })
        };
        self.languages.iter().copied().find(|language| has(language)).unwrap_or(LAST_RESORT)
    }

    /// The frame: the operator's in the first language that has one, else the embedded one.
    pub(super) fn layout(&self) -> Result<Source, TemplateProblem> {
        let own = self.languages.iter().find_map(|language| self.own(language, LAYOUT).transpose());
        own.unwrap_or_else(|| {
            Ok(Source {
                name: LAYOUT.to_owned(),
                origin: format!("embedded {LAYOUT}"),
                text: EMBEDDED_LAYOUT.to_owned(),
            })
        })
    }

    /// The text of the template with this name, in this language.
    pub(super) fn find(&self, language: &str, name: &str) -> Result<Source, TemplateProblem> {
        if let Some(own) = self.own(language, name)? {
            return Ok(own);
        }
        match embedded(language, name) {
            Some(text) => Ok(Source {
                name: name.to_owned(),
                origin: format!("embedded {language}/{name}"),
                text: text.to_owned(),
            }),
            None => Err(TemplateProblem {
                file: format!("{language}/{name}"),
                line: None,
                problem: "is missing, and there is no embedded one in this language".to_owned(),
            }),
        }
    }

    /// The operator's text.
    fn own(&self, language: &str, name: &str) -> Result<Option<Source>, TemplateProblem> {
        let Some(path) = self.path(language, name) else { return Ok(None) };
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(Source { name: name.to_owned(), origin: path.display().to_string(), text })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(TemplateProblem::of_file(&path, format!("cannot be read: {error}"))),
        }
    }

    fn path(&self, language: &str, name: &str) -> Option<PathBuf> {
        self.directory.map(|directory| directory.join(language).join(name))
    }

    /// What is wrong with the operator's directories themselves: none is there, or there are templates in them that nobody
    /// will ask for.
    pub(super) fn problems_of_directories(&self) -> Vec<TemplateProblem> {
        let Some(directory) = self.directory else { return Vec::new() };
        let mut problems = Vec::new();
        let mut missing = Vec::new();
        for language in &self.languages {
            let directory = directory.join(language);
            match fs::read_dir(&directory) {
                Ok(entries) => problems.extend(unknown_files(entries)),
                Err(error) => {
                    let problem = format!("cannot be read: {error}");
                    let is_missing = error.kind() == io::ErrorKind::NotFound;
                    let found = if is_missing { &mut missing } else { &mut problems };
                    found.push(TemplateProblem::of_file(&directory, problem));
                }
            }
        }
        if missing.len() == self.languages.len() {
            problems.extend(missing.into_iter().next());
        }
        problems
    }
}

/// What looks like a template and is none.
fn unknown_files(entries: fs::ReadDir) -> Vec<TemplateProblem> {
    let names: Vec<String> = Sources::names().collect();
    let mut unknown: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| looks_like_template(path) && !is_one_of(&names, path))
        .collect();
    unknown.sort();
    let problem = || format!("is no template; there are {}", names.join(", "));
    unknown.iter().map(|path| TemplateProblem::of_file(path, problem())).collect()
}

fn embedded(language: &str, name: &str) -> Option<&'static str> {
    let is_wanted = |known: &str, file: &str| known.eq_ignore_ascii_case(language) && file == name;
    EMBEDDED.iter().find(|(known, file, _)| is_wanted(known, file)).map(|(_, _, text)| *text)
}

fn looks_like_template(path: &Path) -> bool {
    let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    !hidden && path.extension().is_some_and(|ending| ending == "txt" || ending == "html")
}

fn is_one_of(names: &[String], path: &Path) -> bool {
    names.iter().any(|name| path.file_name().is_some_and(|file| file == name.as_str()))
}
