-- Keys follow each other: from when on one signs, and until when its signatures are taken.

ALTER TABLE signing_keys ADD COLUMN signs_from INTEGER;

ALTER TABLE signing_keys ADD COLUMN retires_at INTEGER;
