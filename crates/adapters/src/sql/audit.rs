//! Audit events.

/// An event that is there already is left as it is.
pub(crate) const INSERT: &str = "
    INSERT INTO audit_events (id, at, actor, account_id, act, outcome, reason, subject, request_id, ip, count)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    ON CONFLICT (id) DO NOTHING";

/// Events before `$1`, newest first, at most `$2`.
pub(crate) const LIST: &str = "
    SELECT id, at, actor, account_id, act, outcome, reason, subject, request_id, ip, count
    FROM audit_events WHERE id < $1 ORDER BY id DESC LIMIT $2";
