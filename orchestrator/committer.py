"""Group commit: what is ready together goes to the store together.

The store is given a batch as soon as it is free, and everything that was submitted meanwhile is the next batch; there
is no timer. So a lone commit waits for nobody, and under load the cost of a durable write is shared by all runs.
"""

import asyncio
import logging
from collections.abc import Callable

from flume.errors import StoreError, UnavailableError
from orchestrator.patience import delay_s
from orchestrator.store import Commit, CommitResult, RunStore

logger = logging.getLogger(__name__)

MAX_BATCH = 512
"""Commits in one transaction: enough to make its cost vanish, few enough to keep the others' wait short."""

Done = Callable[[CommitResult | StoreError | UnavailableError], None]
"""Told what became of a commit. An error is passed on only for new runs, which nobody was promised yet."""


class Committer:
    """Sends commits to the store in batches, one batch at a time, and tries again while the store is out of order.

    A commit of a run that exists is never given up: what it records has happened. A commit that makes a run fails with
    the store's error at the first try, so that the caller hears of it instead of waiting.
    """

    def __init__(self, store: RunStore, *, observe: Callable[[int, float], None] = lambda size, seconds: None) -> None:
        self._store = store
        self._observe = observe
        self._waiting: list[tuple[Commit, Done]] = []
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.failure: StoreError | UnavailableError | None = None
        """Why the store refuses work just now; None while all is well."""

    def submit(self, commit: Commit, done: Done) -> None:
        """Queue a commit; ``done`` is called once, from the event loop, when it is durable or lost."""
        self._waiting.append((commit, done))
        self._idle.clear()
        self._arrived.set()

    async def drain(self) -> None:
        """Return when nothing is queued or under way."""
        await self._idle.wait()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self._arrived.wait()
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            if not self._waiting:
                self._arrived.clear()
            await self._commit(batch)
            if not self._waiting:
                self._idle.set()

    async def _commit(self, batch: list[tuple[Commit, Done]]) -> None:
        tries = 0
        clock = asyncio.get_running_loop().time
        while batch:
            began = clock()
            try:
                results = await self._store.commit([commit for commit, _ in batch])
            except (StoreError, UnavailableError) as error:
                self._report(error)
                batch = self._refuse_new(batch, error)
                await asyncio.sleep(delay_s(tries))
                tries += 1
                continue
            self._recover()
            self._observe(len(batch), clock() - began)
            for (_, done), result in zip(batch, results, strict=True):
                done(result)
            return

    def _refuse_new(
        self, batch: list[tuple[Commit, Done]], error: StoreError | UnavailableError
    ) -> list[tuple[Commit, Done]]:
        for commit, done in batch:
            if commit.expected_rev == 0:
                done(error)
        return [(commit, done) for commit, done in batch if commit.expected_rev != 0]

    def _report(self, error: StoreError | UnavailableError) -> None:
        if self.failure is None:
            logger.error("the store can't be written to; trying again until it can", extra={"reason": str(error)})
        self.failure = error

    def _recover(self) -> None:
        if self.failure is not None:
            logger.warning("the store can be written to again")
        self.failure = None
