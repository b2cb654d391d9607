//! `[store]`: where everything is kept, and how many connections may be open to it.

use std::fmt;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Conflict, Duration};

mod dynamodb;
mod postgres;
#[cfg(test)]
mod tests;

pub use self::dynamodb::{DynamoTable, InvalidDynamoTable};
pub use self::postgres::{Encryption, InvalidPostgresUrl, PostgresUrl};

/// Where everything is kept.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StoreSettings {
    /// The store: `sqlite:PATH`, `postgres://USER:PASSWORD@HOST/DATABASE` or
    /// `dynamodb://TABLE?region=REGION&endpoint=URL`. When it is not said: `symbolon.db` in `data_dir`.
    pub url: StoreUrl,
    /// PostgreSQL: the most connections of this node.
    #[schemars(range(min = 1, max = 1_000))]
    pub max_connections: u32,
    /// PostgreSQL: how many calls may wait for a connection; one more is refused with 503.
    #[schemars(range(min = 1, max = 100_000))]
    pub queue: u32,
    /// PostgreSQL: how long a call waits for a connection before it is refused with 503.
    #[schemars(range(min = 0.05, max = 60))]
    pub acquire_timeout: Duration,
    /// PostgreSQL: how long one statement may take.
    #[schemars(range(min = 0.05, max = 60))]
    pub statement_timeout: Duration,
}

impl StoreSettings {
    /// The store when only the data directory is known.
    pub(super) fn in_directory(data_dir: &Path) -> Self {
        Self {
            url: StoreUrl::Sqlite { path: data_dir.join("symbolon.db") },
            max_connections: 16,
            queue: 256,
            acquire_timeout: Duration::from_secs(2),
            statement_timeout: Duration::from_secs(5),
        }
    }

    /// Checked here and not in the URL, because the default may be a store that this build lacks, too.
    pub(super) fn conflicts(&self, found: &mut Vec<Conflict>) {
        let feature = self.url.feature();
        let have: Vec<&str> = COMPILED_IN.iter().filter(|(_, is_in)| *is_in).map(|(name, _)| *name).collect();
        if !have.contains(&feature) {
            let have = have.join(", ");
            let message = format!(
                "names a store that this build lacks; it has: {have}. Build with the Cargo feature `{feature}`"
            );
            found.push(Conflict::new(&["store.url"], message));
        }
    }
}

impl Default for StoreSettings {
    fn default() -> Self {
        Self::in_directory(Path::new(super::DEFAULT_DATA_DIR))
    }
}

/// A store. Shown without its password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String", inline, extend("examples" = [
    "sqlite:/var/lib/symbolon/symbolon.db",
    "postgres://symbolon@db.example.com/symbolon?sslmode=verify-full",
    "dynamodb://symbolon?region=eu-central-1"
]))]
pub enum StoreUrl {
    /// The embedded store: one file, and two more beside it while it is open.
    Sqlite {
        /// The database file.
        path: PathBuf,
    },
    /// A database of a PostgreSQL server, or of an engine that speaks its protocol.
    Postgres(PostgresUrl),
    /// A table in Amazon DynamoDB, or in an emulator of it.
    DynamoDb(DynamoTable),
}

/// The stores by the Cargo feature that has each, and whether this build has it.
const COMPILED_IN: [(&str, bool); 3] = [
    ("sqlite", cfg!(feature = "sqlite")),
    ("postgres", cfg!(feature = "postgres")),
    ("dynamodb", cfg!(feature = "dynamodb")),
];

/// A text that names no store. It never repeats the text, which may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidStoreUrl {
    /// No store is called that.
    #[error("must begin with the scheme of a store: `sqlite:`, `postgres://` or `dynamodb://`")]
    UnknownScheme,
    /// `sqlite:` with no file.
    #[error("names no file: write `sqlite:PATH`")]
    NoFile,
    /// A database in memory would forget every account at the next start.
    #[error("a store in memory keeps nothing: write `sqlite:PATH`")]
    InMemory,
    /// Wrong after `postgres:`.
    #[error(transparent)]
    Postgres(#[from] InvalidPostgresUrl),
    /// Wrong after `dynamodb:`.
    #[error(transparent)]
    DynamoDb(#[from] InvalidDynamoTable),
}

impl StoreUrl {
    /// The Cargo feature that has this store.
    const fn feature(&self) -> &'static str {
        match self {
            Self::Sqlite { .. } => "sqlite",
            Self::Postgres(_) => "postgres",
            Self::DynamoDb(_) => "dynamodb",
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite { path } => write!(formatter, "sqlite:{}", path.display()),
            Self::Postgres(url) => url.fmt(formatter),
            Self::DynamoDb(table) => table.fmt(formatter),
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
        match text.split_once(':') {
            Some(("sqlite", rest)) => sqlite(rest),
            Some(("postgres" | "postgresql", _)) => Ok(Self::Postgres(PostgresUrl::parse(text)?)),
            Some(("dynamodb", rest)) => Ok(Self::DynamoDb(rest.parse()?)),
            _ => Err(InvalidStoreUrl::UnknownScheme),
        }
    }
}

fn sqlite(rest: &str) -> Result<StoreUrl, InvalidStoreUrl> {
    match rest.strip_prefix("//").unwrap_or(rest) {
        "" => Err(InvalidStoreUrl::NoFile),
        memory if memory.starts_with(":memory:") => Err(InvalidStoreUrl::InMemory),
        path => Ok(StoreUrl::Sqlite { path: PathBuf::from(path) }),
    }
}
