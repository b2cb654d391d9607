//! Where a setting's value came from, and what is wrong with it.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use figment::{Metadata, Source};

/// Where a value came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Origin {
    /// Nobody said anything.
    #[default]
    Default,
    /// The configuration file.
    File(PathBuf),
    /// The environment variable of this name.
    Environment(String),
    /// The command-line flag of this name.
    Flag(String),
}

/// The names under which figment carries each origin.
const FILE: &str = "file";
const ENVIRONMENT: &str = "environment variable";
const FLAG: &str = "flag";

impl Origin {
    /// The origin in the form that figment keeps beside each value.
    pub(super) fn to_metadata(&self) -> Metadata {
        match self {
            Self::Default => Metadata::named("default"),
            Self::File(path) => Metadata::from(FILE, Source::File(path.clone())),
            Self::Environment(name) => Metadata::from(ENVIRONMENT, Source::Custom(name.clone())),
            Self::Flag(name) => Metadata::from(FLAG, Source::Custom(name.clone())),
        }
    }

    /// The origin out of that form.
    pub(super) fn from_metadata(metadata: Option<&Metadata>) -> Self {
        let Some(metadata) = metadata else {
            return Self::Default;
        };
        match (metadata.name.as_ref(), &metadata.source) {
            (FILE, Some(Source::File(path))) => Self::File(path.clone()),
            (ENVIRONMENT, Some(Source::Custom(name))) => Self::Environment(name.clone()),
            (FLAG, Some(Source::Custom(name))) => Self::Flag(name.clone()),
            _ => Self::Default,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => formatter.write_str("default"),
            Self::File(path) => write!(formatter, "{FILE} {}", path.display()),
            Self::Environment(name) => write!(formatter, "{ENVIRONMENT} {name}"),
            Self::Flag(name) => write!(formatter, "{FLAG} {name}"),
        }
    }
}

/// One mistake in the configuration. It never repeats a secret value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The dotted key, such as `http.listen`; empty when it is about a file as a whole.
    pub key: String,
    /// Where the value came from.
    #[serde(serialize_with = "as_text")]
    pub origin: Origin,
    /// What is wrong, and what would be right.
    pub message: String,
}

fn as_text<S: serde::Serializer>(origin: &Origin, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(origin)
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.key.is_empty() {
            write!(formatter, "{}: ", self.key)?;
        }
        write!(formatter, "{} ({})", self.message, self.origin)
    }
}
