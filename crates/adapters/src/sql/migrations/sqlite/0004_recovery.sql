-- A new password for who reads the account's mail, and what ends with the old one.

-- How often the account has got another password: what was begun under an earlier count is over.
ALTER TABLE accounts ADD COLUMN password_changes INTEGER NOT NULL DEFAULT 0 CHECK (password_changes >= 0);

-- The account's count when the first factor was judged; NULL where the version before has written it.
ALTER TABLE sign_ins ADD COLUMN password_changes INTEGER;

CREATE TABLE recoveries (
    id               BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    -- The address that was given, as it was typed.
    typed            TEXT    NOT NULL,
    -- NULL where it only looks like a recovery.
    account_id       BLOB    REFERENCES accounts (id),
    -- The account's count when it began.
    password_changes INTEGER,
    -- The hash of the link's secret; NULL where a code was sent.
    link             BLOB    CHECK (length(link) = 32),
    created_at       INTEGER NOT NULL,
    expires_at       INTEGER NOT NULL,
    CHECK ((account_id IS NULL) = (password_changes IS NULL))
) STRICT;

CREATE INDEX recoveries_of_account ON recoveries (account_id);
