//! `symbolon config check|show|schema`.

use crate::arguments::{ConfigCommand, OutputFormat};
use crate::output::{Output, cell};
use crate::settings::{LoadOptions, Problem, Settings};
use crate::wiring::files;
use crate::{CommandError, CommandResult};

/// Runs one of them.
///
/// # Errors
///
/// [`CommandError::Settings`] with every problem of the configuration, and for `check` of the files that it names; `schema`
/// does not read it.
pub fn run(command: ConfigCommand, options: &LoadOptions, output: &mut Output<'_>) -> CommandResult {
    match command {
        ConfigCommand::Check => check(options, output),
        ConfigCommand::Show => show(options, output),
        ConfigCommand::Schema => schema(output),
    }
}

fn check(options: &LoadOptions, output: &mut Output<'_>) -> CommandResult {
    match (files::checked(options), output.format()) {
        (Ok(_), OutputFormat::Table) => Ok(output.line("configuration is fine")?),
        (Ok(_), OutputFormat::Json) => Ok(output.json::<[Problem]>(&[])?),
        (Err(problems), OutputFormat::Table) => Err(CommandError::Settings(problems)),
        (Err(problems), OutputFormat::Json) => {
            output.json(&problems)?;
            Err(CommandError::Settings(problems))
        }
    }
}

fn show(options: &LoadOptions, output: &mut Output<'_>) -> CommandResult {
    let loaded = Settings::load(options).map_err(CommandError::Settings)?;
    let shown = loaded.shown();
    Ok(output.list(&["key", "value", "origin"], &shown, |setting| {
        vec![setting.key.clone(), cell(&setting.value), setting.origin.clone()]
    })?)
}

fn schema(output: &mut Output<'_>) -> CommandResult {
    Ok(output.json(&Settings::json_schema())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(variable: &str, value: &str) -> LoadOptions {
        LoadOptions { environment: vec![(variable.to_owned(), value.to_owned())], ..LoadOptions::default() }
    }

    fn ran(command: ConfigCommand, format: OutputFormat, options: &LoadOptions) -> (CommandResult, String) {
        let (mut results, mut notices) = (Vec::new(), Vec::new());
        let result = run(command, options, &mut Output::new(format, &mut results, &mut notices));
        assert_eq!(notices, b"");
        (result, String::from_utf8(results).unwrap())
    }

    #[test]
    fn check_says_that_all_is_fine_or_what_is_not() {
        let (result, written) = ran(ConfigCommand::Check, OutputFormat::Table, &LoadOptions::default());
        assert!(result.is_ok());
        assert_eq!(written, "configuration is fine\n");
        let (result, written) =
            ran(ConfigCommand::Check, OutputFormat::Table, &options("SYMBOLON_LOG__FORMAT", "xml"));
        assert!(matches!(result, Err(CommandError::Settings(problems)) if problems.len() == 1));
        assert_eq!(written, "");
    }

    /// G5: `config show` gives each value's origin, secrets redacted.
    #[test]
    fn show_tells_every_origin_and_no_secret() {
        let options = options("SYMBOLON_LOG__PII_SALT", "canary-canary-canary");
        let (result, table) = ran(ConfigCommand::Show, OutputFormat::Table, &options);
        assert!(result.is_ok());
        let row = table.lines().find(|line| line.contains("log.pii_salt")).unwrap();
        assert!(
            row.contains("redacted") && row.contains("environment variable SYMBOLON_LOG__PII_SALT"),
            "{row}"
        );
        let (_, json) = ran(ConfigCommand::Show, OutputFormat::Json, &options);
        assert!(!table.contains("canary") && !json.contains("canary"));
        let shown: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
        let salt = serde_json::json!({
            "key": "log.pii_salt", "value": "redacted", "origin": "environment variable SYMBOLON_LOG__PII_SALT"
        });
        assert!(shown.contains(&salt));
    }

    #[test]
    fn the_schema_is_printed_however_wrong_the_configuration_is() {
        let (result, schema) =
            ran(ConfigCommand::Schema, OutputFormat::Table, &options("SYMBOLON_LOG__FORMAT", "xml"));
        assert!(result.is_ok());
        let schema: serde_json::Value = serde_json::from_str(&schema).unwrap();
        assert_eq!(schema["properties"]["passwords"]["properties"]["memory_kib"]["minimum"], 19_456);
        assert_eq!(schema["properties"]["http"]["properties"]["listen"]["default"], "127.0.0.1:8080");
    }
}
