"""What a node was given, worked out again: rendered inputs are not stored, they follow from what the run recorded."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import orjson

from flume.errors import ExpressionError, NotFoundError
from flume.expressions import SecretNames, mask_markers
from flume.ids import ROOT, Instance, NodeId, ScopePath, instance_in, split_instance, split_scope
from flume.plan import Plan, PlanNode
from flume.values import JsonObject
from orchestrator.api.loading import MAX_LOADED_BYTES
from orchestrator.names import Names
from orchestrator.preparation import render_values
from orchestrator.service import Orchestrator
from orchestrator.state import Inline, NodeState, PayloadRef, Run, Scope
from orchestrator.store import RunStore
from orchestrator.values import NotLoadedError, RunValues

MAX_READ_BYTES = 16 * 1024 * 1024
"""Values stored apart are read up to this to render one node's inputs."""

T = TypeVar("T")

_STEP = r"[a-z][a-z0-9-]{0,62}"
_ITEM = re.compile(rf"(?:{_STEP}\[\d{{1,6}}\]\.){{0,8}}{_STEP}\[\d{{1,6}}\]", re.ASCII)
_INSTANCE = re.compile(rf"(?:{_STEP}\[\d{{1,6}}\]\.){{0,8}}{_STEP}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """A node in its scope. ``run`` holds the items on the way to it, whether they have ended or not."""

    run: Run
    path: ScopePath
    node_id: NodeId
    node: PlanNode | None
    state: NodeState | None


@dataclass(frozen=True, slots=True)
class Given:
    """What a node was given, without secrets; ``error`` says why that can't be told. All None: it has not begun."""

    config: Any = None
    inputs: Any = None
    error: str | None = None


async def find_place(store: RunStore, run: Run, plan: Plan | None, instance: str) -> Place:
    """The place that an instance such as ``each[3].fetch`` names. Raises `NotFoundError`."""
    if not _INSTANCE.fullmatch(instance):
        raise NotFoundError("node", instance[:100], "an instance is such as fetch or each[3].fetch")
    path, node_id = split_instance(Instance(instance))
    node = None
    if plan is not None:
        node = _planned(plan, path, node_id)
        if node is None:
            raise NotFoundError("node", instance[:100], f"of run {run.id}; nodes: {', '.join(list(plan.nodes)[:20])}")
    run = await with_items(store, run, path)
    scope = run.scopes[path]
    if node is None and node_id not in scope.nodes:
        raise NotFoundError("node", instance[:100], f"of run {run.id}")
    return Place(run, path, node_id, node, scope.nodes.get(node_id))


async def find_item(store: RunStore, run: Run, path: str) -> Scope:
    """The loop item that a path such as ``each[3]`` names. Raises `NotFoundError`."""
    if not _ITEM.fullmatch(path):
        raise NotFoundError("loop item", path[:100], "an item is such as each[3]")
    return (await with_items(store, run, ScopePath(path))).scopes[ScopePath(path)]


async def with_items(store: RunStore, run: Run, path: ScopePath) -> Run:
    """The run with all items on the way to ``path`` in it. Raises `NotFoundError` for an item that was never begun."""
    if path == ROOT:
        return run
    loop, index = split_scope(path)
    around, loop_id = split_instance(loop)
    run = await with_items(store, run, around)
    scopes = dict(run.scopes)
    if path not in scopes:
        scopes[path] = await _item(store, run, loop, index)
    state = scopes[around].nodes.get(loop_id)
    if state is not None and state.loop is not None and state.loop.total is None:
        # The body of a `while` loop sees the result of the item before, and the state keeps only that of the last.
        last = None if index == 0 else (await _item(store, run, loop, index - 1)).output
        nodes = {**scopes[around].nodes, loop_id: replace(state, loop=replace(state.loop, last=last))}
        scopes[around] = replace(scopes[around], nodes=nodes)
    return replace(run, scopes=scopes)


async def given_to(orchestrator: Orchestrator, plan: Plan | None, place: Place) -> Given:
    """What a node was given. Never raises for what the run holds."""
    state, node, run = place.state, place.node, place.run
    if state is None or state.ready_at is None or state.attempt == 0 or place.node_id in run.origin.pins:
        return Given()
    if plan is None or node is None or node.work is None or node.id in plan.unusable:
        return Given(error="the node's type or version is not what it was, so its inputs can't be rendered again")
    work, ready_at = node.work, state.ready_at
    nonce = orchestrator.ids()
    values = RunValues(orchestrator.store)
    secrets = SecretNames(orchestrator.options.secret_names, nonce)

    def render() -> tuple[JsonObject, JsonObject]:
        names = Names(plan, _with_loop_values(plan, run, values, secrets, place.path), values, secrets)
        return render_values(work, names.of_node(node, instance_in(place.path, node.id), ready_at, work.roots))

    try:
        config, inputs = await _loaded(values, render)
    except ExpressionError as error:
        return Given(error=str(error))
    except _TooLargeError as error:
        return Given(error=str(error))
    return Given(_shown(mask_markers(config, nonce)), _shown(mask_markers(inputs, nonce)))


def _with_loop_values(plan: Plan, run: Run, values: RunValues, secrets: SecretNames, path: ScopePath) -> Run:
    """The run with the items of the loops around ``path``: a loop that has ended does not keep what it iterated over."""
    if path == ROOT:
        return run
    loop, _ = split_scope(path)
    around, loop_id = split_instance(loop)
    run = _with_loop_values(plan, run, values, secrets, around)
    node, state = plan.nodes[loop_id], run.scopes[around].nodes.get(loop_id)
    if node.work is None or state is None or state.loop is None or state.ready_at is None:
        return run
    if state.loop.items is not None or state.loop.total is None:
        return run
    names = Names(plan, run, values, secrets)
    _, inputs = render_values(node.work, names.of_node(node, loop, state.ready_at, node.work.roots))
    items = inputs.get("items")
    if not isinstance(items, list):
        return run
    known = replace(state, loop=replace(state.loop, items=Inline(items, b"")))
    scope = replace(run.scopes[around], nodes={**run.scopes[around].nodes, loop_id: known})
    return replace(run, scopes={**run.scopes, around: scope})


class _TooLargeError(Exception):
    """The values that a node works on are too large to be read for a page."""


async def _loaded(values: RunValues, compute: Callable[[], T]) -> T:
    """What ``compute`` gives once all payloads that it needs are in memory."""
    left = MAX_READ_BYTES
    while True:
        try:
            return compute()
        except NotLoadedError as missing:
            left -= missing.ref.size
            if left < 0:
                raise _TooLargeError(
                    f"the node works on values of more than {MAX_READ_BYTES:,} bytes; read them where they were made"
                ) from None
            await _load(values, missing.ref)


async def _load(values: RunValues, ref: PayloadRef) -> None:
    try:
        await values.load(ref)
    except LookupError as error:
        raise _TooLargeError(str(error)) from error


def _shown(value: Any) -> Any:
    """A rendered value as JSON with its dates as text, or its size if it is too large to be shown."""
    encoded = orjson.dumps(value, default=_plain)
    if len(encoded) > MAX_LOADED_BYTES:
        return {"$tooLarge": {"size": len(encoded)}}
    return orjson.Fragment(encoded)


def _plain(value: object) -> object:
    return dict(value) if hasattr(value, "keys") else str(value)  # type: ignore[call-overload]


async def _item(store: RunStore, run: Run, loop: Instance, index: int) -> Scope:
    found = await store.read_items(run.id, loop, after=index - 1, limit=1)
    if not found or found[0][0] != index:
        raise NotFoundError("loop item", f"{loop}[{index}]", f"of run {run.id}; it was not begun")
    return found[0][1]


def _planned(plan: Plan, path: ScopePath, node_id: NodeId) -> PlanNode | None:
    """The node, if it lives in this scope and the scope's loops live where the path says."""
    scope = plan.root
    for step in filter(None, path.split(".")):
        loop = scope.nodes.get(NodeId(step.partition("[")[0]))
        if loop is None or loop.loop is None:
            return None
        scope = loop.loop.body
    return scope.nodes.get(node_id)
