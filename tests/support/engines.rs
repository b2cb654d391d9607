//! Throw-away stores on every engine: a directory, a PostgreSQL database, a DynamoDB table. Each is empty and migrated when
//! its test begins, and gone with it. The servers themselves are `cargo xtask test`'s.

use std::{
    env, fs,
    future::Future,
    hash::{BuildHasher as _, DefaultHasher, Hash as _, Hasher as _, RandomState},
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use aws_config::BehaviorVersion;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use symbolon::settings::Settings;
use symbolon_adapters::{
    dynamodb::{self, DynamoOptions},
    postgres::{self, PostgresOptions},
    seal::MasterKey,
    system::SystemEntropy,
};
use tempfile::TempDir;

/// The engine that a store is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    Sqlite,
    Postgres,
    Dynamodb,
}

/// A directory and a store, from which any number of nodes may run; on SQLite the store is in the directory. On the other
/// engines the store is migrated, and the master key that its nodes share is there.
pub(crate) struct Home {
    directory: TempDir,
    store: Store,
}

/// What is taken away with the home; a directory goes by itself.
enum Store {
    InDirectory,
    Database(Database),
    Table(Table),
    /// Somebody else's.
    At(String),
}

impl Home {
    /// An empty store on this engine.
    pub(crate) async fn on(engine: Engine) -> Self {
        let store = match engine {
            Engine::Sqlite => Store::InDirectory,
            Engine::Postgres => Store::Database(Database::migrated().await),
            Engine::Dynamodb => Store::Table(Table::migrated().await),
        };
        Self::with(store)
    }

    /// A PostgreSQL database without any table.
    pub(crate) async fn unmigrated() -> Self {
        Self::with(Store::Database(Database::create().await))
    }

    /// The migrated store that this `store.url` names; it is left as it is.
    pub(crate) fn at(url: &str) -> Self {
        Self::with(Store::At(url.to_owned()))
    }

    fn with(store: Store) -> Self {
        let home = Self { directory: tempfile::tempdir().unwrap(), store };
        if home.url().is_some() {
            fs::DirBuilder::new().mode(0o700).create(home.data()).unwrap();
            MasterKey::create_file(&home.data().join("master.key"), &SystemEntropy::new()).unwrap();
        }
        home
    }

    /// The directory that a binary is started in.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// `data_dir`.
    pub(crate) fn data(&self) -> PathBuf {
        self.directory().join("data")
    }

    /// `store.url`, unless the store is where it is by default.
    pub(crate) fn url(&self) -> Option<String> {
        match &self.store {
            Store::InDirectory => None,
            Store::Database(database) => Some(database.url.clone()),
            Store::Table(table) => Some(table.url()),
            Store::At(url) => Some(url.clone()),
        }
    }

    /// The default settings of a node of this home, with few connections and much patience: hundreds of tests share two
    /// cores and one server.
    pub(crate) fn settings(&self) -> Settings {
        let mut settings = Settings::in_directory(&self.data());
        if let Some(url) = self.url() {
            settings.store.url = url.try_into().unwrap();
        }
        settings.store.max_connections = 4;
        settings.store.queue = 2_000;
        settings.store.acquire_timeout = symbolon::settings::Duration::from_secs(20);
        settings
    }

    /// The environment of a binary of this home.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let mut variables = vec![("SYMBOLON_STORE__MAX_CONNECTIONS".to_owned(), "8".to_owned())];
        variables.extend(self.url().map(|url| ("SYMBOLON_STORE__URL".to_owned(), url)));
        let credentials = env::vars().filter(|(name, _)| name.starts_with("AWS_"));
        variables.extend(credentials);
        variables
    }
}

/// What `cargo xtask test` says by this variable.
pub(crate) fn told(variable: &str) -> String {
    env::var(variable)
        .unwrap_or_else(|_| panic!("{variable} is not set: run the tests by `cargo xtask test`"))
}

/// A name that no other test has.
fn unique() -> String {
    format!("test_{:016x}", RandomState::new().build_hasher().finish())
}

/// A PostgreSQL database that nobody else uses. It is dropped with this.
pub(crate) struct Database {
    /// Where it is.
    pub(crate) url: String,
    name: String,
}

impl Database {
    /// Without any table.
    pub(crate) async fn create() -> Self {
        Self::create_from("template1").await
    }

    /// With every migration.
    pub(crate) async fn migrated() -> Self {
        Self::create_from(&template().await).await
    }

    async fn create_from(template: &str) -> Self {
        let name = unique();
        let create = format!("CREATE DATABASE {name} TEMPLATE {template}");
        server().await.execute(AssertSqlSafe(create)).await.unwrap();
        Self { url: url_of(&name), name }
    }

    /// With room for the largest race.
    pub(crate) fn options(&self) -> PostgresOptions {
        PostgresOptions {
            queue: 2_000,
            acquire_timeout: Duration::from_secs(20),
            ..PostgresOptions::new(&self.url)
        }
    }

    /// Another connection to the same database, as another process would have it.
    pub(crate) async fn beside(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let drop = format!("DROP DATABASE {} WITH (FORCE)", self.name);
        apart(async move {
            server().await.execute(AssertSqlSafe(drop)).await.unwrap();
        });
    }
}

async fn server() -> PgConnection {
    PgConnection::connect(&told("SYMBOLON_TEST_POSTGRES")).await.unwrap()
}

fn url_of(database: &str) -> String {
    let server = told("SYMBOLON_TEST_POSTGRES");
    let (start, _) = server.rsplit_once('/').unwrap();
    format!("{start}/{database}")
}

/// A migrated database to copy, which is much faster than to migrate each. The first test of a run makes it, and the others
/// wait for that.
async fn template() -> String {
    let mut hasher = DefaultHasher::new();
    postgres::migrations::ALL.map(|migration| migration.text).hash(&mut hasher);
    let name = format!("template_{:016x}", hasher.finish());
    let mut server = server().await;
    server.execute("SELECT pg_advisory_lock(1)").await.unwrap();
    let whole = "SELECT FROM pg_database WHERE datistemplate AND datname = $1";
    if sqlx::query(whole).bind(&name).fetch_optional(&mut server).await.unwrap().is_none() {
        server.execute(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name}"))).await.unwrap();
        server.execute(AssertSqlSafe(format!("CREATE DATABASE {name}"))).await.unwrap();
        postgres::migrations::up(&PostgresOptions::new(url_of(&name))).await.unwrap();
        server.execute(AssertSqlSafe(format!("ALTER DATABASE {name} IS_TEMPLATE true"))).await.unwrap();
    }
    // The lock ends with the connection.
    server.close().await.unwrap();
    name
}

/// A DynamoDB table that nobody else uses. It is deleted with this.
pub(crate) struct Table {
    /// Its name, and where it is.
    pub(crate) options: DynamoOptions,
}

impl Table {
    /// With every migration.
    pub(crate) async fn migrated() -> Self {
        let endpoint = Some(told("SYMBOLON_TEST_DYNAMODB"));
        let table = Self { options: DynamoOptions { endpoint, ..DynamoOptions::new(unique()) } };
        dynamodb::migrations::up(&table.options).await.unwrap();
        table
    }

    /// Its `store.url`.
    pub(crate) fn url(&self) -> String {
        format!("dynamodb://{}?endpoint={}", self.options.table, self.options.endpoint.as_deref().unwrap())
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        let options = self.options.clone();
        apart(async move {
            client(&options).await.delete_table().table_name(&options.table).send().await.unwrap();
        });
    }
}

/// A client of our own, which repeats nothing and caches nothing.
pub(crate) async fn client(options: &DynamoOptions) -> aws_sdk_dynamodb::Client {
    let shared = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let mut config = aws_sdk_dynamodb::config::Builder::from(&shared);
    config.set_endpoint_url(options.endpoint.clone());
    aws_sdk_dynamodb::Client::from_conf(config.build())
}

/// Waits for this on a thread of its own, because whoever drops something cannot wait. What it leaves behind goes with the
/// server.
fn apart(work: impl Future<Output = ()> + Send + 'static) {
    let thread = thread::spawn(move || {
        tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work);
    });
    drop(thread.join());
}
