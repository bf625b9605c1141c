"""Plans of saved versions and of test runs, made once and kept while they are used.

A version stores what its plan took from each node type. When a type is gone or has another version by now, the plan is
made from what was stored, and the nodes of that type fail with a message that says so, instead of doing something else
than their author meant.
"""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace

from flume.document import parse_pipeline
from flume.errors import DefinitionError, NotFoundError
from flume.ids import PipelineId
from flume.nodes.registry import Registry
from flume.nodes.types import NodeType, Rendering, Role
from flume.pipeline import EdgeDefinition, Lane, Pipeline, all_nodes
from flume.plan import Plan
from flume.planning import Circumstances, resolve, up_to
from flume.source import Source, read_source
from flume.values import JsonObject
from orchestrator.state import RunOrigin
from orchestrator.store import PipelineStore, VersionRecord

CAPACITY = 500
"""Plans kept in memory."""


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
    """Gives the plan of a run or of a version. Safe to call concurrently."""

    def __init__(self, store: PipelineStore, registry: Registry, circumstances: Circumstances) -> None:
        self._store = store
        self._registry = registry
        self._circumstances = circumstances
        self._kept: OrderedDict[tuple[str, int | str, str | None], Plan] = OrderedDict()

    def forget(self) -> None:
        """Make all plans anew, because node types were reloaded."""
        self._kept.clear()

    async def of_run(self, origin: RunOrigin) -> Plan:
        """The plan that a run follows. Raises `NotFoundError` if its version is gone."""
        key = (origin.pipeline_id, origin.definition or origin.version, origin.until)
        plan = self._kept.get(key)
        if plan is None:
            plan = await self._make(origin)
            if origin.until is not None:
                plan = up_to(plan, origin.until)
        self._keep(key, plan)
        return plan

    async def of_version(self, pipeline_id: PipelineId, version: int) -> Plan:
        """The plan of a saved version. Raises `NotFoundError`."""
        key = (pipeline_id, version, None)
        plan = self._kept.get(key) or plan_of_record(
            await self._read(pipeline_id, version), self._registry, self._circumstances
        )
        self._keep(key, plan)
        return plan

    async def _make(self, origin: RunOrigin) -> Plan:
        if origin.definition is None:
            return await self.of_version(origin.pipeline_id, origin.version)
        parsed = parse_pipeline(read_source(origin.definition))
        if parsed.pipeline is None:
            raise DefinitionError(parsed.problems)
        resolution = resolve(parsed.pipeline, self._registry, circumstances=self._circumstances)
        if resolution.plan is None:
            raise DefinitionError(resolution.problems)
        return resolution.plan

    async def _read(self, pipeline_id: PipelineId, version: int) -> VersionRecord:
        record = await self._store.read_version(pipeline_id, version)
        if record is None:
            raise NotFoundError("pipeline version", f"{pipeline_id}/{version}")
        return record

    def _keep(self, key: tuple[str, int | str, str | None], plan: Plan) -> None:
        self._kept[key] = plan
        self._kept.move_to_end(key)
        if len(self._kept) > CAPACITY:
            self._kept.popitem(last=False)


def plan_of_record(record: VersionRecord, registry: Registry, circumstances: Circumstances) -> Plan:
    """The plan of a saved version, with nodes marked unusable where their type is not what it was.

    Raises `DefinitionError` only for a record that never was valid.
    """
    parsed = parse_pipeline(Source.from_value(record.definition))
    if parsed.pipeline is None:
        raise DefinitionError(parsed.problems)
    changes = {name: reason for name in record.node_types if (reason := _change(name, record, registry))}
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


def _change(name: str, record: VersionRecord, registry: Registry) -> str | None:
    """How a type differs from what the version was saved with, or None if it does not."""
    try:
        current = registry.get(name)
    except NotFoundError as error:
        return f"node type '{name}' is gone: {error.hint}"
    saved = record.node_types[name]["version"]
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
