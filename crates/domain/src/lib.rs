//! What is true in Symbolon: accounts, codes, sessions, keys. Pure: no HTTP, no SQL, no clock, no random source.
//!
//! A feature is a module: its doc is the feature in a few lines, `model` its values, `store` its port, and every
//! other file one use case. In reading order:

// The vocabulary that the features share.
pub mod actor;
pub mod clock;
pub mod effects;
pub mod entropy;
pub mod id;
pub mod page;
pub mod pii;
pub mod revocations;
pub mod rotation;
pub mod sealing;
pub mod secret;
pub mod store_error;

// People.
pub mod accounts;
pub mod identifiers;
pub mod passwords;

// How they come, and prove themselves.
pub mod invitations;
pub mod one_time_codes;
pub mod recovery;
pub mod sign_in;
pub mod sign_up;

// What they then hold.
pub mod access_tokens;
pub mod api_keys;
pub mod device_tokens;
pub mod licenses;
pub mod sessions;
pub mod signing_keys;

// Whom others vouch for.
pub mod trusted_issuers;

// Who may do what with whose things.
pub mod access;
pub mod authorizer;

// What must be told, and what happened.
pub mod audit;
pub mod outbox;

// What goes when its time is over.
pub mod sweeper;

// All that is kept, on one engine.
pub mod store;

/// The `tracing` target of the spans that go to a collector, where one is configured (G3), and to no log: what is in
/// them must be neither secret nor personal.
pub const TRACES: &str = "symbolon::traces";
