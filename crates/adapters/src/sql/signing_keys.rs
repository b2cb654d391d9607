//! Signing keys.

pub(crate) const LIST: &str =
    "SELECT id, algorithm, created_at, public_jwk, private FROM signing_keys ORDER BY generation";

/// The very first key. Where several writers try at once, the unique generation lets one of them through.
pub(crate) const INSERT_FIRST: &str = "
    INSERT INTO signing_keys (id, generation, algorithm, created_at, public_jwk, private)
    SELECT $1, 1, $2, $3, $4, $5 WHERE NOT EXISTS (SELECT 1 FROM signing_keys)
    ON CONFLICT DO NOTHING";
