-- Accounts, the ceremonies that lead to a session, sessions, keys, messages, the audit log.
--
-- Ids are the 16 bytes of a UUIDv7, so that they sort by age. Moments are microseconds since 1970. Nothing here is
-- found by a secret: hashes are compared, never looked up. Small rows live in the tree of their key (WITHOUT ROWID);
-- larger ones beside it, so that the tree of the key stays shallow.

CREATE TABLE accounts (
    id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name         TEXT,
    role         TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    -- Sessions of an earlier epoch have ended.
    epoch        INTEGER NOT NULL CHECK (epoch >= 0),
    -- A PHC string.
    password     TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER
) STRICT;

CREATE TABLE identifiers (
    id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    account_id   BLOB    NOT NULL REFERENCES accounts (id),
    kind         TEXT    NOT NULL,
    -- What is compared, and what its owner typed.
    normalized   TEXT    NOT NULL,
    typed        TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    last_used_at INTEGER,
    UNIQUE (kind, normalized)
) STRICT, WITHOUT ROWID;

CREATE INDEX identifiers_of_account ON identifiers (account_id, created_at, id);

CREATE TABLE sign_ups (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    normalized TEXT    NOT NULL,
    typed      TEXT    NOT NULL,
    name       TEXT,
    password   TEXT    NOT NULL,
    decoy      INTEGER NOT NULL CHECK (decoy IN (0, 1)),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

CREATE INDEX sign_ups_of_address ON sign_ups (normalized);

CREATE TABLE sign_ins (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    account_id BLOB    NOT NULL REFERENCES accounts (id),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX sign_ins_of_account ON sign_ins (account_id);

-- The code of a ceremony, which is a sign-up or a sign-in. A ceremony without one is over.
CREATE TABLE one_time_codes (
    ceremony_id         BLOB    NOT NULL PRIMARY KEY CHECK (length(ceremony_id) = 16),
    salt                BLOB    NOT NULL CHECK (length(salt) = 16),
    hash                BLOB    NOT NULL CHECK (length(hash) = 32),
    issued_at           INTEGER NOT NULL,
    expires_at          INTEGER NOT NULL,
    ceremony_expires_at INTEGER NOT NULL,
    -- Guesses paid for, over all codes of the ceremony.
    attempts            INTEGER NOT NULL CHECK (attempts >= 0),
    -- Whose failure slots pay for them too.
    failures_kind       TEXT    NOT NULL,
    failures_key        BLOB    NOT NULL CHECK (length(failures_key) = 32)
) STRICT, WITHOUT ROWID;

-- Numbered slots: a limit over things that expire. A slot is free when it is not here or `taken_until <= now`.
CREATE TABLE slots (
    kind        TEXT    NOT NULL,
    key         BLOB    NOT NULL CHECK (length(key) = 32),
    number      INTEGER NOT NULL CHECK (number >= 0),
    taken_until INTEGER NOT NULL,
    -- The ceremony that took it: nobody else may give it back.
    holder      BLOB    NOT NULL CHECK (length(holder) = 16),
    PRIMARY KEY (kind, key, number)
) STRICT, WITHOUT ROWID;

-- Failures of the first factor in a row, per keyed hash of an address, known or not.
CREATE TABLE throttles (
    address  BLOB    NOT NULL PRIMARY KEY CHECK (length(address) = 32),
    failures INTEGER NOT NULL CHECK (failures >= 0),
    next_at  INTEGER
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    id              BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    account_id      BLOB    NOT NULL REFERENCES accounts (id),
    epoch           INTEGER NOT NULL CHECK (epoch >= 0),
    binding         BLOB    NOT NULL CHECK (length(binding) = 32),
    -- Names by RFC 8176, separated by blanks.
    methods         TEXT    NOT NULL,
    created_at      INTEGER NOT NULL,
    refreshed_at    INTEGER NOT NULL,
    idle_expires_at INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    ip              TEXT,
    user_agent      TEXT,
    revoked_at      INTEGER
) STRICT;

CREATE INDEX sessions_of_account ON sessions (account_id, id);

CREATE TABLE refresh_tokens (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    session_id BLOB    NOT NULL REFERENCES sessions (id),
    hash       BLOB    NOT NULL CHECK (length(hash) = 32),
    expires_at INTEGER NOT NULL,
    -- The token whose use made this one; two of the same are siblings.
    parent_id  BLOB,
    -- When it was first used, or its sibling was.
    retired_at INTEGER,
    -- How often it was used.
    uses       INTEGER NOT NULL CHECK (uses BETWEEN 0 AND 2),
    CHECK (uses = 0 OR retired_at IS NOT NULL)
) STRICT, WITHOUT ROWID;

CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id, parent_id);

CREATE TABLE signing_keys (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    -- Counts the keys of this store: of two nodes that make the next one at once, one finds its number taken.
    generation INTEGER NOT NULL UNIQUE,
    algorithm  TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    public_jwk TEXT    NOT NULL,
    -- Sealed.
    private    BLOB    NOT NULL
) STRICT;

CREATE TABLE outbox (
    id              BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    kind            TEXT    NOT NULL,
    state           TEXT    NOT NULL,
    -- Sealed; erased when the message is done with.
    content         BLOB,
    attempts        INTEGER NOT NULL CHECK (attempts >= 0),
    created_at      INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    -- When a worker may take it; while one holds it, the end of its lease.
    next_attempt_at INTEGER,
    lease           BLOB,
    ended_at        INTEGER,
    reason          TEXT,
    CHECK ((state = 'pending') = (content IS NOT NULL)),
    CHECK ((state = 'pending') = (next_attempt_at IS NOT NULL)),
    CHECK ((state = 'pending') = (ended_at IS NULL))
) STRICT;

CREATE INDEX outbox_due ON outbox (next_attempt_at, id, created_at) WHERE state = 'pending';

CREATE TABLE audit_events (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    at         INTEGER NOT NULL,
    actor      TEXT    NOT NULL,
    -- Only where the actor is an account.
    account_id BLOB,
    act        TEXT    NOT NULL,
    outcome    TEXT    NOT NULL,
    reason     TEXT,
    subject    TEXT,
    request_id BLOB,
    ip         TEXT,
    count      INTEGER NOT NULL CHECK (count > 0),
    CHECK ((actor = 'account') = (account_id IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE peppers (
    name   TEXT NOT NULL PRIMARY KEY,
    -- Sealed.
    pepper BLOB NOT NULL
) STRICT, WITHOUT ROWID;
