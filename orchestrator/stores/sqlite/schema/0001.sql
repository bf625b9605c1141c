-- The first schema. Ids are 24 hexadecimal digits, moments are milliseconds since 1970, columns named like a JSON
-- object hold its JSON as a BLOB. A row that is rewritten at every step is kept narrow: what a run was made with has
-- a table of its own, because SQLite writes a changed row anew with all that overflows from it.

CREATE TABLE runs (
  id TEXT PRIMARY KEY,
  namespace TEXT NOT NULL,
  pipeline_id TEXT NOT NULL,
  pipeline TEXT NOT NULL,
  version INTEGER NOT NULL,
  trigger_type TEXT NOT NULL,
  trigger_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  start_key TEXT,
  body_hash TEXT,
  attempt INTEGER NOT NULL,
  retry_of TEXT,
  test INTEGER NOT NULL,
  rev INTEGER NOT NULL,
  commit_id TEXT NOT NULL,
  status TEXT NOT NULL,
  ended INTEGER NOT NULL,
  owner TEXT,
  wake_at INTEGER,
  state_version INTEGER NOT NULL,
  deadline_at INTEGER,
  response TEXT,
  inline_bytes INTEGER NOT NULL,
  started_at INTEGER,
  completed_at INTEGER,
  expires_at INTEGER,
  error BLOB,
  output BLOB
);

CREATE TABLE run_origins (
  run_id TEXT PRIMARY KEY,
  origin BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE run_nodes (
  run_id TEXT NOT NULL,
  node TEXT NOT NULL,
  rev INTEGER NOT NULL,
  state BLOB NOT NULL,
  PRIMARY KEY (run_id, node)
) WITHOUT ROWID;

CREATE TABLE loop_items (
  run_id TEXT NOT NULL,
  loop TEXT NOT NULL,
  position INTEGER NOT NULL,
  rev INTEGER NOT NULL,
  status TEXT NOT NULL,
  state BLOB NOT NULL,
  PRIMARY KEY (run_id, loop, position)
) WITHOUT ROWID;

CREATE TABLE payloads (
  id TEXT NOT NULL,
  chunk INTEGER NOT NULL,
  run_id TEXT NOT NULL,
  content_type TEXT NOT NULL,
  content BLOB NOT NULL
);

CREATE TABLE logs (
  place INTEGER PRIMARY KEY,
  run_id TEXT NOT NULL,
  instance TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  sequence INTEGER NOT NULL,
  namespace TEXT NOT NULL,
  pipeline TEXT NOT NULL,
  at INTEGER NOT NULL,
  level TEXT NOT NULL,
  message TEXT NOT NULL,
  fields BLOB
);

CREATE TABLE inbox (
  id TEXT NOT NULL,
  run_id TEXT NOT NULL,
  instance TEXT NOT NULL,
  attempt INTEGER NOT NULL,
  kind TEXT NOT NULL,
  body BLOB NOT NULL,
  at INTEGER NOT NULL
);

CREATE TABLE pipelines (
  id TEXT PRIMARY KEY,
  namespace TEXT NOT NULL,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  labels TEXT NOT NULL,
  status TEXT NOT NULL,
  version INTEGER NOT NULL,
  triggers BLOB NOT NULL,
  managed_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  rev INTEGER NOT NULL,
  draft TEXT,
  disabled_triggers BLOB NOT NULL
);

CREATE TABLE pipeline_versions (
  pipeline_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  hash TEXT NOT NULL,
  source TEXT NOT NULL,
  format TEXT NOT NULL,
  definition BLOB NOT NULL,
  node_types BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  created_by TEXT NOT NULL,
  PRIMARY KEY (pipeline_id, version)
);

CREATE TABLE schedules (
  pipeline_id TEXT NOT NULL,
  trigger_id TEXT NOT NULL,
  definition TEXT NOT NULL,
  next_due INTEGER,
  last_due INTEGER,
  last_run TEXT,
  rev INTEGER NOT NULL,
  PRIMARY KEY (pipeline_id, trigger_id)
) WITHOUT ROWID;

CREATE TABLE orchestrators (
  id TEXT PRIMARY KEY,
  host TEXT NOT NULL,
  pid INTEGER NOT NULL,
  started_at INTEGER NOT NULL,
  lease_until INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE audit (
  id TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  namespace TEXT NOT NULL,
  actor TEXT NOT NULL,
  origin TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  before BLOB,
  after BLOB
);

CREATE TABLE keys (
  name TEXT PRIMARY KEY,
  key BLOB NOT NULL
) WITHOUT ROWID;

-- One row that `check` rewrites to see whether the disk takes it.
CREATE TABLE checks (
  id INTEGER PRIMARY KEY,
  count INTEGER NOT NULL
);

-- Every index, with what it serves. The primary keys above serve reading by id, by run, by loop and by version.

-- commit: a start key is used once per pipeline; find_start
CREATE UNIQUE INDEX runs_by_start ON runs (pipeline_id, start_key) WHERE start_key IS NOT NULL;
-- list_runs: one ordered range for each status, merged
CREATE INDEX runs_by_status ON runs (namespace, status, created_at, id);
-- list_runs of one pipeline: likewise
CREATE INDEX runs_by_pipeline ON runs (namespace, pipeline, status, created_at, id);
-- claim_runs: owner IS NULL by wake_at, then the owners one by one; count_unfinished
CREATE INDEX runs_unfinished ON runs (owner, wake_at) WHERE ended = 0;
-- children_of; delete_expired: whether a run that stays was made from this one
CREATE INDEX runs_by_parent ON runs (retry_of) WHERE retry_of IS NOT NULL;
-- delete_pipeline and delete_expired: whether a version still has runs
CREATE INDEX runs_by_version ON runs (pipeline_id, version);
-- delete_expired
CREATE INDEX runs_by_expiry ON runs (expires_at) WHERE expires_at IS NOT NULL;
-- count_runs: answered from the index alone
CREATE INDEX runs_by_end ON runs (namespace, completed_at, pipeline, status, started_at, created_at) WHERE ended = 1;
-- read_payload
CREATE UNIQUE INDEX payloads_by_id ON payloads (id, chunk);
-- delete_expired
CREATE INDEX payloads_by_run ON payloads (run_id);
-- save_logs and commit: a line is kept once; read_logs of one instance
CREATE UNIQUE INDEX logs_by_instance ON logs (run_id, instance, attempt, sequence);
-- read_logs: the rowid, which is the order in which lines were stored, follows by itself
CREATE INDEX logs_by_run ON logs (run_id);
-- search_logs in one run
CREATE INDEX logs_by_run_time ON logs (run_id, at);
-- search_logs
CREATE INDEX logs_by_time ON logs (namespace, at);
-- put_inbox: the same thing is kept once; read_inbox, inbox_runs, claim_runs
CREATE UNIQUE INDEX inbox_by_run ON inbox (run_id, instance, attempt, kind);
-- commit: removes entries by id
CREATE INDEX inbox_by_id ON inbox (id);
-- read_pipeline, create_pipeline, list_pipelines
CREATE UNIQUE INDEX pipelines_by_name ON pipelines (namespace, name);
-- list_audit
CREATE INDEX audit_by_time ON audit (namespace, at, id);
-- list_audit of one target
CREATE INDEX audit_by_target ON audit (namespace, target, at, id);
