//! Where settings are read from: a file, environment variables, flags. This file reads them; it does not judge
//! values.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map};
use figment::{Metadata, Profile, Provider};

use super::{Catalogue, Origin, Problem};

/// What every environment variable of ours begins with.
const PREFIX: &str = "SYMBOLON_";
/// Variables that only the tests' own machinery reads.
const TEST_PREFIX: &str = "SYMBOLON_TEST_";
/// The file that is read when none is named and it is there.
const DEFAULT_FILE: &str = "symbolon.toml";

/// Where to read from. Everything is given, so that a test needs neither a working directory nor an environment.
/// Not `Debug`, because the environment holds secrets.
#[derive(Clone, Default)]
pub struct LoadOptions {
    /// The file that the caller named. It must be there.
    pub named_file: Option<PathBuf>,
    /// The file to read when none is named. It need not be there.
    pub default_file: Option<PathBuf>,
    /// Environment variables, of ours and others'.
    pub environment: Vec<(String, String)>,
    /// Settings given by flags.
    pub overrides: Vec<Override>,
}

/// A setting given by a command-line flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// The dotted key.
    pub key: &'static str,
    /// The value as it was typed.
    pub value: String,
    /// The flag, such as `--listen`.
    pub flag: &'static str,
}

impl LoadOptions {
    /// What this process was started with: `symbolon.toml` in the working directory unless a file is named, and the
    /// process's environment.
    #[must_use]
    pub fn of_process(named_file: Option<PathBuf>, overrides: Vec<Override>) -> Self {
        let lossy = |text: OsString| text.to_string_lossy().into_owned();
        let environment = std::env::vars_os().map(|(name, value)| (lossy(name), lossy(value)));
        Self {
            named_file,
            default_file: Some(PathBuf::from(DEFAULT_FILE)),
            environment: environment.collect(),
            overrides,
        }
    }

    /// The file, if there is one to read.
    pub(super) fn file_layer(&self) -> Result<Option<Layer>, Problem> {
        if let Some(path) = &self.named_file {
            return read_file(path).map(Some);
        }
        match &self.default_file {
            Some(path) if path.exists() => read_file(path).map(Some),
            _ => Ok(None),
        }
    }

    /// One layer for each of our environment variables that names a setting, and the names of those that do not.
    pub(super) fn environment_layers(&self, catalogue: &Catalogue) -> (Vec<Layer>, Vec<String>) {
        let mut layers = Vec::new();
        let mut unknown = Vec::new();
        let ours = self
            .environment
            .iter()
            .filter(|(name, _)| name.starts_with(PREFIX) && !name.starts_with(TEST_PREFIX));
        for (name, text) in ours {
            let path = dotted(name);
            match catalogue.key(&path) {
                Some(key) => {
                    layers.push(Layer::single(&path, key.read(text), Origin::Environment(name.clone())));
                }
                None => unknown.push(name.clone()),
            }
        }
        unknown.sort();
        (layers, unknown)
    }

    /// One layer for each flag.
    pub(super) fn flag_layers(&self, catalogue: &Catalogue) -> Vec<Layer> {
        let layer = |given: &Override| {
            let value = catalogue
                .key(given.key)
                .map_or_else(|| given.value.clone().into(), |key| key.read(&given.value));
            Layer::single(given.key, value, Origin::Flag(given.flag.to_owned()))
        };
        self.overrides.iter().map(layer).collect()
    }
}

/// The dotted key that an environment variable's name means: `SYMBOLON_HTTP__LISTEN` is `http.listen`.
pub(super) fn dotted(variable: &str) -> String {
    variable.strip_prefix(PREFIX).unwrap_or(variable).to_ascii_lowercase().replace("__", ".")
}

/// The name of the environment variable for a dotted key.
pub(super) fn variable(path: &str) -> String {
    format!("{PREFIX}{}", path.replace('.', "__").to_ascii_uppercase())
}

/// Settings from one origin, for figment to merge.
pub(super) struct Layer {
    values: Dict,
    origin: Origin,
}

impl Layer {
    /// A layer of many settings.
    pub(super) fn new(values: Dict, origin: Origin) -> Self {
        Self { values, origin }
    }

    /// A layer of one setting.
    pub(super) fn single(path: &str, value: figment::value::Value, origin: Origin) -> Self {
        let values = figment::util::nest(path, value).into_dict().unwrap_or_default();
        Self { values, origin }
    }
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        self.origin.to_metadata()
    }

    fn data(&self) -> figment::Result<Map<Profile, Dict>> {
        Ok(Profile::Default.collect(self.values.clone()))
    }
}

/// Reads a TOML file. A syntax error is told by line and column, without the line itself, which may hold a secret.
fn read_file(path: &Path) -> Result<Layer, Problem> {
    let origin = Origin::File(path.to_owned());
    let problem = |message: String| Problem { key: String::new(), origin: origin.clone(), message };
    let text = std::fs::read_to_string(path).map_err(|error| problem(format!("cannot be read: {error}")))?;
    match Toml::from_str::<Dict>(&text) {
        Ok(values) => Ok(Layer::new(values, origin)),
        Err(error) => {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            let column = before.chars().rev().take_while(|character| *character != '\n').count() + 1;
            let message = error.message().lines().collect::<Vec<_>>().join(", ");
            Err(problem(format!("is not TOML, line {line}, column {column}: {message}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_underscores_stand_between_levels() {
        assert_eq!(dotted("SYMBOLON_HTTP__CORS__ALLOWED_ORIGINS"), "http.cors.allowed_origins");
        assert_eq!(variable("http.cors.allowed_origins"), "SYMBOLON_HTTP__CORS__ALLOWED_ORIGINS");
    }
}
