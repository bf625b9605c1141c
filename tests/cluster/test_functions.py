"""Functions scale from zero and back; custom node types; an orchestrator that is deleted in the middle of a run."""

import pytest

from tests.cluster.documents import COLD, CUSTOM, INTERRUPTED, LANES, run_of, shout_type
from tests.cluster.parameters import CUSTOM as CUSTOM_VARIABLE
from tests.cluster.parameters import NAMESPACE, TEAM
from tests.cluster.site import ENDED_S
from tests.cluster.waiting import NotYetError

SUM = "serving.knative.dev/service=fn-json-transform-cpu"
ZERO_S = 300
"""Knative keeps a pod for its stable window (60 s) and a grace after the last request; nodes may be slow."""


def test_a_function_goes_from_zero_to_one_and_back_to_zero_and_the_run_says_how_long_it_waited(site):
    site.apply(COLD)
    site.until_pods(SUM, lambda pods: not pods, "the function is at zero", within_s=ZERO_S)

    run = site.completed(site.start("cold", {"numbers": [1, 2, 3]}))

    assert run["output"] == 6
    timing = run["nodes"]["sum"]["meta"]["timing"]
    assert timing["coldStartMs"] > 0, timing
    assert len(site.pods(SUM)) >= 1
    warm = site.completed(site.start("cold", {"numbers": [4, 5]}))
    assert (warm["output"], warm["nodes"]["sum"]["meta"]["timing"]["coldStartMs"]) == (9, 0)
    site.until_pods(SUM, lambda pods: not pods, "the function is back at zero", within_s=ZERO_S)


def test_a_run_goes_across_functions_jobs_and_the_engine_in_direct_mode(site):
    site.apply(LANES)
    run = site.completed(site.start("lanes", {"people": [{"name": "Ada"}, {"name": "Grace"}]}))
    assert run["output"] == "2 people"
    assert {node["attempt"] for node in run["nodes"].values()} == {1}


def test_a_custom_node_type_is_a_function_of_its_own_image(site):
    if not site.parameters.custom_image:
        pytest.skip(f"{CUSTOM_VARIABLE} not set: the image of tests/cluster/nodes (docs/how-to/cluster-tests.md)")
    site.kubectl.apply([shout_type(site.parameters.custom_image)])
    site.apply(CUSTOM)
    assert site.completed(site.start("custom"))["output"] == "QUIET"
    image = site.kubectl.get("ksvc", "fn-shout-cpu", NAMESPACE)["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image == site.parameters.custom_image


def test_an_orchestrator_that_is_deleted_in_the_middle_of_a_run_leaves_it_to_the_next(site):
    site.apply(INTERRUPTED)
    run_id = site.start("interrupted")

    def at_work():
        node = site.api.run(run_id)["nodes"].get("sleep", {})
        if node.get("phase") != "executing":
            raise NotYetError(f"sleep is {node.get('status')}, {node.get('phase')}")

    site.waiting.until("the job is at work", at_work, within_s=ENDED_S)
    site.kubectl.run(
        "delete",
        "pods",
        "-n",
        NAMESPACE,
        "-l",
        "app.kubernetes.io/component=orchestrator",
        "--force",
        "--grace-period=0",
    )

    run = site.completed(run_id)

    assert run["output"] == "slept"
    assert run["nodes"]["sleep"]["attempt"] == 1, "the job was done twice"


def test_a_run_resource_starts_one_run_and_shows_what_became_of_it(site):
    site.apply(COLD)
    site.kubectl.apply([run_of("by-kubectl", "cold", {"numbers": [20, 1]})])

    def look():
        status = (site.kubectl.get("runs.flume.dev", "by-kubectl", TEAM) or {}).get("status") or {}
        if status.get("status") != "completed":
            raise NotYetError(str(status))
        return status

    status = site.waiting.until("the Run is completed", look, within_s=ENDED_S)
    assert status["output"] == 21
    assert site.api.run(status["runId"])["status"] == "completed"
