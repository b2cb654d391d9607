-- Licences, requests for device tokens, and device tokens. Seats are slots. The version before runs on beside this: it reads and
-- writes none of it.

CREATE TABLE licenses (
    id           UUID   NOT NULL PRIMARY KEY,
    -- As it is compared: an account's id, or an address in lower case.
    subject_key  TEXT   COLLATE "C" NOT NULL,
    -- As it was typed.
    subject      TEXT   NOT NULL,
    product      TEXT   NOT NULL,
    issued_at    BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    -- NULL: any number.
    seats        BIGINT CHECK (seats > 0),
    -- Separated by blanks.
    entitlements TEXT   NOT NULL,
    revoked_at   BIGINT
);

CREATE INDEX licenses_of_subject ON licenses (subject_key, expires_at);

CREATE TABLE token_requests (
    id               UUID   NOT NULL PRIMARY KEY,
    -- An account's id, or an issuer and its principal.
    holder           TEXT   COLLATE "C" NOT NULL,
    device_id        TEXT   COLLATE "C" NOT NULL,
    code             BYTEA  NOT NULL CHECK (length(code) = 32),
    attempts         BIGINT NOT NULL CHECK (attempts >= 0),
    created_at       BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL,
    -- The end of the device token, at the latest.
    token_expires_at BIGINT NOT NULL,
    consumed_at      BIGINT,
    -- When a newer one of the same device took its place.
    superseded_at    BIGINT
);

CREATE INDEX token_requests_of_device ON token_requests (holder, device_id);

CREATE TABLE device_tokens (
    id           UUID   NOT NULL PRIMARY KEY,
    holder       TEXT   COLLATE "C" NOT NULL,
    -- Where the holder is an account, which and under which epoch of it.
    account_id   UUID,
    epoch        BIGINT CHECK (epoch >= 0),
    -- Of a holder who has no account here.
    address      TEXT,
    device_id    TEXT   COLLATE "C" NOT NULL,
    license_id   UUID,
    entitlements TEXT   NOT NULL,
    -- What its seat is counted under; NULL where it takes none.
    seat         BYTEA  CHECK (length(seat) = 32),
    secret       BYTEA  NOT NULL,
    issued_at    BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    CHECK ((account_id IS NULL) = (epoch IS NULL)),
    -- A device has one token.
    UNIQUE (holder, device_id)
);

CREATE INDEX device_tokens_of_holder ON device_tokens (holder, id);
