//! Whether the configured store can be used, and what to do where it cannot.

use std::path::Path;

use symbolon_adapters::{loopback::is_loopback, seal::MasterKeyError, store_fault::StoreFault};
use symbolon_domain::{sealing::PepperError, signing_keys::SigningKeysError, store_error::StoreError};

use super::{Check, advice};
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
        WiringError::Peppers(PepperError::Store(fault))
        | WiringError::SigningKeys(SigningKeysError::Store(fault)) => unusable(settings, fault),
        WiringError::MasterKey(MasterKeyError::OpenToOthers { .. }) => Check::wrong(
            "keys",
            chain(error),
            "close the file to all but its owner, who must be the service's user: chmod 600",
        ),
        WiringError::MasterKey(MasterKeyError::Unreadable { .. }) => {
            Check::wrong("keys", chain(error), "let the service's user own the file: chown, and chmod 600")
        }
        WiringError::MasterKey(_)
        | WiringError::MasterKeyMissing(_)
        | WiringError::SharedMasterKeyMissing(_)
        | WiringError::VariableMissing(_)
        | WiringError::NoMasterKey
        | WiringError::Peppers(_)
        | WiringError::SigningKeys(_) => Check::wrong(
            "keys",
            chain(error),
            "put back the master key that the store was made with, the same on every node",
        ),
        WiringError::Directory { .. } => {
            Check::wrong("store", chain(error), advice::on(&settings.store.url, StoreFault::Permission))
        }
        WiringError::Store { fault, .. } => {
            Check::wrong("store", chain(error), advice::on(&settings.store.url, *fault))
        }
        _ => Check::wrong("configuration", chain(error), "correct the setting that is named"),
    }
}

/// A store that was opened, and then cannot be read.
pub(super) fn unusable(settings: &Settings, error: &StoreError) -> Check {
    let is_file = matches!(settings.store.url, StoreUrl::Sqlite { .. });
    let fault = match error {
        StoreError::Busy => StoreFault::Busy,
        StoreError::Corrupt(_) => StoreFault::Damaged,
        StoreError::Elsewhere(_) => StoreFault::Other,
        StoreError::Unavailable(_) if is_file => StoreFault::Other,
        StoreError::Unavailable(_) => StoreFault::Unreachable,
    };
    Check::wrong("store", chain(error), advice::on(&settings.store.url, fault))
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
