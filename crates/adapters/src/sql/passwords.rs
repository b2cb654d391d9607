//! Passwords of accounts that are there.

/// Only in the place of the hash `$3` that was verified, in an account in the state `$4`. It ends what was begun under
/// the one before, and every session.
pub(crate) const REPLACE: &str = "
    UPDATE accounts SET password = $1, epoch = epoch + 1, password_changes = password_changes + 1
    WHERE id = $2 AND password = $3 AND state = $4
    RETURNING epoch";
