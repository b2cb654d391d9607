//! Messages.

pub(crate) const INSERT: &str = "
    INSERT INTO outbox (id, kind, state, content, attempts, created_at, expires_at, next_attempt_at)
    VALUES ($1, $2, 'pending', $3, 0, $4, $5, $4)";

/// Takes messages that are due at `$3`, at most `$4`, until `$2` under the lease `$1`. They come back in any order.
///
/// The first condition is for engines with several writers, where another may take a message between the choice and
/// the write.
#[cfg(feature = "sqlite")]
pub(crate) const LEASE: &str = "
    UPDATE outbox SET lease = $1, next_attempt_at = $2, attempts = attempts + 1
    WHERE next_attempt_at <= $3 AND id IN (
        SELECT id FROM outbox
        WHERE state = 'pending' AND next_attempt_at <= $3
        ORDER BY next_attempt_at, id
        LIMIT $4
    )
    RETURNING id, kind, content, created_at, expires_at, attempts";

/// By the holder of the lease `$5` only.
pub(crate) const FINISH: &str = "
    UPDATE outbox
    SET state = $1, reason = $2, ended_at = $3, content = NULL, next_attempt_at = NULL, lease = NULL
    WHERE id = $4 AND lease = $5";

/// By the holder of the lease `$4` only.
pub(crate) const POSTPONE: &str = "
    UPDATE outbox SET next_attempt_at = $1, reason = $2, lease = NULL WHERE id = $3 AND lease = $4";

/// Of a message that waits and that nobody holds.
pub(crate) const RETRY: &str = "
    UPDATE outbox SET next_attempt_at = $1 WHERE id = $2 AND state = 'pending' AND lease IS NULL";

/// What may be shown of a message.
macro_rules! summary {
    () => {
        "SELECT id, kind, state, attempts, created_at, expires_at, next_attempt_at, ended_at, reason FROM outbox"
    };
}

pub(crate) const LIST: &str = concat!(summary!(), " WHERE id < $1 ORDER BY id DESC LIMIT $2");

pub(crate) const FIND: &str = concat!(summary!(), " WHERE id = $1");

#[cfg(feature = "sqlite")]
pub(crate) const BACKLOG: &str = "SELECT COUNT(*), MIN(created_at) FROM outbox WHERE state = 'pending'";
