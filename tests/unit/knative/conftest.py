"""Node types, pipelines and a cluster to build objects for."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest

from flume.nodes.registry import Registry, installed_node_types
from flume.pipeline import Lane
from flume.validation import validate
from knative.cluster import Cluster
from knative.functions import Function, Resources
from knative.manifests.objects import Owner

RESIZE = {
    "name": "resize",
    "lanes": (Lane.CPU, Lane.JOB),
    "run_on": Lane.CPU,
    "image": "registry.example.org/resize:1.2",
    "concurrency": 4,
    "timeout": timedelta(seconds=90),
    "resources": {"cpu": "500m", "memory": "1Gi"},
    "scale": {"min": 1, "max": 20, "target": 3},
    "secrets": ("BUCKET_KEY",),
}


@pytest.fixture
def registry():
    """The built-in node types, and ``resize``, which has an image of its own."""
    registry = Registry(installed_node_types)
    registry.add(replace(registry.get("json-transform"), **RESIZE, pure=False, implementation=None), source="resize")
    return registry


@pytest.fixture
def cluster():
    return Cluster(function_image="registry.example.org/flume-function:0.1.0", vllm_image="vllm/vllm-openai:v0.9.0")


@pytest.fixture
def owner():
    return Owner("flume.dev/v1", "NodeType", "resize", "flume", "0b3c5b6e-0000-4000-8000-000000000001")


@pytest.fixture
def new_plan(registry):
    """A plan with these nodes, each ``{type, runOn, …}``, and other keys of the document."""

    def new(*nodes, name="p", namespace="default", **rest):
        numbered = [{"id": f"n{number}", **node} for number, node in enumerate(nodes)]
        document = {
            "apiVersion": "flume/v1",
            "kind": "Pipeline",
            "metadata": {"name": name, "namespace": namespace},
            "nodes": numbered,
            **rest,
        }
        return validate(json.dumps(document), registry).require_plan()

    return new


@pytest.fixture
def new_function(registry):
    def new(name="resize", lane=Lane.CPU, *, resources=None, timeout_s=90, **environment):
        node_type = registry.get(name)
        from knative.functions import resources_of

        needed = resources_of(node_type.resources) if resources is None else Resources(**resources)
        return Function(node_type, lane, needed, timedelta(seconds=timeout_s), environment)

    return new
