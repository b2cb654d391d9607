//! Recoveries. A completed one is removed; one that another has overtaken was begun under an earlier count of the
//! account's passwords.

pub(crate) const INSERT: &str = "
    INSERT INTO recoveries (id, typed, account_id, password_changes, link, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

pub(crate) const FIND: &str = "
    SELECT r.typed, r.account_id, r.link, r.expires_at
    FROM recoveries r LEFT JOIN accounts a ON a.id = r.account_id
    WHERE r.id = $1 AND (r.account_id IS NULL OR r.password_changes = a.password_changes)";

/// A recovery `$1` of the account `$2` that nothing has overtaken.
macro_rules! of_account {
    () => {
        " WHERE r.id = $1 AND r.account_id = $2 AND r.password_changes = a.password_changes"
    };
}

/// Is the code `$3` of this recovery there, and does it count at `$4`?
pub(crate) const CODE_STANDS: &str = concat!(
    "SELECT 1 FROM recoveries r JOIN accounts a ON a.id = r.account_id
     JOIN one_time_codes c ON c.ceremony_id = r.id",
    of_account!(),
    " AND c.hash = $3 AND c.expires_at > $4 AND r.expires_at > $4"
);

/// Is `$3` the link of this recovery, and does it count at `$4`?
pub(crate) const LINK_STANDS: &str = concat!(
    "SELECT 1 FROM recoveries r JOIN accounts a ON a.id = r.account_id",
    of_account!(),
    " AND r.link = $3 AND r.expires_at > $4"
);

pub(crate) const COMPLETE: &str = "DELETE FROM recoveries WHERE id = $1";

/// The account's new password. It ends what was begun under the one before, and every session.
pub(crate) const SET_PASSWORD: &str = "
    UPDATE accounts SET password = $1, state = $2, epoch = epoch + 1, password_changes = password_changes + 1
    WHERE id = $3";
