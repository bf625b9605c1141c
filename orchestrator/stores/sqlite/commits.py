"""Commits: one step of a run, as a compare-and-swap on its revision with all that belongs to it.

The statements of a commit are prepared by whoever asks for it; the writer's thread only carries them out.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

from flume.errors import StoreError
from flume.ids import ROOT, RunId, split_scope
from orchestrator.records import from_failure, from_node, from_origin, from_output, from_scope
from orchestrator.state import Run
from orchestrator.store import Commit, CommitResult, Verdict
from orchestrator.stores.sqlite.encoding import encode
from orchestrator.stores.sqlite.failures import is_about_content, raise_translated
from orchestrator.stores.sqlite.logs import REPLACE_LINE, line_row
from orchestrator.stores.sqlite.outbox import KEEP_ENTRY, entry_row
from orchestrator.stores.sqlite.part import Part
from orchestrator.stores.sqlite.payloads import write_payload
from orchestrator.stores.sqlite.writer import Failed, Unit
from orchestrator.stores.succession import LOST, WON, predecessors, with_winners

_INSERT_RUN = """
INSERT INTO runs (
  rev, commit_id, status, ended, owner, wake_at, state_version, deadline_at, response, inline_bytes,
  started_at, completed_at, expires_at, error, output,
  id, namespace, pipeline_id, pipeline, version, trigger_type, trigger_id, created_at, start_key, body_hash,
  attempt, retry_of, test
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING
"""

_INSERT_ORIGIN = "INSERT INTO run_origins (run_id, origin) VALUES (?, ?)"

_UPDATE_RUN = """
UPDATE runs SET
  rev = ?, commit_id = ?, status = ?, ended = ?, owner = ?, wake_at = ?, state_version = ?, deadline_at = ?,
  response = ?, inline_bytes = ?, started_at = ?, completed_at = ?, expires_at = ?, error = ?, output = ?
WHERE id = ? AND rev = ? AND commit_id = coalesce(?, commit_id)
"""

# Most steps change neither the status nor who waits for what when. They leave the indexes alone, which is more than half
# of what a step costs: SQLite writes an index entry anew if its column is named here, whether or not the value differs.
_UPDATE_QUIETLY = """
UPDATE runs SET rev = ?, commit_id = ?, state_version = ?, deadline_at = ?, response = ?, inline_bytes = ?, started_at = ?
WHERE id = ? AND rev = ? AND commit_id = coalesce(?, commit_id) AND status = ? AND owner IS ? AND wake_at IS ?
"""

WRITE_NODE = """
INSERT INTO run_nodes (run_id, node, rev, state) VALUES (?, ?, ?, ?)
ON CONFLICT (run_id, node) DO UPDATE SET rev = excluded.rev, state = excluded.state
"""

WRITE_ITEM = """
INSERT INTO loop_items (run_id, loop, position, rev, status, state) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (run_id, loop, position) DO UPDATE SET rev = excluded.rev, status = excluded.status, state = excluded.state
"""


class Commits(Part):
    """The part of the store that moves runs forward."""

    async def commit(self, commits: Sequence[Commit]) -> list[CommitResult]:
        """Carry out each commit whole or not at all, and say for each what became of it, in the same order."""
        before = predecessors(commits)
        results: list[CommitResult | None] = []
        units: list[Unit[CommitResult]] = []
        for commit, predecessor in zip(commits, before, strict=True):
            try:
                units.append(_unit(commit, None if predecessor is None else commits[predecessor].id))
                results.append(None)
            except (TypeError, ValueError) as error:
                results.append(CommitResult(Verdict.LOST, error=str(error)))
        outcomes = iter([self._verdict(outcome) for outcome in await self._database.write_each(units)])
        return with_winners([next(outcomes) if result is None else result for result in results], before)

    def _verdict(self, outcome: CommitResult | Failed) -> CommitResult:
        if not isinstance(outcome, Failed):
            return outcome
        if is_about_content(outcome.error):
            return CommitResult(Verdict.LOST, error=str(outcome.error))
        raise_translated(outcome.error, self._database.path)


def _unit(commit: Commit, after: str | None) -> Unit[CommitResult]:
    """A commit that loses unless its run's latest commit is ``after``, or whichever if that is None."""
    run, rev = commit.run, commit.rev
    run_id = run.id
    write_head = insertion(commit) if commit.expected_rev == 0 else _update(commit, after)
    nodes = [(run_id, node, rev, encode(from_node(state, raw=True))) for node, state in commit.nodes.items()]
    items = [
        (run_id, *split_scope(path), rev, scope.status.value, encode(from_scope(scope, raw=True)))
        for path, scope in commit.items.items()
    ]
    lines = [line_row(run_id, run.origin.namespace, run.origin.pipeline, line) for line in commit.logs]
    outbox = [entry_row(entry) for entry in commit.outbox]

    def carry_out(connection: sqlite3.Connection) -> CommitResult:
        if not write_head(connection):
            return _explain(connection, commit)
        for node in nodes:
            connection.execute(WRITE_NODE, node)
        for item in items:
            connection.execute(WRITE_ITEM, item)
        for payload in commit.payloads:
            write_payload(connection, run_id, payload)
        for line in lines:
            connection.execute(REPLACE_LINE, line)
        for entry in outbox:
            connection.execute(KEEP_ENTRY, entry)
        _clear_inbox(connection, commit)
        return WON

    return carry_out


def insertion(commit: Commit) -> Unit[bool]:
    """What writes a new run without its nodes; False if it exists or its start key is taken."""
    row = (*_head(commit), *_origin_columns(commit.run))
    origin = (commit.run.id, encode(from_origin(commit.run.origin, raw=True)))

    def carry_out(connection: sqlite3.Connection) -> bool:
        is_new = connection.execute(_INSERT_RUN, row).rowcount > 0
        if is_new:
            connection.execute(_INSERT_ORIGIN, origin)
        return is_new

    return carry_out


def _update(commit: Commit, after: str | None) -> Unit[bool]:
    key = (commit.run.id, commit.expected_rev, after)
    row = (*_head(commit), *key)
    if commit.run.status.is_ended or commit.expires_at is not None:
        return lambda connection: connection.execute(_UPDATE_RUN, row).rowcount > 0
    run = commit.run
    quiet_row = (
        commit.rev,
        commit.id,
        run.state_version,
        run.deadline_at,
        run.response,
        run.inline_bytes,
        run.root.started_at,
        *key,
        run.status.value,
        commit.owner,
        commit.wake_at,
    )

    def carry_out(connection: sqlite3.Connection) -> bool:
        if connection.execute(_UPDATE_QUIETLY, quiet_row).rowcount > 0:
            return True
        return connection.execute(_UPDATE_RUN, row).rowcount > 0

    return carry_out


def _head(commit: Commit) -> tuple[Any, ...]:
    run, root = commit.run, commit.run.scopes[ROOT]
    return (
        commit.rev,
        commit.id,
        root.status.value,
        int(root.status.is_ended),
        commit.owner,
        commit.wake_at,
        run.state_version,
        run.deadline_at,
        run.response,
        run.inline_bytes,
        root.started_at,
        root.completed_at,
        commit.expires_at,
        None if root.error is None else encode(from_failure(root.error)),
        None if root.output is None else encode(from_output(root.output, raw=True)),
    )


def _origin_columns(run: Run) -> tuple[Any, ...]:
    origin = run.origin
    return (
        origin.id,
        origin.namespace,
        origin.pipeline_id,
        origin.pipeline,
        origin.version,
        origin.trigger.type,
        origin.trigger.id,
        origin.created_at,
        origin.start_key,
        origin.body_hash,
        origin.attempt,
        origin.retry_of,
        int(origin.test),
    )


def _explain(connection: sqlite3.Connection, commit: Commit) -> CommitResult:
    """Why nothing was written: the same commit came before, another did, or the start key is taken."""
    origin = commit.run.origin
    found = connection.execute("SELECT rev, commit_id FROM runs WHERE id = ?", (origin.id,)).fetchone()
    if found is not None:
        return WON if found == (commit.rev, commit.id) else LOST
    if commit.expected_rev == 0:
        first = connection.execute(
            "SELECT id, body_hash FROM runs WHERE pipeline_id = ? AND start_key = ?",
            (origin.pipeline_id, origin.start_key),
        ).fetchone()
        if first is None:
            raise StoreError(f"run {origin.id} was refused by the database without a conflict")
        return CommitResult(Verdict.REPEATED, RunId(first[0]), first[1])
    return LOST


def _clear_inbox(connection: sqlite3.Connection, commit: Commit) -> None:
    if commit.run.status.is_ended:
        connection.execute("DELETE FROM inbox WHERE run_id = ?", (commit.run.id,))
        return
    for entry in commit.inbox:
        connection.execute("DELETE FROM inbox WHERE id = ? AND run_id = ?", (entry, commit.run.id))
