"""When an action that failed is tried again, and that no other waits for it."""

from dataclasses import replace
from itertools import pairwise

import pytest

from knative.operator.actions import Apply, DeletePipeline, Remove, SavePipeline, SetStatus, StartRun
from knative.operator.kinds import PIPELINE, RUN, Reference
from knative.operator.setbacks import FIRST_S, LONGEST_AWAY_S, LONGEST_S, Setbacks
from tests.clocks import StillClock

GREET = Reference(PIPELINE, "shop", "greet", "uid-1")
OTHER = Reference(PIPELINE, "shop", "other", "uid-2")


def service(name="fn-a", image="a:1"):
    metadata = {"name": name, "namespace": "flume"}
    return Apply({"apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": metadata, "spec": image})


EACH = {
    "apply": (service(), service(image="a:2")),
    "remove": (Remove(GREET), Remove(OTHER)),
    "save": (SavePipeline(GREET, 1, {}), SavePipeline(GREET, 2, {})),
    "delete": (DeletePipeline("shop", "greet"), DeletePipeline("shop", "other")),
    "start": (
        StartRun(Reference(RUN, "shop", "once", "u"), 1, "greet", None, "k"),
        StartRun(Reference(RUN, "shop", "once", "u"), 2, "greet", None, "k"),
    ),
    "status": (
        SetStatus(GREET, {"conditions": [{"type": "Ready", "status": "True"}]}),
        SetStatus(GREET, {"conditions": [{"type": "Ready", "status": "False"}]}),
    ),
}


@pytest.fixture
def clock():
    return StillClock()


@pytest.fixture
def setbacks(clock):
    return Setbacks(clock)


@pytest.mark.parametrize(("failing", "other"), EACH.values(), ids=EACH)
def test_what_failed_waits_and_what_is_wanted_otherwise_or_elsewhere_does_not(setbacks, clock, failing, other):
    setbacks.failed(failing)
    assert setbacks.due([failing]) == ()
    clock.now += FIRST_S
    assert setbacks.due([failing]) == (failing,)
    setbacks.failed(failing)
    assert setbacks.due([other]) == (other,)


def tries_within(setbacks, clock, action, seconds, refusal):
    """The moments at which it is tried, where each try fails."""
    moments = []
    while clock.now < seconds:
        if setbacks.due([action]):
            moments.append(clock.now)
            setbacks.failed(action, refusal)
        clock.now += setbacks.wait_s()
    return moments


@pytest.mark.parametrize(("refusal", "longest"), [("no", LONGEST_S), ("", LONGEST_AWAY_S)], ids=["refused", "away"])
def test_it_waits_twice_as_long_each_time_up_to_a_bound(setbacks, clock, refusal, longest):
    moments = tries_within(setbacks, clock, service(), 3_000, refusal)
    waits = [after - before for before, after in pairwise(moments)]
    assert waits[:4] == [2, 4, 8, 16]
    assert set(waits[-3:]) == {longest}
    assert waits == sorted(waits)


def test_a_thousand_failures_are_no_number_that_is_too_large(setbacks):
    for _ in range(2_000):
        setbacks.failed(service(), "no")
    assert setbacks.wait_s() <= LONGEST_S


def test_what_went_well_or_is_not_wanted_any_more_is_forgotten(setbacks, clock):
    setbacks.failed(service(), "no")
    setbacks.failed(service("fn-b"), "no")
    setbacks.succeeded(service())
    assert len(setbacks) == 1
    assert setbacks.due([service()]) == (service(),)
    assert (len(setbacks), setbacks.wait_s()) == (0, float("inf"))


def test_the_words_of_a_refusal_are_those_of_the_last_try_and_belong_to_the_object(setbacks):
    assert setbacks.failed(service(), "spec.image: bad (422)")
    assert not setbacks.failed(service(), "spec.image: bad (422)")
    assert setbacks.failed(service(), "quota (403)")
    setbacks.failed(Remove(GREET), "forbidden (403)")
    setbacks.failed(service("fn-b"))
    assert setbacks.refusals() == {("serving.knative.dev/v1", "Service", "flume", "fn-a"): "quota (403)"}


def test_a_status_is_the_same_whenever_it_was_decided(setbacks):
    def status(at):
        return SetStatus(GREET, {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": at}]})

    setbacks.failed(status("2026-11-24T09:00:00Z"))
    assert setbacks.due([status("2026-11-24T09:00:09Z")]) == ()
    assert setbacks.due([replace(status("2026-11-24T09:00:09Z"), target=OTHER)]) != ()
