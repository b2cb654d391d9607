-- Accounts, the ceremonies that lead to a session, sessions, keys, messages, the audit log.
--
-- Ids are UUIDv7, so that they sort by age. Moments are microseconds since 1970. Nothing here is found by a secret:
-- hashes are compared, never looked up. Whole numbers are BIGINT, which is what the program reads and binds. Texts
-- that are compared have the collation C: an index in the order of a language breaks when the system's tables change.
--
-- How a migration is written: nodes of the version before run on while it runs, and after it (expand, then contract in
-- a later version). All pending ones run in one transaction, and what they lock stays locked to its end, so nothing
-- here may take long: add columns that may be NULL or have a constant default; add a constraint NOT VALID; make an
-- index on a table that may be large in a migration that creates the table, or tell the operator in the notes to make
-- it CONCURRENTLY before. Never rename or drop what the version before uses.

CREATE TABLE accounts (
    id           UUID   NOT NULL PRIMARY KEY,
    name         TEXT,
    role         TEXT   NOT NULL,
    state        TEXT   NOT NULL,
    -- Sessions of an earlier epoch have ended.
    epoch        BIGINT NOT NULL CHECK (epoch >= 0),
    -- A PHC string.
    password     TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    last_seen_at BIGINT
-- Room on each page for the next version of a row, so that touching one leaves the indexes alone.
) WITH (fillfactor = 80);

CREATE TABLE identifiers (
    id           UUID   NOT NULL PRIMARY KEY,
    account_id   UUID   NOT NULL REFERENCES accounts (id),
    kind         TEXT   COLLATE "C" NOT NULL,
    -- What is compared, and what its owner typed.
    normalized   TEXT   COLLATE "C" NOT NULL,
    typed        TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    last_used_at BIGINT,
    UNIQUE (kind, normalized)
);

CREATE INDEX identifiers_of_account ON identifiers (account_id, created_at, id);

CREATE TABLE sign_ups (
    id         UUID    NOT NULL PRIMARY KEY,
    normalized TEXT    COLLATE "C" NOT NULL,
    typed      TEXT    NOT NULL,
    name       TEXT,
    password   TEXT    NOT NULL,
    decoy      BOOLEAN NOT NULL,
    created_at BIGINT  NOT NULL,
    expires_at BIGINT  NOT NULL
);

CREATE INDEX sign_ups_of_address ON sign_ups (normalized);

CREATE TABLE sign_ins (
    id         UUID   NOT NULL PRIMARY KEY,
    account_id UUID   NOT NULL REFERENCES accounts (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX sign_ins_of_account ON sign_ins (account_id);

-- The code of a ceremony, which is a sign-up or a sign-in. A ceremony without one is over.
CREATE TABLE one_time_codes (
    ceremony_id         UUID   NOT NULL PRIMARY KEY,
    salt                BYTEA  NOT NULL CHECK (length(salt) = 16),
    hash                BYTEA  NOT NULL CHECK (length(hash) = 32),
    issued_at           BIGINT NOT NULL,
    expires_at          BIGINT NOT NULL,
    ceremony_expires_at BIGINT NOT NULL,
    -- Guesses paid for, over all codes of the ceremony.
    attempts            BIGINT NOT NULL CHECK (attempts >= 0),
    -- Whose failure slots pay for them too.
    failures_kind       TEXT   NOT NULL,
    failures_key        BYTEA  NOT NULL CHECK (length(failures_key) = 32)
) WITH (fillfactor = 80);

-- Numbered slots: a limit over things that expire. A slot is free when it is not here or `taken_until <= now`.
CREATE TABLE slots (
    kind        TEXT   COLLATE "C" NOT NULL,
    key         BYTEA  NOT NULL CHECK (length(key) = 32),
    number      BIGINT NOT NULL CHECK (number >= 0),
    taken_until BIGINT NOT NULL,
    -- The ceremony that took it: nobody else may give it back.
    holder      UUID   NOT NULL,
    PRIMARY KEY (kind, key, number)
) WITH (fillfactor = 80);

-- Failures of the first factor in a row, per keyed hash of an address, known or not.
CREATE TABLE throttles (
    address  BYTEA  NOT NULL PRIMARY KEY CHECK (length(address) = 32),
    failures BIGINT NOT NULL CHECK (failures >= 0),
    next_at  BIGINT
) WITH (fillfactor = 80);

CREATE TABLE sessions (
    id              UUID   NOT NULL PRIMARY KEY,
    account_id      UUID   NOT NULL REFERENCES accounts (id),
    epoch           BIGINT NOT NULL CHECK (epoch >= 0),
    binding         BYTEA  NOT NULL CHECK (length(binding) = 32),
    -- Names by RFC 8176, separated by blanks.
    methods         TEXT   NOT NULL,
    created_at      BIGINT NOT NULL,
    refreshed_at    BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    ip              TEXT,
    user_agent      TEXT,
    revoked_at      BIGINT,
    -- How often it was refreshed: a refresh that was judged by what was read before sees by it that another came first.
    refreshes       BIGINT NOT NULL DEFAULT 0
) WITH (fillfactor = 80);

CREATE INDEX sessions_of_account ON sessions (account_id, id);

CREATE TABLE refresh_tokens (
    id         UUID   NOT NULL PRIMARY KEY,
    -- Not a foreign key: its check would be a fifth of a refresh. A token is only written beside its session, or under
    -- a lock on it.
    session_id UUID   NOT NULL,
    hash       BYTEA  NOT NULL CHECK (length(hash) = 32),
    expires_at BIGINT NOT NULL,
    -- The token whose use made this one; two of the same are siblings.
    parent_id  UUID,
    -- When it was first used, or its sibling was.
    retired_at BIGINT,
    -- How often it was used.
    uses       BIGINT NOT NULL CHECK (uses BETWEEN 0 AND 2),
    CHECK (uses = 0 OR retired_at IS NOT NULL)
) WITH (fillfactor = 80);

CREATE INDEX refresh_tokens_of_session ON refresh_tokens (session_id, parent_id);

CREATE TABLE signing_keys (
    id         UUID   NOT NULL PRIMARY KEY,
    -- Counts the keys of this store: of two nodes that make the next one at once, one finds its number taken.
    generation BIGINT NOT NULL UNIQUE,
    algorithm  TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    public_jwk TEXT   NOT NULL,
    -- Sealed.
    private    BYTEA  NOT NULL
);

CREATE TABLE outbox (
    id              UUID   NOT NULL PRIMARY KEY,
    kind            TEXT   NOT NULL,
    state           TEXT   NOT NULL,
    -- Sealed; erased when the message is done with.
    content         BYTEA,
    attempts        BIGINT NOT NULL CHECK (attempts >= 0),
    created_at      BIGINT NOT NULL,
    expires_at      BIGINT NOT NULL,
    -- When a worker may take it; while one holds it, the end of its lease.
    next_attempt_at BIGINT,
    lease           BYTEA,
    ended_at        BIGINT,
    reason          TEXT,
    CHECK ((state = 'pending') = (content IS NOT NULL)),
    CHECK ((state = 'pending') = (next_attempt_at IS NOT NULL)),
    CHECK ((state = 'pending') = (ended_at IS NULL))
) WITH (fillfactor = 70);

CREATE INDEX outbox_due ON outbox (next_attempt_at, id, created_at) WHERE state = 'pending';

CREATE TABLE audit_events (
    id         UUID   NOT NULL PRIMARY KEY,
    at         BIGINT NOT NULL,
    actor      TEXT   NOT NULL,
    -- Only where the actor is an account.
    account_id UUID,
    act        TEXT   NOT NULL,
    outcome    TEXT   NOT NULL,
    reason     TEXT,
    subject    TEXT,
    request_id UUID,
    ip         TEXT,
    count      BIGINT NOT NULL CHECK (count > 0),
    CHECK ((actor = 'account') = (account_id IS NOT NULL))
);

CREATE TABLE peppers (
    name   TEXT  COLLATE "C" NOT NULL PRIMARY KEY,
    -- Sealed.
    pepper BYTEA NOT NULL
);
