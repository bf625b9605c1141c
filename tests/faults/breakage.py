"""What can be done to a fleet, one thing at a time. Each ends with all as it was, but for what the fleet made of it."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

from tests.faults.clocks import JumpingClock
from tests.faults.fleet import Replica

Fault = Callable[[Sequence[Replica], random.Random], Awaitable[None]]

LEASE_S = 10

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS


async def kill_and_start_again(replicas: Sequence[Replica], chance: random.Random) -> None:
    """One dies at once, and a moment later another takes its place."""
    replica = chance.choice(replicas)
    replica.kill()
    await asyncio.sleep(chance.uniform(0, 0.5))
    replica.start()
    await replica.ready()


async def end_and_start_again(replicas: Sequence[Replica], chance: random.Random) -> None:
    """One is asked to end, as by a rolling restart."""
    replica = chance.choice(replicas)
    await replica.end()
    replica.start()
    await replica.ready()


async def freeze_beyond_the_lease(replicas: Sequence[Replica], chance: random.Random) -> None:
    """One stops for so long that others take over its runs, and goes on as if nothing had happened."""
    replica = chance.choice(replicas)
    replica.freeze()
    await asyncio.sleep(LEASE_S + chance.uniform(0.5, 3))
    replica.thaw()


async def freeze_shortly(replicas: Sequence[Replica], chance: random.Random) -> None:
    """One stops for a moment."""
    replica = chance.choice(replicas)
    replica.freeze()
    await asyncio.sleep(chance.uniform(0.1, 1))
    replica.thaw()


async def kill_a_function(replicas: Sequence[Replica], chance: random.Random) -> None:
    """A function process dies at once, with whatever it has in hand."""
    for replica, pid in await _some_function(replicas, chance):
        replica.kill_function(pid)


async def freeze_a_function(replicas: Sequence[Replica], chance: random.Random) -> None:
    """A function process stops for a moment, while others may give it orders."""
    for replica, pid in await _some_function(replicas, chance):
        replica.freeze_function(pid)
        await asyncio.sleep(chance.uniform(0.1, 3))
        replica.thaw_function(pid)


async def freeze_a_function_for_good(replicas: Sequence[Replica], chance: random.Random) -> None:
    """A function process stops, and nobody lets it go on: its orchestrator has to see to it."""
    for replica, pid in await _some_function(replicas, chance):
        replica.freeze_function(pid)


async def jump_forward(replicas: Sequence[Replica], chance: random.Random) -> None:
    """The clock of one is ahead from now on."""
    _clock_of(chance.choice(replicas)).jump(chance.randrange(MINUTE_MS, 3 * HOUR_MS))


async def jump_back(replicas: Sequence[Replica], chance: random.Random) -> None:
    """The clock of one is behind from now on."""
    _clock_of(chance.choice(replicas)).jump(-chance.randrange(MINUTE_MS, 3 * HOUR_MS))


async def jump_there_and_back(replicas: Sequence[Replica], chance: random.Random) -> None:
    """The clock of one is wrong for a moment, and right after that."""
    clock = _clock_of(chance.choice(replicas))
    clock.jump(chance.choice([-1, 1]) * chance.randrange(MINUTE_MS, 3 * HOUR_MS))
    await asyncio.sleep(chance.uniform(0.1, 4))
    clock.jump(0)


async def die_ahead(replicas: Sequence[Replica], chance: random.Random) -> None:
    """One dies while its clock is ahead, so that its lease ends in hours by the others' clocks."""
    replica = chance.choice(replicas)
    _clock_of(replica).jump(chance.randrange(MINUTE_MS, 3 * HOUR_MS))
    # Long enough for a renewal by the wrong clock.
    await asyncio.sleep(chance.uniform(3, 5))
    replica.kill()
    _clock_of(replica).jump(0)
    replica.start()
    await replica.ready()


def set_all_right(replicas: Sequence[Replica]) -> None:
    """No clock is wrong any more."""
    for replica in replicas:
        if replica.clock is not None:
            replica.clock.jump(0)


def set_all_ahead(replicas: Sequence[Replica]) -> None:
    """Bring all clocks to where the furthest has been: what waits for a moment by any of them has waited for long enough."""
    clocks = [replica.clock for replica in replicas if replica.clock is not None]
    furthest = max((clock.highest_ms for clock in clocks), default=0)
    for clock in clocks:
        clock.jump(furthest)


async def _some_function(replicas: Sequence[Replica], chance: random.Random) -> list[tuple[Replica, int]]:
    """One of the function processes; none if there is nothing to do for any within a while."""
    for _ in range(100):
        found = [(replica, pid) for replica in replicas for pid in replica.functions()]
        if found:
            return [chance.choice(found)]
        await asyncio.sleep(0.05)
    return []


def _clock_of(replica: Replica) -> JumpingClock:
    assert replica.clock is not None, "this trial has no clocks of its own"
    return replica.clock
