-- Node types whose code is an image. description is JSON, as flume.nodes.descriptions writes it.
CREATE TABLE node_types (
  name TEXT PRIMARY KEY,
  hash TEXT NOT NULL,
  description BLOB NOT NULL
);
-- packaged_type_hashes: every replica asks every few seconds, and must not read descriptions for that.
CREATE INDEX node_types_by_name ON node_types (name, hash);
