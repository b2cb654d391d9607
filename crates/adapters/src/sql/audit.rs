//! Audit events.

/// An event that is there already is left as it is.
pub(crate) const INSERT: &str = "
    INSERT INTO audit_events (id, at, actor, account_id, act, outcome, reason, subject, request_id, ip, count)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    ON CONFLICT (id) DO NOTHING";

/// So many events are looked through for one page, where more is asked for than a time.
pub(crate) const MOST_SCANNED: usize = 1_000;

/// Events from `$1` on and before `$2`, newest first, at most `$3`.
pub(crate) const LIST: &str = "
    SELECT id, at, actor, account_id, act, outcome, reason, subject, request_id, ip, count
    FROM audit_events WHERE id >= $1 AND id < $2 ORDER BY id DESC LIMIT $3";
