//! Invitations. A row that is redeemed, or ended by another one of its address, is removed.

pub(crate) const INSERT: &str = "
    INSERT INTO invitations (id, hash, normalized, typed, role, name, invited_by, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";

pub(crate) const FIND: &str = "
    SELECT typed, role, name, invited_by, expires_at FROM invitations WHERE id = $1 AND hash = $2";

pub(crate) const END_ADDRESS: &str = "DELETE FROM invitations WHERE normalized = $1";
