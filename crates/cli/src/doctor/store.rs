//! Whether the configured store can be used, and what to do where it cannot.

use std::path::Path;

use symbolon_adapters::loopback::is_loopback;

use super::Check;
use crate::chain;
use crate::settings::{DynamoTable, Encryption, PostgresUrl, Settings, StoreUrl};
use crate::wiring::WiringError;

/// What keeps the store from being opened.
pub(super) fn failed(settings: &Settings, error: &WiringError) -> Check {
    let is_file = matches!(settings.store.url, StoreUrl::Sqlite { .. });
    match error {
        WiringError::NoStore { .. } if is_file && !can_be_made(&settings.data_dir) => Check::wrong(
            "store",
            format!("{} (data_dir) cannot be written", settings.data_dir.display()),
            "give the service's user the right to write there, or point data_dir elsewhere",
        ),
        WiringError::NoStore { .. } if is_file => {
            Check::notice("store", chain(error), "nothing to do: the first start makes it")
        }
        WiringError::NoStore { .. } | WiringError::Outdated { .. } => {
            Check::wrong("store", chain(error), "run `symbolon migrate up`")
        }
        WiringError::Unused(_) => Check::notice("store", chain(error), "nothing to do: start the service"),
        WiringError::MasterKey(_)
        | WiringError::MasterKeyMissing(_)
        | WiringError::SharedMasterKeyMissing(_)
        | WiringError::VariableMissing(_)
        | WiringError::Peppers(_)
        | WiringError::SigningKeys(_) => Check::wrong(
            "keys",
            chain(error),
            "put back the master key that the store was made with, the same on every node",
        ),
        _ if is_file => {
            Check::wrong("store", chain(error), "see README, \"Running it for longer\", on back-ups")
        }
        _ => Check::wrong(
            "store",
            chain(error),
            "see that it runs and is reachable from here, and that store.url and the credentials are right",
        ),
    }
}

/// Whether what is read and written can be read on the way.
pub(super) fn transport(url: &StoreUrl) -> Option<Check> {
    match url {
        StoreUrl::Sqlite { .. } => None,
        StoreUrl::Postgres(url) => Some(of_postgres(url)),
        StoreUrl::DynamoDb(table) => Some(of_dynamodb(table)),
    }
}

fn of_postgres(url: &PostgresUrl) -> Check {
    const ADVICE: &str =
        "let store.url end in ?sslmode=verify-full, with &sslrootcert=FILE for an authority of your own";
    match url.encryption() {
        _ if url.is_local() => Check::fine("transport", "the server is on this machine"),
        Encryption::Verified | Encryption::Unsaid => {
            Check::fine("transport", "only encrypted, and only with a server whose certificate is right")
        }
        Encryption::Unverified => {
            Check::notice("transport", "encrypted, but to any server that answers", ADVICE)
        }
        Encryption::Optional => {
            Check::notice("transport", "the connection may be unencrypted, and leaves this machine", ADVICE)
        }
    }
}

fn of_dynamodb(table: &DynamoTable) -> Check {
    match &table.endpoint {
        Some(endpoint) if !endpoint.is_https() && !is_loopback(endpoint.host()) => {
            Check::notice("transport", endpoint.to_string(), "use https for an endpoint on another machine")
        }
        Some(endpoint) => Check::fine("transport", endpoint.to_string()),
        None => Check::fine("transport", "AWS's own endpoint, by https"),
    }
}

/// May this process write to the directory, or to the nearest one above it that is there?
fn can_be_made(directory: &Path) -> bool {
    let nearest = directory.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    rustix::fs::access(nearest, rustix::fs::Access::WRITE_OK).is_ok()
}
