//! Invitations. A row that is redeemed, or ended by another one of its address, is removed.

pub(crate) const INSERT: &str = "
    INSERT INTO invitations (id, hash, normalized, typed, role, name, invited_by, inviter_changes, created_at,
                             expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, (SELECT password_changes FROM accounts WHERE id = $7), $8, $9)";

/// Unless its writer has been locked, marked, or given another role or password since (C26).
pub(crate) const FIND: &str = "
    SELECT i.typed, i.role, i.name, i.invited_by, i.expires_at
    FROM invitations i LEFT JOIN accounts a ON a.id = i.invited_by
    WHERE i.id = $1 AND i.hash = $2 AND (i.invited_by IS NULL OR i.inviter_changes = a.password_changes)";

/// Those that still count: neither expired nor without their writer's word.
pub(crate) const LIST: &str = "
    SELECT i.id, i.created_at, i.typed, i.role, i.name, i.invited_by, i.expires_at
    FROM invitations i LEFT JOIN accounts a ON a.id = i.invited_by
    WHERE i.id < $1 AND i.expires_at > $2 AND (i.invited_by IS NULL OR i.inviter_changes = a.password_changes)
    ORDER BY i.id DESC LIMIT $3";

pub(crate) const OF_ADDRESS: &str = "SELECT role, expires_at FROM invitations WHERE normalized = $1";

pub(crate) const ROLE: &str = "SELECT role FROM invitations WHERE id = $1";

pub(crate) const END: &str = "DELETE FROM invitations WHERE id = $1";

pub(crate) const END_ADDRESS: &str = "DELETE FROM invitations WHERE normalized = $1";
