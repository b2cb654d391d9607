//! `symbolon outbox preview`: a message as its template makes it, with sample values (M4). Nobody gets it.

use serde::Serialize;
use symbolon_domain::outbox::MessageKind;

use crate::arguments::{OutputFormat, PreviewArguments};
use crate::output::Output;
use crate::settings::Settings;
use crate::wiring;
use crate::{CommandError, CommandResult};

/// A message, as JSON.
#[derive(Serialize)]
struct Preview<'a> {
    kind: &'static str,
    language: &'a str,
    subject: String,
    text: String,
    html: String,
}

/// Shows it.
///
/// # Errors
/// The templates are broken.
pub fn run(arguments: &PreviewArguments, settings: &Settings, output: &mut Output<'_>) -> CommandResult {
    let kind = MessageKind::parse(&arguments.kind).ok_or(CommandError::Argument("no kind of message"))?;
    let language = arguments.language.as_ref().unwrap_or(&settings.messages.language);
    let templates = wiring::templates(settings, language)?;
    let (content, language) = templates.preview(kind)?;
    if output.format() == OutputFormat::Json {
        let (subject, text, html) = (content.subject, content.text, content.html);
        return Ok(output.json(&Preview { kind: kind.as_str(), language, subject, text, html })?);
    }
    let shown = if arguments.html {
        format!("{}\n", content.html)
    } else {
        format!("Subject: {}\n\n{}\n", content.subject, content.text)
    };
    Ok(output.raw(shown.as_bytes())?)
}
