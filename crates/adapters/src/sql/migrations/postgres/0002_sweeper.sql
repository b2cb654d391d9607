-- What has expired is deleted, by one node at a time. The version before runs on beside this: it reads none of it, and
-- the index is on a table that holds only what failed in a day.

CREATE TABLE leases (
    name       TEXT   COLLATE "C" NOT NULL PRIMARY KEY,
    holder     BYTEA  NOT NULL CHECK (length(holder) = 16),
    held_until BIGINT NOT NULL
);

CREATE INDEX slots_that_end ON slots (taken_until);
