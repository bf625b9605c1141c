"""What probes of the operator hear, by a clock that stands still, and its metrics."""

import pytest

from knative.operator.health import CONTACT_S, ROUND_S, Pulse, health_app
from knative.operator.metrics import Metrics, Outcome
from tests.clocks import StillClock


@pytest.fixture
def clock():
    return StillClock(50.0)


@pytest.fixture
def pulse(clock):
    return Pulse(clock)


def test_one_that_has_not_reached_the_api_server_yet_lives_and_is_not_ready(pulse):
    assert (pulse.is_alive, pulse.is_ready) == (True, False)


def test_one_that_waits_for_its_turn_is_ready_as_long_as_it_reaches_the_api_server(pulse, clock):
    pulse.contact()
    clock.now += CONTACT_S - 1
    assert pulse.is_ready
    clock.now += 1
    assert not pulse.is_ready
    clock.now += 10 * ROUND_S
    assert pulse.is_alive, "a restart would not help one that waits"


def test_a_leader_that_could_look_at_nothing_for_long_is_started_anew(pulse, clock):
    pulse.leads(True)
    clock.now += ROUND_S - 1
    assert pulse.is_alive
    pulse.round()
    clock.now += ROUND_S - 1
    assert pulse.is_alive
    clock.now += 1
    assert not pulse.is_alive
    pulse.leads(False)
    assert pulse.is_alive


async def asked(pulse, metrics, path):
    sent = []

    async def send(message):
        sent.append(message)

    await health_app(pulse, metrics)({"path": path}, None, send)
    head, body = sent
    assert int(dict(head["headers"])[b"content-length"]) == len(body["body"])
    return head["status"], body["body"].decode()


async def test_probes_are_answered_by_status(pulse, clock):
    metrics = Metrics()
    assert await asked(pulse, metrics, "/healthz") == (200, "ok")
    assert await asked(pulse, metrics, "/readyz") == (503, "not yet")
    pulse.contact()
    pulse.leads(True)
    assert await asked(pulse, metrics, "/readyz") == (200, "ok")
    clock.now += ROUND_S
    assert await asked(pulse, metrics, "/healthz") == (503, "not yet")
    assert (await asked(pulse, metrics, "/"))[0] == 404


async def test_metrics_tell_what_was_counted_and_what_there_is_just_now(pulse):
    metrics, waiting = Metrics(), [1, 2]
    metrics.leads(True)
    metrics.measures(lambda: len(waiting), lambda: 7)
    metrics.reconciled(Outcome.DONE)
    metrics.reconciled(Outcome.ENGINE_AWAY)
    metrics.failed("Service", "422")
    waiting.append(3)
    status, text = await asked(pulse, metrics, "/metrics")
    lines = [line for line in text.splitlines() if line.startswith("flume_")]
    assert status == 200
    assert lines == [
        'flume_operator_reconciles_total{outcome="done"} 1.0',
        'flume_operator_reconciles_total{outcome="cluster-away"} 0.0',
        'flume_operator_reconciles_total{outcome="engine-away"} 1.0',
        'flume_operator_failures_total{kind="Service",reason="422"} 1.0',
        "flume_operator_queue_depth 3.0",
        "flume_operator_held_back 7.0",
        "flume_operator_leading 1.0",
    ]
    metrics.leads(False)
    _, text = await asked(pulse, metrics, "/metrics")
    for name in ("queue_depth", "held_back", "leading"):
        assert f"flume_operator_{name} 0.0" in text
