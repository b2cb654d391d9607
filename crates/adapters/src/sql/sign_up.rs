//! Sign-ups. A row that is completed, or ended by another one of its address, is removed.

pub(crate) const INSERT: &str = "
    INSERT INTO sign_ups (id, normalized, typed, name, password, decoy, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

pub(crate) const FIND: &str = "SELECT typed, decoy FROM sign_ups WHERE id = $1";

/// What an account is made of, if the code `$2` stands and counts at `$3`. No code opens a decoy.
pub(crate) const FIND_BY_CODE: &str = "
    SELECT s.typed, s.name, s.password
    FROM sign_ups s JOIN one_time_codes c ON c.ceremony_id = s.id
    WHERE s.id = $1 AND NOT s.decoy AND c.hash = $2 AND c.expires_at > $3 AND s.expires_at > $3";

#[cfg(feature = "sqlite")]
pub(crate) const END_CODES_OF_ADDRESS: &str = "
    DELETE FROM one_time_codes WHERE ceremony_id IN (SELECT id FROM sign_ups WHERE normalized = $1)";

#[cfg(feature = "sqlite")]
pub(crate) const END_ADDRESS: &str = "DELETE FROM sign_ups WHERE normalized = $1";
