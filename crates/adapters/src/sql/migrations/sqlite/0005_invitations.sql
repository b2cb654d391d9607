-- Administrators: who is a superuser, and who was invited.

-- The accounts with the role superuser, so that one of them can be told to be the last.
CREATE TABLE superusers (
    account_id BLOB NOT NULL PRIMARY KEY REFERENCES accounts (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE invitations (
    id         BLOB    NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    hash       BLOB    NOT NULL CHECK (length(hash) = 32),
    -- What is compared, and what the administrator typed.
    normalized TEXT    NOT NULL,
    typed      TEXT    NOT NULL,
    role       TEXT    NOT NULL,
    name       TEXT,
    -- The account that wrote it; NULL for an operator.
    invited_by BLOB,
    -- How often its password or standing had changed by then: whatever changes it afterwards ends the invitation.
    inviter_changes INTEGER,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX invitations_of_address ON invitations (normalized);
