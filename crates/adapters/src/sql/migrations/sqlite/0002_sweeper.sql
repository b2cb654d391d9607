-- What has expired is deleted, by one process at a time.

CREATE TABLE leases (
    name       TEXT    NOT NULL PRIMARY KEY,
    holder     BLOB    NOT NULL CHECK (length(holder) = 16),
    held_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX slots_that_end ON slots (taken_until);
