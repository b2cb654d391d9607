//! `[passwords]`: which passwords are accepted, and what one hash of them costs.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which passwords are accepted, and what hashing them costs. The minima are those of security.md (C1, C2, C6).
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct PasswordsSettings {
    /// Memory of one Argon2id hash, in KiB. Raising it re-hashes each password at its owner's next sign-in.
    #[schemars(range(min = 19_456, max = 1_048_576))]
    pub memory_kib: u32,
    /// Passes of one Argon2id hash over its memory.
    #[schemars(range(min = 2, max = 100))]
    pub iterations: u32,
    /// Lanes of one Argon2id hash.
    #[schemars(range(min = 1, max = 16))]
    pub parallelism: u32,
    /// The fewest characters of a password, counted as code points after NFC.
    #[schemars(range(min = 8, max = 64))]
    pub minimum_length: u32,
    /// A file of refused passwords, one a line, beside the embedded list. Not set: the embedded list alone.
    #[schemars(length(min = 1))]
    pub blocklist: Option<PathBuf>,
    /// Threads that hash; 0 takes one for each processor core, and there are never more than that.
    #[schemars(range(min = 0, max = 256))]
    pub hash_threads: u32,
    /// How many hashes may wait; one more is refused with 503.
    #[schemars(range(min = 1, max = 10_000))]
    pub hash_queue: u32,
}

impl Default for PasswordsSettings {
    fn default() -> Self {
        Self {
            memory_kib: 19_456,
            iterations: 2,
            parallelism: 1,
            minimum_length: 8,
            blocklist: None,
            hash_threads: 0,
            hash_queue: 64,
        }
    }
}
