"""The loop: wait for news, look, decide, do, and look again until nothing is left to do."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from itertools import groupby

from knative.operator.acting import Acts
from knative.operator.actions import (
    Action,
    Apply,
    DeleteNodeType,
    DeletePipeline,
    Remove,
    SaveNodeType,
    SavePipeline,
    StartRun,
)
from knative.operator.deciding import decide
from knative.operator.kubernetes import KubernetesError
from knative.operator.looking import Looks, each_of
from knative.operator.memory import Memory
from knative.operator.metrics import Metrics, Outcome
from knative.operator.news import News

logger = logging.getLogger(__name__)

EVERY_S = 60.0
"""How often all is looked at, whatever was told: so long a change may go unnoticed that every other way has missed."""

PAUSE_S = 0.2
"""Between a piece of news and the look: what is applied together is looked at together."""

PAUSE_MOST_S = 30.0

_MOST_DOUBLINGS = 16
"""More change nothing, and a number that doubles for a night is one too many for a float."""


class Reconciler:
    """Runs for as long as this process leads. ``on_round`` hears of each round that could look at the cluster.

    ``sleep`` is for the pauses between rounds.
    """

    def __init__(
        self,
        looks: Looks,
        acts: Acts,
        memory: Memory,
        news: News,
        *,
        follow: Callable[[frozenset[str]], None],
        on_round: Callable[[], None],
        metrics: Metrics,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._looks = looks
        self._acts = acts
        self._memory = memory
        self._news = news
        self._follow = follow
        self._on_round = on_round
        self._metrics = metrics
        self._sleep = sleep
        self._failures = 0
        self._streak = 0

    async def run(self) -> None:
        """Go on until cancelled."""
        next_full = 0.0
        while True:
            await self._news.wait(min(max(0.0, next_full - time.monotonic()), self._memory.setbacks.wait_s()))
            if time.monotonic() >= next_full:
                self._memory.forget_refusals()
                self._news.of_everything()
                next_full = time.monotonic() + EVERY_S
            await self._sleep(pause_s(self._failures, self._streak))
            await self.round()

    async def round(self) -> None:
        """Look at what has changed, and do what is to be done because of it, but for what is held back."""
        kinds, at_engine = self._news.take()
        try:
            world = await self._looks.look(kinds, at_engine=at_engine)
        except KubernetesError as error:
            logger.warning("the cluster can't be looked at", extra={"reason": str(error)})
            self._news.of_kinds(kinds)
            if at_engine:
                self._news.of_engine()
            self._failures += 1
            self._metrics.reconciled(Outcome.CLUSTER_AWAY)
            return
        # Whatever comes of the actions: a refused object, or an API that is away, is nothing that a new process would mend.
        self._on_round()
        self._follow(self._looks.namespaces())
        actions = self._memory.setbacks.due(decide(world))
        for stage in _stages(actions):
            await each_of(stage, self._acts.do)
        self._streak = self._streak + 1 if actions else 0
        self._metrics.reconciled(Outcome.ENGINE_AWAY if world.saved is None else Outcome.DONE)
        if world.saved is not None:
            self._failures = 0
        else:
            self._failures += 1
            self._news.of_engine()


def pause_s(failures: int, streak: int) -> float:
    """How long to wait between news and a round, in seconds.

    Longer after ``failures`` in a row to reach one of the servers, and after a ``streak`` of rounds of which each led to another
    one, as they should not for long.
    """
    doublings = min(max(0, failures, streak - 20), _MOST_DOUBLINGS)
    return min(PAUSE_S * 2.0**doublings, PAUSE_MOST_S if failures else PAUSE_MOST_S / 6)


def _stages(actions: Iterable[Action]) -> Iterator[list[Action]]:
    for _, stage in groupby(actions, _stage_of):
        yield list(stage)


def _stage_of(action: Action) -> int:
    match action:
        case SaveNodeType() | DeleteNodeType():
            return -1
        case SavePipeline() | DeletePipeline() | StartRun():
            return 0
        case Apply() | Remove():
            return 1
        case _:
            return 2
