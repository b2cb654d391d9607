//! Every key there is, taken from the JSON schema of [`Settings`](super::Settings), and the checks that the schema
//! states:
//! type, range, length, choices. It is no general JSON-schema validator: it knows what our own structs can produce.

use std::collections::{BTreeMap, BTreeSet};

use figment::value::Value;
use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use serde_json::{Map, Value as Json};

use super::{Duration, Settings};

/// Every key and every section of the configuration.
pub struct Catalogue {
    keys: BTreeMap<String, Key>,
    sections: BTreeSet<String>,
}

/// One setting: what its value may be.
pub struct Key {
    kind: Kind,
    minimum: Option<f64>,
    maximum: Option<f64>,
    minimum_length: Option<u64>,
    maximum_length: Option<u64>,
    choices: Vec<String>,
    secret: bool,
    /// Of a list of tables: the names of their settings.
    item_names: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    Number,
    Duration,
    Boolean,
    List,
}

/// The JSON schema of the configuration (draft 2020-12), with nothing referred to elsewhere.
#[must_use]
pub(crate) fn schema() -> Schema {
    // A doc comment's line breaks are the source's, not the description's.
    let unwrap_description = |schema: &mut Schema| {
        if let Some(Json::String(description)) = schema.get_mut("description") {
            *description = description.replace('\n', " ");
        }
    };
    let schema = SchemaSettings::draft2020_12()
        .with(|settings| settings.inline_subschemas = true)
        .with_transform(RecursiveTransform(unwrap_description))
        .into_generator()
        .into_root_schema_for::<Settings>();
    // By name, whatever order the members of an object have in this build of serde_json.
    let mut sorted = Json::from(schema.clone());
    sorted.sort_all_objects();
    Schema::try_from(sorted).unwrap_or(schema)
}

impl Catalogue {
    /// Reads the catalogue from the schema.
    #[must_use]
    pub fn of_settings() -> Self {
        let mut catalogue = Self { keys: BTreeMap::new(), sections: BTreeSet::new() };
        catalogue.add(String::new(), schema().as_value());
        catalogue
    }

    fn add(&mut self, path: String, schema: &Json) {
        let properties = schema.get("properties").and_then(Json::as_object);
        match (properties, schema.as_object()) {
            (Some(properties), _) => {
                for (name, property) in properties {
                    let child = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    self.add(child, property);
                }
                self.sections.insert(path);
            }
            (None, Some(leaf)) => {
                self.keys.insert(path, Key::from_schema(leaf));
            }
            (None, None) => {}
        }
    }

    /// The setting of this dotted key.
    #[must_use]
    pub fn key(&self, path: &str) -> Option<&Key> {
        self.keys.get(path)
    }

    /// Whether this dotted path is a section.
    #[must_use]
    pub fn is_section(&self, path: &str) -> bool {
        self.sections.contains(path)
    }

    /// All dotted keys, in order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    /// The key or section that was probably meant by this unknown one.
    #[must_use]
    pub fn closest(&self, unknown: &str) -> Option<&str> {
        let sections = self.sections.iter().map(String::as_str).filter(|path| !path.is_empty());
        nearest(unknown, self.paths().chain(sections)).or_else(|| self.namesake(unknown))
    }

    /// The key that was probably meant by this unknown one.
    #[must_use]
    pub fn closest_key(&self, unknown: &str) -> Option<&str> {
        nearest(unknown, self.paths()).or_else(|| self.namesake(unknown))
    }

    /// A key of the same name in another section.
    fn namesake(&self, unknown: &str) -> Option<&str> {
        self.paths().find(|path| last_name(path) == last_name(unknown))
    }
}

/// The path that differs least, if a slip of the hand could explain the difference: one letter in three of the name.
fn nearest<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (distance, path) = known.map(|path| (strsim::osa_distance(path, unknown), path)).min()?;
    (distance <= (last_name(unknown).len() / 3).max(1)).then_some(path)
}

fn last_name(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path)
}

impl Key {
    fn from_schema(schema: &Map<String, Json>) -> Self {
        let types: Vec<&str> = match schema.get("type") {
            Some(Json::String(name)) => vec![name],
            Some(Json::Array(names)) => names.iter().filter_map(Json::as_str).collect(),
            _ => Vec::new(),
        };
        let number = |name: &str| schema.get(name).and_then(Json::as_f64);
        let length = |of_text: &str, of_list: &str| {
            schema.get(of_text).or_else(|| schema.get(of_list)).and_then(Json::as_u64)
        };
        Self {
            kind: Kind::from_types(&types),
            minimum: number("minimum"),
            maximum: number("maximum"),
            minimum_length: length("minLength", "minItems"),
            maximum_length: length("maxLength", "maxItems"),
            choices: choices(schema),
            secret: schema.get("writeOnly") == Some(&Json::Bool(true)),
            item_names: item_names(schema),
        }
    }

    /// Whether the value must never be repeated.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// Whether the tables of this list have a setting of this name.
    pub(super) fn has_in_items(&self, name: &str) -> bool {
        self.item_names.iter().any(|known| known == name)
    }

    /// The setting of this list's tables that was probably meant by this unknown one.
    pub(super) fn closest_in_items(&self, unknown: &str) -> Option<&str> {
        nearest(unknown, self.item_names.iter().map(String::as_str))
    }

    /// Reads a text, from the environment or a flag, as the kind of value that this key takes. A list may be written
    /// without its brackets.
    pub(super) fn read(&self, text: &str) -> Value {
        match self.kind {
            Kind::Text => Value::from(text),
            Kind::List if !text.trim_start().starts_with('[') => read_any(&format!("[{text}]")),
            Kind::List | Kind::Integer | Kind::Number | Kind::Boolean | Kind::Duration => read_any(text),
        }
    }

    /// Checks what the schema says of the value: type, choices, range, length.
    pub(super) fn check(&self, value: &Value) -> Result<(), String> {
        if self.has_right_type(value) && self.is_in_range(value) && self.is_among_choices(value) {
            return Ok(());
        }
        let found = match value {
            _ if self.secret => None,
            // Where a list of places is due, the text may be the key that should be in one of them.
            Value::String(..) if self.kind == Kind::List => Some("a text".to_owned()),
            _ => describe(value),
        };
        let found = found.map_or_else(String::new, |found| format!(", but is {found}"));
        Err(format!("must be {}{found}", self.expectation()))
    }

    fn has_right_type(&self, value: &Value) -> bool {
        match self.kind {
            Kind::Text => value.as_str().is_some(),
            Kind::Integer => integer(value).is_some(),
            Kind::Number => number(value).is_some(),
            Kind::Duration => duration(value).is_some(),
            Kind::Boolean => value.to_bool().is_some(),
            Kind::List => value.as_array().is_some(),
        }
    }

    fn is_in_range(&self, value: &Value) -> bool {
        let measure = match self.kind {
            Kind::Integer => integer(value).map(|number| number as f64),
            Kind::Number => number(value),
            Kind::Duration => duration(value).map(|duration| duration.to_std().as_secs_f64()),
            Kind::Text | Kind::Boolean | Kind::List => None,
        };
        let length = value.as_str().map(str::len).or_else(|| value.as_array().map(<[Value]>::len));
        let length = length.and_then(|length| u64::try_from(length).ok());
        let within = |value: Option<f64>, minimum: Option<f64>, maximum: Option<f64>| {
            value.is_none_or(|value| {
                minimum.is_none_or(|minimum| value >= minimum)
                    && maximum.is_none_or(|maximum| value <= maximum)
            })
        };
        let length_within = length.is_none_or(|length| {
            self.minimum_length.is_none_or(|minimum| length >= minimum)
                && self.maximum_length.is_none_or(|maximum| length <= maximum)
        });
        within(measure, self.minimum, self.maximum) && length_within
    }

    fn is_among_choices(&self, value: &Value) -> bool {
        self.choices.is_empty()
            || value.as_str().is_some_and(|text| self.choices.iter().any(|choice| choice == text))
    }

    /// What the value must be, in words.
    pub(super) fn expectation(&self) -> String {
        match self.kind {
            Kind::Text if !self.choices.is_empty() => format!("one of {}", quoted(&self.choices)),
            Kind::Text => {
                format!("a text{}", length_in_words(self.minimum_length, self.maximum_length, "bytes"))
            }
            Kind::List => {
                format!("a list{}", length_in_words(self.minimum_length, self.maximum_length, "items"))
            }
            Kind::Boolean => "true or false".to_owned(),
            Kind::Integer => format!(
                "a whole number{}",
                range_in_words(self.minimum, self.maximum, |number| number.to_string())
            ),
            Kind::Number => {
                format!("a number{}", range_in_words(self.minimum, self.maximum, |number| number.to_string()))
            }
            Kind::Duration => {
                let range = range_in_words(self.minimum, self.maximum, |seconds| {
                    Duration::from_millis((seconds * 1_000.0) as u64).to_string()
                });
                format!("a duration such as \"15m\", or a whole number of seconds,{range}")
            }
        }
    }
}

impl Kind {
    fn from_types(types: &[&str]) -> Self {
        let has = |name: &str| types.contains(&name);
        match (has("string"), has("integer")) {
            (true, true) => Self::Duration,
            (false, true) => Self::Integer,
            (false, false) if has("number") => Self::Number,
            (false, false) if has("boolean") => Self::Boolean,
            (false, false) if has("array") => Self::List,
            _ => Self::Text,
        }
    }
}

/// The texts that an enumeration allows: in one list, or one by one beside a description each.
fn choices(schema: &Map<String, Json>) -> Vec<String> {
    let listed = schema.get("enum").and_then(Json::as_array).into_iter().flatten();
    let described = schema
        .get("oneOf")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(|choice| choice.get("const"));
    listed.chain(described).filter_map(Json::as_str).map(str::to_owned).collect()
}

fn item_names(schema: &Map<String, Json>) -> Vec<String> {
    let properties = schema.get("items").and_then(|items| items.get("properties")).and_then(Json::as_object);
    properties.map_or_else(Vec::new, |properties| properties.keys().cloned().collect())
}

fn integer(value: &Value) -> Option<i128> {
    value.to_i128().or_else(|| value.to_u128().and_then(|number| i128::try_from(number).ok()))
}

/// A number, whole or not; those that are none (`nan`) and those without end are out of every range.
fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Num(_, number) => number
            .to_f64()
            .or_else(|| integer(value).map(|whole| whole as f64))
            .filter(|number| number.is_finite()),
        _ => None,
    }
}

fn duration(value: &Value) -> Option<Duration> {
    value.deserialize().ok()
}

/// figment's own reading of a text; it cannot fail, for what it does not know is a text.
fn read_any(text: &str) -> Value {
    match text.parse() {
        Ok(value) => value,
    }
}

fn describe(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(format!("{text:?}")),
        Value::Char(_, character) => Some(format!("\"{character}\"")),
        Value::Bool(_, answer) => Some(answer.to_string()),
        Value::Num(_, number) => {
            let whole = integer(value).map(|number| number.to_string());
            whole.or_else(|| number.to_f64().map(|number| number.to_string()))
        }
        Value::Dict(..) => Some("a table".to_owned()),
        Value::Array(_, items) => Some(format!("a list of {}", items.len())),
        Value::Empty(..) => None,
    }
}

fn quoted(choices: &[String]) -> String {
    choices.iter().map(|choice| format!("\"{choice}\"")).collect::<Vec<_>>().join(", ")
}

fn range_in_words(minimum: Option<f64>, maximum: Option<f64>, show: impl Fn(f64) -> String) -> String {
    match (minimum, maximum) {
        (Some(minimum), Some(maximum)) => format!(" from {} to {}", show(minimum), show(maximum)),
        (Some(minimum), None) => format!(" of at least {}", show(minimum)),
        (None, Some(maximum)) => format!(" of at most {}", show(maximum)),
        (None, None) => String::new(),
    }
}

fn length_in_words(minimum: Option<u64>, maximum: Option<u64>, unit: &str) -> String {
    match (minimum, maximum) {
        (Some(1), None) => " that is not empty".to_owned(),
        (Some(minimum), Some(maximum)) => format!(" of {minimum} to {maximum} {unit}"),
        (Some(minimum), None) => format!(" of at least {minimum} {unit}"),
        (None, Some(maximum)) => format!(" of at most {maximum} {unit}"),
        (None, None) => String::new(),
    }
}
