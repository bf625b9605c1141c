"""Webhook, event and cron start runs, once each; the seed's document goes through ``flume render | kubectl apply``."""

import json
import os
import subprocess
import sys

from tests.cluster.documents import ELSEWHERE, EVERY_MINUTE, GREET, ON_EVENT
from tests.cluster.installing import ROOT
from tests.cluster.parameters import NAMESPACE, TEAM
from tests.cluster.site import condition
from tests.cluster.waiting import NotYetError

PLACED = {"specversion": "1.0", "id": "order-1", "source": "/shop", "type": "com.example.order.placed"}


def test_a_webhook_starts_a_run(site):
    site.apply(GREET)
    known = [run["id"] for run in site.api.runs("greet")]
    site.api.call("POST", f"/hooks/{TEAM}/cluster-greet", json={"name": "Grace"})
    run = site.next_run("greet", known)
    assert (run["trigger"]["type"], site.completed(run["id"])["output"]) == ("webhook", "Hello Grace")


def test_an_event_at_the_broker_starts_a_run_and_the_same_event_again_no_second(site):
    site.apply(ON_EVENT)
    for _ in range(2):
        _to_broker(site, {**PLACED, "datacontenttype": "application/json", "data": {"number": 7}})
    _to_broker(site, {**PLACED, "id": "other-1", "type": "com.example.order.cancelled", "data": {"number": 8}})
    run = site.next_run("on-event")
    assert (run["trigger"]["type"], site.completed(run["id"])["output"]) == ("event", "order 7")
    site.waiting.holds("one run for one event", lambda: _has_runs(site, "on-event", 1), for_s=10)


def test_a_ping_source_starts_a_run_each_minute_and_nobody_else_does(site):
    site.apply(EVERY_MINUTE)
    selector = f"flume.dev/pipeline=every-minute,flume.dev/namespace={TEAM}"
    assert len(site.kubectl.list("pingsources.sources.knative.dev", NAMESPACE, selector)) == 1
    first = site.next_run("every-minute", within_s=300)
    second = site.next_run("every-minute", [first["id"]], within_s=150)
    assert {first["trigger"]["type"], second["trigger"]["type"]} == {"cron"}
    due = [site.api.run(run["id"])["trigger"]["dueAt"] for run in site.api.runs("every-minute")]
    assert len(due) == len(set(due)), f"a due time started two runs: {due}"
    site.kubectl.delete("pipelines.flume.dev", "every-minute", TEAM)

    def look():
        if site.kubectl.list("pingsources.sources.knative.dev", NAMESPACE, selector):
            raise NotYetError("its PingSource is still there")

    site.waiting.until("the PingSource goes with its pipeline", look, within_s=90)


def test_a_pipeline_that_the_api_saved_gets_its_objects_too(site):
    document = {
        "apiVersion": "flume/v1",
        "kind": "Pipeline",
        "metadata": {"name": "from-outside"},
        "nodes": ELSEWHERE["spec"]["nodes"],
        "triggers": [{"id": "never", "type": "cron", "schedule": "0 0 1 1 *"}],
    }
    site.api.call("POST", "/api/v1/pipelines", json=document)
    selector = f"flume.dev/pipeline=from-outside,flume.dev/namespace={TEAM}"

    def look():
        if len(site.kubectl.list("pingsources.sources.knative.dev", NAMESPACE, selector)) != 1:
            raise NotYetError("no PingSource")

    site.waiting.until("a pipeline of the API has its PingSource", look, within_s=120)
    assert site.completed(site.start("from-outside", [1, 2]))["output"] == [1, 2]


def test_the_seeds_document_goes_through_render_and_kubectl(site):
    command = ["render", "-n", TEAM, "--image", site.parameters.function_image]
    rendered = subprocess.run(
        [sys.executable, "-P", "-m", "flume", *command, str(ROOT / "examples" / "article-generator.yaml")],
        env={**os.environ, "FLUME_PULL_POLICY": site.parameters.pull_policy, "K8S_NAMESPACE": NAMESPACE},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert rendered.returncode == 0, rendered.stderr
    site.kubectl.apply_text(rendered.stdout)

    def look():
        found = site.kubectl.get("pipelines.flume.dev", "article-generator", TEAM)
        if not condition(found, "FunctionsReady"):
            raise NotYetError(f"no condition: {found.get('status', 'no status')}")
        return found

    found = site.waiting.until("the operator has taken up the seed's pipeline", look, within_s=120)
    saved = site.api.call("GET", "/api/v1/pipelines/article-generator")
    assert (found["status"]["version"], saved["name"]) == (1, "article-generator")
    if not site.parameters.vllm_url:
        assert condition(found, "FunctionsReady")["reason"] == "NoModel"


def _to_broker(site, event):
    """Send an event to where the broker says that it is."""
    address = site.kubectl.get("broker", "flume", NAMESPACE)["status"]["address"]["url"]
    status = site.from_inside(address, data=json.dumps(event), content_type="application/cloudevents+json")
    assert status == 202, f"{address} answered {status}"


def _has_runs(site, pipeline, count):
    runs = site.api.runs(pipeline)
    if len(runs) != count:
        raise NotYetError(f"'{pipeline}' has {len(runs)} runs")
