//! Licences.

macro_rules! license {
    () => {
        "SELECT id, subject, product, issued_at, expires_at, seats, entitlements, revoked_at FROM licenses "
    };
}

pub(crate) const INSERT: &str = "
    INSERT INTO licenses (id, subject_key, subject, product, issued_at, expires_at, seats, entitlements)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

pub(crate) const IS_THERE: &str = "SELECT 1 FROM licenses WHERE id = $1";

pub(crate) const REVOKE: &str = "UPDATE licenses SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL";

pub(crate) const LIST: &str = concat!(license!(), "WHERE id < $1 ORDER BY id DESC LIMIT $2");

pub(crate) const LIST_OF_SUBJECT: &str =
    concat!(license!(), "WHERE subject_key = $1 AND id < $2 ORDER BY id DESC LIMIT $3");

/// Of the subject `$1`, those that count at `$2`, of the product `$3` or of any where it is NULL, the last one first.
pub(crate) const HELD: &str = concat!(
    license!(),
    "WHERE subject_key = $1 AND expires_at > $2 AND revoked_at IS NULL AND product = COALESCE($3, product)
     ORDER BY expires_at DESC, id DESC LIMIT $4"
);
