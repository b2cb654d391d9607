-- Licences, requests for device tokens, and device tokens. Seats are slots.

CREATE TABLE licenses (
    id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    -- As it is compared: an account's id, or an address in lower case.
    subject_key  TEXT    NOT NULL,
    -- As it was typed.
    subject      TEXT    NOT NULL,
    product      TEXT    NOT NULL,
    issued_at    INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    -- NULL: any number.
    seats        INTEGER CHECK (seats > 0),
    -- Separated by blanks.
    entitlements TEXT    NOT NULL,
    revoked_at   INTEGER
) STRICT;

CREATE INDEX licenses_of_subject ON licenses (subject_key, expires_at);

CREATE TABLE token_requests (
    id               BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    -- An account's id, or an issuer and its principal.
    holder           TEXT    NOT NULL,
    device_id        TEXT    NOT NULL,
    code             BLOB    NOT NULL CHECK (length(code) = 32),
    attempts         INTEGER NOT NULL CHECK (attempts >= 0),
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    -- The end of the device token, at the latest.
    token_expires_at INTEGER NOT NULL,
    consumed_at      INTEGER,
    -- When a newer one of the same device took its place.
    superseded_at    INTEGER
) STRICT;

CREATE INDEX token_requests_of_device ON token_requests (holder, device_id);

CREATE TABLE device_tokens (
    id           BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    holder       TEXT    NOT NULL,
    -- Where the holder is an account, which and under which epoch of it.
    account_id   BLOB    CHECK (length(account_id) = 16),
    epoch        INTEGER CHECK (epoch >= 0),
    -- Of a holder who has no account here.
    address      TEXT,
    device_id    TEXT    NOT NULL,
    license_id   BLOB    CHECK (length(license_id) = 16),
    entitlements TEXT    NOT NULL,
    -- What its seat is counted under; NULL where it takes none.
    seat         BLOB    CHECK (length(seat) = 32),
    secret       BLOB    NOT NULL,
    issued_at    INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    CHECK ((account_id IS NULL) = (epoch IS NULL)),
    -- A device has one token.
    UNIQUE (holder, device_id)
) STRICT;

CREATE INDEX device_tokens_of_holder ON device_tokens (holder, id);
