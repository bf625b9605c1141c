"""What people do with runs: start, cancel, retry and rerun them, each from the outside's words to the engine's."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256

import orjson

from flume.errors import ConflictError, NotFoundError, RequestError
from flume.ids import Instance, NodeId, PipelineId, RunId, instance_in, item_scope
from flume.inputs import check_inputs
from flume.pipeline import InputDefinition, PipelineStatus
from flume.plan import Plan
from flume.planning import up_to
from flume.values import JsonObject, JsonValue, check_value
from orchestrator.bus import Bus, InboxGrew, replica_topic
from orchestrator.engine import Engine, Started
from orchestrator.identifiers import Clock, IdSource
from orchestrator.plans import Plans
from orchestrator.seeds import Seeds, items_to_redo, seeds_for_rerun, seeds_for_retry
from orchestrator.state import Inline, NodeState, PayloadRef, Run, RunOrigin, RunStatus, Stored, TriggerRecord
from orchestrator.store import CANCEL, InboxEntry, Payload, PipelineRecord, Store, StoredRun
from orchestrator.stored_apart import payloads_of_item, payloads_of_nodes, payloads_of_origin
from orchestrator.values import as_kept

MAX_HOPS = 8
"""Pipelines that start each other stop here: a circle of them would never end."""

NO_PIPELINE = PipelineId("0" * 24)
"""Under this id are the test runs of names that were never saved."""


class TooManyHopsError(RequestError):
    """Too many pipelines started one another, up to this start."""


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


@dataclass(frozen=True, slots=True)
class Rerun:
    """A wish to do an ended run again: from ``from_node`` on, with all before it taken over, or None for all of it.

    ``inputs`` None means the old ones, ``latest`` the pipeline's present version. ``key`` makes it happen once for the run,
    whatever is repeated; ``body`` tells a repetition from another request.
    """

    from_node: NodeId | None = None
    inputs: JsonValue | None = None
    latest: bool = False
    key: str | None = None
    body: bytes | None = None


class Runs:
    """Starts, cancels, retries and reruns."""

    def __init__(
        self,
        *,
        store: Store,
        engine: Engine,
        bus: Bus,
        plans: Plans,
        clock: Clock,
        ids: IdSource,
    ) -> None:
        self._bus = bus
        self._store = store
        self._engine = engine
        self._plans = plans
        self._clock = clock
        self._ids = ids

    async def start(self, pipeline: PipelineRecord, start: Start) -> Started:
        """Start a run of a pipeline's present version; a start whose key was used before gives that run again.

        Raises `RequestError` for bad inputs or a key used with another body, `TooManyHopsError`; `ConflictError` for a
        draft; `UnavailableError` and `StoreError` as `Engine.start` does.
        """
        _check_start(pipeline, start)
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
        _check_key(started, origin)
        return started

    async def test(self, namespace: str, test: TestRun) -> Started:
        """Run an unsaved text. Raises `DefinitionError` with all problems, `RequestError` for bad inputs, pins or ``until``."""
        whole = await self._plans.of_text(test.source)
        _check_pins(whole, test)
        inputs = checked_inputs(whole.inputs, test.data, is_strict=True)
        run_id = RunId(self._ids())
        data, payloads = self._keep(test.data)
        kept_inputs, more = self._keep(inputs)
        existing = await self._store.read_pipeline(namespace, whole.name)
        origin = RunOrigin(
            id=run_id,
            namespace=namespace,
            # Test runs of a name that was never saved still need an id to be listed under.
            pipeline_id=existing.id if existing is not None else NO_PIPELINE,
            pipeline=whole.name,
            version=0,
            trigger=TriggerRecord("manual", "test", data),
            inputs=kept_inputs,
            created_at=self._clock(),
            test=True,
            definition=test.source,
            pins=test.pins,
            until=test.until,
        )
        plan = whole if test.until is None else up_to(whole, test.until)
        return await self._engine.start(plan, origin, payloads=[*payloads, *more])

    async def retry(self, stored: StoredRun, *, key: str | None = None) -> Started:
        """A new run that goes on where an ended one failed; the same ``key`` for the same run gives that new run again.

        Raises `ConflictError` while the old one is under way.
        """
        run = _ended(stored)
        origin = self._origin_after(run, None if key is None else retry_key(run.id, key))
        if (before := await self._made_before(origin)) is not None:
            return before
        plan = await self._plans.of_run(run.origin)
        return await self._begin_after(run, plan, origin, seeds_for_retry(run))

    async def is_to_be_retried(self, run: Run, *, key: str | None = None) -> bool:
        """Whether a run of many is one to go on with: not if it was retried or rerun before, or is itself such a retry.

        What was done with this very ``key`` does not count as before, so that the same call gives the same answer.
        """
        if key is None:
            return not await self._store.children_of(run.id)
        if run.origin.retry_of is not None and run.origin.start_key == retry_key(run.origin.retry_of, key):
            return False
        if not await self._store.children_of(run.id):
            return True
        return await self._store.find_start(run.origin.pipeline_id, retry_key(run.id, key)) is not None

    async def rerun(self, stored: StoredRun, rerun: Rerun) -> Started:
        """A new run of what ``rerun`` says; one whose key was used before with this run gives that new run again.

        The old inputs are fitted to the latest version: what it does not declare is left out, and its defaults are filled in.
        Raises `ConflictError` while the run is under way, `RequestError` for an unknown node, inputs that don't fit or a key
        used with another body.
        """
        run = _ended(stored)
        start_key = None if rerun.key is None else f"rerun:{run.id}:{rerun.key}"
        origin = self._origin_after(run, start_key, rerun.body)
        if (before := await self._made_before(origin)) is not None:
            return before
        if rerun.latest and origin.definition is None:
            pipeline = await self._store.pipeline_by_id(origin.pipeline_id)
            if pipeline is None:
                raise NotFoundError("pipeline", origin.pipeline)
            origin = replace(origin, version=pipeline.version)
        plan = await self._plans.of_run(origin)
        seeds = Seeds() if rerun.from_node is None else seeds_for_rerun(plan, run, rerun.from_node)
        usable = {node_id: state for node_id, state in seeds.nodes.items() if node_id in plan.root.nodes}
        loops = tuple(loop for loop in seeds.loops if NodeId(loop) in usable)
        inputs, payloads = rerun.inputs, list[Payload]()
        if inputs is None and origin.version != run.origin.version:
            inputs = checked_inputs(plan.inputs, await self._value_of(run, origin.inputs), is_strict=False)
        if inputs is not None:
            kept, payloads = self._keep(checked_inputs(plan.inputs, inputs, is_strict=True))
            origin = replace(origin, inputs=kept)
        return await self._begin_after(run, plan, origin, Seeds(usable, loops), payloads)

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
            kind=CANCEL,
            body={"reason": reason},
            at=self._clock(),
        )
        was_kept = await self._store.put_inbox(entry)
        if stored.owner is not None:
            self._bus.publish(replica_topic(stored.owner), InboxGrew(run.id))
        return was_kept

    def _origin_after(self, old: Run, start_key: str | None, body: bytes | None = None) -> RunOrigin:
        return replace(
            old.origin,
            id=RunId(self._ids()),
            created_at=self._clock(),
            start_key=start_key,
            body_hash=None if start_key is None or body is None else sha256(body).hexdigest(),
            attempt=old.origin.attempt + 1,
            retry_of=old.id,
        )

    async def _made_before(self, origin: RunOrigin) -> Started | None:
        """The start that used the key first. The commit would tell as well, but only where there is room for one more run."""
        if origin.start_key is None:
            return None
        found = await self._store.find_start(origin.pipeline_id, origin.start_key)
        if found is None:
            return None
        started = Started(found[0], None, found[1])
        _check_key(started, origin)
        return started

    async def _begin_after(
        self, old: Run, plan: Plan, origin: RunOrigin, seeds: Seeds, payloads: Sequence[Payload] = ()
    ) -> Started:
        nodes = await self._taken_over(old, origin.id, seeds)
        started = await self._engine.start(plan, origin, seeds=nodes, payloads=payloads)
        _check_key(started, origin)
        return started

    async def _taken_over(self, old: Run, new: RunId, seeds: Seeds) -> Mapping[NodeId, NodeState]:
        """What the new run begins with, made to last as long as it: the old run may be deleted before."""
        await self._keep_payloads(old.id, new, {*payloads_of_origin(old.origin), *payloads_of_nodes(seeds.nodes)})
        nodes = dict(seeds.nodes)
        for loop in seeds.loops:
            nodes[NodeId(loop)] = await self._reopen(old.id, new, loop, nodes[NodeId(loop)])
        return nodes

    async def _reopen(self, old: RunId, new: RunId, loop: Instance, state: NodeState) -> NodeState:
        if state.loop is None:
            return state
        if await self._store.copy_items(old, new, loop) < state.loop.succeeded:
            # A deletion takes the items before the run. What is gone must not be done again, as if it never had been.
            raise _gone(old)
        return replace(state, loop=items_to_redo(state.loop, await self._keep_items(old, new, loop)))

    async def _keep_items(self, old: RunId, new: RunId, loop: Instance) -> set[int]:
        """Keep the payloads of a loop's copied items and of those within; the indexes of the items that completed."""
        done: set[int] = set()
        after = -1
        while page := await self._store.read_items(new, loop, after=after):
            await self._keep_payloads(old, new, {ref for _, item in page for ref in payloads_of_item(item)})
            for index, item in page:
                inner = (node_id for node_id, state in item.nodes.items() if state.loop is not None)
                for node_id in inner:
                    await self._keep_items(old, new, instance_in(item_scope(loop, index), node_id))
            done.update(index for index, item in page if item.status is RunStatus.COMPLETED)
            after = page[-1][0]
        return done

    async def _keep_payloads(self, old: RunId, new: RunId, refs: Collection[PayloadRef]) -> None:
        if not await self._store.keep_payloads(new, [ref.id for ref in refs]):
            raise _gone(old)

    async def _value_of(self, run: Run, stored: Stored) -> JsonValue:
        if isinstance(stored, Inline):
            return stored.value
        payload = await self._store.read_payload(stored.id)
        if payload is None:
            raise _gone(run.id)
        value: JsonValue = orjson.loads(payload.content)
        return value

    def _keep(self, value: JsonValue) -> tuple[Stored, list[Payload]]:
        check_value(value)
        stored, payload = as_kept(value, inline_bytes=0, new_id=self._ids)
        return stored, [] if payload is None else [payload]


def retry_key(run_id: RunId, key: str) -> str:
    """The start key of a retry that was asked for with an ``Idempotency-Key``."""
    return f"retry:{run_id}:{key}"


def _gone(run_id: RunId) -> NotFoundError:
    return NotFoundError("run", run_id, "its time was up just now")


def checked_inputs(definitions: tuple[InputDefinition, ...], data: JsonValue, *, is_strict: bool) -> JsonObject:
    """The inputs that ``data`` gives. Raises `RequestError`."""
    if not definitions:
        return {}
    if not is_strict:
        names = {definition.name for definition in definitions}
        data = {key: value for key, value in data.items() if key in names} if isinstance(data, Mapping) else {}
    return check_inputs(definitions, data)


def _check_start(pipeline: PipelineRecord, start: Start) -> None:
    if pipeline.status is PipelineStatus.DRAFT or pipeline.version == 0:
        raise ConflictError(
            f"pipeline '{pipeline.name}' is a draft",
            code="pipeline-is-draft",
            hint="activate it, or make a test run",
        )
    if start.hops >= MAX_HOPS:
        raise TooManyHopsError(
            f"{start.hops} pipelines started one another, up to '{pipeline.name}'; the limit is {MAX_HOPS}",
            code="too-many-hops",
            hint="look for a circle of pipelines",
        )


def _check_key(started: Started, origin: RunOrigin) -> None:
    if started.run is None and started.body_hash != origin.body_hash:
        raise RequestError(
            "this Idempotency-Key was used with another body",
            code="key-reused",
            hint="send a new key with a new request",
        )


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
    if stored.damage:
        raise ConflictError(
            f"what is stored of run {stored.run.id} can't be read ({stored.damage})",
            code="damaged-run",
            hint="start the pipeline anew",
        )
    if not stored.run.status.is_ended:
        raise ConflictError(
            f"run {stored.run.id} is still {stored.run.status}",
            code="run-not-ended",
            hint="cancel it, or wait for its end",
        )
    return stored.run
