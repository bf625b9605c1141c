-- What is claimed, kept by several, or due: facts that used to be worked out by going through what they follow from.

-- A path is one pipeline's. Of two that had claimed one before this was a rule, it is that of the older.
CREATE TABLE webhook_paths (
  namespace TEXT NOT NULL,
  path TEXT NOT NULL,
  pipeline_id TEXT NOT NULL,
  PRIMARY KEY (namespace, path)
) WITHOUT ROWID;
INSERT OR IGNORE INTO webhook_paths (namespace, path, pipeline_id)
SELECT pipelines.namespace, json_extract(entry.value, '$.path'), pipelines.id
FROM pipelines, json_each(CAST(pipelines.triggers AS TEXT)) AS entry
WHERE pipelines.status <> 'draft' AND json_extract(entry.value, '$.type') = 'webhook'
ORDER BY pipelines.created_at, pipelines.id;

-- The text that was saved last, where it is written otherwise than the version that it says the same as.
ALTER TABLE pipelines ADD COLUMN source TEXT;

-- A payload is kept by each run that refers to it, and goes with the last of them.
CREATE TABLE payload_holders (
  run_id TEXT NOT NULL,
  id TEXT NOT NULL,
  PRIMARY KEY (run_id, id)
) WITHOUT ROWID;
INSERT INTO payload_holders (run_id, id) SELECT DISTINCT run_id, id FROM payloads;
DROP INDEX payloads_by_run;
ALTER TABLE payloads DROP COLUMN run_id;

-- create_pipeline, replace_pipeline and delete_pipeline: what a pipeline had claimed
CREATE INDEX webhook_paths_by_pipeline ON webhook_paths (pipeline_id);
-- delete_expired: whether another run keeps a payload
CREATE INDEX payload_holders_by_id ON payload_holders (id);
-- due_schedules, next_due
CREATE INDEX schedules_by_due ON schedules (next_due) WHERE next_due IS NOT NULL;
-- delete_audit
CREATE INDEX audit_by_age ON audit (at);
