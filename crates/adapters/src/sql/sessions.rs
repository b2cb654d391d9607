//! Sessions and their refresh tokens.

/// A session with its account as it is now.
macro_rules! session {
    () => {
        "s.id, s.account_id, s.binding, s.methods, s.created_at, s.refreshed_at, s.idle_expires_at,
         s.expires_at, s.ip, s.user_agent, s.revoked_at, s.epoch, a.state, a.role, a.epoch"
    };
}

pub(crate) const INSERT: &str = "
    INSERT INTO sessions (id, account_id, epoch, binding, methods, created_at, refreshed_at, idle_expires_at,
                          expires_at, ip, user_agent)
    VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8, $9, $10)";

pub(crate) const INSERT_TOKEN: &str = "
    INSERT INTO refresh_tokens (id, session_id, hash, expires_at, parent_id, uses) VALUES ($1, $2, $3, $4, $5, 0)";

pub(crate) const FIND: &str =
    concat!("SELECT ", session!(), " FROM sessions s JOIN accounts a ON a.id = s.account_id WHERE s.id = $1");

/// The sessions of `$1` before `$2`, newest first, at most `$3`.
pub(crate) const LIST: &str = concat!(
    "SELECT ",
    session!(),
    " FROM sessions s JOIN accounts a ON a.id = s.account_id
     WHERE s.account_id = $1 AND s.id < $2
     ORDER BY s.id DESC
     LIMIT $3"
);

/// A refresh token, and whether a successor of it is live.
macro_rules! token {
    () => {
        "t.hash, t.expires_at, t.parent_id, t.retired_at, t.uses,
         EXISTS (SELECT 1 FROM refresh_tokens n
                 WHERE n.session_id = t.session_id AND n.parent_id = t.id AND n.retired_at IS NULL)"
    };
}

/// The tokens and their sessions.
macro_rules! from_tokens {
    () => {
        " FROM refresh_tokens t
          JOIN sessions s ON s.id = t.session_id
          JOIN accounts a ON a.id = s.account_id "
    };
}

/// A refresh token with its session.
#[cfg(feature = "sqlite")]
pub(crate) const FIND_TOKEN: &str =
    concat!("SELECT ", token!(), ", ", session!(), from_tokens!(), "WHERE t.id = $1");

/// Refresh tokens with their sessions, and how often those were refreshed, which only PostgreSQL has to know.
#[cfg(feature = "postgres")]
pub(crate) const FIND_TOKENS: &str = concat!(
    "SELECT t.id, ",
    token!(),
    ", ",
    session!(),
    ", s.refreshes",
    from_tokens!(),
    "WHERE t.id = ANY($1::UUID[])"
);

/// The first use of a live token.
#[cfg(feature = "sqlite")]
pub(crate) const RETIRE: &str =
    "UPDATE refresh_tokens SET retired_at = $1, uses = 1 WHERE id = $2 AND retired_at IS NULL";

/// The second use of a token, within the grace.
pub(crate) const USE_AGAIN: &str = "UPDATE refresh_tokens SET uses = 2 WHERE id = $1 AND uses = 1";

/// The other successor of the same token ends without having been used.
#[cfg(feature = "sqlite")]
pub(crate) const RETIRE_SIBLING: &str = "
    UPDATE refresh_tokens SET retired_at = $1
    WHERE session_id = $2 AND parent_id = $3 AND id <> $4 AND retired_at IS NULL";

/// Where the caller's address is not known the last one stays.
#[cfg(feature = "sqlite")]
pub(crate) const REFRESHED: &str = "
    UPDATE sessions SET refreshed_at = $1, idle_expires_at = $2, ip = COALESCE($3, ip) WHERE id = $4";

/// One of this account that has not been ended; whether its time is over is not asked.
#[cfg(feature = "sqlite")]
pub(crate) const STANDS: &str = "
    SELECT 1 FROM sessions s JOIN accounts a ON a.id = s.account_id
    WHERE s.id = $1 AND s.account_id = $2 AND s.revoked_at IS NULL AND s.epoch = a.epoch";

#[cfg(feature = "sqlite")]
pub(crate) const IS_OF_ACCOUNT: &str = "SELECT 1 FROM sessions WHERE id = $1 AND account_id = $2";

/// Ends a session that has not ended yet, in whatever way.
pub(crate) const REVOKE: &str = "
    UPDATE sessions SET revoked_at = $1
    WHERE id = $2 AND revoked_at IS NULL AND expires_at > $1 AND idle_expires_at > $1
      AND epoch = (SELECT a.epoch FROM accounts a WHERE a.id = sessions.account_id)";

/// Ends every session of an account.
pub(crate) const NEXT_EPOCH: &str = "UPDATE accounts SET epoch = epoch + 1 WHERE id = $1 RETURNING epoch";

/// Takes a session into the account's new epoch `$1`, if it belonged to the one before: nothing is revived.
pub(crate) const KEEP: &str = "
    UPDATE sessions SET epoch = $1
    WHERE id = $2 AND account_id = $3 AND epoch = $1 - 1 AND revoked_at IS NULL";
