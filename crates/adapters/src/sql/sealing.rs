//! Sealed peppers.

pub(crate) const FIND: &str = "SELECT pepper FROM peppers WHERE name = $1";

/// A pepper that is there already stays.
pub(crate) const INSERT: &str = "
    INSERT INTO peppers (name, pepper) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";

pub(crate) const SEALED_SIGNING_KEYS: &str =
    "SELECT id, private FROM signing_keys WHERE id > $1 ORDER BY id LIMIT $2";

pub(crate) const SEALED_PEPPERS: &str =
    "SELECT name, pepper FROM peppers WHERE name > $1 ORDER BY name LIMIT $2";

pub(crate) const SEALED_MESSAGES: &str =
    "SELECT id, content FROM outbox WHERE state = 'pending' AND id > $1 ORDER BY id LIMIT $2";

pub(crate) const SEALED_DEVICE_TOKENS: &str =
    "SELECT id, secret FROM device_tokens WHERE id > $1 ORDER BY id LIMIT $2";

/// Of the row `$2`, if it still has `$3`.
pub(crate) const RESEAL_SIGNING_KEY: &str =
    "UPDATE signing_keys SET private = $1 WHERE id = $2 AND private = $3";

pub(crate) const RESEAL_PEPPER: &str = "UPDATE peppers SET pepper = $1 WHERE name = $2 AND pepper = $3";

pub(crate) const RESEAL_MESSAGE: &str = "UPDATE outbox SET content = $1 WHERE id = $2 AND content = $3";

pub(crate) const RESEAL_DEVICE_TOKEN: &str =
    "UPDATE device_tokens SET secret = $1 WHERE id = $2 AND secret = $3";
