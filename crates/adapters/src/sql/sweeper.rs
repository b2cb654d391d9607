//! What has expired. Each statement names the rows first, oldest first by their key, so that a step is short however
//! much there is.

/// The lease `$1` for `$2` until `$3`, unless another holds it at `$4`.
pub(crate) const TAKE_LEASE: &str = "
    INSERT INTO leases (name, holder, held_until) VALUES ($1, $2, $3)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, held_until = excluded.held_until
    WHERE leases.holder = excluded.holder OR leases.held_until <= $4";

/// The name of the sweeper's lease.
pub(crate) const LEASE: &str = "sweeper";

/// Of this table at most `$3` rows that are older than the id `$1` and for which the condition on `$2` holds.
macro_rules! oldest {
    ($table:literal, $id:literal, $ended:literal) => {
        concat!(
            "DELETE FROM ",
            $table,
            " WHERE ",
            $id,
            " IN (SELECT ",
            $id,
            " FROM ",
            $table,
            " AS old WHERE ",
            $id,
            " < $1 AND ",
            $ended,
            " ORDER BY ",
            $id,
            " LIMIT $3)"
        )
    };
}

pub(crate) const CODES: &str = oldest!("one_time_codes", "ceremony_id", "ceremony_expires_at <= $2");

pub(crate) const SIGN_UPS: &str = oldest!("sign_ups", "id", "expires_at <= $2");

pub(crate) const SIGN_INS: &str = oldest!("sign_ins", "id", "expires_at <= $2");

pub(crate) const RECOVERIES: &str = oldest!("recoveries", "id", "expires_at <= $2");

pub(crate) const INVITATIONS: &str = oldest!("invitations", "id", "expires_at <= $2");

/// A used token is recognised until its session's absolute limit.
pub(crate) const REFRESH_TOKENS: &str = oldest!(
    "refresh_tokens",
    "id",
    "EXISTS (SELECT 1 FROM sessions s WHERE s.id = old.session_id AND s.expires_at <= $2)"
);

pub(crate) const SESSIONS: &str = oldest!(
    "sessions",
    "id",
    "expires_at <= $2 AND NOT EXISTS (SELECT 1 FROM refresh_tokens t WHERE t.session_id = old.id)"
);

/// A used one is recognised until its family's limit.
pub(crate) const API_KEY_TOKENS: &str = oldest!(
    "api_key_tokens",
    "id",
    "EXISTS (SELECT 1 FROM api_keys k WHERE k.id = old.key_id AND k.expires_at <= $2)"
);

pub(crate) const API_KEYS: &str = oldest!(
    "api_keys",
    "id",
    "expires_at <= $2 AND NOT EXISTS (SELECT 1 FROM api_key_tokens t WHERE t.key_id = old.id)"
);

pub(crate) const TOKEN_REQUESTS: &str = oldest!("token_requests", "id", "expires_at <= $2");

pub(crate) const DEVICE_TOKENS: &str = oldest!("device_tokens", "id", "expires_at <= $2");

pub(crate) const MESSAGES: &str = oldest!("outbox", "id", "ended_at <= $2");

/// Slots that are free at `$1`, at most `$2`. The last condition is for engines with several writers, where one may be
/// taken between the choice and the write.
pub(crate) const SLOTS: &str = "
    DELETE FROM slots
    WHERE (kind, key, number) IN (
        SELECT kind, key, number FROM slots WHERE taken_until <= $1 ORDER BY taken_until LIMIT $2
    ) AND taken_until <= $1";
