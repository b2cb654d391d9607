//! Requests for device tokens, device tokens, and their seats.

pub(crate) const INSERT_REQUEST: &str = "
    INSERT INTO token_requests (id, holder, device_id, code, attempts, created_at, expires_at, token_expires_at)
    VALUES ($1, $2, $3, $4, 0, $5, $6, $7)";

/// What could be claimed for a device until `$1` cannot any more.
pub(crate) const SUPERSEDE: &str = "
    UPDATE token_requests SET superseded_at = $1
    WHERE holder = $2 AND device_id = $3 AND consumed_at IS NULL AND superseded_at IS NULL";

/// A request of this holder.
pub(crate) const FIND_REQUEST: &str = "
    SELECT device_id, code, attempts, expires_at, token_expires_at, consumed_at, superseded_at
    FROM token_requests
    WHERE id = $1 AND holder = $2";

pub(crate) const COUNT_ATTEMPT: &str =
    "UPDATE token_requests SET attempts = attempts + 1 WHERE id = $1 AND attempts < $2";

pub(crate) const CONSUME: &str =
    "UPDATE token_requests SET consumed_at = $1 WHERE id = $2 AND consumed_at IS NULL";

/// Ended with its account's rights, or with its licence.
macro_rules! is_revoked {
    () => {
        "(t.account_id IS NOT NULL AND (a.id IS NULL OR a.state <> 'active' OR a.epoch <> t.epoch)
          OR t.license_id IS NOT NULL AND (l.id IS NULL OR l.revoked_at IS NOT NULL))"
    };
}

macro_rules! token {
    () => {
        concat!(
            "SELECT t.id, t.holder, t.address, t.device_id, t.license_id, t.entitlements, t.seat, t.secret,
                    t.issued_at, t.expires_at, ",
            is_revoked!(),
            " FROM device_tokens t
              LEFT JOIN accounts a ON a.id = t.account_id
              LEFT JOIN licenses l ON l.id = t.license_id "
        )
    };
}

pub(crate) const FIND: &str = concat!(token!(), "WHERE t.id = $1");

pub(crate) const OF_DEVICE: &str = concat!(token!(), "WHERE t.holder = $1 AND t.device_id = $2");

/// Those of `$1` before `$2` that count at `$3`, newest first.
pub(crate) const LIST: &str = concat!(
    token!(),
    "WHERE t.holder = $1 AND t.id < $2 AND t.expires_at > $3 AND NOT ",
    is_revoked!(),
    " ORDER BY t.id DESC LIMIT $4"
);

/// Those of `$1` that ended before their time, in the order in which they are removed.
pub(crate) const REVOKED: &str =
    concat!(token!(), "WHERE t.holder = $1 AND ", is_revoked!(), " ORDER BY t.id");

/// In the place of the one that the device has.
pub(crate) const PUT: &str = "
    INSERT INTO device_tokens (id, holder, account_id, epoch, address, device_id, license_id, entitlements, seat,
                               secret, issued_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    ON CONFLICT (holder, device_id) DO UPDATE
    SET id = excluded.id, account_id = excluded.account_id, epoch = excluded.epoch, address = excluded.address,
        license_id = excluded.license_id, entitlements = excluded.entitlements, seat = excluded.seat,
        secret = excluded.secret, issued_at = excluded.issued_at, expires_at = excluded.expires_at";

pub(crate) const DELETE: &str = "DELETE FROM device_tokens WHERE id = $1 AND holder = $2";

/// The seat that this device has of the first `$5`, until `$1`.
pub(crate) const KEEP_SEAT: &str =
    "UPDATE slots SET taken_until = $1 WHERE kind = $2 AND key = $3 AND holder = $4 AND number < $5";

pub(crate) const FREE_SEAT: &str = "DELETE FROM slots WHERE kind = $1 AND key = $2 AND holder = $3";
