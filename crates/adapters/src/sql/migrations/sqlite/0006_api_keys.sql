-- API keys: families, and the keys that follow each other in one.

-- Keys of an earlier epoch have ended, as those of an earlier epoch of the account have.
ALTER TABLE accounts ADD COLUMN key_epoch INTEGER NOT NULL DEFAULT 0;

CREATE TABLE api_keys (
    id               BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    account_id       BLOB    NOT NULL REFERENCES accounts (id),
    -- The owner's, when it was issued.
    role             TEXT    NOT NULL,
    epoch            INTEGER NOT NULL CHECK (epoch >= 0),
    key_epoch        INTEGER NOT NULL CHECK (key_epoch >= 0),
    issuer           TEXT    NOT NULL,
    audience         TEXT    NOT NULL,
    subject          TEXT    NOT NULL,
    version          TEXT    NOT NULL,
    -- Separated by blanks.
    scopes           TEXT    NOT NULL,
    address          TEXT,
    name             TEXT,
    -- Durations are whole seconds.
    rate_requests    INTEGER CHECK (rate_requests > 0),
    rate_window      INTEGER CHECK (rate_window > 0),
    lifetime         INTEGER NOT NULL CHECK (lifetime >= 0),
    refresh_lifetime INTEGER CHECK (refresh_lifetime >= 0),
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    -- Of its newest key.
    prefix           TEXT    NOT NULL,
    key_expires_at   INTEGER NOT NULL,
    -- The later end of that key and its refresh token: until then it has its slot.
    ends_at          INTEGER NOT NULL,
    slot             INTEGER NOT NULL CHECK (slot >= 0),
    last_used_at     INTEGER,
    revoked_at       INTEGER,
    CHECK ((rate_requests IS NULL) = (rate_window IS NULL))
) STRICT;

CREATE INDEX api_keys_of_account ON api_keys (account_id, id);

CREATE TABLE api_key_tokens (
    id                 BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    key_id             BLOB    NOT NULL REFERENCES api_keys (id),
    hash               BLOB    NOT NULL CHECK (length(hash) = 32),
    not_before         INTEGER NOT NULL,
    expires_at         INTEGER NOT NULL,
    -- A PHC string, or a SHA-256; NULL for a key that is not refreshed.
    refresh_hash       TEXT,
    refresh_not_before INTEGER,
    refresh_expires_at INTEGER,
    -- The key whose use made this one; two of the same are siblings.
    parent_id          BLOB,
    -- When its refresh token was first used, or its sibling's was.
    retired_at         INTEGER,
    -- How often its refresh token was used.
    uses               INTEGER NOT NULL CHECK (uses BETWEEN 0 AND 2),
    CHECK (uses = 0 OR retired_at IS NOT NULL),
    CHECK ((refresh_hash IS NULL) = (refresh_not_before IS NULL)),
    CHECK ((refresh_hash IS NULL) = (refresh_expires_at IS NULL))
) STRICT;

CREATE INDEX api_key_tokens_of_key ON api_key_tokens (key_id, parent_id);
