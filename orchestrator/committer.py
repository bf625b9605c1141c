"""Group commit: what is ready together goes to the store together.

The store is given a batch as soon as it is free, and everything that was submitted meanwhile is the next batch; there
is no timer. So a lone commit waits for nobody, and under load the cost of a durable write is shared by all runs.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol, TypeAlias

from flume.errors import StoreError, UnavailableError
from orchestrator.outage import StoreOutage
from orchestrator.patience import delay_s
from orchestrator.store import Commit, CommitResult, Verdict

logger = logging.getLogger(__name__)

MAX_BATCH = 512
"""Commits in one transaction: enough to make its cost vanish, few enough to keep the others' wait short."""

ALONE_AFTER = 3
"""Tries of a batch by a store that is well otherwise, after which it is looked which of its commits is to blame."""

Failure: TypeAlias = StoreError | UnavailableError

Done = Callable[[CommitResult | Failure], None]
"""Told what became of a commit. An error is passed on only for new runs, which nobody was promised yet."""

Batch: TypeAlias = list[tuple[Commit, Done]]


class CommitStore(Protocol):
    """What is needed of a store (`orchestrator.store.Store`)."""

    async def commit(self, commits: Sequence[Commit]) -> list[CommitResult]:
        """See `orchestrator.store.RunStore.commit`."""
        ...

    async def check(self) -> None:
        """See `orchestrator.store.Store.check`."""
        ...


class Committer:
    """Sends commits to the store in batches, one batch at a time, and tries again while the store is out of order.

    A commit of a run that exists is never given up while the store is: what it records has happened. A commit that makes a
    run fails with the store's error at the first try, so that the caller hears of it instead of waiting. One that a store
    refuses again and again although it is well is lost, with the reason, and holds up no others.

    What waits is bounded by the runs in memory: each has one commit on its way at most.
    """

    def __init__(
        self,
        store: CommitStore,
        *,
        outage: StoreOutage | None = None,
        observe: Callable[[int, float], None] = lambda size, seconds: None,
    ) -> None:
        self._store = store
        self._outage = outage or StoreOutage()
        self._observe = observe
        self._waiting: Batch = []
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.failure: Failure | None = None
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
            if self.failure is not None:
                await self._look_out()
            await self._arrived.wait()
            batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
            if not self._waiting:
                self._arrived.clear()
            await self._commit(batch)
            if not self._waiting:
                self._idle.set()

    async def _look_out(self) -> None:
        """Until there is something to commit, see whether the store is well again: others ask us whether it is."""
        tries = 0
        while self.failure is not None and not self._waiting:
            with suppress(TimeoutError):
                async with asyncio.timeout(delay_s(tries)):
                    await self._arrived.wait()
            if not self._waiting and await self._is_well():
                self._recover()
            tries += 1

    async def _commit(self, batch: Batch) -> None:
        tries = 0
        while batch:
            failure = await self._try(batch)
            if failure is None:
                return
            self._report(failure)
            # Those too that came meanwhile: they would wait for as long as this batch does, and their callers with them.
            batch, self._waiting = self._refuse_new(batch, failure), self._refuse_new(self._waiting, failure)
            tries += 1
            if tries >= ALONE_AFTER and isinstance(failure, StoreError) and await self._is_well():
                batch = [each for each in batch if not await self._settle_alone(each)]
            if batch:
                await asyncio.sleep(delay_s(tries - 1))

    async def _try(self, batch: Batch) -> Failure | None:
        """Commit a batch and tell what became of it; why it can't be done, if it can't."""
        clock = asyncio.get_running_loop().time
        began = clock()
        try:
            results = await self._store.commit([commit for commit, _ in batch])
        except (StoreError, UnavailableError) as error:
            return error
        # A defect of the store's must not end the process: the next one would take up the same run and end as well.
        except Exception as error:
            logger.exception("the store failed in an unforeseen way")
            return StoreError(f"the store failed in an unforeseen way ({type(error).__name__}); its log says how")
        self._recover()
        self._observe(len(batch), clock() - began)
        for (_, done), result in zip(batch, results, strict=True):
            done(result)
        return None

    async def _settle_alone(self, waiting: tuple[Commit, Done]) -> bool:
        """Commit one alone, or give it up if it alone is to blame; False if it has to wait for the store."""
        failure = await self._try([waiting])
        if failure is None:
            return True
        if isinstance(failure, UnavailableError) or not await self._is_well():
            return False
        waiting[1](CommitResult(Verdict.LOST, error=str(failure)))
        return True

    async def _is_well(self) -> bool:
        try:
            await self._store.check()
        except (StoreError, UnavailableError):
            return False
        return True

    def _refuse_new(self, batch: Batch, error: Failure) -> Batch:
        for commit, done in batch:
            if commit.expected_rev == 0:
                done(error)
        return [(commit, done) for commit, done in batch if commit.expected_rev != 0]

    def _report(self, error: Failure) -> None:
        self.failure = error
        self._outage.noticed("commits", error)

    def _recover(self) -> None:
        if self.failure is not None:
            self.failure = None
            self._outage.passed("commits")
