//! Writing results: to standard output, as a table for people or as JSON for programs. Everything that is not the
//! result
//! goes to standard error.

use std::io::{self, Write};

use comfy_table::{ContentArrangement, Table};
use serde::Serialize;
use serde_json::Value as Json;

use crate::arguments::OutputFormat;

/// Where a command writes.
pub struct Output<'a> {
    format: OutputFormat,
    results: &'a mut (dyn Write + Send),
    notices: &'a mut (dyn Write + Send),
}

impl<'a> Output<'a> {
    /// Writes results to the one and all else to the other.
    pub fn new(
        format: OutputFormat,
        results: &'a mut (dyn Write + Send),
        notices: &'a mut (dyn Write + Send),
    ) -> Self {
        Self { format, results, notices }
    }

    /// How results are written.
    #[must_use]
    pub fn format(&self) -> OutputFormat {
        self.format
    }

    /// Writes a list: a row each, with these headings, or a JSON array of the items themselves.
    ///
    /// # Errors
    ///
    /// When standard output cannot be written.
    pub fn list<T: Serialize>(
        &mut self,
        headings: &[&str],
        items: &[T],
        cells: impl Fn(&T) -> Vec<String>,
    ) -> io::Result<()> {
        match self.format {
            OutputFormat::Json => self.json(items),
            OutputFormat::Table => self.table(headings, items.iter().map(cells)),
        }
    }

    /// Writes one thing: a row for each of its fields, or a JSON object.
    ///
    /// # Errors
    ///
    /// When standard output cannot be written.
    pub fn record<T: Serialize>(&mut self, item: &T) -> io::Result<()> {
        if self.format == OutputFormat::Json {
            return self.json(item);
        }
        let mut rows = Vec::new();
        let mut fields = serde_json::to_value(item)?;
        fields.sort_all_objects();
        flatten("", &fields, &mut rows);
        self.table(&["field", "value"], rows.into_iter())
    }

    /// Writes JSON, whatever the format: for results that are JSON themselves.
    ///
    /// # Errors
    ///
    /// When standard output cannot be written.
    pub fn json<T: Serialize + ?Sized>(&mut self, value: &T) -> io::Result<()> {
        let text = serde_json::to_string_pretty(value)?;
        writeln!(self.results, "{text}")
    }

    /// Writes JSON on one line, whatever the format: for results without end.
    ///
    /// # Errors
    ///
    /// When standard output cannot be written.
    pub fn json_line<T: Serialize + ?Sized>(&mut self, value: &T) -> io::Result<()> {
        let text = serde_json::to_string(value)?;
        writeln!(self.results, "{text}")
    }

    /// Writes one line of text as a result.
    ///
    /// # Errors
    ///
    /// When standard output cannot be written.
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.results, "{}", harmless(text))
    }

    /// Writes bytes as they are, such as a script.
    ///
    /// # Errors
    ///
    /// When standard output cannot be written.
    pub fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.results.write_all(bytes)
    }

    /// Says something that is not the result.
    ///
    /// # Errors
    ///
    /// When standard error cannot be written.
    pub fn notice(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.notices, "{}", harmless(text))
    }

    fn table(&mut self, headings: &[&str], rows: impl Iterator<Item = Vec<String>>) -> io::Result<()> {
        let mut table = Table::new();
        table.load_style(comfy_table::presets::NOTHING);
        table.set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(headings.iter().copied());
        for row in rows {
            table.add_row(row.iter().map(|text| harmless(text)));
        }
        writeln!(self.results, "{}", table.trim_fmt())
    }
}

/// A row for each text and number inside, named by the way to it: `claims.iss`, `sessions.0.id`.
fn flatten(path: &str, value: &Json, rows: &mut Vec<Vec<String>>) {
    let under = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Json::Object(members) if !members.is_empty() => {
            members.iter().for_each(|(name, member)| flatten(&under(name), member, rows));
        }
        Json::Array(items) if !items.is_empty() => {
            items
                .iter()
                .enumerate()
                .for_each(|(index, item)| flatten(&under(&index.to_string()), item, rows));
        }
        Json::Object(_) | Json::Array(_) => rows.push(vec![path.to_owned(), "none".to_owned()]),
        leaf => rows.push(vec![path.to_owned(), cell(leaf)]),
    }
}

/// What is there, or a dash, as a table's cell.
#[must_use]
pub fn or_dash(value: Option<impl std::fmt::Display>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

/// A JSON value as a table's cell: texts without quotes, nothing for what is not there.
#[must_use]
pub fn cell(value: &Json) -> String {
    match value {
        Json::Null => "-".to_owned(),
        Json::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The text without its control characters, so that a name in the store cannot command the operator's terminal.
fn harmless(text: &str) -> String {
    let escape = |character: char| {
        if character.is_control() { character.escape_default().to_string() } else { character.to_string() }
    };
    text.chars().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Person {
        name: &'static str,
        age: Option<u32>,
    }

    fn written(format: OutputFormat, write: impl FnOnce(&mut Output<'_>) -> io::Result<()>) -> String {
        let (mut results, mut notices) = (Vec::new(), Vec::new());
        write(&mut Output::new(format, &mut results, &mut notices)).unwrap();
        assert_eq!(notices, b"");
        String::from_utf8(results).unwrap()
    }

    #[test]
    fn a_list_is_a_table_or_a_json_array() {
        let people = [Person { name: "Ada", age: Some(36) }];
        let cells =
            |person: &Person| vec![person.name.to_owned(), person.age.unwrap_or_default().to_string()];
        let table = written(OutputFormat::Table, |output| output.list(&["name", "age"], &people, cells));
        assert!(table.contains("name") && table.contains("Ada") && table.contains("36"), "{table}");
        let json = written(OutputFormat::Json, |output| output.list(&["name", "age"], &people, cells));
        assert_eq!(
            serde_json::from_str::<Json>(&json).unwrap(),
            serde_json::json!([{ "name": "Ada", "age": 36 }])
        );
    }

    #[test]
    fn a_record_shows_each_field() {
        let table = written(OutputFormat::Table, |output| output.record(&Person { name: "Ada", age: None }));
        assert!(table.contains("age") && table.contains('-'), "{table}");
    }

    #[test]
    fn what_is_nested_is_shown_row_by_row() {
        let nested = serde_json::json!({"claims": {"iss": "us"}, "amr": ["pwd", "otp"], "sessions": []});
        let table = written(OutputFormat::Table, |output| output.record(&nested));
        for row in ["claims.iss  us", "amr.0       pwd", "amr.1       otp", "sessions    none"] {
            assert!(table.contains(row), "{row} in:\n{table}");
        }
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let person = Person { name: "\u{1b}]0;owned\u{7}\nAda", age: None };
        let table = written(OutputFormat::Table, |output| output.record(&person));
        assert!(table.contains(r"\u{1b}]0;owned\u{7}\nAda"), "{table}");
    }
}
