"""Reading what a route shows of runs: the run itself, its plan, and the values that are stored apart, within bounds."""

import re
from collections.abc import Iterable

from flume.errors import DefinitionError, NotFoundError
from flume.ids import RunId
from flume.plan import Plan
from orchestrator.api.presentation import Loaded, Record, run_record
from orchestrator.service import Orchestrator
from orchestrator.state import PayloadRef, Run
from orchestrator.store import RunStore, StoredRun
from orchestrator.stored_apart import payloads_of_run

MAX_LOADED_BYTES = 1024 * 1024
"""Values stored apart are put into an answer up to this; the rest are shown as ``{"$payload": {id, size, url}}``."""

_ID = re.compile(r"[0-9a-f]{24}", re.ASCII)


async def read_run(orchestrator: Orchestrator, namespace: str, run_id: str) -> StoredRun:
    """A run of a namespace. Raises `NotFoundError`."""
    stored = await orchestrator.store.read_run(namespace, RunId(run_id)) if _ID.fullmatch(run_id) else None
    if stored is None:
        raise NotFoundError("run", run_id[:60], f"in namespace '{namespace}'")
    return stored


async def plan_of(orchestrator: Orchestrator, run: Run) -> Plan | None:
    """The plan that a run follows, or None if it can't be made any more."""
    try:
        return await orchestrator.plans.of_run(run.origin)
    except (NotFoundError, DefinitionError):
        return None


async def load_values(store: RunStore, refs: Iterable[PayloadRef], limit: int = MAX_LOADED_BYTES) -> Loaded:
    """The JSON of the values that fit into ``limit`` bytes together, the first ones first."""
    loaded: dict[str, bytes] = {}
    left = limit
    for ref in refs:
        if ref.size > left:
            continue
        payload = await store.read_payload(ref.id)
        if payload is not None and payload.content_type == "application/json":
            loaded[ref.id] = payload.content
            left -= ref.size
    return loaded


async def load_run(orchestrator: Orchestrator, run: Run, rev: int) -> Record:
    """A run as the API shows it."""
    plan = await plan_of(orchestrator, run)
    return run_record(run, rev, plan, await load_values(orchestrator.store, payloads_of_run(run)))
