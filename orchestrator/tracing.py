"""Traces as plain data: which spans a commit completes, and what they are called (spec 11). Pure.

Every id follows from what it stands for, so that an attempt can name its span to the server it calls before the span
exists, and a run that is taken over goes on in the same trace. A run that was called with a ``traceparent`` is part of
the caller's trace.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256

from flume.ids import ROOT, Instance, Millis, RunId, ScopePath, instance_in, split_instance, split_scope
from flume.plan import Plan
from orchestrator.state import AttemptRecord, Failure, NodeState, NodeStatus, Run, RunOrigin, Scope
from orchestrator.store import Commit

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-.{0,200})?", re.ASCII)

MOST_ITEMS = 100
"""Items of one loop that are traced; a trace of ten thousand is of use to nobody."""


@dataclass(frozen=True, slots=True)
class Span:
    """One span. ``trace_id`` is 32 and the span ids are 16 hexadecimal digits; ``error`` is a code, never a message."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str | None
    start: Millis
    end: Millis
    attributes: dict[str, str | int]
    error: str | None = None


def read_traceparent(text: str | None) -> str | None:
    """What a caller says of the trace that it belongs to; a malformed one counts as none, as W3C Trace Context asks."""
    return text if text is not None and _TRACEPARENT.fullmatch(text) else None


def trace_id_of(origin: RunOrigin) -> str:
    """The trace that a run belongs to: its caller's, or one of its own."""
    return origin.traceparent.split("-")[1] if origin.traceparent else _digest(origin.id)[:32]


def span_id(run_id: RunId, what: str) -> str:
    """The id of a span of a run: ``what`` is empty for the run, else an instance, with ``#n`` for its attempt ``n``."""
    return _digest(f"{run_id} {what}")[:16]


def outgoing_traceparent(origin: RunOrigin, instance: Instance, attempt: int) -> str:
    """What an attempt sends to whom it calls (W3C Trace Context)."""
    return f"00-{trace_id_of(origin)}-{span_id(origin.id, f'{instance}#{attempt}')}-01"


def spans_of(plan: Plan, commit: Commit) -> list[Span]:
    """The spans that a commit completes: of loop items that ended, and of the whole run when it has."""
    run = commit.run
    spans: list[Span] = []
    for path, item in commit.items.items():
        if item.status.is_ended and split_scope(path)[1] < MOST_ITEMS:
            spans.extend(_scope_spans(plan, run, path, item))
    if run.status.is_ended:
        spans.append(_run_span(run))
        spans.extend(_scope_spans(plan, run, ROOT, run.root))
    return spans


def _run_span(run: Run) -> Span:
    origin = run.origin
    parent = origin.traceparent.split("-")[2] if origin.traceparent else None
    attributes: dict[str, str | int] = {
        "flume.run": run.id,
        "flume.pipeline": origin.pipeline,
        "flume.namespace": origin.namespace,
        "flume.version": origin.version,
        "flume.trigger": origin.trigger.type,
        "flume.status": run.status.value,
    }
    return Span(
        f"run {origin.pipeline}",
        trace_id_of(origin),
        span_id(run.id, ""),
        parent,
        origin.created_at,
        _after(origin.created_at, run.root.completed_at),
        attributes,
        _code(run.root.error),
    )


def _scope_spans(plan: Plan, run: Run, path: ScopePath, scope: Scope) -> Iterator[Span]:
    parent = span_id(run.id, split_scope(path)[0] if path else "")
    for node_id, state in scope.nodes.items():
        if state.attempts or state.status is NodeStatus.CANCELLED:
            yield from _node_spans(plan, run, instance_in(path, node_id), state, parent)


def _node_spans(plan: Plan, run: Run, instance: Instance, state: NodeState, parent: str) -> Iterator[Span]:
    trace_id = trace_id_of(run.origin)
    node = plan.nodes.get(split_instance(instance)[1])
    if node is None:
        # The plan of a run that can't go on lacks what it does not know.
        return
    attributes: dict[str, str | int] = {
        "flume.run": run.id,
        "flume.node": instance,
        "flume.node.type": node.type.name,
        "flume.lane": node.lane.value,
        "flume.status": state.status.value,
    }
    first = state.attempts[0].started_at if state.attempts else state.started_at
    start = first if first is not None else run.origin.created_at
    node_span = span_id(run.id, instance)
    end = _after(start, state.completed_at)
    yield Span(f"node {instance}", trace_id, node_span, parent, start, end, attributes, _code(state.error))
    for attempt in state.attempts:
        own = span_id(run.id, f"{instance}#{attempt.number}")
        facts: dict[str, str | int] = {"flume.run": run.id, "flume.node": instance, "flume.attempt": attempt.number}
        ended = _after(attempt.started_at, attempt.ended_at)
        name = f"attempt {attempt.number}"
        yield Span(name, trace_id, own, node_span, attempt.started_at, ended, facts, _code(attempt.error))
        yield from _phase_spans(trace_id, own, attempt)


def _phase_spans(trace_id: str, attempt_span: str, attempt: AttemptRecord) -> Iterator[Span]:
    """Queue, cold start and execution, one after another, as far as they took any time."""
    start, timing = attempt.started_at, attempt.timing or {}
    for name, key in (("queue", "queuedMs"), ("cold start", "coldStartMs"), ("execute", "executeMs")):
        took = int(timing.get(key, 0))
        end = Millis(start + took)
        if took:
            own = _digest(f"{attempt_span} {name}")[:16]
            yield Span(name, trace_id, own, attempt_span, start, end, {})
        start = end


def _after(start: Millis, end: Millis | None) -> Millis:
    """An end that is not before its start, whatever the clock did meanwhile."""
    return start if end is None else max(start, end)


def _code(failure: Failure | None) -> str | None:
    return None if failure is None else failure.code


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()
