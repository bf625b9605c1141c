"""What an orchestrator shares with others on the same store besides it: the live bus and limits, through Redis or not at all."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from secrets import token_hex
from typing import TYPE_CHECKING

from orchestrator.bus import Bus
from orchestrator.buses.memory import MemoryBus
from orchestrator.store import Store
from orchestrator.tasks import task_group
from orchestrator.transfer.store import REDIS_KEY

if TYPE_CHECKING:
    from orchestrator.shared_limits import SharedLimits


@dataclass(frozen=True, slots=True)
class Shared:
    """What is shared. ``limits`` None: each orchestrator has its own."""

    bus: Bus
    limits: "SharedLimits | None" = None


@asynccontextmanager
async def sharing(redis_url: str, store: Store) -> AsyncIterator[Shared]:
    """The bus and limits of an orchestrator on ``store``, at work for the length of the block; alone if ``redis_url`` is empty.

    Raises `SettingError` for an address that is none. A Redis that can't be reached is waited for beside all else.
    """
    if not redis_url:
        yield Shared(MemoryBus())
        return
    # The driver costs a third of the start, and most do without.
    from orchestrator.buses.redis.bus import RedisBus
    from orchestrator.buses.redis.link import RedisLinks
    from orchestrator.buses.redis.shares import RedisShares
    from orchestrator.shared_limits import SharedLimits

    id, prefix = token_hex(6), await _prefix(store)
    bus = RedisBus(RedisLinks(redis_url).link, id=id, prefix=f"{prefix}bus:")
    async with aclosing(RedisShares(redis_url, id=id, prefix=f"{prefix}limit:")) as shares, bus.working():
        limits = SharedLimits(shares)
        async with task_group() as tasks:
            keeping = tasks.create_task(limits.run(), name="shared limits")
            try:
                yield Shared(bus, limits)
            finally:
                keeping.cancel()


async def _prefix(store: Store) -> str:
    """What keys and channels begin with: one's own for each store, so that installations, and copies, may have one Redis."""
    return f"flume:{sha256(await store.secret_key(REDIS_KEY)).hexdigest()[:12]}:"
