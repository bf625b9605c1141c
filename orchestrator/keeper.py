"""Keeps this replica's lease, and takes up runs that need an owner: those that are due, and those whose owner is gone.

Once a second it asks the store, by index, for a bounded number of runs; while there are more, and room for them, it asks again at
once. A new run belongs to the replica that was asked to start it; nothing else is done to spread them.

And it looks for strays: runs that are this replica's in the store and not in its memory. A write may be carried out long after
it ended with an error and the store, asked, knew nothing of it: whatever held it up lets it go at last. A run that was claimed or
started by such a write has an owner that lives, so that nobody else would ever take it up.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial

from flume.errors import StoreError, UnavailableError
from flume.ids import RunId
from orchestrator.active import ActiveRun
from orchestrator.engine import Engine
from orchestrator.identifiers import Clock, IdSource
from orchestrator.leases import Leases
from orchestrator.outage import StoreOutage
from orchestrator.store import Store
from orchestrator.taking_up import for_each
from orchestrator.tasks import task_group

logger = logging.getLogger(__name__)

POLL_S = 1.0
LOOK_PAUSE_S = 0.02
CLAIM_LIMIT = 200
"""Runs taken up in one go: enough to be quick after a crash, few enough to leave some for other replicas."""

STRAYS_S = 10.0
"""How often strays are looked for."""


class Keeper:
    """Runs beside an engine for as long as it lives."""

    def __init__(
        self,
        engine: Engine,
        store: Store,
        leases: Leases,
        *,
        outage: StoreOutage,
        clock: Clock,
        ids: IdSource,
    ) -> None:
        self._engine = engine
        self._store = store
        self._leases = leases
        self._outage = outage
        self._clock = clock
        self._ids = ids
        # What is ours by now and not in memory yet: were it forgotten when the store fails in between, nobody would go on.
        self._claimed: dict[RunId, None] = {}
        self._unknown: frozenset[RunId] = frozenset()
        self._has_lapsed = False
        self._woken = asyncio.Event()
        self._taking_up = asyncio.Lock()

    async def run(self) -> None:
        """Work until cancelled. The lease is kept apart: however much there is to take up, it must not end meanwhile."""
        async with task_group() as tasks:
            tasks.create_task(self._repeat("lease", self.renew, partial(asyncio.sleep, POLL_S)), name="lease")
            tasks.create_task(self._repeat("claims", self.round, self._until_look), name="claims")
            tasks.create_task(self._repeat("strays", self.find_strays, partial(asyncio.sleep, STRAYS_S)), name="strays")

    async def _repeat(
        self, part: str, step: Callable[[], Awaitable[bool]], pause: Callable[[], Awaitable[None]]
    ) -> None:
        while True:
            has_more = False
            with self._outage.tolerated(part):
                has_more = await step()
            await (asyncio.sleep(0) if has_more else pause())

    async def _until_look(self) -> None:
        """Wait for the next round, or until `look` is called; calls within a moment make one round."""
        with suppress(TimeoutError):
            async with asyncio.timeout(POLL_S):
                await self._woken.wait()
                await asyncio.sleep(LOOK_PAUSE_S)
        self._woken.clear()

    def look(self) -> None:
        """Ask the store at once for what needs an owner, and for what arrived: another replica says that there is something."""
        self._woken.set()

    async def renew(self) -> bool:
        """Write the lease if it is time. Had it ended, let go of what others have taken since; False: that is all for now."""
        self._has_lapsed = await self._leases.renew() or self._has_lapsed
        if self._has_lapsed:
            count = await self._engine.let_go_of_lost()
            self._has_lapsed = False
            # Those that found out by a commit have let go of themselves, and are not counted.
            logger.warning(
                "the lease had ended before it was renewed; runs that others took over are let go of",
                extra={"runs": count},
            )
        return False

    async def round(self) -> bool:
        """Take up what needs an owner, as far as there is room, and read the inbox; True if there may be more.

        Raises `StoreError` and `UnavailableError`, in the end: a run that can't be read holds up no other.
        """
        async with self._taking_up:
            limit = min(CLAIM_LIMIT, self._engine.room)
            claimed = await self._claim(limit) if limit else ()
            self._claimed.update(dict.fromkeys(claimed))
            failures = [await for_each(tuple(self._claimed), self._take_up), await self._read_inbox()]
        for failure in filter(None, failures):
            raise failure
        return 0 < limit == len(claimed)

    async def find_strays(self) -> bool:
        """Let the next round take up what is ours in the store and was not in memory twice; False: that is all for now.

        Once says nothing: a run may be on its way into memory, or out of it.
        """
        if self._engine.is_stopping:
            return False
        # However they are chosen, so many runs hold as many strays as are taken up in one go, if there are.
        limit = len(self._engine.known_runs()) + len(self._claimed) + CLAIM_LIMIT
        owned = await self._store.unfinished_runs(self._engine.id, limit=limit)
        unknown = frozenset(owned) - self._engine.known_runs() - frozenset(self._claimed)
        strays = unknown & self._unknown
        self._unknown = unknown - strays
        if strays:
            logger.warning("runs were ours without our knowing; going on with them", extra={"runs": len(strays)})
            self._claimed.update(dict.fromkeys(sorted(strays)))
            self.look()
        return False

    async def leave(self) -> None:
        """Tell the others that this replica's runs are free to be taken; should the store fail, its lease will run out."""
        try:
            await self._leases.give_back()
        except (StoreError, UnavailableError) as error:
            logger.warning("the lease could not be given back", extra={"reason": str(error)})

    async def arrived(self, run_id: RunId) -> None:
        """Something was put into the inbox of a run: take it now if the run is in memory here, else its turn will come."""
        active = self._engine.find(run_id)
        if active is not None:
            await self._empty_inbox(active)

    async def _claim(self, limit: int) -> tuple[RunId, ...]:
        return await self._store.claim_runs(
            self._engine.id,
            now=self._clock(),
            live_owners=await self._leases.live_owners(),
            commit_id=self._ids(),
            limit=limit,
        )

    async def _take_up(self, run_id: RunId) -> None:
        try:
            await self._engine.take_up(run_id)
        except (StoreError, UnavailableError):
            # Next time the others come first.
            self._claimed[run_id] = self._claimed.pop(run_id)
            raise
        del self._claimed[run_id]

    async def _read_inbox(self) -> StoreError | UnavailableError | None:
        return await for_each(await self._store.inbox_runs(self._engine.id, limit=CLAIM_LIMIT), self._take_in)

    async def _take_in(self, run_id: RunId) -> None:
        active = await self._engine.take_up(run_id)
        if active is not None:
            await self._empty_inbox(active)

    async def _empty_inbox(self, active: ActiveRun) -> None:
        self._engine.take_in(active, await self._engine.inbox.arrivals(active.id))
