"""A memo that all processes of a function share: what one has done, no other does again, be it on another machine.

Each process goes on remembering by itself, so that only orders it does not know cost a question. When whoever keeps the answers
can't be asked, what the process knows has to do: work that nobody else is known to do is done.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Protocol, TypeAlias, assert_never

from eventing.cloudevents import MalformedEventError
from functions.memo import SHORTEST_S, Done, LocalMemo, Names, read, written

logger = logging.getLogger(__name__)

MOST_BYTES = 4 * 1024 * 1024
"""An answer that takes more is remembered by the process that gave it alone."""

CLAIM_S = 15.0
"""So long after its last sign, work counts as being done; then its process is taken to be dead."""

CLAIM_AGAIN_S = 5.0

FIRST_LOOK_S = 0.05
LONGEST_LOOK_S = 1.0
"""Between two looks at whether work that another process does has ended."""

RETRY_S = 5.0
"""How long nobody is asked again after a failure: an order must not wait for a Redis that does not answer."""


class ShelfError(Exception):
    """Nobody can be asked."""


@dataclass(frozen=True, slots=True)
class Found:
    """The work was done before."""

    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Claimed:
    """The work is to be done by whoever asked."""


@dataclass(frozen=True, slots=True)
class Busy:
    """The work is being done by somebody else."""


Place: TypeAlias = Found | Claimed | Busy


class Shelf(Protocol):
    """Where processes leave answers for each other. All methods raise `ShelfError`, soon."""

    async def find(self, names: Names, *, claim_s: float) -> Place:
        """What is known of work by either name. Without anything, it is now claimed for ``claim_s``."""
        ...

    async def hold(self, names: Names, *, claim_s: float) -> None:
        """Claim work of one's own for longer."""
        ...

    async def keep(self, names: Names, kept: tuple[str, ...], content: bytes, *, keep_s: float) -> None:
        """Leave an answer under ``kept``, and let go of the claim."""
        ...

    async def give_up(self, names: Names) -> None:
        """Let go of a claim without an answer."""
        ...

    async def aclose(self) -> None:
        """Let go of connections."""
        ...


class SharedMemo:
    """A `functions.memo.Memo`. ``open_shelf`` is called with the first order: a process that gets none needs no shelf."""

    def __init__(
        self,
        local: LocalMemo,
        open_shelf: Callable[[], Awaitable[Shelf]],
        *,
        now: Callable[[], float] = monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._local = local
        self._open_shelf = open_shelf
        self._now = now
        self._jitter = jitter
        self._opening = asyncio.Lock()
        self._shelf: Shelf | None = None
        self._retry_at = 0.0
        self._is_lost = False

    async def once(self, event_id: str, key: str, keep_s: float, work: Callable[[], Awaitable[Done]]) -> Done:
        """See `functions.memo.Memo.once`."""
        names = Names.of(event_id, key)
        return await self._local.once(event_id, key, keep_s, partial(self._once_of_all, names, keep_s, work))

    async def aclose(self) -> None:
        """Let go of connections."""
        if self._shelf is not None:
            # Whatever state they are in, the process has no more use for them.
            with suppress(ShelfError):
                await self._shelf.aclose()

    async def _once_of_all(self, names: Names, keep_s: float, work: Callable[[], Awaitable[Done]]) -> Done:
        pause = FIRST_LOOK_S
        while True:
            match await self._find(names):
                case Found() as found:
                    done = self._readable(found)
                    return await work() if done is None else done
                case Busy():
                    await asyncio.sleep(pause)
                    pause = min(pause * 2, LONGEST_LOOK_S)
                case Claimed():
                    return await self._do(names, keep_s, work)
                case None:
                    return await work()
                case other:
                    assert_never(other)

    async def _do(self, names: Names, keep_s: float, work: Callable[[], Awaitable[Done]]) -> Done:
        """Do work that was claimed; it stays claimed for as long as it takes."""
        content = b""
        kept: tuple[str, ...] = ()
        try:
            async with self._holding(names):
                done = await work()
            content, kept = written(done), names.kept_for(done)
            return done
        finally:
            # Before anyone hears of it, as in the memo of the process.
            await self._let_go(names, kept, content, keep_s)

    @asynccontextmanager
    async def _holding(self, names: Names) -> AsyncIterator[None]:
        holding = asyncio.create_task(self._hold(names), name=f"hold {names.key}")
        try:
            yield
        finally:
            holding.cancel()
            await asyncio.wait({holding})

    async def _hold(self, names: Names) -> None:
        while True:
            await asyncio.sleep(CLAIM_AGAIN_S)
            await self._tried(lambda shelf: shelf.hold(names, claim_s=CLAIM_S))

    async def _find(self, names: Names) -> Place | None:
        """What is known elsewhere; None if nobody can be asked."""
        places: list[Place] = []

        async def find(shelf: Shelf) -> None:
            places.append(await shelf.find(names, claim_s=CLAIM_S))

        await self._tried(find)
        return places[0] if places else None

    async def _let_go(self, names: Names, kept: tuple[str, ...], content: bytes, keep_s: float) -> None:
        if kept and len(content) <= MOST_BYTES:
            seconds = max(keep_s, SHORTEST_S)
            await self._tried(lambda shelf: shelf.keep(names, kept, content, keep_s=seconds))
        else:
            await self._tried(lambda shelf: shelf.give_up(names))

    async def _tried(self, ask: Callable[[Shelf], Awaitable[None]]) -> None:
        """Ask the shelf, unless it was lost a moment ago. That it is lost, or there again, is told once."""
        if self._now() < self._retry_at:
            return
        try:
            await ask(await self._opened())
        except ShelfError as error:
            self._retry_at = self._now() + RETRY_S * (0.5 + self._jitter())
            if not self._is_lost:
                facts = {"reason": str(error)}
                logger.warning("answers are remembered by this process alone until Redis is back", extra=facts)
            self._is_lost = True
        else:
            if self._is_lost:
                logger.info("answers are remembered for all processes again")
            self._is_lost = False

    async def _opened(self) -> Shelf:
        if self._shelf is None:
            async with self._opening:
                self._shelf = self._shelf or await self._open_shelf()
        return self._shelf

    def _readable(self, found: Found) -> Done | None:
        try:
            return read(found.content)
        except (ValueError, MalformedEventError) as error:
            # Whoever reaches the Redis may have written it.
            logger.warning("a remembered answer can't be read; the work is done", extra={"reason": str(error)})
            return None
