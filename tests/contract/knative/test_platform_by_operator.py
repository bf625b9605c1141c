"""What the platform does to a Job reaches its run: a real operator tells a real orchestrator."""

import base64
import json
import time

import pytest
import yaml

from tests.unit.knative.platform.conftest import container, ended, pod, secret_with

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

SLEEPY = {
    "apiVersion": "flume/v1",
    "kind": "Pipeline",
    "metadata": {"name": "sleepy"},
    "nodes": [
        {
            "id": "sleep",
            "type": "script",
            "runOn": "job",
            "config": {"code": "import time\ndef main(inputs):\n    time.sleep(600)\n"},
        }
    ],
}


def order_of(run_id):
    """As JobSink keeps it; nothing but its extensions is looked at."""
    extensions = {"flumerun": run_id, "flumenode": "sleep", "flumeattempt": "1"}
    event = {"specversion": "1.0", "id": f"{run_id}.sleep.1", "source": "/flume", "type": "dev.flume.node.invoke"}
    return json.dumps({**event, **extensions, "data": {"token": "a-token-that-nobody-may-see"}}).encode()


async def test_a_job_that_is_oom_killed_fails_its_attempt_within_ten_seconds(installation):
    assert (await installation.call("PUT", "/pipelines/sleepy", json=SLEEPY))[0] == 201
    _, started = await installation.call("POST", "/pipelines/sleepy/invoke", json={})

    async def run():
        return (await installation.call("GET", f"/runs/{started['id']}"))[1]

    async def is_at_work():
        return (await run())["nodes"]["sleep"]["phase"] == "executing"

    operator = installation.operator()
    await installation.until(is_at_work, "the attempt")
    secret = secret_with(order_of(started["id"]))
    assert base64.b64decode(secret["data"]["event"])
    await installation.kubernetes.apply(yaml.safe_dump(secret))
    made = pod("Pending")
    await installation.kubernetes.apply(yaml.safe_dump(made))
    name = made["metadata"]["name"]
    await installation.until(lambda: "leading" in operator.said(), "a leader")
    killed_at = time.monotonic()
    await installation.kubernetes.report(
        "pods", "flume", name, {"phase": "Failed", "containerStatuses": [container(ended(137, "OOMKilled"))]}
    )

    async def has_failed():
        found = await run()
        return found if found["status"] == "failed" else None

    found = await installation.until(has_failed, "the failure")
    assert time.monotonic() - killed_at < 10
    error = found["nodes"]["sleep"]["error"]
    assert (error["code"], error["node"], error["retryable"]) == ("oom-killed", "sleep", True)
    assert "its limit of 2Gi" in error["message"]
    for each in (operator.said(), installation.orchestrator.log.read_text()):
        assert "a-token-that-nobody-may-see" not in each
