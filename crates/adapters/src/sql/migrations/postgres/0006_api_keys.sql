-- API keys: families, and the keys that follow each other in one. The version before runs on beside this: it issues none
-- and reads none of it.

-- Keys of an earlier epoch have ended, as those of an earlier epoch of the account have.
ALTER TABLE accounts ADD COLUMN key_epoch BIGINT NOT NULL DEFAULT 0;

CREATE TABLE api_keys (
    id               UUID   NOT NULL PRIMARY KEY,
    account_id       UUID   NOT NULL REFERENCES accounts (id),
    -- The owner's, when it was issued.
    role             TEXT   NOT NULL,
    epoch            BIGINT NOT NULL CHECK (epoch >= 0),
    key_epoch        BIGINT NOT NULL CHECK (key_epoch >= 0),
    issuer           TEXT   NOT NULL,
    audience         TEXT   NOT NULL,
    subject          TEXT   NOT NULL,
    version          TEXT   NOT NULL,
    -- Separated by blanks.
    scopes           TEXT   NOT NULL,
    address          TEXT,
    name             TEXT,
    -- Durations are whole seconds.
    rate_requests    BIGINT CHECK (rate_requests > 0),
    rate_window      BIGINT CHECK (rate_window > 0),
    lifetime         BIGINT NOT NULL CHECK (lifetime >= 0),
    refresh_lifetime BIGINT CHECK (refresh_lifetime >= 0),
    created_at       BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL,
    -- Of its newest key.
    prefix           TEXT   NOT NULL,
    key_expires_at   BIGINT NOT NULL,
    -- The later end of that key and its refresh token: until then it has its slot.
    ends_at          BIGINT NOT NULL,
    slot             BIGINT NOT NULL CHECK (slot >= 0),
    last_used_at     BIGINT,
    revoked_at       BIGINT,
    -- How often it was refreshed: a refresh that was judged by what was read before sees by it that another came first.
    refreshes        BIGINT NOT NULL DEFAULT 0,
    CHECK ((rate_requests IS NULL) = (rate_window IS NULL))
) WITH (fillfactor = 80);

CREATE INDEX api_keys_of_account ON api_keys (account_id, id);

CREATE TABLE api_key_tokens (
    id                 UUID   NOT NULL PRIMARY KEY,
    -- Not a foreign key, as with refresh tokens of sessions: it is only written beside its family, or under a lock on it.
    key_id             UUID   NOT NULL,
    hash               BYTEA  NOT NULL CHECK (length(hash) = 32),
    not_before         BIGINT NOT NULL,
    expires_at         BIGINT NOT NULL,
    -- A PHC string, or a SHA-256; NULL for a key that is not refreshed.
    refresh_hash       TEXT,
    refresh_not_before BIGINT,
    refresh_expires_at BIGINT,
    -- The key whose use made this one; two of the same are siblings.
    parent_id          UUID,
    -- When its refresh token was first used, or its sibling's was.
    retired_at         BIGINT,
    -- How often its refresh token was used.
    uses               BIGINT NOT NULL CHECK (uses BETWEEN 0 AND 2),
    CHECK (uses = 0 OR retired_at IS NOT NULL),
    CHECK ((refresh_hash IS NULL) = (refresh_not_before IS NULL)),
    CHECK ((refresh_hash IS NULL) = (refresh_expires_at IS NULL))
) WITH (fillfactor = 80);

CREATE INDEX api_key_tokens_of_key ON api_key_tokens (key_id, parent_id);
