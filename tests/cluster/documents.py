"""The resources that the tests apply. An ordinary test holds each against the schemas, and plans each pipeline."""

from itertools import pairwise
from typing import Any

from tests.cluster.parameters import NAMESPACE, TEAM

Manifest = dict[str, Any]

API = "flume.dev/v1"

OOM_CODE = "def main(inputs):\n    print('about to take much', flush=True)\n    return len(b'x' * 4 * 1024**3)\n"
"""Memory counts once it is written to, so that zeros would do no harm."""

SLEEP_CODE = "import time\n\ndef main(inputs):\n    time.sleep(inputs['seconds'])\n    return 'slept'\n"
COUNT_CODE = "def main(inputs):\n    return {'count': len(inputs['words'])}\n"


def pipeline(name: str, *nodes: Manifest, **more: Any) -> Manifest:
    """A ``Pipeline``; its nodes follow one another."""
    ids = [node["id"] for node in nodes]
    edges = [{"from": before, "to": after} for before, after in pairwise(ids)]
    spec = {"nodes": list(nodes), "edges": edges, **more}
    return {"apiVersion": API, "kind": "Pipeline", "metadata": {"name": name, "namespace": TEAM}, "spec": spec}


def script(id: str, code: str, **more: Any) -> Manifest:
    """A script in a Job."""
    return {"id": id, "type": "script", "runOn": "job", "config": {"code": code}, **more}


def transform(id: str, expression: str, data: Any, **more: Any) -> Manifest:
    """A node that is a function at zero."""
    config = {"expression": expression}
    return {"id": id, "type": "json-transform", "runOn": "cpu", "config": config, "inputs": {"data": data}, **more}


GREET = pipeline(
    "greet",
    {"id": "greet", "type": "template", "config": {"template": "Hello {{ trigger.data.name }}"}},
    triggers=[{"id": "hook", "type": "webhook", "path": "cluster-greet", "auth": {"type": "none"}}],
)

ON_EVENT = pipeline(
    "on-event",
    {"id": "tell", "type": "template", "config": {"template": "order {{ trigger.data.number }}"}},
    triggers=[{"id": "placed", "type": "event", "filters": [{"exact": {"type": "com.example.order.placed"}}]}],
)

EVERY_MINUTE = pipeline(
    "every-minute",
    {"id": "tick", "type": "template", "config": {"template": "tick"}},
    triggers=[{"id": "minute", "type": "cron", "schedule": "* * * * *"}],
)

COLD = pipeline("cold", transform("sum", "sum(@)", "{{ trigger.data.numbers }}"))

LANES = pipeline(
    "lanes",
    transform("words", "[].name", "{{ trigger.data.people }}"),
    script("count", COUNT_CODE, inputs={"words": "{{ words.output }}"}),
    {"id": "say", "type": "template", "config": {"template": "{{ count.output.count }} people"}},
)

INTERRUPTED = pipeline(
    "interrupted",
    script("sleep", SLEEP_CODE, inputs={"seconds": 30}),
    transform("after", "@", "{{ sleep.output }}"),
)

EAT = script("eat", OOM_CODE, resources={"cpu": "250m", "memory": "256Mi"})
HUNGRY = pipeline("hungry", {**EAT, "config": {**EAT["config"], "resources": {"memory": "16Gi"}}})
"""The script itself may take more than its pod may, so that it is the platform that ends it."""

CONFIDENTIAL = pipeline(
    "confidential",
    {
        "id": "ask",
        "type": "http-request",
        "config": {
            "url": f"http://flume-orchestrator.{NAMESPACE}.svc.cluster.local:8000/healthz",
            "headers": {"X-Word": "{{ secrets.WORD }}"},
        },
    },
)
"""Uses a secret, for whoever looks whether it shows anywhere."""

REFUSED = pipeline("refused", script("count", COUNT_CODE, inputs={"words": []}, resources={"memory": "311Mi"}))
"""Needs a JobSink that no other pipeline needs, for a cluster that is told to refuse it."""

FAILING = pipeline(
    "failing",
    {"id": "fine", "type": "template", "config": {"template": "so far so good"}},
    {"id": "break", "type": "error", "config": {"message": "broken on purpose"}},
)

INVALID = {
    "apiVersion": API,
    "kind": "Pipeline",
    "metadata": {"name": "invalid", "namespace": TEAM},
    "spec": {"nodes": [{"id": "a", "type": "no-such-type"}], "edges": [{"from": "a", "to": "nowhere"}]},
}

ELSEWHERE = pipeline("from-outside", transform("echo", "@", "{{ trigger.data }}"))
"""Saved through the API instead of by its resource."""

CUSTOM = pipeline("custom", {"id": "shout", "type": "shout", "runOn": "cpu", "inputs": {"text": "quiet"}})

NO_IMAGE = pipeline("no-image", {"id": "shout", "type": "silent", "runOn": "cpu", "inputs": {"text": "quiet"}})

PIPELINES = (
    GREET,
    ON_EVENT,
    EVERY_MINUTE,
    COLD,
    LANES,
    INTERRUPTED,
    HUNGRY,
    CONFIDENTIAL,
    REFUSED,
    FAILING,
)


def run_of(name: str, pipeline_name: str, data: Any = None) -> Manifest:
    """A ``Run``."""
    spec = {"pipeline": pipeline_name, **({} if data is None else {"data": data})}
    return {"apiVersion": API, "kind": "Run", "metadata": {"name": name, "namespace": TEAM}, "spec": spec}


def quota(kind: str) -> Manifest:
    """What lets the installation have no further objects of a kind such as ``jobsinks.sinks.knative.dev``."""
    metadata = {"name": "no-more", "namespace": NAMESPACE}
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": {f"count/{kind}": "0"}}}


def shout_type(image: str, name: str = "shout") -> Manifest:
    """The ``NodeType`` of `tests/cluster/nodes`, as `flume nodes manifest` prints it but for what it may leave out."""
    return {
        "apiVersion": API,
        "kind": "NodeType",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "image": image,
            "lanes": ["cpu"],
            "schema": {"input": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}},
        },
    }


GPU = pipeline("on-gpu", {**transform("echo", "@", "{{ trigger.data }}"), "runOn": "gpu", "resources": {"gpu": 1}})
"""A function with a GPU."""


def vllm(model: str) -> Manifest:
    """A pipeline that asks a real model server."""
    config = {"model": model, "maxTokens": 16}
    return pipeline(
        "vllm",
        {
            "id": "ask",
            "type": "llm-generate",
            "runOn": "cpu",
            "config": config,
            "inputs": {"prompt": "Count to three."},
        },
    )
