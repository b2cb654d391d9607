-- Administrators: who is a superuser, and who was invited. The version before runs on beside this: it makes no account
-- a superuser, and reads none of it.

-- The accounts with the role superuser, so that one of them can be told to be the last. Whoever takes one away locks
-- all of these rows.
CREATE TABLE superusers (
    account_id UUID NOT NULL PRIMARY KEY REFERENCES accounts (id)
);

CREATE TABLE invitations (
    id         UUID   NOT NULL PRIMARY KEY,
    hash       BYTEA  NOT NULL CHECK (length(hash) = 32),
    -- What is compared, and what the administrator typed.
    normalized TEXT   COLLATE "C" NOT NULL,
    typed      TEXT   NOT NULL,
    role       TEXT   NOT NULL,
    name       TEXT,
    -- The account that wrote it; NULL for an operator.
    invited_by UUID,
    -- How often its password or standing had changed by then: whatever changes it afterwards ends the invitation.
    inviter_changes BIGINT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

CREATE INDEX invitations_of_address ON invitations (normalized);
