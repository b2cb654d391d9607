//! Codes of ceremonies, and the numbered slots that limit what expires.

pub(crate) const INSERT: &str = "
    INSERT INTO one_time_codes (ceremony_id, salt, hash, issued_at, expires_at, ceremony_expires_at, attempts,
                                failures_kind, failures_key)
    VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8)";

/// The code of a ceremony that is not over at `$2`.
pub(crate) const FIND: &str = "
    SELECT salt, hash, issued_at, expires_at, attempts, failures_kind, failures_key
    FROM one_time_codes
    WHERE ceremony_id = $1 AND ceremony_expires_at > $2";

pub(crate) const COUNT_ATTEMPT: &str = "
    UPDATE one_time_codes SET attempts = attempts + 1 WHERE ceremony_id = $1 AND attempts < $2";

/// Pays a guess at the code `$2` back.
pub(crate) const RELEASE_ATTEMPT: &str = "
    UPDATE one_time_codes SET attempts = attempts - 1 WHERE ceremony_id = $1 AND hash = $2 AND attempts > 0";

/// Ends a ceremony's code, whichever it is.
pub(crate) const END: &str = "DELETE FROM one_time_codes WHERE ceremony_id = $1";

/// The attempts stay: they are the ceremony's.
pub(crate) const REPLACE: &str = "
    UPDATE one_time_codes SET salt = $1, hash = $2, issued_at = $3, expires_at = $4 WHERE ceremony_id = $5";

/// Once, unexpired, and only if no other code has taken its place.
pub(crate) const CONSUME: &str = "
    DELETE FROM one_time_codes
    WHERE ceremony_id = $1 AND hash = $2 AND expires_at > $3 AND ceremony_expires_at > $3";

/// Takes the first of `$1` slots that is free at `$6`, until `$4`, for the ceremony `$5`; no row when none is free.
///
/// The last line is for engines with several writers, where another may take the same slot between the choice and
/// the write: then there is no row although slots may be free, and the statement is to be tried again.
pub(crate) const TAKE_SLOT: &str = "
    WITH RECURSIVE numbers (number) AS (
        SELECT 0 WHERE 0 < $1 UNION ALL SELECT number + 1 FROM numbers WHERE number + 1 < $1
    )
    INSERT INTO slots (kind, key, number, taken_until, holder)
    SELECT $2, $3, n.number, $4, $5 FROM numbers n
    WHERE NOT EXISTS (
        SELECT 1 FROM slots s
        WHERE s.kind = $2 AND s.key = $3 AND s.number = n.number AND s.taken_until > $6
    )
    ORDER BY n.number
    LIMIT 1
    ON CONFLICT (kind, key, number) DO UPDATE
    SET taken_until = excluded.taken_until, holder = excluded.holder
    WHERE slots.taken_until <= $6
    RETURNING number";

/// When the first of the `$3` slots that are taken at `$4` is free again; NULL when none is taken.
#[cfg(feature = "sqlite")]
pub(crate) const FIRST_SLOT_END: &str = "
    SELECT MIN(taken_until) FROM slots WHERE kind = $1 AND key = $2 AND number < $3 AND taken_until > $4";

/// Gives a slot back, if it is still this ceremony's.
pub(crate) const FREE_SLOT: &str =
    "DELETE FROM slots WHERE kind = $1 AND key = $2 AND number = $3 AND holder = $4";
