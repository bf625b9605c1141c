"""Counts of ended runs by interval, pipeline and outcome, from an index that holds all they need; and of a pipeline's nodes."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from flume.ids import Millis, NodeId
from orchestrator.state import RunStatus
from orchestrator.store import NodeCount, RunCount
from orchestrator.stores.sqlite.database import snapshot
from orchestrator.stores.sqlite.part import Part

TIMED_RUNS = 100_000
"""Percentiles are those of the latest so many runs of the time asked for; counts are always exact."""

COUNTED_NODES = 20_000
"""Nodes that are looked at together, those of the latest runs first."""

_IN_TIME = """
FROM runs INDEXED BY runs_by_end
WHERE ended = 1 AND namespace = :namespace AND completed_at >= :since AND completed_at < :until
  AND (:pipeline IS NULL OR pipeline = :pipeline)
"""

_COUNTS = f"""
SELECT (completed_at - :since) / :interval AS bucket, pipeline, status, count(*) {_IN_TIME}
GROUP BY bucket, pipeline, status ORDER BY bucket, pipeline, status
"""

# The nearest-rank percentile: the smallest duration that is not below so many hundredths of them.
_DURATIONS = f"""
WITH latest AS (
  SELECT (completed_at - :since) / :interval AS bucket, pipeline, status,
    completed_at - coalesce(started_at, created_at) AS duration
  {_IN_TIME} ORDER BY completed_at DESC LIMIT {TIMED_RUNS}
), ranked AS (
  SELECT bucket, pipeline, status, duration,
    row_number() OVER (PARTITION BY bucket, pipeline, status ORDER BY duration) AS position,
    count(*) OVER (PARTITION BY bucket, pipeline, status) AS total
  FROM latest
)
SELECT bucket, pipeline, status,
  min(CASE WHEN position * 100 >= total * 50 THEN duration END),
  min(CASE WHEN position * 100 >= total * 90 THEN duration END),
  min(CASE WHEN position * 100 >= total * 99 THEN duration END)
FROM ranked GROUP BY bucket, pipeline, status
"""

# What a retry took over from the run before it has ended before that retry was made, and was counted there.
_NODES = f"""
WITH latest AS (
  SELECT id, created_at {_IN_TIME} ORDER BY completed_at DESC LIMIT {COUNTED_NODES}
), states AS (
  SELECT node, created_at, CAST(state AS TEXT) AS state
  FROM latest CROSS JOIN run_nodes ON run_nodes.run_id = latest.id LIMIT {COUNTED_NODES}
), timed AS (
  SELECT node, json_extract(state, '$.status') AS status,
    json_extract(state, '$.completed_at') - json_extract(state, '$.started_at') AS duration
  FROM states WHERE json_extract(state, '$.completed_at') >= created_at
), ranked AS (
  SELECT node, status, duration,
    row_number() OVER (PARTITION BY node ORDER BY duration NULLS LAST) AS position,
    count(duration) OVER (PARTITION BY node) AS total
  FROM timed WHERE status IN ('completed', 'failed')
)
SELECT node, count(*), sum(status = 'failed'),
  min(CASE WHEN position * 100 >= total * 50 THEN duration END),
  min(CASE WHEN position * 100 >= total * 90 THEN duration END),
  min(CASE WHEN position * 100 >= total * 99 THEN duration END)
FROM ranked GROUP BY node ORDER BY node
"""


class Statistics(Part):
    """The part of the store that counts ended runs and their nodes."""

    async def count_runs(
        self, namespace: str, *, since: Millis, until: Millis, interval_ms: int, pipeline: str | None = None
    ) -> list[RunCount]:
        """Ended runs by interval, pipeline and outcome, in this order; of all pipelines unless one is named."""
        values = _bounds(namespace, since, until, pipeline) | {"interval": interval_ms}
        return await self._database.read(lambda connection: _count(connection, values))

    async def count_nodes(self, namespace: str, pipeline: str, *, since: Millis, until: Millis) -> list[NodeCount]:
        """The nodes of a pipeline's ended runs, by name; where there are very many, of the latest of these runs."""
        values = _bounds(namespace, since, until, pipeline)
        rows = await self._database.read(lambda connection: connection.execute(_NODES, values).fetchall())
        return [
            NodeCount(NodeId(node), count, failures, tuple(each for each in durations if each is not None))
            for node, count, failures, *durations in rows
        ]


def _bounds(namespace: str, since: Millis, until: Millis, pipeline: str | None) -> dict[str, Any]:
    return {"namespace": namespace, "since": since, "until": until, "pipeline": pipeline}


def _count(connection: sqlite3.Connection, values: Mapping[str, Any]) -> list[RunCount]:
    with snapshot(connection):
        counts = connection.execute(_COUNTS, values).fetchall()
        durations = {row[:3]: row[3:] for row in connection.execute(_DURATIONS, values)}
    return [
        RunCount(
            since=Millis(values["since"] + bucket * values["interval"]),
            pipeline=pipeline,
            status=RunStatus(status),
            count=count,
            durations_ms=durations.get((bucket, pipeline, status), ()),
        )
        for bucket, pipeline, status, count in counts
    ]
