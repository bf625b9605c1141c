"""Reading runs: whole for their owner and the API, and the few facts that others ask for."""

import sqlite3
from collections.abc import AsyncIterator, Mapping
from typing import Any

from flume.ids import ROOT, NodeId, PipelineId, RunId, ScopePath, instance_in, item_scope
from orchestrator.records import to_failure, to_node, to_origin, to_output, to_scope
from orchestrator.state import NodeState, Run, RunOrigin, RunStatus, Scope
from orchestrator.store import StoredRun
from orchestrator.stores.sqlite.database import snapshot
from orchestrator.stores.sqlite.encoding import decode
from orchestrator.stores.sqlite.part import Part

_NAMES = (
    "id",
    "namespace",
    "pipeline_id",
    "pipeline",
    "version",
    "trigger_type",
    "trigger_id",
    "created_at",
    "start_key",
    "attempt",
    "retry_of",
    "test",
    "rev",
    "status",
    "owner",
    "wake_at",
    "state_version",
    "deadline_at",
    "response",
    "inline_bytes",
    "started_at",
    "completed_at",
    "expires_at",
    "error",
    "output",
    "origin",
)

_READ_RUN = f"SELECT {', '.join(_NAMES)} FROM runs JOIN run_origins ON run_origins.run_id = runs.id WHERE runs.id = ?"
_READ_NODES = "SELECT node, rev, state FROM run_nodes WHERE run_id = ?"
_READ_ITEM = "SELECT state FROM loop_items WHERE run_id = ? AND loop = ? AND position = ?"

_EXPORTED_AT_ONCE = 100

_UNREADABLE = (ValueError, LookupError, TypeError, AttributeError)
"""What comes of JSON that is none, or that says something else than `orchestrator.records` writes."""

_NO_ORIGIN = b'{"data": {"value": null}, "inputs": {"value": null}}'


class Runs(Part):
    """The part of the store that reads runs."""

    async def load_run(self, run_id: RunId) -> StoredRun | None:
        """A run with what its owner needs to go on: root nodes and the items that its loops name as active."""
        return await self._database.read(lambda connection: _read(connection, run_id))

    async def read_run(self, namespace: str, run_id: RunId) -> StoredRun | None:
        """A run for the API; None also if it belongs to another namespace."""
        stored = await self.load_run(run_id)
        return stored if stored is not None and stored.run.origin.namespace == namespace else None

    async def find_start(self, pipeline_id: PipelineId, start_key: str) -> tuple[RunId, str | None] | None:
        """The run that was started with this key, and the body hash it was started with."""
        statement = "SELECT id, body_hash FROM runs WHERE pipeline_id = ? AND start_key = ?"
        row = await self._database.read(
            lambda connection: connection.execute(statement, (pipeline_id, start_key)).fetchone()
        )
        return None if row is None else (RunId(row[0]), row[1])

    async def children_of(self, run_id: RunId) -> tuple[RunId, ...]:
        """The runs that retry or rerun this one, the oldest first."""
        statement = "SELECT id FROM runs WHERE retry_of = ? ORDER BY created_at, id"
        rows = await self._database.read(lambda connection: connection.execute(statement, (run_id,)).fetchall())
        return tuple(RunId(row[0]) for row in rows)

    async def count_unfinished(self) -> int:
        """How many runs have not ended, over all namespaces."""
        # The index holds nothing else, so its entries are counted and no run is looked at.
        statement = "SELECT count(*) FROM runs INDEXED BY runs_unfinished WHERE ended = 0"
        row = await self._database.read(lambda connection: connection.execute(statement).fetchone())
        return int(row[0])

    async def stored_runs(self) -> AsyncIterator[StoredRun]:
        """Every run, the oldest first: for export."""
        after = RunId("")
        while ids := await self._ids_after(after):
            for run_id in ids:
                stored = await self.load_run(run_id)
                if stored is not None:
                    yield stored
            after = ids[-1]

    async def _ids_after(self, after: RunId) -> list[RunId]:
        statement = "SELECT id FROM runs WHERE id > ? ORDER BY id LIMIT ?"
        rows = await self._database.read(
            lambda connection: connection.execute(statement, (after, _EXPORTED_AT_ONCE)).fetchall()
        )
        return [RunId(row[0]) for row in rows]


def _read(connection: sqlite3.Connection, run_id: RunId) -> StoredRun | None:
    with snapshot(connection):
        row = connection.execute(_READ_RUN, (run_id,)).fetchone()
        if row is None:
            return None
        nodes = connection.execute(_READ_NODES, (run_id,)).fetchall()
        head = dict(zip(_NAMES, row, strict=True))
        damage = ""
        try:
            states = {NodeId(node): to_node(decode(state)) for node, _, state in nodes}
            run = _run(head, _origin(head), {ROOT: _root(head, states), **_active_items(connection, run_id, states)})
        except _UNREADABLE as error:
            damage = f"{type(error).__name__}: {error}"
            run = _remains(head)
    revs = {NodeId(node): rev for node, rev, _ in nodes}
    return StoredRun(run, head["rev"], head["owner"], head["wake_at"], revs, head["expires_at"], damage)


def _run(head: Mapping[str, Any], origin: RunOrigin, scopes: Mapping[ScopePath, Scope]) -> Run:
    return Run(
        origin=origin,
        scopes=scopes,
        deadline_at=head["deadline_at"],
        response=head["response"],
        inline_bytes=head["inline_bytes"],
        state_version=head["state_version"],
    )


def _remains(head: Mapping[str, Any]) -> Run:
    """What columns alone say of a run."""
    try:
        origin = _origin(head)
    except _UNREADABLE:
        origin = _origin({**head, "origin": _NO_ORIGIN})
    return _run(head, origin, {ROOT: _root({**head, "output": None, "error": None}, {})})


def _active_items(
    connection: sqlite3.Connection, run_id: RunId, states: Mapping[NodeId, NodeState]
) -> dict[ScopePath, Scope]:
    """The items that loops name as active, those of loops within items included, outer ones first."""
    found: dict[ScopePath, Scope] = {}
    open_scopes: list[tuple[ScopePath, Mapping[NodeId, NodeState]]] = [(ROOT, states)]
    for path, nodes in open_scopes:
        for node, state in nodes.items():
            loop = instance_in(path, node)
            for position in state.loop.active if state.loop is not None else ():
                row = connection.execute(_READ_ITEM, (run_id, loop, position)).fetchone()
                if row is not None:
                    item = to_scope(decode(row[0]))
                    found[item_scope(loop, position)] = item
                    open_scopes.append((item_scope(loop, position), item.nodes))
    return found


def _origin(head: Mapping[str, Any]) -> RunOrigin:
    return to_origin(
        decode(head["origin"]),
        id=head["id"],
        namespace=head["namespace"],
        pipeline_id=head["pipeline_id"],
        pipeline=head["pipeline"],
        version=head["version"],
        trigger_type=head["trigger_type"],
        trigger_id=head["trigger_id"],
        created_at=head["created_at"],
        start_key=head["start_key"],
        attempt=head["attempt"],
        retry_of=head["retry_of"],
        test=bool(head["test"]),
    )


def _root(head: Mapping[str, Any], nodes: Mapping[NodeId, NodeState]) -> Scope:
    return Scope(
        status=RunStatus(head["status"]),
        nodes=nodes,
        arrivals={},
        unsettled=0,
        started_at=head["started_at"],
        completed_at=head["completed_at"],
        output=None if head["output"] is None else to_output(decode(head["output"])),
        error=None if head["error"] is None else to_failure(decode(head["error"])),
    )
