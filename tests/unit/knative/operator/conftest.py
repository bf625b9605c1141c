"""A world to decide about: resources, pipelines at the API, and objects, each as small as it may be."""

from datetime import UTC, datetime

import pytest

from flume.nodes.registry import Registry, installed_node_types
from knative.cluster import Cluster
from knative.operator.actions import Apply, Remove, SetStatus
from knative.operator.deciding import decide
from knative.operator.kinds import reference_to
from knative.operator.made_objects import marked
from knative.operator.planning import Planner
from knative.operator.world import Acceptance, Resources, SavedPipeline, TypeAcceptance, World

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)

NODES = [{"id": "hello", "type": "template", "config": {"template": "hi"}}]
CRON = {"id": "nightly", "type": "cron", "schedule": "30 2 * * *"}
SCRIPT = [{"id": "work", "type": "script", "config": {"code": "output = 1"}}]


def resource(kind="Pipeline", name="greet", namespace="shop", *, generation=1, status=None, **spec):
    metadata = {"name": name, "namespace": namespace, "uid": f"{kind}-{name}", "generation": generation}
    found = {"apiVersion": "flume.dev/v1", "kind": kind, "metadata": metadata, "spec": spec}
    return found if status is None else {**found, "status": status}


def saved(name="greet", namespace="shop", *, manager="cluster", status="active", version=1, triggers=(), nodes=NODES):
    definition = {
        "apiVersion": "flume/v1",
        "kind": "Pipeline",
        "metadata": {"name": name},
        "triggers": list(triggers),
        "nodes": nodes,
    }
    content = f"hash-{version}" if definition["nodes"] is NODES and not triggers else f"hash-{version}-{definition}"
    return SavedPipeline(namespace, name, status, version, content, manager, definition, key="k")


@pytest.fixture(scope="session")
def builtin():
    return Registry(installed_node_types).types()


@pytest.fixture
def planner(builtin):
    def new_registry():
        registry = Registry()
        for each in builtin:
            registry.add(each, source="flume")
        return registry

    return Planner(Cluster(), new_registry)


@pytest.fixture
def world(planner):
    """A world with these resources and pipelines; the objects of every installation are there already."""

    def new(*resources, at_api=(), is_reachable=True, made=(), **further):
        by_kind = {
            field: tuple(each for each in resources if each["kind"] == kind)
            for field, kind in (
                ("pipelines", "Pipeline"),
                ("node_types", "NodeType"),
                ("models", "Model"),
                ("runs", "Run"),
            )
        }
        present = Resources(**by_kind)
        rows = {(each.namespace, each.name): each for each in at_api}
        planned = planner.plan(present, rows.values())
        usual = [observed(marked(each)) for each in planned.further]
        return World(
            Cluster(),
            NOW,
            present,
            rows if is_reachable else None,
            planned,
            (*usual, *made),
            **further,
        )

    return new


def observed(manifest, ready="True", **metadata):
    """An object as the cluster would have it after the manifest was applied."""
    given = manifest["metadata"]
    status = {"conditions": [{"type": "Ready", "status": ready, "reason": "Because", "message": "of this"}]}
    return {
        **manifest,
        "metadata": {**given, "uid": f"uid-{given['name']}", "generation": 1, **metadata},
        "status": status,
    }


def actions(world):
    """What is decided, each as ``(action, kind, name)``."""
    return [told(each) for each in decide(world)]


def told(action):
    match action:
        case Apply():
            return ("Apply", action.manifest["kind"], action.manifest["metadata"]["name"])
        case Remove() | SetStatus():
            return (type(action).__name__, action.target.kind.name, action.target.name)
        case _:
            target = getattr(action, "target", None)
            return (type(action).__name__, "", action.name if target is None else target.name)


def conditions(world, name="greet"):
    """The conditions that are to be told of a resource, by type, as ``(status, reason, message)``."""
    [action] = [each for each in decide(world) if isinstance(each, SetStatus) and each.target.name == name]
    return {each["type"]: (each["status"], each["reason"], each["message"]) for each in action.status["conditions"]}


def accepted(pipeline, version=1):
    return {pipeline["metadata"]["uid"]: Acceptance(pipeline["metadata"]["generation"], version)}


def known(*node_types, pipelines=()):
    """What a world has when the API was told of these node types, and has accepted these pipelines."""
    answers = {each["metadata"]["uid"]: TypeAcceptance(each["metadata"]["generation"], "h") for each in node_types}
    for each in pipelines:
        answers |= accepted(each)
    return {"answers": answers, "saved_types": {each["metadata"]["name"]: "h" for each in node_types}}


def applied(world, resources):
    """The world after all that was decided has been done, with what the statuses then say."""
    statuses = {each.target.key: each.status for each in decide(world) if isinstance(each, SetStatus)}
    return [
        {**each, "status": {**each.get("status", {}), **statuses.get(reference_to(each).key, {})}} for each in resources
    ]
