//! Sealed peppers.

pub(crate) const FIND: &str = "SELECT pepper FROM peppers WHERE name = $1";

/// A pepper that is there already stays.
pub(crate) const INSERT: &str = "
    INSERT INTO peppers (name, pepper) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
