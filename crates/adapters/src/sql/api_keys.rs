//! API keys: families, their keys, and the slots that limit them.

/// A family with its owner as the account is now.
macro_rules! key {
    () => {
        "k.id, k.account_id, k.role, k.issuer, k.audience, k.subject, k.version, k.scopes, k.address, k.name,
         k.rate_requests, k.rate_window, k.lifetime, k.refresh_lifetime, k.created_at, k.expires_at, k.prefix,
         k.key_expires_at, k.ends_at, k.last_used_at, k.revoked_at, k.epoch, k.key_epoch,
         a.state, a.role, a.epoch, a.key_epoch"
    };
}

/// A key of a family, and whether a successor of it is live, which only the one of a key that was used once has to tell.
macro_rules! token {
    () => {
        "t.id, t.hash, t.not_before, t.expires_at, t.refresh_hash, t.refresh_not_before, t.refresh_expires_at,
         t.retired_at, t.uses, t.uses = 1 AND EXISTS (
             SELECT 1 FROM api_key_tokens n
             WHERE n.key_id = t.key_id AND n.parent_id = t.id AND n.retired_at IS NULL
         )"
    };
}

/// The keys with their families and owners.
macro_rules! from_tokens {
    () => {
        " FROM api_key_tokens t
          JOIN api_keys k ON k.id = t.key_id
          JOIN accounts a ON a.id = k.account_id
          WHERE t.id = $1"
    };
}

/// One key with the key whose use made it, and its family: what a verification asks for.
#[cfg(feature = "sqlite")]
pub(crate) const FIND: &str = concat!("SELECT ", token!(), ", t.parent_id, ", key!(), from_tokens!());

/// One key with its family, and how often that was refreshed, which only PostgreSQL has to know.
#[cfg(feature = "postgres")]
pub(crate) const FIND_COUNTED: &str =
    concat!("SELECT ", token!(), ", ", key!(), ", k.refreshes", from_tokens!());

pub(crate) const FIND_KEY: &str = concat!(
    "SELECT ",
    key!(),
    " FROM api_keys k JOIN accounts a ON a.id = k.account_id WHERE k.id = $1 AND k.account_id = $2"
);

pub(crate) const OWNER: &str = "SELECT account_id FROM api_keys WHERE id = $1";

/// The families of `$1` before `$2`, newest first, at most `$3`.
pub(crate) const LIST: &str = concat!(
    "SELECT ",
    key!(),
    " FROM api_keys k JOIN accounts a ON a.id = k.account_id
     WHERE k.account_id = $1 AND k.id < $2
     ORDER BY k.id DESC
     LIMIT $3"
);

/// What decisions about an owner's keys ask for.
#[cfg(feature = "sqlite")]
pub(crate) const HOLDER: &str = "SELECT state, role, epoch, key_epoch FROM accounts WHERE id = $1";

pub(crate) const INSERT: &str = "
    INSERT INTO api_keys (id, account_id, role, epoch, key_epoch, issuer, audience, subject, version, scopes, address,
                          name, rate_requests, rate_window, lifetime, refresh_lifetime, created_at, expires_at, prefix,
                          key_expires_at, ends_at, slot)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22)";

pub(crate) const INSERT_TOKEN: &str = "
    INSERT INTO api_key_tokens (id, key_id, hash, not_before, expires_at, refresh_hash, refresh_not_before,
                                refresh_expires_at, parent_id, uses)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0)";

/// Takes the first slot below `$6` that is free at `$5`, until `$3`, for the family `$4`; no row when there is none.
///
/// The first free one is 0, or follows one that is taken: only the taken ones are looked at, however many there may be.
pub(crate) const TAKE_SLOT: &str = "
    INSERT INTO slots (kind, key, number, taken_until, holder)
    SELECT $1, $2, n.number, $3, $4
    FROM (
        SELECT 0 AS number
        UNION ALL
        SELECT s.number + 1 FROM slots s WHERE s.kind = $1 AND s.key = $2 AND s.taken_until > $5
    ) n
    WHERE n.number < $6 AND NOT EXISTS (
        SELECT 1 FROM slots t
        WHERE t.kind = $1 AND t.key = $2 AND t.number = n.number AND t.taken_until > $5
    )
    ORDER BY n.number
    LIMIT 1
    ON CONFLICT (kind, key, number) DO UPDATE
    SET taken_until = excluded.taken_until, holder = excluded.holder
    WHERE slots.taken_until <= $5
    RETURNING number";

/// When the first of the slots below `$4` that are taken at `$3` is free again; NULL when none is taken.
pub(crate) const FREE_AT: &str = "
    SELECT MIN(taken_until) FROM slots WHERE kind = $1 AND key = $2 AND taken_until > $3 AND number < $4";

/// Moves the slot of the family `$4`, if it is still its own.
pub(crate) const MOVE_SLOT: &str = "
    UPDATE slots SET taken_until = $1
    WHERE kind = $2 AND key = $3 AND number = (SELECT slot FROM api_keys WHERE id = $4) AND holder = $4";

/// Gives the slot of the family `$3` back, if it is still its own.
pub(crate) const FREE_SLOT: &str = "
    DELETE FROM slots
    WHERE kind = $1 AND key = $2 AND number = (SELECT slot FROM api_keys WHERE id = $3) AND holder = $3";

/// The first use of a live key's refresh token.
#[cfg(feature = "sqlite")]
pub(crate) const RETIRE: &str =
    "UPDATE api_key_tokens SET retired_at = $1, uses = 1 WHERE id = $2 AND retired_at IS NULL";

/// Its second use, within the grace.
pub(crate) const USE_AGAIN: &str = "UPDATE api_key_tokens SET uses = 2 WHERE id = $1 AND uses = 1";

/// The other successor of the same key ends without having been used.
#[cfg(feature = "sqlite")]
pub(crate) const RETIRE_SIBLING: &str = "
    UPDATE api_key_tokens SET retired_at = $1
    WHERE key_id = $2 AND parent_id = $3 AND id <> $4 AND retired_at IS NULL";

/// Shows the newest key in the family.
#[cfg(feature = "sqlite")]
pub(crate) const REFRESHED: &str =
    "UPDATE api_keys SET prefix = $1, key_expires_at = $2, ends_at = $3 WHERE id = $4";

pub(crate) const REVOKE: &str = "UPDATE api_keys SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL";

/// The families that hold the slots `$2` of an owner and are live at `$3`. Slots are taken under the owner's present epochs
/// only, so that neither the family's nor those have to be compared.
pub(crate) const COUNT_LIVE: &str = "
    SELECT COUNT(*)
    FROM slots s
    JOIN api_keys k ON k.id = s.holder
    JOIN accounts a ON a.id = k.account_id
    WHERE s.kind = $1 AND s.key = $2 AND s.taken_until > $3
      AND k.revoked_at IS NULL AND k.expires_at > $3 AND k.ends_at > $3 AND k.role = a.role AND a.state = $4";

/// Ends every key of an owner.
pub(crate) const NEXT_EPOCH: &str = "UPDATE accounts SET key_epoch = key_epoch + 1 WHERE id = $1";

/// Only forwards.
#[cfg(feature = "sqlite")]
pub(crate) const TOUCH: &str = "
    UPDATE api_keys SET last_used_at = $1 WHERE id = $2 AND (last_used_at IS NULL OR last_used_at < $1)";
