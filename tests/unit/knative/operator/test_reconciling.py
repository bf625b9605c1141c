"""The loop around looking and acting: what a probe hears of it."""

import asyncio
import contextlib

from knative.operator.kubernetes import KubernetesError
from knative.operator.memory import Memory
from knative.operator.news import News
from knative.operator.reconciling import Reconciler
from tests.unit.knative.operator.conftest import resource


class Looks:
    """Looks that give a world, or fail."""

    def __init__(self, world=None):
        self._world = world

    async def look(self, kinds, *, at_engine):
        if self._world is None:
            raise KubernetesError("list pods", 0, "the API server does not answer")
        return self._world

    def namespaces(self):
        return frozenset()


class Acts:
    """Acts of which each fails, as for an object that the cluster refuses."""

    def __init__(self):
        self.tried = asyncio.Event()

    async def do(self, action):
        self.tried.set()
        return False


async def rounds_told(looks, acts, until):
    told = []
    reconciler = Reconciler(looks, acts, Memory(), News(), follow=lambda names: None, on_round=lambda: told.append(1))
    running = asyncio.create_task(reconciler.run())
    async with asyncio.timeout(10):
        await until()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    return len(told)


async def test_an_action_that_fails_is_no_reason_to_start_the_process_anew(world):
    acts = Acts()
    assert await rounds_told(Looks(world(resource(nodes=[]))), acts, acts.tried.wait) >= 1


async def test_a_cluster_that_can_not_be_looked_at_is_one():
    assert await rounds_told(Looks(), Acts(), lambda: asyncio.sleep(0.5)) == 0
