//! `[store]`: where everything is kept.

use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where everything is kept.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSettings {
    /// The store: `sqlite:PATH`. When it is not said: `symbolon.db` in `data_dir`.
    pub url: StoreUrl,
}

impl StoreSettings {
    /// The store when only the data directory is known.
    pub(super) fn in_directory(data_dir: &Path) -> Self {
        Self { url: StoreUrl::Sqlite { path: data_dir.join("symbolon.db") } }
    }
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self::in_directory(Path::new(super::DEFAULT_DATA_DIR))
    }
}

/// A store of a kind that this build has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline, extend("examples" = ["sqlite:data/symbolon.db", "sqlite:/var/lib/symbolon/symbolon.db"]))]
pub enum StoreUrl {
    /// The embedded store: one file, and two more beside it while it is open.
    Sqlite {
        /// The database file.
        path: PathBuf,
    },
}

/// The schemes of the stores in this build.
const SCHEMES: [&str; 1] = ["sqlite"];
/// Stores that exist, though this build may lack them.
const SCHEMES_ELSEWHERE: [&str; 3] = ["postgres", "postgresql", "dynamodb"];

/// A text that names no store of this build. It never repeats the text, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidStoreUrl {
    /// A store that this build was made without.
    #[error("this build has no `{0}` store; it has: {have}", have = SCHEMES.join(", "))]
    NotCompiledIn(&'static str),
    /// No store is called that.
    #[error("must begin with the scheme of a store and a colon; this build has: {have}", have = SCHEMES.join(", "))]
    UnknownScheme,
    /// `sqlite:` with no file.
    #[error("names no file: write `sqlite:PATH`")]
    NoFile,
    /// A database in memory would forget every account at the next start.
    #[error("a store in memory keeps nothing: write `sqlite:PATH`")]
    InMemory,
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path } => write!(formatter, "sqlite:{}", path.display()),
        }
    }
}

impl From<StoreUrl> for String {
    fn from(url: StoreUrl) -> Self {
        url.to_string()
    }
}

impl TryFrom<String> for StoreUrl {
    type Error = InvalidStoreUrl;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let (scheme, rest) = text.split_once(':').ok_or(InvalidStoreUrl::UnknownScheme)?;
        if scheme != "sqlite" {
            let elsewhere = SCHEMES_ELSEWHERE.iter().find(|known| **known == scheme);
            return Err(elsewhere
                .map_or(InvalidStoreUrl::UnknownScheme, |known| InvalidStoreUrl::NotCompiledIn(known)));
        }
        match rest.strip_prefix("//").unwrap_or(rest) {
            "" => Err(InvalidStoreUrl::NoFile),
            memory if memory.starts_with(":memory:") => Err(InvalidStoreUrl::InMemory),
            path => Ok(Self::Sqlite { path: PathBuf::from(path) }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<StoreUrl, InvalidStoreUrl> {
        StoreUrl::try_from(text.to_owned())
    }

    #[test]
    fn a_sqlite_url_names_a_file() {
        for (text, path) in [
            ("sqlite:data/s.db", "data/s.db"),
            ("sqlite:/srv/s.db", "/srv/s.db"),
            ("sqlite:///srv/s.db", "/srv/s.db"),
        ] {
            assert_eq!(parse(text), Ok(StoreUrl::Sqlite { path: path.into() }));
        }
        assert_eq!(parse("sqlite:"), Err(InvalidStoreUrl::NoFile));
        assert_eq!(parse("sqlite::memory:"), Err(InvalidStoreUrl::InMemory));
    }

    #[test]
    fn another_scheme_is_refused_with_those_there_are_and_without_its_password() {
        let missing = parse("postgres://symbolon:hunter2@db/symbolon").unwrap_err().to_string();
        assert_eq!(missing, "this build has no `postgres` store; it has: sqlite");
        let unknown = parse("mysql://root:hunter2@db").unwrap_err().to_string();
        assert_eq!(unknown, "must begin with the scheme of a store and a colon; this build has: sqlite");
    }
}
