"""Runs a node in a test, without an engine: validation, the call and the checks of its output are those of a real run."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from flume.ids import Instance, NodeId, RunId
from flume.nodes.context import NodeContext
from flume.nodes.describe import describe
from flume.nodes.invocation import failure, prepare, settle
from flume.nodes.node import Node, NodeSettings
from flume.nodes.outcomes import Outcome, Result
from flume.nodes.shared import SharedSetups
from flume.values import JsonObject

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
