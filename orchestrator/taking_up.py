"""What it takes to go on with a run that is stored and not in memory: a plan, and knowing that the run is there."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from flume.errors import FlumeError, StoreError, UnavailableError
from flume.ids import RunId
from flume.plan import Plan
from orchestrator.outage import StoreOutage
from orchestrator.plans import Plans
from orchestrator.recovery import unknown_nodes
from orchestrator.state import Failure
from orchestrator.store import StoredRun


async def plan_to_go_on(stored: StoredRun, plans: Plans) -> Plan | Failure:
    """The plan by which a stored run goes on, or why it can't. Raises `StoreError` and `UnavailableError` alone."""
    if stored.damage:
        return Failure("damaged-run", f"what is stored of the run can't be read ({stored.damage}); start it anew")
    try:
        plan = await plans.of_run(stored.run.origin)
    except (StoreError, UnavailableError):
        raise
    except FlumeError as error:
        return Failure("no-plan", f"the run can't go on, since its definition can't be planned any more: {error}")
    unknown = unknown_nodes(plan, stored.run)
    if unknown:
        names = ", ".join(f"'{instance}'" for instance in unknown[:3])
        return Failure("no-plan", f"the run can't go on, since its definition knows nothing of its nodes: {names}")
    return plan


class Doubts:
    """Runs that left memory without our knowing what the store has of them, such as when a commit ended with an error.

    ``take_up`` goes on with a run if the store says that it is ours: nobody else would.
    """

    def __init__(self, take_up: Callable[[RunId], Awaitable[object]], *, outage: StoreOutage) -> None:
        self._take_up = take_up
        self._outage = outage
        self._waiting: dict[RunId, None] = {}
        self._grew = asyncio.Event()

    def add(self, run_id: RunId) -> None:
        """Have a look at what the store knows of a run, before long."""
        self._waiting[run_id] = None
        self._grew.set()

    async def run(self) -> None:
        """Work until cancelled; while the store is away, wait for it."""
        while True:
            await self._grew.wait()
            self._grew.clear()
            while self._waiting:
                run_id = next(iter(self._waiting))
                del self._waiting[run_id]
                await self._outage.wait_out(partial(self._take_up, run_id))
