"""What people do with runs: start, cancel, retry and rerun them, each from the outside's words to the engine's."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256

from flume.document import parse_pipeline
from flume.errors import ConflictError, DefinitionError, NotFoundError, RequestError
from flume.ids import Instance, NodeId, PipelineId, RunId
from flume.inputs import check_inputs
from flume.nodes.registry import Registry
from flume.pipeline import InputDefinition, PipelineStatus
from flume.plan import Plan
from flume.planning import Circumstances, resolve
from flume.source import read_source
from flume.values import JsonObject, JsonValue, check_value
from orchestrator.engine import Engine, Started
from orchestrator.identifiers import Clock, IdSource
from orchestrator.plans import Plans
from orchestrator.seeds import Seeds, items_to_redo, payloads_in, seeds_for_rerun, seeds_for_retry
from orchestrator.state import NodeState, PayloadRef, Run, RunOrigin, RunStatus, Stored, TriggerRecord
from orchestrator.store import InboxEntry, Payload, PipelineRecord, Store, StoredRun
from orchestrator.values import RunValues

MAX_HOPS = 8
"""Pipelines that start each other stop here: a circle of them would never end."""

NO_PIPELINE = PipelineId("0" * 24)
"""Under this id are the test runs of names that were never saved."""


@dataclass(frozen=True, slots=True)
class Start:
    """A wish to start a run. ``data`` becomes ``trigger.data`` and gives the run's inputs.

    ``is_strict``: the sender means the inputs, so that an unknown one is an error; otherwise further data is ignored.
    ``start_key`` makes the start happen once, whatever is repeated; ``body`` tells a repetition from another request.
    """

    trigger_type: str = "manual"
    trigger_id: str = "manual"
    data: JsonValue = None
    detail: JsonObject = field(default_factory=dict)
    is_strict: bool = True
    start_key: str | None = None
    body: bytes | None = None
    hops: int = 0
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class TestRun:
    """A run of a text that was not saved. ``pins`` are outputs given for nodes, ``until`` the last node to run."""

    source: str
    data: JsonValue = None
    pins: Mapping[NodeId, JsonValue] = field(default_factory=dict)
    until: NodeId | None = None


class Runs:
    """Starts, cancels, retries and reruns."""

    def __init__(
        self,
        *,
        store: Store,
        engine: Engine,
        plans: Plans,
        registry: Registry,
        circumstances: Callable[[], Circumstances],
        clock: Clock,
        ids: IdSource,
    ) -> None:
        self._store = store
        self._engine = engine
        self._plans = plans
        self._registry = registry
        self._circumstances = circumstances
        self._clock = clock
        self._ids = ids

    async def start(self, pipeline: PipelineRecord, start: Start) -> Started:
        """Start a run of a pipeline's present version; a start whose key was used before gives that run again.

        Raises `RequestError` for bad inputs, a key used with another body, or too many hops; `ConflictError` for a
        draft; `UnavailableError` and `StoreError` as `Engine.start` does.
        """
        if pipeline.status is PipelineStatus.DRAFT or pipeline.version == 0:
            raise ConflictError(
                f"pipeline '{pipeline.name}' is a draft",
                code="pipeline-is-draft",
                hint="activate it, or make a test run",
            )
        if start.hops >= MAX_HOPS:
            raise RequestError(
                f"{start.hops} pipelines started one another, up to '{pipeline.name}'; the limit is {MAX_HOPS}",
                code="too-many-hops",
                hint="look for a circle of pipelines",
            )
        plan = await self._plans.of_version(pipeline.id, pipeline.version)
        inputs = checked_inputs(plan.inputs, start.data, is_strict=start.is_strict)
        run_id = RunId(self._ids())
        data, payloads = self._keep(start.data)
        kept_inputs, more = self._keep(inputs)
        origin = RunOrigin(
            id=run_id,
            namespace=pipeline.namespace,
            pipeline_id=pipeline.id,
            pipeline=pipeline.name,
            version=pipeline.version,
            trigger=TriggerRecord(start.trigger_type, start.trigger_id, data, start.detail),
            inputs=kept_inputs,
            created_at=self._clock(),
            start_key=start.start_key,
            body_hash=None if start.body is None else sha256(start.body).hexdigest(),
            hops=start.hops,
            traceparent=start.traceparent,
        )
        started = await self._engine.start(plan, origin, payloads=[*payloads, *more])
        if started.run is None and started.body_hash != origin.body_hash:
            raise RequestError(
                "this Idempotency-Key was used with another body",
                code="key-reused",
                hint="send a new key with a new request",
            )
        return started

    async def test(self, namespace: str, test: TestRun) -> Started:
        """Run an unsaved text. Raises `DefinitionError` with all problems, `RequestError` for bad inputs, pins or ``until``."""
        parsed = parse_pipeline(read_source(test.source))
        if parsed.readable is None:
            raise DefinitionError(parsed.problems)
        resolution = resolve(parsed.readable, self._registry, circumstances=self._circumstances())
        problems = parsed.with_problems(resolution.problems)
        if problems or resolution.plan is None:
            raise DefinitionError(problems)
        plan = resolution.plan
        _check_pins(plan, test)
        inputs = checked_inputs(plan.inputs, test.data, is_strict=True)
        run_id = RunId(self._ids())
        data, payloads = self._keep(test.data)
        kept_inputs, more = self._keep(inputs)
        existing = await self._store.read_pipeline(namespace, plan.name)
        origin = RunOrigin(
            id=run_id,
            namespace=namespace,
            # Test runs of a name that was never saved still need an id to be listed under.
            pipeline_id=existing.id if existing is not None else NO_PIPELINE,
            pipeline=plan.name,
            version=0,
            trigger=TriggerRecord("manual", "test", data),
            inputs=kept_inputs,
            created_at=self._clock(),
            test=True,
            definition=test.source,
            pins=test.pins,
            until=test.until,
        )
        return await self._engine.start(await self._plans.of_run(origin), origin, payloads=[*payloads, *more])

    async def retry(self, stored: StoredRun) -> Started:
        """A new run that goes on where an ended one failed. Raises `ConflictError` while it is under way."""
        run = _ended(stored)
        plan = await self._plans.of_run(run.origin)
        return await self._again(plan, run, seeds_for_retry(run), version=run.origin.version, inputs=None)

    async def rerun(
        self, stored: StoredRun, from_node: NodeId, *, inputs: JsonValue | None = None, latest: bool = False
    ) -> Started:
        """A new run that takes over what lies before ``from_node``; with ``latest``, of the pipeline's present version.

        Raises `ConflictError` while the run is under way, `RequestError` for an unknown node or bad inputs.
        """
        run = _ended(stored)
        origin, version = run.origin, run.origin.version
        if latest and origin.definition is None:
            pipeline = await self._store.pipeline_by_id(origin.pipeline_id)
            if pipeline is None:
                raise NotFoundError("pipeline", origin.pipeline)
            version = pipeline.version
        plan = await self._plans.of_run(replace(origin, version=version))
        seeds = seeds_for_rerun(plan, run, from_node)
        usable = {node_id: state for node_id, state in seeds.nodes.items() if node_id in plan.root.nodes}
        loops = tuple(loop for loop in seeds.loops if NodeId(loop) in usable)
        return await self._again(plan, run, Seeds(usable, loops), version=version, inputs=inputs)

    async def cancel(self, stored: StoredRun, *, reason: str, live_owners: tuple[str, ...]) -> bool:
        """Ask a run to stop; False if it has ended already. Returns once the wish can't be lost."""
        run = stored.run
        if run.status.is_ended:
            return False
        if await self._engine.cancel(run.id, live_owners=live_owners, reason=reason):
            return True
        entry = InboxEntry(
            id=self._ids(),
            run_id=run.id,
            instance=Instance(""),
            attempt=0,
            kind="cancel",
            body={"reason": reason},
            at=self._clock(),
        )
        return await self._store.put_inbox(entry)

    async def _again(self, plan: Plan, old: Run, seeds: Seeds, *, version: int, inputs: JsonValue | None) -> Started:
        run_id = RunId(self._ids())
        nodes = dict(seeds.nodes)
        payloads = await self._copies(seeds, nodes)
        for loop in seeds.loops:
            nodes[NodeId(loop)] = await self._reopen(old.id, run_id, loop, nodes[NodeId(loop)])
        values = RunValues(self._store)
        data = await values.load_stored(old.origin.trigger.data)
        kept_inputs = old.origin.inputs
        if inputs is not None:
            kept_inputs, more = self._keep(checked_inputs(plan.inputs, inputs, is_strict=True))
            payloads.extend(more)
        elif isinstance(kept_inputs, PayloadRef):
            kept_inputs, more = self._keep(await values.load(kept_inputs))
            payloads.extend(more)
        kept_data, more = self._keep(data)
        payloads.extend(more)
        origin = replace(
            old.origin,
            id=run_id,
            version=version,
            trigger=replace(old.origin.trigger, data=kept_data),
            inputs=kept_inputs,
            created_at=self._clock(),
            start_key=None,
            body_hash=None,
            attempt=old.origin.attempt + 1,
            retry_of=old.id,
        )
        return await self._engine.start(plan, origin, seeds=nodes, payloads=payloads)

    async def _copies(self, seeds: Seeds, nodes: dict[NodeId, NodeState]) -> list[Payload]:
        """Values that the old run stored apart, under ids of the new one: the old run may be deleted before it."""
        renamed: dict[str, PayloadRef] = {}
        copies: list[Payload] = []
        for ref in payloads_in(seeds):
            payload = await self._store.read_payload(ref.id)
            if payload is None:
                raise NotFoundError("payload", ref.id)
            renamed[ref.id] = PayloadRef(self._ids(), ref.size)
            copies.append(replace(payload, id=renamed[ref.id].id))
        for node_id, state in nodes.items():
            nodes[node_id] = _with_payloads(state, renamed)
        return copies

    async def _reopen(self, old: RunId, new: RunId, loop: Instance, state: NodeState) -> NodeState:
        if state.loop is None:
            return state
        await self._store.copy_items(old, new, loop)
        done: set[int] = set()
        after = -1
        while page := await self._store.read_items(new, loop, after=after, limit=1000):
            done.update(index for index, item in page if item.status is RunStatus.COMPLETED)
            after = page[-1][0]
        return replace(state, loop=items_to_redo(state.loop, done))

    def _keep(self, value: JsonValue) -> tuple[Stored, list[Payload]]:
        check_value(value)
        stored, payload = RunValues(self._store).keep(value, inline_bytes=0, new_id=self._ids)
        return stored, [] if payload is None else [payload]


def checked_inputs(definitions: tuple[InputDefinition, ...], data: JsonValue, *, is_strict: bool) -> JsonObject:
    """The inputs that ``data`` gives. Raises `RequestError`."""
    if not definitions:
        return {}
    if not is_strict:
        names = {definition.name for definition in definitions}
        data = {key: value for key, value in data.items() if key in names} if isinstance(data, Mapping) else {}
    return check_inputs(definitions, data)


def _check_pins(plan: Plan, test: TestRun) -> None:
    for node_id in test.pins:
        if node_id not in plan.nodes:
            raise RequestError(f"there is no node '{node_id}' to pin", code="unknown-node", pointer=f"/pins/{node_id}")
    if test.until is not None and test.until not in plan.root.nodes:
        known = ", ".join(plan.root.order)
        raise RequestError(
            f"there is no node '{test.until}' at the top level",
            code="unknown-node",
            pointer="/until",
            hint=f"nodes: {known}",
        )


def _ended(stored: StoredRun) -> Run:
    if not stored.run.status.is_ended:
        raise ConflictError(
            f"run {stored.run.id} is still {stored.run.status}",
            code="run-not-ended",
            hint="cancel it, or wait for its end",
        )
    return stored.run


def _with_payloads(state: NodeState, renamed: Mapping[str, PayloadRef]) -> NodeState:
    if isinstance(state.output, PayloadRef):
        state = replace(state, output=renamed[state.output.id])
    if state.loop is not None and isinstance(state.loop.items, PayloadRef):
        state = replace(state, loop=replace(state.loop, items=renamed[state.loop.items.id]))
    return state
