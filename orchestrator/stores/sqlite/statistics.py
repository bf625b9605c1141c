"""Counts of ended runs by interval, pipeline and outcome, from an index that holds all they need."""

import sqlite3
from collections.abc import Mapping
from typing import Any

from flume.ids import Millis
from orchestrator.state import RunStatus
from orchestrator.store import RunCount
from orchestrator.stores.sqlite.database import snapshot
from orchestrator.stores.sqlite.part import Part

TIMED_RUNS = 100_000
"""Percentiles are those of the latest so many runs of the time asked for; counts are always exact."""

_IN_TIME = """
FROM runs INDEXED BY runs_by_end
WHERE ended = 1 AND namespace = :namespace AND completed_at >= :since AND completed_at < :until
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


class Statistics(Part):
    """The part of the store that counts ended runs."""

    async def count_runs(self, namespace: str, *, since: Millis, until: Millis, interval_ms: int) -> list[RunCount]:
        """Ended runs by interval, pipeline and outcome, in this order."""
        values = {"namespace": namespace, "since": since, "until": until, "interval": interval_ms}
        return await self._database.read(lambda connection: _count(connection, values))


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
