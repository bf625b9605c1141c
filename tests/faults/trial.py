"""One trial: runs are started and watched while a fleet is broken in some way, and all that was seen is given to the checker."""

import asyncio
import random
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from orchestrator.event_triggers import RELOAD_S
from tests.faults.breakage import LEASE_S, Fault, set_all_ahead, set_all_right
from tests.faults.elsewhere import dying, function_of
from tests.faults.fleet import Replica, fleet_of
from tests.faults.history import History, faults_in
from tests.faults.load import ATTEMPTS, TICKER, WITH_EFFECT, WITH_MOMENTS, Load, document, listener, ticker
from tests.faults.outside import Outside
from tests.servers.service import Service
from tests.servers.unruly_broker import Event, Habits, UnrulyBroker

OF_FUNCTIONS = frozenset({"crashed", "lost", "timeout", "undelivered"})
"""Errors by which a run with functions may fail: all its tries met a fault."""

HELD_UP_S = 3 * LEASE_S
"""All that waits for no moment goes on within this when nothing is broken any more, clocks included."""


@dataclass(frozen=True)
class Trial:
    """``runs`` runs while ``faults`` happen, one after another. ``lane`` is where most of their nodes run.

    ``settings`` may name ``{broker}`` and ``{service}``: a broker as ``habits`` say, and an address that leads to whichever
    replica is alive. ``events`` are sent besides through that broker. ``with_clocks``: each replica has a clock that a fault can
    set, and there is a pipeline that is due every second. ``disorder`` is that of the brokers within replicas. ``explains``
    bounds how often an effect may be repeated; None: by nothing. ``function_dies_s``: functions are not the replicas' own but
    reached by the broker, in a process that dies about that often; 0: there is no such process. ``may_fail`` are the errors by
    which a run may end; an attempt whose process died three times is given up, since it could be what kills them.
    """

    settings: Mapping[str, str]
    runs: int
    faults: Sequence[Fault] = ()
    replicas: int = 1
    lane: str = "engine"
    events: int = 0
    habits: Habits = field(default_factory=Habits)
    with_clocks: bool = False
    disorder: Mapping[str, float] = field(default_factory=dict)
    explains: int | None = None
    ends_within_s: float = 120.0
    may_fail: frozenset[str] = frozenset({"crashed"})
    function_dies_s: float = 0.0


async def held(trial: Trial, folder: Path, chance: random.Random) -> None:
    """Hold the trial. Raises `AssertionError` that names what must not have been."""
    history = History(
        with_effect=WITH_EFFECT,
        with_moments=WITH_MOMENTS,
        attempts_allowed=ATTEMPTS,
        repeats_explained=trial.explains,
    )
    outside = Outside(chance, is_reliable=trial.explains is not None)
    history.effects = outside.effects
    fleet: list[Replica] = []

    def some_replica() -> str:
        return f"http://127.0.0.1:{chance.choice([each for each in fleet if each.is_alive] or fleet).port}"

    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(Service(some_replica).serving())
        function = function_of(service.url)
        route = partial(_route, some_replica, f"http://127.0.0.1:{function.port}/")
        broker = await stack.enter_async_context(UnrulyBroker(chance, trial.habits, route).serving())
        await stack.enter_async_context(outside.serving())
        if trial.function_dies_s:
            await stack.enter_async_context(dying(function, chance, trial.function_dies_s))
        settings = {key: each.format(broker=broker.url, service=service.url) for key, each in trial.settings.items()}
        fleet += stack.enter_context(
            fleet_of(trial.replicas, folder, settings, has_clocks=trial.with_clocks, disorder=trial.disorder)
        )
        try:
            await _break(trial, fleet, Load(fleet, history, chance), outside, broker, chance)
            _check(trial, history)
        except BaseException:
            _tell_errors(fleet)
            raise


async def _break(
    trial: Trial, fleet: list[Replica], load: Load, outside: Outside, broker: UnrulyBroker, chance: random.Random
) -> None:
    for replica in fleet:
        replica.start()
        await replica.ready()
    await load.save(document(outside.url, trial.lane))
    await load.save(*[listener(outside.url)] * bool(trial.events), *[ticker()] * trial.with_clocks)
    if trial.events and trial.replicas > 1:
        # The others hear of it that late; to them, an event that comes before is one that nobody wants.
        await asyncio.sleep(RELOAD_S + 0.5)
    over, spread_s = asyncio.Event(), 1.5 * len(trial.faults) + 1
    async with asyncio.TaskGroup() as watching:
        for name in ("ann", "bob"):
            watching.create_task(load.watch(name, over.is_set))
        async with asyncio.TaskGroup() as group:
            group.create_task(load.start_runs(trial.runs, within_s=spread_s))
            group.create_task(load.send_events(broker.url, trial.events, within_s=spread_s))
            group.create_task(_all_faults(trial.faults, fleet, chance))
        await broker.drain()
        if trial.with_clocks:
            await load.pause(TICKER)
            set_all_right(fleet)
            await load.only_moments_are_waited_for(within_s=HELD_UP_S)
            set_all_ahead(fleet)
        await load.all_ended(within_s=trial.ends_within_s)
        over.set()


async def _all_faults(faults: Sequence[Fault], fleet: Sequence[Replica], chance: random.Random) -> None:
    for fault in faults:
        await asyncio.sleep(chance.uniform(0.2, 1.5))
        await fault(fleet, chance)


def _route(some_replica: Callable[[], str], function: str, event: Event) -> str | None:
    """What Triggers do: orders to the function, what is about runs to nobody here, the rest to whichever replica."""
    if event.type == "dev.flume.node.invoke":
        return function
    return None if event.type.startswith("dev.flume.run.") else f"{some_replica()}/events"


def _tell_errors(fleet: Sequence[Replica]) -> None:
    """What the replicas themselves take to be wrong goes to where the failure of the test is shown."""
    for replica in fleet:
        text = replica.log.read_text(errors="replace")
        told = [line for line in text.splitlines() if '"error"' in line or "ERROR" in line or '"warning"' in line]
        sys.stdout.write("\n".join([f"{replica.log.name}:", *(line[:3000] for line in told[-40:]), ""]))


def _check(trial: Trial, history: History) -> None:
    sys.stdout.write(
        f"trial: {len(history.last)} runs, {len(trial.faults)} faults, {len(history.effects)} effects, "
        f"{sum(map(len, history.watchers.values()))} looks\n"
    )
    found = faults_in(history)
    assert not found, "\n".join(found)
    # Those that were started by name; events and schedules make further ones.
    assert len({start.key for start in history.acknowledged}) == trial.runs
    assert {sight.error for sight in history.last if sight.status != "completed"} <= trial.may_fail
