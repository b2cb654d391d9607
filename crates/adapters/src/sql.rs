//! The text of every statement, in the SQL that SQLite and PostgreSQL share; one file per feature. Binding values and
//! reading rows is each backend's own.
//!
//! `$1` is the first value on both engines, but SQLite counts such names by their first appearance: in every statement
//! they appear in ascending order. Lists go backwards from an id; the first page starts at [`NEWEST`].

pub(crate) mod accounts;
pub(crate) mod api_keys;
pub(crate) mod audit;
pub(crate) mod device_tokens;
pub(crate) mod invitations;
pub(crate) mod licenses;
pub(crate) mod one_time_codes;
pub(crate) mod outbox;
pub(crate) mod passwords;
pub(crate) mod recovery;
pub(crate) mod sealing;
pub(crate) mod sessions;
pub(crate) mod sign_in;
pub(crate) mod sign_up;
pub(crate) mod signing_keys;
pub(crate) mod sweeper;

/// Sorts after every id: no UUID of version 7 has all bits set.
pub(crate) const NEWEST: [u8; 16] = [0xff; 16];

/// The steps of an engine's schema, in order; the text of each is in `sql/migrations/<engine>/`.
macro_rules! migrations {
    ($engine:literal) => {
        $crate::sql::migrations! { $engine:
            1 "foundation" "0001_foundation.sql",
            2 "sweeper" "0002_sweeper.sql",
            3 "signing_key_rotation" "0003_signing_key_rotation.sql",
            4 "recovery" "0004_recovery.sql",
            5 "invitations" "0005_invitations.sql",
            6 "api_keys" "0006_api_keys.sql",
            7 "device_tokens" "0007_device_tokens.sql",
        }
    };
    ($engine:literal: $($version:literal $name:literal $file:literal,)+) => {
        [$(
            $crate::schema::Migration {
                version: $version,
                name: $name,
                text: include_str!(concat!(
                    env!("CARGO_MANIFEST_DIR"),
                    "/src/sql/migrations/",
                    $engine,
                    "/",
                    $file
                )),
            },
        )+]
    };
}

pub(crate) use migrations;
