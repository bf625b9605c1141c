"""Every collection with its indexes, and what they serve; all made at the start where they are missing. What is read by
``_id`` alone needs none, nor does what holds a handful of documents.

An index that is not needed any more is dropped by a step of `orchestrator.stores.mongo.schema`, never here: a replica of
the version before may still be at work.
"""

from collections.abc import Mapping

from pymongo import ASCENDING, DESCENDING, IndexModel

_OPEN = {"ended": False}
_ENDED = {"ended": True}

INDEXES: Mapping[str, tuple[IndexModel, ...]] = {
    "runs": (
        # commit, claim_runs, claim_run: the compare-and-swap. A primary key would do; some servers look no further than this.
        IndexModel([("_id", ASCENDING), ("rev", ASCENDING)], name="by_revision"),
        # commit: a start key is used once per pipeline; find_start
        IndexModel(
            [("pipelineId", ASCENDING), ("startKey", ASCENDING)],
            name="by_start",
            unique=True,
            partialFilterExpression={"startKey": {"$exists": True}},
        ),
        # list_runs: one ordered range for each status, merged
        IndexModel(
            [("namespace", ASCENDING), ("status", ASCENDING), ("createdAt", DESCENDING), ("_id", DESCENDING)],
            name="by_status",
        ),
        # list_runs of one pipeline: likewise
        IndexModel(
            [
                ("namespace", ASCENDING),
                ("pipeline", ASCENDING),
                ("status", ASCENDING),
                ("createdAt", DESCENDING),
                ("_id", DESCENDING),
            ],
            name="by_pipeline",
        ),
        # claim_runs: those without owner by due time, then the owners one by one; count_unfinished
        IndexModel(
            [("owner", ASCENDING), ("wakeAt", ASCENDING), ("_id", ASCENDING)],
            name="unfinished",
            partialFilterExpression=_OPEN,
        ),
        # children_of
        IndexModel([("retryOf", ASCENDING), ("createdAt", ASCENDING)], name="by_parent", sparse=True),
        # read_version, delete_expired: whether a version still has runs
        IndexModel([("pipelineId", ASCENDING), ("pipelineVersion", ASCENDING)], name="by_version"),
        # delete_expired
        IndexModel([("expiresAt", ASCENDING), ("_id", ASCENDING)], name="by_expiry", sparse=True),
        # count_runs, count_nodes
        IndexModel(
            [
                ("namespace", ASCENDING),
                ("completedAt", DESCENDING),
                ("pipeline", ASCENDING),
                ("status", ASCENDING),
                ("startedAt", ASCENDING),
                ("createdAt", ASCENDING),
            ],
            name="by_end",
            partialFilterExpression=_ENDED,
        ),
        # take_over_outbox: what a commit had still to write when its process died
        IndexModel([("pending.at", ASCENDING)], name="by_pending", sparse=True),
    ),
    "loop_items": (
        # commit: an item is not replaced by an older state of it
        IndexModel([("_id", ASCENDING), ("rev", ASCENDING)], name="by_revision"),
        # read_items: the few that failed among very many
        IndexModel(
            [("status", ASCENDING), ("_id", ASCENDING)],
            name="failed",
            partialFilterExpression={"status": "failed"},
        ),
    ),
    "payloads": (
        # delete_expired: what a run keeps
        IndexModel([("holders", ASCENDING)], name="by_holder", sparse=True),
        # delete_expired: what nobody keeps, where a process died before it was deleted
        IndexModel([("isUnheld", ASCENDING)], name="unheld", partialFilterExpression={"isUnheld": True}),
    ),
    "logs": (
        # commit: a line is not replaced by an older one
        IndexModel([("_id", ASCENDING), ("rev", ASCENDING)], name="by_revision"),
        # read_logs
        IndexModel([("run", ASCENDING), ("place", ASCENDING)], name="by_run"),
        # search_logs in one run
        IndexModel([("run", ASCENDING), ("at", DESCENDING), ("place", DESCENDING)], name="by_run_time"),
        # search_logs
        IndexModel([("namespace", ASCENDING), ("at", DESCENDING), ("place", DESCENDING)], name="by_time"),
    ),
    "inbox": (
        # put_inbox: the same thing is kept once; read_inbox
        IndexModel(
            [("run", ASCENDING), ("instance", ASCENDING), ("attempt", ASCENDING), ("kind", ASCENDING)],
            name="by_run",
            unique=True,
        ),
    ),
    "outbox": (
        # read_outbox, drop_outbox, outbox_backlogs, take_over_outbox
        IndexModel(
            [("owner", ASCENDING), ("audience", ASCENDING), ("at", ASCENDING), ("_id", ASCENDING)], name="by_owner"
        ),
    ),
    "pipelines": (
        # read_pipeline, create_pipeline, list_pipelines
        IndexModel([("namespace", ASCENDING), ("name", ASCENDING)], name="by_name", unique=True),
        # create_pipeline, replace_pipeline: a webhook path is one pipeline's; pipeline_by_path
        IndexModel(
            [("namespace", ASCENDING), ("webhookPaths", ASCENDING)],
            name="by_path",
            unique=True,
            partialFilterExpression={"webhookPaths": {"$exists": True}},
        ),
    ),
    "pipeline_versions": (
        # read_version, list_versions
        IndexModel([("pipelineId", ASCENDING), ("version", DESCENDING)], name="by_pipeline", unique=True),
    ),
    "schedules": (
        # due_schedules, next_due
        IndexModel([("nextDue", ASCENDING), ("_id", ASCENDING)], name="by_due"),
        # delete_pipeline
        IndexModel([("pipelineId", ASCENDING)], name="by_pipeline"),
    ),
    "audit": (
        # list_audit
        IndexModel([("namespace", ASCENDING), ("at", DESCENDING), ("_id", DESCENDING)], name="by_time"),
        # list_audit of one target
        IndexModel(
            [("namespace", ASCENDING), ("target", ASCENDING), ("at", DESCENDING), ("_id", DESCENDING)],
            name="by_target",
        ),
        # delete_audit
        IndexModel([("at", ASCENDING)], name="by_age"),
    ),
    "awaited_runs": (),
    "deleted_pipelines": (),
    "keys": (),
    "node_types": (),
    "orchestrators": (),
    "schema": (),
}
