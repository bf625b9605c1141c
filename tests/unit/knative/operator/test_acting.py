"""What becomes of actions that are carried out: what is looked at next, what is counted, what is held back."""

import pytest

from knative.operator.acting import Acts
from knative.operator.actions import Apply, SavePipeline, SetStatus
from knative.operator.engine import EngineError, RefusedError
from knative.operator.kinds import PIPELINE, Reference, kind_of
from knative.operator.kubernetes import KubernetesError
from knative.operator.memory import Memory
from knative.operator.metrics import Metrics
from knative.operator.news import News
from knative.operator.world import Acceptance, Refusal

GREET = Reference(PIPELINE, "shop", "greet", "uid-1")
SERVICE = {
    "apiVersion": "serving.knative.dev/v1",
    "kind": "Service",
    "metadata": {"name": "fn-a", "namespace": "flume"},
}
SAVE = SavePipeline(GREET, 3, {})


class Servers:
    """Stands for both; what ``fails`` is raised by whatever they are asked for."""

    def __init__(self):
        self.fails = None

    async def apply(self, manifest):
        self._check()
        return {**manifest, "metadata": {**manifest["metadata"], "uid": "u", "generation": 4}}

    async def apply_status(self, target, status):
        self._check()

    async def tell(self, *news, **further):
        raise KubernetesError("POST events", 403, "forbidden")

    async def save(self, namespace, name, document):
        self._check()
        return 7

    def _check(self):
        if self.fails is not None:
            raise self.fails


@pytest.fixture
def servers():
    return Servers()


@pytest.fixture
def memory():
    return Memory()


@pytest.fixture
def news():
    made = News()
    made.take()
    return made


@pytest.fixture
def metrics():
    return Metrics()


@pytest.fixture
def acts(servers, memory, news, metrics):
    return Acts(servers, servers, memory, news, metrics)


def counted(metrics):
    return [line for line in metrics.render().decode().splitlines() if line.startswith("flume_operator_failures_total")]


async def test_what_was_applied_is_looked_at_and_known_in_the_generation_in_which_it_was_left(acts, memory, news):
    await acts.do(Apply(SERVICE))
    assert memory.settled == {"u": 4}
    assert news.take() == ({kind_of(SERVICE)}, False)
    assert len(memory.setbacks) == 0


async def test_a_refusal_is_looked_at_at_once_so_that_its_owner_hears_and_only_when_it_is_new(
    acts, servers, memory, news, metrics
):
    servers.fails = KubernetesError("PATCH", 422, "spec: bad")
    await acts.do(Apply(SERVICE))
    assert memory.setbacks.refusals() == {("serving.knative.dev/v1", "Service", "flume", "fn-a"): "spec: bad (422)"}
    assert news.take() == ({kind_of(SERVICE)}, False)
    await acts.do(Apply(SERVICE))
    assert news.take() == (set(), False)
    assert counted(metrics) == ['flume_operator_failures_total{kind="Service",reason="422"} 2.0']
    servers.fails = None
    await acts.do(Apply(SERVICE))
    assert memory.setbacks.refusals() == {}


async def test_an_api_server_that_is_away_refuses_nothing_and_what_it_should_have_done_waits(
    acts, servers, memory, news, metrics
):
    servers.fails = KubernetesError("PATCH", 0, "no route")
    await acts.do(Apply(SERVICE))
    assert (memory.setbacks.refusals(), len(memory.setbacks)) == ({}, 1)
    assert news.take() == (set(), False)
    assert counted(metrics) == ['flume_operator_failures_total{kind="Service",reason="unreachable"} 1.0']


async def test_an_engine_that_is_away_is_looked_at(acts, servers, memory, news, metrics):
    servers.fails = EngineError("the orchestrator can't be reached")
    await acts.do(SAVE)
    assert (memory.answers, len(memory.setbacks)) == ({}, 1)
    assert news.take() == (set(), True)
    assert counted(metrics) == ['flume_operator_failures_total{kind="Pipeline",reason="engine-unreachable"} 1.0']


async def test_an_answer_of_the_engine_is_no_failure_whatever_it_is(acts, servers, memory, metrics):
    await acts.do(SAVE)
    assert memory.answers == {"uid-1": Acceptance(3, 7)}
    servers.fails = RefusedError("invalid-definition", "no")
    await acts.do(SAVE)
    assert memory.answers == {"uid-1": Refusal(3, "invalid-definition", "no")}
    assert (counted(metrics), len(memory.setbacks)) == ([], 0)


@pytest.mark.parametrize("status", [404, 409])
async def test_a_resource_that_is_gone_or_another_one_needs_no_status(acts, servers, memory, status):
    servers.fails = KubernetesError("PATCH", status, "gone")
    await acts.do(SetStatus(GREET, {"conditions": []}))
    assert len(memory.setbacks) == 0


async def test_an_event_that_is_lost_fails_nothing(acts, memory, metrics):
    await acts.do(SetStatus(GREET, {"conditions": []}, news="ready"))
    assert (counted(metrics), len(memory.setbacks)) == ([], 0)
