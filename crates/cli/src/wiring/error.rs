//! Why the service could not be put together. Each says which setting it is about.

use std::path::PathBuf;

use symbolon_adapters::{
    password_hash::PasswordHashPoolError, seal::MasterKeyError, sqlite::OpenError, templates::TemplateProblem,
};
use symbolon_domain::{sealing::PepperError, signing_keys::SigningKeysError};

/// Why the service could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum WiringError {
    /// A directory or file could not be made or looked at.
    #[error("{path} (data_dir, store.url) cannot be made or looked at", path = path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is no store yet, and this command does not make one.
    #[error("there is no store at {path} yet: `symbolon serve` or `symbolon migrate up` makes it", path = .0.display())]
    NoStore(PathBuf),
    /// The store cannot be opened.
    #[error("the store at {path} (store.url) cannot be opened", path = path.display())]
    Store {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: OpenError,
    },
    /// A master key cannot be read or made.
    #[error(transparent)]
    MasterKey(#[from] MasterKeyError),
    /// A key's file is not there, and may not be made: a new key would open nothing in the store (G10).
    #[error(
        "the master key {path} (secrets.master_keys) is missing: put it back; a new one is made only with a new store",
        path = .0.display()
    )]
    MasterKeyMissing(PathBuf),
    /// No key is configured.
    #[error("secrets.master_keys names no key")]
    NoMasterKey,
    /// A variable that is to hold a master key is not set.
    #[error("the environment variable {0}, which secrets.master_keys names, is not set")]
    VariableMissing(String),
    /// The peppers cannot be had.
    #[error("the peppers cannot be had")]
    Peppers(#[from] PepperError),
    /// The signing keys cannot be had.
    #[error("the signing keys cannot be had")]
    SigningKeys(#[from] SigningKeysError),
    /// Templates are broken.
    #[error("message templates (messages.templates) are broken: {}", lines(.0))]
    Templates(Vec<TemplateProblem>),
    /// The sender is no address.
    #[error("messages.email.from is not a mailbox")]
    Sender,
    /// The list of refused passwords cannot be read.
    #[error("the list of refused passwords {path} (passwords.blocklist) cannot be read", path = path.display())]
    Blocklist {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Passwords cannot be hashed.
    #[error(transparent)]
    Hashing(PasswordHashPoolError),
}

fn lines(problems: &[TemplateProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
