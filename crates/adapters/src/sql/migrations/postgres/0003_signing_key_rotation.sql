-- Keys follow each other: from when on one signs (NULL: since it was made), and until when its signatures are taken.
-- Nodes of the version before know the keys that were there when they started, and sign with the last of them: finish an
-- upgrade within the time that a key is published before it signs.

ALTER TABLE signing_keys ADD COLUMN signs_from BIGINT;

ALTER TABLE signing_keys ADD COLUMN retires_at BIGINT;
