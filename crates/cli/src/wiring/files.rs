//! The files that settings name, opened before anything else is: what is wrong in any of them is told together, by the
//! name of its setting. Not the store and the master keys, which the first start may make.

use super::{Settings, WiringError};
use crate::chain;
use crate::serve::tls::{Certificate, TlsError};
use crate::settings::{
    EmailCarrier, EmailSettings, LoadOptions, Loaded, MessagesSettings, PasswordsSettings, Problem,
};
use crate::telemetry;

/// What is wrong in a file that a setting names.
pub(crate) struct BrokenFile {
    /// The setting.
    pub(crate) key: &'static str,
    /// What is wrong, and in which file.
    pub(crate) problem: String,
}

impl BrokenFile {
    /// The setting is told beside what is wrong with it, so it need not be told there.
    fn new(key: &'static str, problem: &str) -> Self {
        Self { key, problem: problem.replacen(&format!(" ({key})"), "", 1) }
    }
}

/// Settings that are right and whose files can be used, each of them.
///
/// # Errors
/// Everything that is wrong in the settings, and then in the files of those that are right.
pub(crate) fn checked(options: &LoadOptions) -> Result<Loaded, Vec<Problem>> {
    let (loaded, mut problems) = Settings::read(options);
    let Some(loaded) = loaded else { return Err(problems) };
    let problem = |BrokenFile { key, problem }| Problem {
        origin: loaded.origin(key),
        key: key.to_owned(),
        message: problem,
    };
    let broken = broken(&loaded.settings).into_iter().filter(|file| !follows(file.key, &problems));
    let broken: Vec<Problem> = broken.map(problem).collect();
    problems.extend(broken);
    if problems.is_empty() { Ok(loaded) } else { Err(problems) }
}

/// Whether a file may only seem broken, because settings that it is read by are wrong and their defaults stand in.
fn follows(key: &str, problems: &[Problem]) -> bool {
    let read_by: &[&str] = match key {
        "access.policies" => &["access.items", "access.private_items"],
        "authorizer.policies" => &["authorizer.routes"],
        "http.tls.cert" | "http.tls.key" => &["http.tls"],
        "messages.email.smtp.ca" => &["messages.email"],
        "messages.templates" => &["messages.language"],
        _ => &[],
    };
    problems.iter().any(|problem| read_by.iter().any(|setting| problem.key.starts_with(setting)))
}

/// Everything that is wrong in the files which settings name.
pub(crate) fn broken(settings: &Settings) -> Vec<BrokenFile> {
    let mut found = Vec::new();
    found.extend(Certificate::load(&settings.http.tls).err().map(|error| of_tls(&error)));
    found.extend(super::people::blocklist(settings).err().map(of("passwords.blocklist")));
    // What is embedded was right when it was built.
    if settings.messages.templates.is_some() {
        let loaded = super::templates(settings, &settings.messages.language);
        found.extend(loaded.err().map_or_else(Vec::new, of_many("messages.templates")));
    }
    if let Some(directory) = &settings.access.policies {
        let loaded =
            super::access::items(settings).and_then(|items| super::access::policies(Some(directory), &items));
        found.extend(loaded.err().map_or_else(Vec::new, of_many("access.policies")));
    }
    if let Some(directory) = &settings.authorizer.policies {
        let loaded = super::authorizer::routes(settings)
            .and_then(|routes| super::authorizer::policies(directory, &routes));
        found.extend(loaded.err().map_or_else(Vec::new, of_many("authorizer.policies")));
    }
    found.extend(authority(&settings.messages.email));
    let headers = telemetry::headers(&settings.telemetry.otlp);
    let of_headers = |error| BrokenFile::new("telemetry.otlp.headers_file", &chain(&error));
    found.extend(headers.err().map(of_headers));
    found
}

/// The same settings without these files: for who only looks at the store.
pub(crate) fn without(settings: &Settings) -> Settings {
    Settings {
        messages: MessagesSettings {
            templates: None,
            email: EmailSettings { carrier: EmailCarrier::File, ..settings.messages.email.clone() },
            ..settings.messages.clone()
        },
        passwords: PasswordsSettings { blocklist: None, ..settings.passwords.clone() },
        ..settings.clone()
    }
}

fn of(key: &'static str) -> impl Fn(WiringError) -> BrokenFile {
    move |error| BrokenFile::new(key, &chain(&error))
}

fn of_many(key: &'static str) -> impl Fn(WiringError) -> Vec<BrokenFile> {
    let each = move |problem: String| BrokenFile { key, problem };
    move |error| match error {
        WiringError::Templates(problems) => problems.iter().map(ToString::to_string).map(each).collect(),
        WiringError::Policies(problems) | WiringError::RoutePolicies(problems) => {
            problems.iter().map(ToString::to_string).map(each).collect()
        }
        error => vec![of(key)(error)],
    }
}

fn of_tls(error: &TlsError) -> BrokenFile {
    let key = match error {
        TlsError::Unreadable { key, .. } | TlsError::NoPem { key, .. } => key,
        TlsError::Open(_) => "http.tls.key",
        TlsError::Unfit(_) => "http.tls.cert",
    };
    BrokenFile::new(key, &chain(error))
}

#[cfg(feature = "smtp")]
fn authority(email: &EmailSettings) -> Option<BrokenFile> {
    let is_asked = email.carrier == EmailCarrier::Smtp && email.smtp.ca.is_some();
    let made = is_asked.then(|| super::email::smtp(email))?;
    made.err().map(of("messages.email.smtp.ca"))
}

/// Without SMTP there is nobody to believe.
#[cfg(not(feature = "smtp"))]
const fn authority(_: &EmailSettings) -> Option<BrokenFile> {
    None
}
