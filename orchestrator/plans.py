"""Plans of saved versions and of test runs, made once and kept while they are used.

A version stores what its plan took from each node type. When a type is gone or has another version by now, the plan is
made from what was stored, and the nodes of that type fail with a message that says so, instead of doing something else
than their author meant.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TypeAlias

from flume.document import parse_pipeline
from flume.errors import DefinitionError, NotFoundError
from flume.ids import PipelineId
from flume.nodes.registry import Registry
from flume.nodes.types import NodeType, Rendering, Role
from flume.pipeline import EdgeDefinition, Lane, Pipeline, all_nodes
from flume.plan import Plan, ScopePlan
from flume.planning import Circumstances, resolve, up_to
from flume.source import Source, read_source
from flume.validation import validate_source
from flume.values import JsonObject
from orchestrator.state import RunOrigin
from orchestrator.store import PipelineStore, VersionRecord

CAPACITY = 500
"""Plans kept in memory."""

MAX_NODES = 50_000
"""Nodes of all plans kept in memory, of the one used last apart: large ones are fewer."""

_Key: TypeAlias = tuple[str, int | bytes, str | None]
"""Pipeline and version, or nothing and the hash of a text; and the last node to run."""


def recorded_types(plan: Plan) -> dict[str, JsonObject]:
    """What a plan took from each of its node types, as a version stores it."""
    return {
        node.type.name: {
            "version": node.type.version,
            "ports": None if node.type.ports is None else list(node.type.ports),
            "lane": node.type.run_on.value,
            "pure": node.type.pure,
            "role": node.type.role.value,
        }
        for node in plan.nodes.values()
    }


class Plans:
    """Gives the plan of a run, of a version or of a text. Safe to call concurrently.

    ``catch_up`` brings ``registry`` up with what other replicas have changed, and is waited for before each plan is made.
    """

    def __init__(
        self,
        store: PipelineStore,
        registry: Registry,
        circumstances: Circumstances,
        *,
        catch_up: Callable[[], Awaitable[None]],
    ) -> None:
        self._store = store
        self._registry = registry
        self._circumstances = circumstances
        self._catch_up = catch_up
        self._kept = _Kept()

    def forget(self) -> None:
        """Make all plans anew, because node types were reloaded."""
        self._kept = _Kept()

    async def of_run(self, origin: RunOrigin) -> Plan:
        """The plan that a run follows.

        Raises `NotFoundError` if its version is gone, and `DefinitionError` if the text of a test run has become invalid
        by other node types than there were.
        """
        whole = await self._whole(origin)
        if origin.until is None:
            return whole
        key = (*_key_of(origin)[:2], origin.until)
        return self._kept.get(key) or self._kept.put(key, up_to(whole, origin.until))

    async def of_version(self, pipeline_id: PipelineId, version: int) -> Plan:
        """The plan of a saved version. Raises `NotFoundError`."""
        key = (pipeline_id, version, None)
        plan = self._kept.get(key)
        if plan is None:
            await self._catch_up()
            record = await self._read(pipeline_id, version)
            plan = self._kept.put(key, plan_of_record(record, self._registry, self._circumstances))
        return plan

    async def of_text(self, text: str) -> Plan:
        """The plan of a text that was not saved, checked whole. Raises `DefinitionError` with all problems."""
        await self._catch_up()
        # Should node types be reloaded meanwhile, the plan is of the old ones and must not be found later.
        kept = self._kept
        validation = await asyncio.to_thread(
            validate_source, read_source(text), self._registry, circumstances=self._circumstances
        )
        return kept.put(("", _digest(text), None), validation.require_plan())

    async def _whole(self, origin: RunOrigin) -> Plan:
        if origin.definition is None:
            return await self.of_version(origin.pipeline_id, origin.version)
        key = _key_of(origin)
        plan = self._kept.get(key)
        if plan is None:
            await self._catch_up()
            plan = self._kept.put(key, self._made_again(origin.definition))
        return plan

    def _made_again(self, text: str) -> Plan:
        """The plan of a text that was valid once: a secret that was removed since then is the node's failure, not the plan's."""
        lenient = replace(self._circumstances, secrets=None)
        return validate_source(read_source(text), self._registry, circumstances=lenient).require_plan()

    async def _read(self, pipeline_id: PipelineId, version: int) -> VersionRecord:
        record = await self._store.read_version(pipeline_id, version)
        if record is None:
            raise NotFoundError("pipeline version", f"{pipeline_id}/{version}")
        return record


class _Kept:
    """Plans in memory, within bounds; those that were used longest ago make room for others."""

    def __init__(self) -> None:
        self._plans: OrderedDict[_Key, Plan] = OrderedDict()
        self._nodes = 0

    def get(self, key: _Key) -> Plan | None:
        plan = self._plans.get(key)
        if plan is not None:
            self._plans.move_to_end(key)
        return plan

    def put(self, key: _Key, plan: Plan) -> Plan:
        """Keep a plan and return it."""
        self._nodes += len(plan.nodes) - len(self._plans[key].nodes if key in self._plans else ())
        self._plans[key] = plan
        self._plans.move_to_end(key)
        while len(self._plans) > CAPACITY or (self._nodes > MAX_NODES and len(self._plans) > 1):
            _, oldest = self._plans.popitem(last=False)
            self._nodes -= len(oldest.nodes)
        return plan


def _key_of(origin: RunOrigin) -> _Key:
    """What the whole plan of a run is kept under; a test run's text may be long, so its hash stands for it."""
    if origin.definition is None:
        return origin.pipeline_id, origin.version, None
    return "", _digest(origin.definition), None


def _digest(text: str) -> bytes:
    # A text may hold a lone surrogate, which is for validation to refuse.
    return sha256(text.encode(errors="surrogatepass")).digest()


def plan_of_record(record: VersionRecord, registry: Registry, circumstances: Circumstances) -> Plan:
    """The plan of a saved version, with nodes marked unusable where their type is not what it was.

    Raises `DefinitionError` only for a record that never was valid.
    """
    parsed = parse_pipeline(Source.from_value(record.definition))
    if parsed.pipeline is None:
        raise DefinitionError(parsed.problems)
    saved = {name: taken["version"] for name, taken in record.node_types.items()}
    changes = {name: reason for name in saved if (reason := change_of(name, saved[name], registry))}
    # A secret that was removed since then is the node's failure when it comes to that, not the plan's.
    lenient = replace(circumstances, secrets=None)
    plan = _resolve(parsed.pipeline, record, registry, lenient, changes)
    if plan is None:
        refused = dict.fromkeys(
            record.node_types, "the definition is not valid any more by the rules of this Flume version"
        )
        plan = _resolve(parsed.pipeline, record, registry, lenient, refused)
    if plan is None:
        raise DefinitionError(resolve(parsed.pipeline, registry, circumstances=lenient).problems)
    return plan


def _resolve(
    pipeline: Pipeline,
    record: VersionRecord,
    registry: Registry,
    circumstances: Circumstances,
    changes: Mapping[str, str],
) -> Plan | None:
    types = _TypesAsRecorded(pipeline, record, registry, changes)
    plan = resolve(pipeline, types, version=record.version, circumstances=circumstances).plan
    if plan is None or not changes:
        return plan
    unusable = {node.id: changes[node.type.name] for node in plan.nodes.values() if node.type.name in changes}
    return replace(plan, unusable=unusable)


def change_of(name: str, saved: int, registry: Registry) -> str | None:
    """How a type differs from the version of it that a pipeline was saved with, or None if it does not."""
    try:
        current = registry.get(name)
    except NotFoundError as error:
        return f"node type '{name}' is gone: {error.hint}"
    if current.version == saved:
        return None
    return (
        f"node type '{name}' is at version {current.version} now, and this pipeline was saved with version {saved}; "
        "save the pipeline again"
    )


@dataclass(frozen=True, slots=True)
class _TypesAsRecorded:
    """Node types for planning: those of the registry and, in place of changed ones, what the version recorded."""

    pipeline: Pipeline
    record: VersionRecord
    registry: Registry
    changes: Mapping[str, str]

    def get(self, name: str) -> NodeType:
        """See `flume.planning.NodeTypes`."""
        if name not in self.changes:
            return self.registry.get(name)
        saved = self.record.node_types[name]
        ports = saved["ports"]
        return NodeType(
            name=name,
            version=saved["version"],
            category="",
            description="",
            lanes=tuple(Lane),
            run_on=Lane(saved["lane"]),
            input_schema={},
            output_schema={},
            config_schema={},
            role=Role(saved["role"]),
            pure=saved["pure"],
            ports=None if ports is None else tuple(ports),
            ports_of_config=lambda config: self._wired_ports(name),
            renderings={key: Rendering.VERBATIM for key in self._keys(name)},
        )

    def _keys(self, name: str) -> set[str]:
        return {
            key for node in all_nodes(self.pipeline.nodes) if node.type == name for key in (*node.config, *node.inputs)
        }

    def _wired_ports(self, name: str) -> tuple[str, ...]:
        """The ports that edges follow, which is all that a plan needs to know of them."""
        ids = {node.id for node in all_nodes(self.pipeline.nodes) if node.type == name}
        return tuple(
            dict.fromkeys(edge.port for edge in _all_edges(self.pipeline) if edge.from_node in ids and edge.port)
        )


def _all_edges(pipeline: Pipeline) -> list[EdgeDefinition]:
    bodies = [node.body for node in all_nodes(pipeline.nodes) if node.body is not None]
    return [*pipeline.edges, *(edge for body in bodies for edge in body.edges)]


def plan_without_nodes(origin: RunOrigin) -> Plan:
    """A plan for a run that can only end, since there is none by which it could go on."""
    return Plan(
        name=origin.pipeline,
        namespace=origin.namespace,
        version=origin.version,
        root=ScopePlan(nodes={}, order=(), roots=(), ends=()),
        nodes={},
        variables={},
        inputs=(),
        timeout=None,
        pipeline=Pipeline(origin.pipeline, ()),
    )
