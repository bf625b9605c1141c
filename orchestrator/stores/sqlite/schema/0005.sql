-- What a replica tells of itself with its lease.
ALTER TABLE orchestrators ADD COLUMN version TEXT NOT NULL DEFAULT '';
ALTER TABLE orchestrators ADD COLUMN runs INTEGER NOT NULL DEFAULT 0;
