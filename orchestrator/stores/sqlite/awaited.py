"""Runs for which something was saved before they were made, so that it can be found if they never are."""

import sqlite3

from flume.ids import Millis, RunId

_NOTE = """
INSERT INTO awaited_runs (id) SELECT :run WHERE NOT EXISTS (SELECT 1 FROM runs WHERE id = :run) ON CONFLICT DO NOTHING
"""

_OLDEST = """
SELECT id, EXISTS (SELECT 1 FROM runs WHERE runs.id = awaited_runs.id) FROM awaited_runs
WHERE id < ? ORDER BY id LIMIT ?
"""


def note_awaited(connection: sqlite3.Connection, run_id: RunId) -> None:
    """Remember a run within the transaction that saves something for it; nothing happens if the run exists."""
    connection.execute(_NOTE, {"run": run_id})


def awaited_since(connection: sqlite3.Connection, moment: Millis, limit: int) -> list[tuple[str, bool]]:
    """The runs whose ids are older than ``moment``, the oldest first, and whether each was made after all."""
    # An id begins with its second; a shorter text comes before all that begin with it.
    oldest = f"{max(moment, 0) // 1000:08x}"
    return [(run_id, bool(is_made)) for run_id, is_made in connection.execute(_OLDEST, (oldest, limit))]


def forget_awaited(connection: sqlite3.Connection, run_id: str) -> None:
    """Stop waiting for a run."""
    connection.execute("DELETE FROM awaited_runs WHERE id = ?", (run_id,))
