"""The loop: wait for news, look, decide, do, and look again until nothing is left to do."""

import logging
import time
from asyncio import sleep
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby

from knative.operator.acting import Acts
from knative.operator.actions import Action, Apply, DeletePipeline, Remove, SavePipeline, StartRun
from knative.operator.deciding import decide
from knative.operator.kubernetes import KubernetesError
from knative.operator.looking import Looks, each_of
from knative.operator.memory import Memory
from knative.operator.news import News

logger = logging.getLogger(__name__)

EVERY_S = 60.0
"""How often all is looked at, whatever was told: so long a change may go unnoticed that every other way has missed."""

PAUSE_S = 0.2
"""Between a piece of news and the look: what is applied together is looked at together."""

PAUSE_MOST_S = 30.0


class Reconciler:
    """Runs for as long as this process leads. ``on_round`` hears of each round that could look at the cluster."""

    def __init__(
        self,
        looks: Looks,
        acts: Acts,
        memory: Memory,
        news: News,
        *,
        follow: Callable[[frozenset[str]], None],
        on_round: Callable[[], None],
    ) -> None:
        self._looks = looks
        self._acts = acts
        self._memory = memory
        self._news = news
        self._follow = follow
        self._on_round = on_round
        self._failures = 0
        self._streak = 0

    async def run(self) -> None:
        """Go on until cancelled."""
        next_full = 0.0
        while True:
            await self._news.wait(max(0.0, next_full - time.monotonic()))
            if time.monotonic() >= next_full:
                self._memory.forget_refusals()
                self._news.of_everything()
                next_full = time.monotonic() + EVERY_S
            await sleep(self._pause_s())
            await self._round()

    def _pause_s(self) -> float:
        """Longer after failures, and where each round leads to another one, as it should not for long."""
        trouble = max(self._failures, self._streak - 20)
        return float(min(PAUSE_S * 2 ** max(0, trouble), PAUSE_MOST_S if self._failures else PAUSE_MOST_S / 6))

    async def _round(self) -> None:
        kinds, at_engine = self._news.take()
        try:
            world = await self._looks.look(kinds, at_engine=at_engine)
        except KubernetesError as error:
            logger.warning("the cluster can't be looked at", extra={"reason": str(error)})
            self._news.of_kinds(kinds)
            if at_engine:
                self._news.of_engine()
            self._failures += 1
            return
        # Whatever comes of the actions: a refused object, or an API that is away, is nothing that a new process would mend.
        self._on_round()
        self._follow(self._looks.namespaces())
        actions = decide(world)
        went_well = await self._do(actions)
        self._streak = self._streak + 1 if actions else 0
        if went_well and world.saved is not None:
            self._failures = 0
        else:
            self._failures += 1
            self._news.of_engine()

    async def _do(self, actions: Iterable[Action]) -> bool:
        """Those of one stage together, the stages one after another; whether all went well."""
        done = [await each_of(stage, self._acts.do) for stage in _stages(actions)]
        return all(all(stage) for stage in done)


def _stages(actions: Iterable[Action]) -> Iterator[list[Action]]:
    for _, stage in groupby(actions, _stage_of):
        yield list(stage)


def _stage_of(action: Action) -> int:
    match action:
        case SavePipeline() | DeletePipeline() | StartRun():
            return 0
        case Apply() | Remove():
            return 1
        case _:
            return 2
