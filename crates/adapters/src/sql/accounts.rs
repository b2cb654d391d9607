//! Accounts and their identifiers.

use symbolon_domain::accounts::Account;

/// An account's own columns.
macro_rules! account {
    () => {
        "a.id, a.name, a.state, a.role, a.epoch, a.created_at, a.last_seen_at"
    };
}

/// The columns of one of its identifiers, NULL where it has none.
macro_rules! identifier {
    () => {
        "i.id, i.typed, i.created_at, i.last_used_at"
    };
}

/// One account, a row per identifier, oldest first.
pub(crate) const FIND: &str = concat!(
    "SELECT ",
    account!(),
    ", ",
    identifier!(),
    " FROM accounts a LEFT JOIN identifiers i ON i.account_id = a.id
     WHERE a.id = $1
     ORDER BY i.created_at, i.id"
);

/// The account that has the address `$1`, a row per identifier, oldest first.
pub(crate) const FIND_BY_EMAIL: &str = concat!(
    "SELECT ",
    account!(),
    ", ",
    identifier!(),
    " FROM identifiers wanted JOIN accounts a ON a.id = wanted.account_id JOIN identifiers i ON i.account_id = a.id
     WHERE wanted.kind = 'email' AND wanted.normalized = $1
     ORDER BY i.created_at, i.id"
);

/// Accounts before `$1`, newest first, at most `$2`; a row per identifier, oldest first.
pub(crate) const LIST: &str = concat!(
    "SELECT ",
    account!(),
    ", ",
    identifier!(),
    " FROM (SELECT * FROM accounts WHERE id < $1 ORDER BY id DESC LIMIT $2) a
     LEFT JOIN identifiers i ON i.account_id = a.id
     ORDER BY a.id DESC, i.created_at, i.id"
);

pub(crate) const SET_NAME: &str = "UPDATE accounts SET name = $1 WHERE id = $2";

/// An account whose owner is there at this moment.
pub(crate) const INSERT: &str = "
    INSERT INTO accounts (id, name, state, role, epoch, password, created_at, last_seen_at)
    VALUES ($1, $2, $3, $4, 0, $5, $6, $6)";

pub(crate) const INSERT_EMAIL: &str = "
    INSERT INTO identifiers (id, account_id, kind, normalized, typed, created_at)
    VALUES ($1, $2, 'email', $3, $4, $5)";

pub(crate) const EMAIL_IS_TAKEN: &str = "SELECT 1 FROM identifiers WHERE kind = 'email' AND normalized = $1";

/// What an administrator's change makes of an account. Sign-ins, recoveries and invitations that it has begun or written
/// before end with it, as with another password.
pub(crate) const SET_STANDING: &str = "
    UPDATE accounts SET state = $1, role = $2, epoch = $3, password_changes = password_changes + 1 WHERE id = $4";

pub(crate) const ADD_SUPERUSER: &str =
    "INSERT INTO superusers (account_id) VALUES ($1) ON CONFLICT (account_id) DO NOTHING";

pub(crate) const REMOVE_SUPERUSER: &str = "DELETE FROM superusers WHERE account_id = $1";

/// A superuser in the state `$1` who is not `$2`.
pub(crate) const ANOTHER_SUPERUSER: &str = "
    SELECT 1 FROM superusers s JOIN accounts a ON a.id = s.account_id
    WHERE a.state = $1 AND a.id <> $2
    LIMIT 1";

pub(crate) const ANY_SUPERUSER: &str = "SELECT 1 FROM superusers LIMIT 1";

/// What decisions about an account ask for.
#[cfg(feature = "sqlite")]
pub(crate) const STANDING: &str = "SELECT state, role, epoch FROM accounts WHERE id = $1";

/// Of the accounts whose ids, as hexadecimal digits, are the JSON list `$1`.
#[cfg(feature = "sqlite")]
pub(crate) const STANDINGS_OF_JSON: &str =
    "SELECT id, state, role, epoch FROM accounts WHERE id IN (SELECT unhex(value) FROM json_each($1))";

/// Of the accounts whose ids are the array `$1`.
#[cfg(feature = "postgres")]
pub(crate) const STANDINGS_OF_ARRAY: &str =
    "SELECT id, state, role, epoch FROM accounts WHERE id = ANY($1::UUID[])";

pub(crate) const TOUCH: &str = "UPDATE accounts SET last_seen_at = $1 WHERE id = $2";

/// Accounts out of the rows of [`FIND`], [`FIND_BY_EMAIL`] and [`LIST`], where those of one account follow each other.
pub(crate) fn fold(rows: Vec<Account>) -> Vec<Account> {
    let mut accounts: Vec<Account> = Vec::new();
    for mut row in rows {
        match accounts.last_mut() {
            Some(account) if account.id == row.id => account.identifiers.append(&mut row.identifiers),
            _ => accounts.push(row),
        }
    }
    accounts
}
