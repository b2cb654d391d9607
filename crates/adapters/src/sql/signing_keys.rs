//! Signing keys.

pub(crate) const LIST: &str = "
    SELECT id, generation, algorithm, created_at, COALESCE(signs_from, created_at), retires_at, public_jwk, private
    FROM signing_keys ORDER BY generation";

/// The very first key. Where several writers try at once, the unique generation lets one of them through.
pub(crate) const INSERT_FIRST: &str = "
    INSERT INTO signing_keys (id, generation, algorithm, created_at, signs_from, public_jwk, private)
    SELECT $1, $2, $3, $4, $5, $6, $7 WHERE NOT EXISTS (SELECT 1 FROM signing_keys)
    ON CONFLICT DO NOTHING";

/// The next key, if its generation follows the newest one's.
pub(crate) const INSERT_NEXT: &str = "
    INSERT INTO signing_keys (id, generation, algorithm, created_at, signs_from, public_jwk, private)
    SELECT $1, $2, $3, $4, $5, $6, $7 WHERE (SELECT MAX(generation) FROM signing_keys) + 1 = $2
    ON CONFLICT DO NOTHING";

/// The generation `$2` retires at `$1`, or sooner.
pub(crate) const LIMIT: &str = "
    UPDATE signing_keys SET retires_at = $1 WHERE generation = $2 AND (retires_at IS NULL OR retires_at > $1)";

/// The generation `$2` retires at `$1`, where `$3` goes on.
pub(crate) const RETIRE: &str = "
    UPDATE signing_keys SET retires_at = $1
    WHERE generation = $2 AND (retires_at IS NULL OR retires_at > $1) AND EXISTS (
        SELECT 1 FROM signing_keys kept
        WHERE kept.generation = $3 AND (kept.retires_at IS NULL OR kept.retires_at > $1)
    )";

pub(crate) const DELETE: &str = "
    DELETE FROM signing_keys
    WHERE generation = $1 AND retires_at <= $2 AND generation < (SELECT MAX(generation) FROM signing_keys)";
