"""What people do with a run that exists, each written into the audit log."""

import asyncio

from flume.errors import ConflictError
from orchestrator.api.context import Caller
from orchestrator.auditing import Change
from orchestrator.engine import Started
from orchestrator.service import Orchestrator
from orchestrator.state import RunStatus
from orchestrator.store import StoredRun

CANCEL_WAIT_S = 5.0
"""How long a cancel waits for the run to end here. A run that another replica owns ends soon afterwards."""


async def cancel(orchestrator: Orchestrator, caller: Caller, stored: StoredRun, *, reason: str) -> RunStatus:
    """Cancel a run and write it into the audit log; the status afterwards. Raises `ConflictError` if it ended otherwise."""
    run = stored.run
    with orchestrator.engine.watch(run.id) as watch:
        is_asked = not run.status.is_ended and await orchestrator.runs.cancel(
            stored,
            reason=reason or f"cancelled by {caller.name or 'request'}",
            live_owners=await orchestrator.leases.live_owners(),
        )
        if is_asked and orchestrator.engine.is_active(run.id):
            try:
                async with asyncio.timeout(CANCEL_WAIT_S):
                    await watch.until(lambda seen: seen.status.is_ended)
            except TimeoutError:
                pass
    after = await orchestrator.store.load_run(run.id)
    status = run.status if after is None else after.run.status
    if status.is_ended and status is not RunStatus.CANCELLED:
        raise ConflictError(f"run {run.id} has {status} already", code="run-ended", hint="an ended run never changes")
    if is_asked:
        before, now = {"status": run.status.value}, {"status": status.value}
        change = Change("run.cancel", f"runs/{run.id}", run.origin.namespace, before, now)
        await orchestrator.audit.record(caller.actor, change)
    return status


async def retry(orchestrator: Orchestrator, caller: Caller, stored: StoredRun, *, key: str | None = None) -> Started:
    """Retry a run and write it into the audit log. Raises `ConflictError` while it is under way."""
    started = await orchestrator.runs.retry(stored, key=key)
    change = Change("run.retry", f"runs/{stored.run.id}", stored.run.origin.namespace, after={"run": started.run_id})
    await orchestrator.audit.record(caller.actor, change)
    return started
