-- A new password for who reads the account's mail, and what ends with the old one. The version before runs on beside
-- this: it neither reads nor writes any of it, and the columns have constant defaults.

-- How often the account has got another password: what was begun under an earlier count is over.
ALTER TABLE accounts ADD COLUMN password_changes BIGINT NOT NULL DEFAULT 0;

-- The account's count when the first factor was judged; NULL where the version before has written it.
ALTER TABLE sign_ins ADD COLUMN password_changes BIGINT;

CREATE TABLE recoveries (
    id               UUID   NOT NULL PRIMARY KEY,
    -- The address that was given, as it was typed.
    typed            TEXT   NOT NULL,
    -- NULL where it only looks like a recovery.
    account_id       UUID   REFERENCES accounts (id),
    -- The account's count when it began.
    password_changes BIGINT,
    -- The hash of the link's secret; NULL where a code was sent.
    link             BYTEA  CHECK (length(link) = 32),
    created_at       BIGINT NOT NULL,
    expires_at       BIGINT NOT NULL,
    CHECK ((account_id IS NULL) = (password_changes IS NULL))
);

CREATE INDEX recoveries_of_account ON recoveries (account_id);
