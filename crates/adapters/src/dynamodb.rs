//! The store on AWS: one DynamoDB table for everything, through `aws-sdk-dynamodb`. Any number of nodes share it.
//!
//! The design of the table, with every access pattern, its consistency and its cost, is in `docs/dynamodb.md`.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::{
    Client,
    config::{
        retry::{RetryConfig, RetryPartition, TokenBucket},
        timeout::TimeoutConfig,
    },
};
use symbolon_domain::{revocations::RevocationFeed, store::Store, store_error::StoreError};
use tokio::sync::Notify;

use self::gates::Gates;
use crate::store_fault::StoreFault;

mod accounts;
mod api_keys;
mod audit;
mod calls;
mod device_tokens;
mod effects;
mod expressions;
mod gates;
mod invitations;
mod items;
mod keys;
mod licenses;
pub mod migrations;
mod one_time_codes;
mod outbox;
mod passwords;
mod recovery;
mod rotation;
mod sealing;
mod sessions;
mod sign_in;
mod sign_up;
mod signing_keys;
mod slots;
mod sweeper;
mod transaction;

/// How the table is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DynamoOptions {
    /// The table.
    pub table: String,
    /// Its region; where none is said, the one of the environment or the AWS profile.
    pub region: Option<String>,
    /// Another address of the engine than the region's: an emulator, a VPC endpoint.
    pub endpoint: Option<String>,
}

impl DynamoOptions {
    /// This table, where the environment says.
    #[must_use]
    pub fn new(table: impl Into<String>) -> Self {
        Self { table: table.into(), region: None, endpoint: None }
    }
}

/// Why a table was not opened. It was left as it is.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no such table.
    #[error("there is no DynamoDB table `{0}`: run `symbolon migrate up`")]
    Missing(String),
    /// Another program's table.
    #[error("the DynamoDB table `{0}` was not made by this program")]
    Foreign(String),
    /// Written by a newer version of this program.
    #[error(
        "the DynamoDB table `{table}` has schema {found}, and this version knows schemas up to {known}: run a newer version"
    )]
    Newer {
        /// Which table.
        table: String,
        /// Its schema.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// Migrations are pending.
    #[error("the DynamoDB table `{table}` has schema {found} of {known}: run `symbolon migrate up`")]
    Outdated {
        /// Which table.
        table: String,
        /// Its schema.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// The engine did not make the table in time.
    #[error("the DynamoDB table `{0}` was made and is not active yet: run `symbolon migrate up` again")]
    NotActive(String),
    /// The engine does not answer, or refuses: no credentials, no permission, no region.
    #[error("the DynamoDB table `{table}` cannot be reached: {detail}")]
    Unreachable {
        /// Which table.
        table: String,
        /// What the engine or the SDK says.
        detail: String,
        /// What kind of thing that is.
        fault: StoreFault,
    },
}

/// A store in one DynamoDB table. It is every port of the domain that keeps something.
pub struct DynamoStore {
    client: Client,
    table: String,
    gates: Gates,
    /// Told after each write of this node that brought a message.
    arrivals: Notify,
}

impl fmt::Debug for DynamoStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DynamoStore({})", self.table)
    }
}

impl DynamoStore {
    /// Opens a table that `migrations::up` has made.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn connect(options: &DynamoOptions) -> Result<Arc<Self>, OpenError> {
        let client = client(options).await;
        migrations::require_current(&client, &options.table).await?;
        Ok(Arc::new(Self {
            client,
            table: options.table.clone(),
            gates: Gates::new(),
            arrivals: Notify::new(),
        }))
    }
}

/// The engine has no way to tell.
impl RevocationFeed for DynamoStore {}

#[async_trait]
impl Store for DynamoStore {
    /// Nothing waits here: a write is in the table when its command is answered.
    async fn close(&self) {}
}

/// The whole of a call, with what the SDK repeats of it; a request to the service may make several.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(6);
/// One try of a call.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(2);
/// Until a connection is there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// With a fifth of the calls throttled, one in ten million fails all of its tries.
const MOST_ATTEMPTS: u32 = 10;
/// The pause before a second try is a random part of this; each later one may be twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// The SDK stops repeating when this is spent. A try after a failure costs up to 14, and gets it back when the call
/// succeeds after all: so much lets some hundred calls be repeated at once, and a real outage ends repeating soon.
const RETRY_BUDGET: usize = 10_000;

async fn client(options: &DynamoOptions) -> Client {
    let timeouts = TimeoutConfig::builder()
        .operation_timeout(OPERATION_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .connect_timeout(CONNECT_TIMEOUT);
    let retries = RetryConfig::standard()
        .with_max_attempts(MOST_ATTEMPTS)
        .with_initial_backoff(FIRST_PAUSE)
        .with_max_backoff(LONGEST_PAUSE);
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .retry_config(retries)
        .timeout_config(timeouts.build());
    if let Some(region) = &options.region {
        loader = loader.region(Region::new(region.clone()));
    }
    let shared = loader.load().await;
    let budget = TokenBucket::builder().capacity(RETRY_BUDGET).build();
    let mut config = aws_sdk_dynamodb::config::Builder::from(&shared)
        .retry_partition(RetryPartition::custom("symbolon").token_bucket(budget).build());
    if let Some(endpoint) = &options.endpoint {
        config = config.endpoint_url(endpoint);
    }
    Client::from_conf(config.build())
}

/// What an error and its causes say, each once, and what to do about the two that a new installation meets. The SDK's own
/// rendering of it goes on for a page.
fn explain(error: impl std::error::Error + 'static) -> (String, StoreFault) {
    let mut said: Vec<String> = Vec::new();
    let mut next: Option<&dyn std::error::Error> = Some(&error);
    while let Some(error) = next {
        let text = error.to_string();
        if !said.iter().any(|before| before.contains(&text)) {
            said.push(text);
        }
        next = error.source();
    }
    let said = said.join(": ");
    let fault = fault_of(&said);
    let remedy = match fault {
        StoreFault::Region => " (add region= to store.url, or set AWS_REGION)",
        StoreFault::Credentials => {
            " (set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role that may use the table)"
        }
        _ => "",
    };
    (said + remedy, fault)
}

/// The codes of AWS, and the SDK's words where AWS was not asked.
fn fault_of(said: &str) -> StoreFault {
    let has = |any: &[&str]| any.iter().any(|text| said.contains(text));
    if has(&["AccessDenied", "not authorized"]) {
        StoreFault::Permission
    } else if has(&["Throttling", "LimitExceeded", "ThroughputExceeded", "ResourceInUse"]) {
        StoreFault::Busy
    } else if has(&[
        "credential",
        "identity",
        "UnrecognizedClient",
        "Signature",
        "security token",
        "ExpiredToken",
        "AuthenticationToken",
    ]) {
        StoreFault::Credentials
    } else if has(&["region"]) {
        StoreFault::Region
    } else {
        StoreFault::Unreachable
    }
}

impl OpenError {
    /// What kind of thing it is.
    #[must_use]
    pub const fn fault(&self) -> StoreFault {
        match self {
            Self::Missing(_) | Self::Outdated { .. } => StoreFault::Outdated,
            Self::Foreign(_) => StoreFault::Foreign,
            Self::Newer { .. } => StoreFault::Newer,
            Self::NotActive(_) => StoreFault::Busy,
            Self::Unreachable { fault, .. } => *fault,
        }
    }

    fn unreachable(table: &str, error: impl std::error::Error + Send + Sync + 'static) -> Self {
        let (detail, fault) = explain(error);
        Self::Unreachable { table: table.to_owned(), detail, fault }
    }

    fn store(table: &str, error: StoreError) -> Self {
        let (detail, fault) = match error {
            StoreError::Unavailable(source) | StoreError::Elsewhere(source) => {
                (source.to_string(), StoreFault::Unreachable)
            }
            StoreError::Busy => (error.to_string(), StoreFault::Busy),
            StoreError::Corrupt(_) => (error.to_string(), StoreFault::Damaged),
        };
        Self::Unreachable { table: table.to_owned(), detail, fault }
    }
}
