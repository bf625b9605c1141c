"""The same runs with orders that a broker carries."""

import json

import pytest

from tests.cluster.documents import COLD, HUNGRY, LANES
from tests.cluster.parameters import NAMESPACE
from tests.cluster.waiting import NotYetError


@pytest.fixture(scope="module")
def broker_mode(site):
    """The installation with FLUME_DISPATCH=broker; afterwards as it was."""
    _dispatch(site, "broker")
    yield site
    _dispatch(site, "direct")


def test_functions_get_triggers_and_a_run_goes_across_lanes_by_the_broker(broker_mode):
    site = broker_mode
    site.apply(LANES)

    def look():
        found = {
            each["metadata"]["name"]: each for each in site.kubectl.list("triggers.eventing.knative.dev", NAMESPACE)
        }
        missing = {"fn-json-transform-cpu", "fn-script-job"} - set(found)
        unready = [
            name
            for name, each in found.items()
            if not any(
                c["type"] == "Ready" and c["status"] == "True" for c in each.get("status", {}).get("conditions", ())
            )
        ]
        if missing or unready:
            raise NotYetError(f"missing Triggers: {sorted(missing)}; not ready: {unready}")

    site.waiting.until("each function has its Trigger", look, within_s=180)
    run = site.completed(site.start("lanes", {"people": [{"name": "Ada"}]}))
    assert run["output"] == "1 people"


def test_many_runs_are_answered_once_each_by_the_broker(broker_mode):
    site = broker_mode
    site.apply(COLD)
    runs = [site.start("cold", {"numbers": [number, 1]}) for number in range(20)]
    outputs = [site.completed(run)["output"] for run in runs]
    assert outputs == [number + 1 for number in range(20)]


def test_a_job_that_is_oom_killed_is_told_in_broker_mode_too(broker_mode):
    site = broker_mode
    site.apply(HUNGRY)
    run = site.ended(site.start("hungry"))
    assert run["nodes"]["eat"]["error"]["code"] == "oom-killed"


def _dispatch(site, mode):
    patch = json.dumps({"data": {"FLUME_DISPATCH": mode}})
    site.kubectl.run("patch", "configmap/flume-settings", "-n", NAMESPACE, "--type=merge", "-p", patch)
    site.kubectl.run(
        "rollout", "restart", "deployment/flume-orchestrator", "deployment/flume-operator", "-n", NAMESPACE
    )
    site.rolled_out()
