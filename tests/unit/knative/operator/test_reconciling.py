"""The loop around looking and acting: what a probe hears of it, and what one that fails does to the others."""

import asyncio
import contextlib

import pytest

from knative.operator.acting import Acts
from knative.operator.kubernetes import KubernetesError
from knative.operator.memory import Memory
from knative.operator.metrics import Metrics
from knative.operator.news import News
from knative.operator.reconciling import Reconciler, pause_s
from knative.operator.setbacks import Setbacks
from tests.unit.knative.operator.conftest import CRON, accepted, observed, resource, saved


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


class FailingActs:
    """Acts of which each fails, as for an object that the cluster refuses."""

    def __init__(self):
        self.memory = Memory()
        self.tried = asyncio.Event()

    async def do(self, action):
        self.memory.setbacks.failed(action)
        self.tried.set()


async def rounds_told(looks, acts, until):
    told = []
    reconciler = Reconciler(
        looks,
        acts,
        acts.memory,
        News(),
        follow=lambda names: None,
        on_round=lambda: told.append(1),
        metrics=Metrics(),
    )
    running = asyncio.create_task(reconciler.run())
    async with asyncio.timeout(10):
        await until()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    return len(told)


async def test_an_action_that_fails_is_no_reason_to_start_the_process_anew(world):
    acts = FailingActs()
    assert await rounds_told(Looks(world(resource(nodes=[]))), acts, acts.tried.wait) >= 1


async def test_a_cluster_that_can_not_be_looked_at_is_one():
    assert await rounds_told(Looks(), FailingActs(), lambda: asyncio.sleep(0.5)) == 0


class Cluster:
    """Takes all but what ``refused`` names; ``taken`` and ``tried`` are names of objects, in order."""

    def __init__(self, refused):
        self.refused = refused
        self.tried, self.taken, self.told = [], [], {}

    async def apply(self, manifest):
        name = manifest["metadata"]["name"]
        self.tried.append(name)
        if name in self.refused:
            raise KubernetesError(f"PATCH {name}", 422, "spec.schedule: not one")
        self.taken.append(manifest)
        return {**manifest, "metadata": {**manifest["metadata"], "uid": name, "generation": 1}}

    async def apply_status(self, target, status):
        self.told[target.name] = status

    async def tell(self, *news, **further):
        pass


async def test_one_object_that_is_refused_waits_alone_and_its_owner_says_why(world):
    greet = resource(nodes=[])
    cron = {**CRON, "id": "other"}
    at_api = [saved(triggers=[CRON]), saved("other", manager="api", triggers=[cron])]
    cluster, now = Cluster({"cron-shop-greet-nightly-dcecce5d23"}), [0.0]
    memory = Memory(setbacks=Setbacks(lambda: now[0]))
    news = News()

    class WorldOfCluster:
        async def look(self, kinds, *, at_engine):
            return world(
                greet,
                at_api=at_api,
                made=[observed(each) for each in cluster.taken],
                answers=accepted(greet),
                refused=memory.setbacks.refusals(),
            )

        def namespaces(self):
            return frozenset()

    metrics = Metrics()
    acts = Acts(cluster, None, memory, news, metrics)
    reconciler = Reconciler(
        WorldOfCluster(), acts, memory, news, follow=lambda names: None, on_round=lambda: None, metrics=metrics
    )
    for _ in range(3):
        await reconciler.round()
    assert len(cluster.tried) == len(set(cluster.tried)), "it was tried again at once"
    assert "cron-shop-other-other-" in " ".join(each["metadata"]["name"] for each in cluster.taken)
    [ready] = [each for each in cluster.told["greet"]["conditions"] if each["type"] == "Ready"]
    assert (ready["status"], ready["reason"]) == ("False", "ObjectRefused")
    assert "PingSource cron-shop-greet-nightly" in ready["message"]
    assert "spec.schedule: not one (422)" in ready["message"]

    cluster.refused = set()
    now[0] += memory.setbacks.wait_s()
    await reconciler.round()
    assert len(cluster.taken) == 2


@pytest.mark.parametrize(
    ("failures", "streak", "pause"),
    [
        (0, 0, 0.2),
        (0, 20, 0.2),
        (0, 22, 0.8),
        (0, 40, 5.0),
        (1, 0, 0.4),
        (7, 0, 25.6),
        (8, 0, 30.0),
        (100_000, 0, 30.0),
    ],
    ids=str,
)
def test_rounds_are_rarer_while_a_server_is_away_and_where_they_never_end(failures, streak, pause):
    assert pause_s(failures, streak) == pause
