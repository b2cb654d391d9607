//! Why the service could not be put together. Each says which setting it is about.

use std::path::PathBuf;

use symbolon_adapters::{
    password_hash::PasswordHashPoolError, policy_cedar::PolicyProblem, seal::MasterKeyError,
    store_fault::StoreFault, templates::TemplateProblem,
};
use symbolon_domain::{
    authorizer::RouteProblem, sealing::PepperError, signing_keys::SigningKeysError,
    trusted_issuers::IssuerKeysError,
};

/// Why the service could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum WiringError {
    /// A directory or file could not be made or looked at.
    #[error("{path} (data_dir, store.url, secrets.master_keys) cannot be made or looked at", path = path.display())]
    Directory {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// There is no store yet, and this command does not make one.
    #[error("there is no store at {url} (store.url) yet: {makers}")]
    NoStore {
        /// Where, without a password.
        url: String,
        /// What makes it.
        makers: &'static str,
    },
    /// The store is there, and nobody has ever served on it.
    #[error("the store {0} (store.url) is new and has no keys yet: the first `symbolon serve` makes them")]
    Unused(String),
    /// The store's schema is older than this program.
    #[error("the store {url} (store.url) has schema {found} of {known}: run `symbolon migrate up`")]
    Outdated {
        /// Where, without a password.
        url: String,
        /// Its schema.
        found: u32,
        /// The newest that this program knows.
        known: u32,
    },
    /// The store cannot be opened.
    #[error("the store {url} (store.url) cannot be opened")]
    Store {
        /// Where, without a password.
        url: String,
        /// What kind of thing it is.
        fault: StoreFault,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// This build was made without it.
    #[error("this build lacks {0}")]
    NotCompiledIn(String),
    /// The keys of trusted issuers cannot be asked for.
    #[error("trusted_issuers: {0}")]
    IssuerKeys(#[source] IssuerKeysError),
    /// Nobody can say who is licensed, which the configuration's own check has told already.
    #[error("{key}: {problem}")]
    Licensing {
        /// The setting.
        key: &'static str,
        /// What is wrong.
        problem: String,
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
    /// A key's file is not there, beside a store that other nodes may be using (G10).
    #[error(
        "the master key {path} (secrets.master_keys) is missing: put it back. If the store is new, make one with \
         `symbolon keys new-master {path}` and give it to every node",
        path = .0.display()
    )]
    SharedMasterKeyMissing(PathBuf),
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
    /// Access policies are broken.
    #[error("access policies (access.policies) are broken: {}", lines(.0))]
    Policies(Vec<PolicyProblem>),
    /// Route policies are broken.
    #[error("route policies (authorizer.policies) are broken: {}", lines(.0))]
    RoutePolicies(Vec<PolicyProblem>),
    /// Routes are not right, which the configuration's own check has told already.
    #[error("authorizer.routes: {}", lines(.0))]
    Routes(Vec<RouteProblem>),
    /// Kinds of items or limits are not right, which the configuration's own check has told already.
    #[error("access.items or access.limits: {0}")]
    Access(String),
    /// The sender is no address.
    #[error("messages.email.from is not a mailbox")]
    Sender,
    /// A mail server is to send, and nobody says which.
    #[error("messages.email.smtp.host is not set")]
    NoMailServer,
    /// TLS towards the mail server cannot be set up.
    #[error("the mail server's certificates (messages.email.smtp.ca) cannot be had")]
    Smtp(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// SES is to send, and nobody says from where.
    #[error(
        "messages.email.ses.region is not set, and neither the environment nor the machine says a region"
    )]
    NoSesRegion,
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

fn lines(problems: &[impl ToString]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
