//! Sign-ins and the failures of their first factor. A completed sign-in is removed.

pub(crate) const FIND_THROTTLE: &str = "SELECT failures, next_at FROM throttles WHERE address = $1";

#[cfg(feature = "sqlite")]
pub(crate) const SET_THROTTLE: &str = "
    INSERT INTO throttles (address, failures, next_at) VALUES ($1, $2, $3)
    ON CONFLICT (address) DO UPDATE SET failures = excluded.failures, next_at = excluded.next_at";

/// Only while the throttle is as it was reserved.
pub(crate) const RELEASE_THROTTLE: &str = "
    UPDATE throttles SET failures = failures - 1, next_at = NULL
    WHERE address = $1 AND failures = $2 AND next_at = $3";

pub(crate) const FORGET_THROTTLE: &str = "DELETE FROM throttles WHERE address = $1";

pub(crate) const FIND_CANDIDATE: &str = "
    SELECT a.id, a.state, a.role, a.epoch, i.typed, a.password, a.password_changes
    FROM identifiers i JOIN accounts a ON a.id = i.account_id
    WHERE i.kind = 'email' AND i.normalized = $1";

/// Only in the place of the hash that was verified.
pub(crate) const REHASH: &str = "UPDATE accounts SET password = $1 WHERE id = $2 AND password = $3";

/// Only while the account has the password that was judged.
pub(crate) const INSERT: &str = "
    INSERT INTO sign_ins (id, account_id, created_at, expires_at, password_changes)
    SELECT $1, $2, $3, $4, $5 FROM accounts WHERE id = $2 AND password_changes = $5";

/// The account `a` has got no other password since the sign-in `s` began.
macro_rules! not_overtaken {
    () => {
        " AND (s.password_changes IS NULL OR s.password_changes = a.password_changes)"
    };
}

/// A sign-in with its account's oldest address.
pub(crate) const FIND: &str = concat!(
    "SELECT s.account_id, i.id, i.typed, i.created_at, i.last_used_at, s.expires_at
     FROM sign_ins s JOIN accounts a ON a.id = s.account_id JOIN identifiers i ON i.account_id = s.account_id
     WHERE s.id = $1",
    not_overtaken!(),
    " ORDER BY i.created_at, i.id LIMIT 1"
);

/// Is the code `$3` of this sign-in of this account there, and does it count at `$4`?
pub(crate) const CODE_STANDS: &str = concat!(
    "SELECT 1 FROM sign_ins s JOIN accounts a ON a.id = s.account_id JOIN one_time_codes c ON c.ceremony_id = s.id
     WHERE s.id = $1 AND s.account_id = $2 AND c.hash = $3 AND c.expires_at > $4 AND s.expires_at > $4",
    not_overtaken!()
);

pub(crate) const COMPLETE: &str = "DELETE FROM sign_ins WHERE id = $1";

/// The account's oldest address is the one that codes go to.
pub(crate) const TOUCH_ADDRESS: &str = "
    UPDATE identifiers SET last_used_at = $1
    WHERE id = (SELECT id FROM identifiers WHERE account_id = $2 ORDER BY created_at, id LIMIT 1)";
