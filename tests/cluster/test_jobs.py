"""The job lane, and what the platform does to Jobs: told in the run within seconds, with its reason."""

from tests.cluster.documents import COUNT_CODE, HUNGRY, pipeline, script
from tests.cluster.parameters import NAMESPACE
from tests.cluster.waiting import NotYetError

COUNTING = pipeline("counting", script("count", COUNT_CODE, inputs={"words": "{{ trigger.data }}"}))

GREEDY = pipeline(
    "greedy", script("wait", COUNT_CODE, inputs={"words": []}, resources={"cpu": "4000", "memory": "256Mi"})
)
"""Asks for more CPU than any node has."""


def test_a_job_carries_out_its_order_and_is_one_job(site):
    site.apply(COUNTING)
    before = _jobs(site)
    run = site.completed(site.start("counting", ["a", "b", "c"]))
    assert run["output"] == {"count": 3}
    assert len(_jobs(site) - before) == 1


def test_a_job_that_takes_too_much_memory_fails_its_attempt_as_oom_killed(site):
    site.apply(HUNGRY)
    run_id = site.start("hungry")

    run = site.ended(run_id)

    error = run["nodes"]["eat"]["error"]
    assert (run["status"], error["code"]) == ("failed", "oom-killed"), run
    assert "its limit of 256Mi" in error["message"]
    assert any(error["message"] in line for line in site.api.lines(run_id))


def test_a_job_that_no_node_can_take_says_what_it_waits_for(site):
    site.apply(GREEDY)
    run_id = site.start("greedy")

    def look():
        lines = site.api.lines(run_id)
        if not any(line.startswith("waiting for CPU") for line in lines):
            raise NotYetError(f"lines: {lines}")

    site.waiting.until("the run's log says that it waits for CPU", look, within_s=90)
    assert site.api.run(run_id)["status"] == "running"
    site.api.call("POST", f"/api/v1/runs/{run_id}/cancel", json={"reason": "seen enough"})
    assert site.ended(run_id, within_s=60)["status"] == "cancelled"


def _jobs(site):
    found = site.kubectl.list("jobs", NAMESPACE, "app.kubernetes.io/part-of=flume")
    return {each["metadata"]["uid"] for each in found}
