"""Runs nodes and pipelines in tests.

`run_node` needs no engine: validation, the call and the checks of its output are those of a real run. `run_pipeline` runs
a whole document on a store that is gone afterwards.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flume.ids import Instance, Millis, NodeId, RunId
from flume.nodes.context import NodeContext
from flume.nodes.describe import describe
from flume.nodes.invocation import failure, prepare, settle
from flume.nodes.node import Node, NodeSettings
from flume.nodes.outcomes import Outcome, Result
from flume.nodes.shared import SharedSetups
from flume.values import JsonObject, JsonValue

if TYPE_CHECKING:
    from orchestrator.service import Orchestrator
    from orchestrator.state import Failure, Run

NOW = datetime(2026, 1, 1, tzinfo=UTC)
"""The recorded moment of a test's attempt unless the test gives another."""


async def run_node(
    node_class: type[Node],
    config: JsonObject | None = None,
    inputs: JsonObject | None = None,
    *,
    settings: NodeSettings | None = None,
    **context: Any,
) -> Result:
    """The `Result` of one attempt, its output as JSON. ``context`` overrides fields of `NodeContext`.

    Raises `NodeError` as the run would record it. A node that sleeps or loops is run by `outcome_of`.
    """
    outcome = await outcome_of(node_class, config, inputs, settings=settings, **context)
    if not isinstance(outcome, Result):
        raise TypeError(
            f"{node_class.__name__} returned {type(outcome).__name__}, not a Result; call outcome_of instead"
        )
    return outcome


async def outcome_of(
    node_class: type[Node],
    config: JsonObject | None = None,
    inputs: JsonObject | None = None,
    *,
    settings: NodeSettings | None = None,
    **context: Any,
) -> Outcome:
    """Like `run_node`, for nodes that return `Sleep` or `Iterate` too."""
    node_type = describe(node_class)
    options, data = config or {}, inputs or {}
    setups = SharedSetups(settings or NodeSettings())
    try:
        shared = await setups.of(node_type)
        prepared = prepare(node_type, options, data, context=context_of_test(**context), shared=shared)
        execute = prepared.node.execute
        try:
            returned = await (
                execute(prepared.input) if prepared.is_async else asyncio.to_thread(execute, prepared.input)
            )
        # The edge of a node call: whatever a node raises is its result.
        except Exception as error:
            raise failure(node_type, error) from error
        return settle(node_type, options, returned)
    finally:
        await setups.aclose()


def context_of_test(**overrides: Any) -> NodeContext:
    """A `NodeContext` at `NOW`, with an hour of time by a clock that stands still there."""
    fields: dict[str, Any] = {
        "run_id": RunId("0" * 24),
        "node_id": NodeId("node"),
        "instance": Instance("node"),
        "attempt": 1,
        "idempotency_key": f"{'0' * 24}/node/0",
        "now": NOW,
        "deadline": NOW + timedelta(hours=1),
        "clock": lambda: NOW,
    }
    return NodeContext(**{**fields, **overrides})


@dataclass(frozen=True, slots=True)
class RunError:
    """Why a run or a node failed. ``node`` is the instance to blame, such as ``each[3].fetch``."""

    code: str
    message: str
    node: str | None


@dataclass(frozen=True, slots=True)
class NodeResult:
    """What became of a node of the top level. ``port`` is the one by which it left."""

    status: str
    output: JsonValue
    error: RunError | None
    attempts: int
    port: str | None


@dataclass(frozen=True, slots=True)
class RunResult:
    """What became of a run. ``status`` is ``completed``, ``failed`` or ``cancelled``; ``nodes`` are those that were reached.

    ``logs`` are the lines that nodes wrote, as ``(node, level, message)``.
    """

    status: str
    output: JsonValue
    error: RunError | None
    nodes: Mapping[str, NodeResult]
    logs: Sequence[tuple[str, str, str]] = field(default_factory=tuple)


async def run_pipeline(
    document: str | Path,
    *,
    data: JsonValue = None,
    pins: Mapping[str, JsonValue] | None = None,
    until: str | None = None,
    nodes: Sequence[Path] = (),
    secrets: Mapping[str, str] | None = None,
) -> RunResult:
    """Run a document, given as text or as a file's path, to its end.

    ``pins`` are outputs given for nodes, which are not run then; ``until`` is the last node to run; ``nodes`` are files and
    folders with custom nodes. Delays and retries take the time that they take. Raises `DefinitionError` for an invalid
    document, `RequestError` for data, pins or nodes that don't fit, and `ImportError` for a node file that can't be loaded.
    """
    # Here, because a test of nodes alone needs none of the engine.
    from orchestrator.runs import TestRun

    text = await asyncio.to_thread(document.read_text) if isinstance(document, Path) else document
    given = {NodeId(node): output for node, output in (pins or {}).items()}
    test = TestRun(text, data, given, None if until is None else NodeId(until))
    async with _test_orchestrator(nodes, secrets or {}) as orchestrator:
        started = await orchestrator.runs.test("default", test)
        run = started.run
        if run is None:
            raise AssertionError("a run without a start key can't be a repetition")
        with orchestrator.engine.watch(started.run_id) as watch:
            if not run.status.is_ended:
                run = await watch.until(lambda seen: seen.status.is_ended)
        return await _result_of(orchestrator, run)


@asynccontextmanager
async def _test_orchestrator(nodes: Sequence[Path], secrets: Mapping[str, str]) -> AsyncIterator["Orchestrator"]:
    from eventing.in_process import InProcessExecutor
    from flume.nodes.discovery import load_path
    from flume.nodes.registry import Registry, installed_node_types
    from flume.pipeline import Lane
    from orchestrator.buses.memory import MemoryBus
    from orchestrator.service import Options, Parts, build_orchestrator
    from orchestrator.stores.sqlite.store import SqliteStore

    registry = Registry(installed_node_types)
    for path in nodes:
        for failed in load_path(registry, path).failures:
            raise ImportError(f"{failed.source}: {failed.reason}")
    async with SqliteStore.temporary() as store, InProcessExecutor(NodeSettings(), secrets) as executor:
        orchestrator = await build_orchestrator(
            Parts(
                store=store,
                bus=MemoryBus(),
                registry=registry,
                executors=dict.fromkeys(Lane, executor),
                options=Options(secret_names=tuple(secrets), grace_s=0, fires_schedules=False),
                clock=lambda: Millis(time.time_ns() // 1_000_000),
            )
        )
        async with orchestrator.working():
            yield orchestrator


async def _result_of(orchestrator: "Orchestrator", run: "Run") -> RunResult:
    from orchestrator.values import RunValues

    values = RunValues(orchestrator.store)
    results: dict[str, NodeResult] = {
        node_id: NodeResult(
            status=state.status.value,
            output=None if state.output is None else await values.load_stored(state.output),
            error=_error_of(state.error),
            attempts=state.attempt,
            port=state.port,
        )
        for node_id, state in run.root.nodes.items()
    }
    lines = (await orchestrator.store.read_logs(run.id, limit=5000)).items
    return RunResult(
        status=run.status.value,
        output=await values.load_output(run.root.output),
        error=_error_of(run.root.error),
        nodes=results,
        logs=tuple((line.instance, line.level, line.message) for line in lines),
    )


def _error_of(failed: "Failure | None") -> RunError | None:
    return None if failed is None else RunError(failed.code, failed.message, failed.node)
