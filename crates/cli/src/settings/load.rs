//! Loading: the layers merged, each value checked by itself, then all of them together (G5).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use figment::error::Kind;
use figment::value::{Dict, Value};
use figment::{Figment, Profile, Provider};
use serde::Serialize;
use serde_json::Value as Json;

use super::catalogue::{Catalogue, Key};
use super::origin::{Origin, Problem};
use super::sources::{Layer, LoadOptions, dotted, variable};
use super::{MasterKeySource, REDACTED, Settings};

/// Settings that are right, and where each came from.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// The origin of every key that somebody gave; the others have their default.
    pub origins: BTreeMap<String, Origin>,
}

/// One setting as it is shown to an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownSetting {
    /// The dotted key.
    pub key: String,
    /// The value, [`REDACTED`] for a secret, null for what is not set.
    pub value: Json,
    /// Where the value came from.
    pub origin: String,
}

impl Settings {
    /// Reads the settings: defaults, then file, then environment, then flags, the later over the earlier.
    ///
    /// # Errors
    ///
    /// Every problem there is, in the order of the keys: unknown keys and variables, values of the wrong type or out
    /// of
    /// range, a file that cannot be read, settings that contradict each other.
    pub fn load(options: &LoadOptions) -> Result<Loaded, Vec<Problem>> {
        match Self::read(options) {
            (Some(loaded), problems) if problems.is_empty() => Ok(loaded),
            (_, problems) => Err(problems),
        }
    }

    /// The same, with what could be read: where a value is wrong, its default stands in. For who looks for more problems.
    pub(crate) fn read(options: &LoadOptions) -> (Option<Loaded>, Vec<Problem>) {
        let catalogue = Catalogue::of_settings();
        let mut problems = Vec::new();
        let file = options.file_layer().unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        let (variables, unknown_variables) = options.environment_layers(&catalogue);
        let layers = file.into_iter().chain(variables).chain(options.flag_layers(&catalogue));
        let merged = with_data_dir(layers.fold(Figment::new(), Figment::merge));

        let mut given = Given::default();
        given.collect(&catalogue, "", &values(&merged), &merged);
        problems.append(&mut given.problems);
        let settings = given.to_settings(&mut problems);
        if let Some(settings) = &settings {
            problems.extend(
                unknown_variables.iter().filter_map(|name| unknown_variable(name, settings, &catalogue)),
            );
            problems.extend(given.conflicts(settings));
        }
        problems.sort_by(|one, other| one.key.cmp(&other.key));
        (settings.map(|settings| Loaded { settings, origins: given.origins }), problems)
    }
}

impl Loaded {
    /// Where the value of this dotted key came from.
    #[must_use]
    pub fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).cloned().unwrap_or_default()
    }

    /// Every setting with its value and origin, secrets redacted.
    #[must_use]
    pub fn shown(&self) -> Vec<ShownSetting> {
        let values = serde_json::to_value(&self.settings).unwrap_or_default();
        let catalogue = Catalogue::of_settings();
        let show = |path: &str| {
            let value = values.pointer(&format!("/{}", path.replace('.', "/"))).cloned().unwrap_or_default();
            let is_secret = catalogue.key(path).is_some_and(Key::is_secret);
            let value = if is_secret && !value.is_null() { Json::from(REDACTED) } else { value };
            ShownSetting { key: path.to_owned(), value, origin: self.origin(path).to_string() }
        };
        catalogue.paths().map(show).collect()
    }
}

/// Every value that somebody gave, sorted into right and wrong.
#[derive(Default)]
struct Given {
    /// Right values by dotted key, without their origin.
    right: Vec<(String, Value)>,
    /// Keys whose value is wrong.
    wrong: BTreeSet<String>,
    origins: BTreeMap<String, Origin>,
    problems: Vec<Problem>,
}

impl Given {
    fn collect(&mut self, catalogue: &Catalogue, section: &str, values: &Dict, figment: &Figment) {
        for (name, value) in values {
            let path = if section.is_empty() { name.clone() } else { format!("{section}.{name}") };
            let origin = origin_of(value, figment);
            if let Some(key) = catalogue.key(&path) {
                self.take(key, path, value, origin);
            } else if !catalogue.is_section(&path) {
                self.refuse(path.clone(), origin, unknown_key(&path, catalogue));
            } else if let Some(values) = value.as_dict() {
                self.collect(catalogue, &path, values, figment);
            } else {
                self.refuse(
                    path,
                    origin,
                    "is a section, so its settings must be given one by one".to_owned(),
                );
            }
        }
    }

    fn take(&mut self, key: &Key, path: String, value: &Value, origin: Origin) {
        match key.check(value).and_then(|()| parse_alone(key, &path, value)) {
            Ok(()) => {
                self.right.push((path.clone(), value.clone()));
                self.origins.insert(path, origin);
            }
            Err(message) => self.refuse(path, origin, message),
        }
    }

    fn refuse(&mut self, key: String, origin: Origin, message: String) {
        self.wrong.insert(key.clone());
        self.problems.push(Problem { key, origin, message });
    }

    /// The settings made of the right values; where a value is wrong, its default stands in.
    fn to_settings(&self, problems: &mut Vec<Problem>) -> Option<Settings> {
        let layer = |(path, value): &(String, Value)| Layer::single(path, value.clone(), Origin::Default);
        let right = with_data_dir(self.right.iter().map(layer).fold(Figment::new(), Figment::merge));
        match right.extract() {
            Ok(settings) => Some(settings),
            // Each value was accepted alone, so this would be a mistake of ours. It names no value.
            Err(error) => {
                let key = error.path.join(".");
                problems.push(Problem {
                    origin: Origin::Default,
                    message: "does not fit the other settings".to_owned(),
                    key,
                });
                None
            }
        }
    }

    /// Contradictions between settings that are all right by themselves.
    fn conflicts(&self, settings: &Settings) -> Vec<Problem> {
        let is_known = |key: &&str| !self.wrong.contains(*key);
        let conflicts =
            settings.conflicts().into_iter().filter(|conflict| conflict.keys.iter().all(is_known));
        let problem = |conflict: super::Conflict| {
            let said = conflict.keys.iter().find(|key| self.origins.contains_key(**key));
            let origin = said.and_then(|key| self.origins.get(*key)).cloned().unwrap_or_default();
            let key = conflict.keys.first().copied().unwrap_or_default().to_owned();
            Problem { key, origin, message: conflict.message }
        };
        conflicts.map(problem).collect()
    }
}

/// Adds what follows from `data_dir` where nothing else is said.
fn with_data_dir(figment: Figment) -> Figment {
    let is_usable = |path: &String| !path.is_empty();
    let data_dir = figment.extract_inner::<String>("data_dir").ok().filter(is_usable);
    let defaults = data_dir.map_or_else(Settings::default, |path| Settings::in_directory(Path::new(&path)));
    let derived = [
        ("store.url", Value::serialize(&defaults.store.url)),
        ("secrets.master_keys", Value::serialize(&defaults.secrets.master_keys)),
        ("messages.email.directory", Value::serialize(&defaults.messages.email.directory)),
    ];
    let layers = derived
        .into_iter()
        .filter_map(|(path, value)| Some(Layer::single(path, value.ok()?, Origin::Default)));
    layers.fold(figment, Figment::join)
}

fn values(figment: &Figment) -> Dict {
    figment.data().ok().and_then(|mut profiles| profiles.remove(&Profile::Default)).unwrap_or_default()
}

fn origin_of(value: &Value, figment: &Figment) -> Origin {
    Origin::from_metadata(figment.get_metadata(value.tag()))
}

/// Whether the settings accept this value, everything else being default. This is what finds all mistakes and not
/// only the first.
fn parse_alone(key: &Key, path: &str, value: &Value) -> Result<(), String> {
    let alone = figment::util::nest(path, value.clone());
    let Err(error) = alone.deserialize::<Settings>() else {
        return Ok(());
    };
    if key.is_secret() {
        return Err(format!("must be {}", key.expectation()));
    }
    // What follows the key itself is the place inside a list, and a setting of the table there. Other names are the
    // writer's own text.
    let mut inside = error.path.iter().skip(path.split('.').count());
    let place = inside.next().and_then(|place| place.parse::<usize>().ok());
    let place = place.map_or_else(String::new, |index| format!("item {index}: "));
    if let Kind::UnknownField(unknown, known) = &error.kind {
        let meant = key.closest_in_items(unknown).map(|name| format!("did you mean `{name}`?"));
        let meant = meant.unwrap_or_else(|| format!("these are: {}", known.join(", ")));
        return Err(format!("{place}`{unknown}` is not a setting; {meant}"));
    }
    let name = inside.next().filter(|name| key.has_in_items(name));
    let name = name.map_or_else(String::new, |name| format!("`{name}` "));
    Err(format!("{place}{name}{}", without_value(&error.kind)))
}

/// What is wrong, in our own types' words; of the deserializer's words only what it expected, for what it found may be
/// a key or a password that someone wrote in the wrong place.
fn without_value(kind: &Kind) -> String {
    match kind {
        Kind::Message(message) => message.clone(),
        Kind::InvalidType(_, expected)
        | Kind::InvalidValue(_, expected)
        | Kind::InvalidLength(_, expected) => format!("must be {}", in_our_words(expected)),
        Kind::MissingField(name) => format!("lacks `{name}`"),
        Kind::UnknownVariant(_, expected) | Kind::UnknownField(_, expected) => {
            format!("must be given as one of: {}", expected.join(", "))
        }
        _ => "is not valid".to_owned(),
    }
}

/// What serde expects, as the rest of the messages call it.
fn in_our_words(expected: &str) -> &str {
    match expected {
        "a sequence" => "a list",
        "a string" => "a text",
        "a boolean" => "true or false",
        _ if expected.starts_with("struct ") => "a table",
        _ => expected,
    }
}

fn unknown_key(path: &str, catalogue: &Catalogue) -> String {
    let meant = catalogue.closest(path).map_or_else(String::new, |key| format!("; did you mean `{key}`?"));
    format!("is not a setting{meant}")
}

/// A variable of ours that names no setting is a problem, unless a master key is read from it.
fn unknown_variable(name: &str, settings: &Settings, catalogue: &Catalogue) -> Option<Problem> {
    let holds_master_key =
        |source: &MasterKeySource| matches!(source, MasterKeySource::Env(variable) if variable == name);
    if settings.secrets.master_keys.iter().any(holds_master_key) {
        return None;
    }
    let path = dotted(name);
    let meant = catalogue
        .paths()
        .find(|key| key.replace('.', "_") == path.replace('.', "_"))
        .or_else(|| catalogue.closest_key(&path));
    let meant = meant.map_or_else(String::new, |key| format!("; did you mean `{}`?", variable(key)));
    Some(Problem {
        key: path,
        origin: Origin::Environment(name.to_owned()),
        message: format!("is not a setting{meant}"),
    })
}
