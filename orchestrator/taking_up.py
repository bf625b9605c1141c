"""What it takes to go on with a run that is stored and not in memory: a plan, and knowing that the run is there."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from flume.errors import FlumeError, StoreError, UnavailableError
from flume.ids import RunId
from flume.plan import Plan
from orchestrator.outage import StoreOutage
from orchestrator.patience import delay_s
from orchestrator.plans import Plans
from orchestrator.recovery import unknown_nodes
from orchestrator.state import Failure
from orchestrator.store import StoredRun

MOST_AWAY = 3
"""Runs in a row for which the store is out of reach before the others are left for later. One alone may be what is too much."""


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


async def for_each(
    run_ids: Iterable[RunId], step: Callable[[RunId], Awaitable[object]]
) -> StoreError | UnavailableError | None:
    """Do something for each run, and go on where the store fails for one of them: that may be the fault of this run alone.

    What to raise in the end for those that failed, None if none did. It ends early when the store is out of reach for `MOST_AWAY`
    in a row: it has nothing for the others either, and each may take long to find out.
    """
    failed: list[tuple[RunId, StoreError | UnavailableError]] = []
    away = 0
    for run_id in run_ids:
        try:
            await step(run_id)
            away = 0
        except (StoreError, UnavailableError) as error:
            failed.append((run_id, error))
            away = away + 1 if isinstance(error, UnavailableError) else 0
        if away == MOST_AWAY:
            break
    if not failed:
        return None
    first, why = failed[0]
    kind = UnavailableError if isinstance(why, UnavailableError) else StoreError
    return kind(f"the store fails for {len(failed)} of the runs to go on with, such as {first}: {why}")


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
        """Work until cancelled; while the store fails for some runs, try these again."""
        tries = 0
        while True:
            if not self._waiting:
                self._grew.clear()
                await self._grew.wait()
            with self._outage.tolerated(self):
                tries += 1
                failure = await for_each(tuple(self._waiting), self._look_at)
                if failure is not None:
                    raise failure
                tries = 0
            if tries:
                await asyncio.sleep(delay_s(tries - 1))

    async def _look_at(self, run_id: RunId) -> None:
        # Before, not after: a run that is doubted once more meanwhile is looked at once more.
        del self._waiting[run_id]
        try:
            await self._take_up(run_id)
        except (StoreError, UnavailableError):
            self.add(run_id)
            raise
