"""What the outside is told of a run's life, as CloudEvents: that it started, and how it ended.

They are made of the state before and after a commit, and kept in the outbox by that very commit: none is lost, and none tells
what did not happen. They are made only where somebody listens. The ``id`` says run and kind, so that one that is published
again is the same event. Test runs tell nothing.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from eventing.cloudevents import CloudEvent, MalformedEventError, to_json
from eventing.messages import RUN_EVENTS
from flume.ids import Millis
from flume.values import JsonObject
from orchestrator.chains import ROOT_RUN
from orchestrator.event_triggers import EventTriggers, source_of_runs
from orchestrator.records import from_failure
from orchestrator.state import Inline, Run, RunOrigin, RunStatus, ScopeOutput, SingleOutput
from orchestrator.store import Audience, OutboxEntry
from orchestrator.tracing import span_id, trace_id_of

STARTED = "started"

MAX_OUTPUT_BYTES = 64 * 1024
"""A run's output above this is left out of its event; the run has it."""

_ENDINGS = {RunStatus.COMPLETED: "completed", RunStatus.FAILED: "failed", RunStatus.CANCELLED: "cancelled"}


class RunEvents:
    """Makes the events of commits.

    ``is_published``: they go beyond this installation, so that anybody may listen. ``traces``: runs that came without a trace
    have one of their own.
    """

    def __init__(self, triggers: EventTriggers, *, is_published: bool = False, traces: bool = False) -> None:
        self._triggers = triggers
        self._is_published = is_published
        self._traces = traces

    def of(self, before: Run, after: Run, owner: str) -> tuple[OutboxEntry, ...]:
        """What a commit that takes a run from one state to another tells, for ``owner`` to publish."""
        namespace = after.origin.namespace
        # Asked at every commit, and nearly always nobody listens.
        if not (self._is_published or self._triggers.hears_runs(namespace)) or after.origin.test:
            return ()
        return tuple(
            OutboxEntry(event.id, audience, owner, _millis(event), to_json(event))
            for event in run_events(before, after, traces=self._traces)
            for audience in self._audiences(event, namespace)
        )

    def _audiences(self, event: CloudEvent, namespace: str) -> list[Audience]:
        here = [Audience.HERE] if self._triggers.matching(event, (namespace,)) else []
        return [*here, Audience.OUTSIDE] if self._is_published else here


def run_events(before: Run, after: Run, *, traces: bool = False) -> list[CloudEvent]:
    """The events of a run that happened between two of its states, in order."""
    events: list[CloudEvent] = []
    started, ended = after.root.started_at, after.root.completed_at
    if before.root.started_at is None and started is not None:
        events.append(_event(after, STARTED, RunStatus.RUNNING, started, traces))
    if after.status.is_ended and not before.status.is_ended:
        events.append(_event(after, _ENDINGS[after.status], after.status, ended, traces))
    return events


def namespace_of(event: CloudEvent) -> str:
    """The namespace that an event about a run came from. Raises `MalformedEventError` for a source that no run has."""
    match event.source.split("/"):
        case ["", "flume", namespace, pipeline] if namespace and pipeline:
            return namespace
    raise MalformedEventError(
        f"'{event.source[:200]}' is no source of an event of type '{event.type}'",
        hint=f"events about runs come from {source_of_runs('NAMESPACE', 'PIPELINE')}; give others a type of your own",
    )


def _event(run: Run, kind: str, status: RunStatus, at: Millis | None, traces: bool) -> CloudEvent:
    origin = run.origin
    traceparent = f"00-{trace_id_of(origin)}-{span_id(run.id, '')}-01" if traces else origin.traceparent
    return CloudEvent(
        id=f"{run.id}.{kind}",
        source=source_of_runs(origin.namespace, origin.pipeline),
        type=RUN_EVENTS + kind,
        subject=run.id,
        time=_moment(origin.created_at if at is None else at),
        datacontenttype="application/json",
        extensions={
            "flumerun": run.id,
            "flumepipeline": origin.pipeline,
            "flumetrigger": origin.trigger.id,
            # Whoever is started by the event is one pipeline further.
            "flumehops": str(origin.hops + 1),
            ROOT_RUN: _root_of(origin),
            "partitionkey": run.id,
            **({} if traceparent is None else {"traceparent": traceparent}),
        },
        data=_data(run, status),
    )


def _root_of(origin: RunOrigin) -> str:
    """The run that the chain began with. A rerun begins a new one, since a person wanted it."""
    event = origin.trigger.detail.get("event")
    root = event.get(ROOT_RUN) if isinstance(event, Mapping) and origin.retry_of is None else None
    return root if isinstance(root, str) and root else origin.id


def _data(run: Run, status: RunStatus) -> JsonObject:
    """The run under the names of the API, without what is large."""
    origin, root = run.origin, run.root
    data: dict[str, Any] = {
        "id": run.id,
        "namespace": origin.namespace,
        "pipeline": origin.pipeline,
        "pipelineVersion": origin.version,
        "status": status.value,
        "trigger": {"type": origin.trigger.type, "id": origin.trigger.id},
        "attempt": origin.attempt,
        "createdAt": _text(origin.created_at),
        "startedAt": _text(root.started_at),
    }
    if status.is_ended:
        data |= {
            "completedAt": _text(root.completed_at),
            "error": None if root.error is None else from_failure(root.error),
            **_output(root.output),
        }
    return data


def _output(output: ScopeOutput | None) -> dict[str, Any]:
    """``output``, or ``outputBytes`` in its place if it is too large."""
    if output is None:
        return {"output": None}
    values = {output.node: output.value} if isinstance(output, SingleOutput) else output.values
    inline = {node: value.value for node, value in values.items() if isinstance(value, Inline)}
    size = sum(value.size for value in values.values())
    if size > MAX_OUTPUT_BYTES or len(inline) < len(values):
        return {"outputBytes": size}
    return {"output": inline[output.node] if isinstance(output, SingleOutput) else inline}


def _moment(at: Millis) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)


def _millis(event: CloudEvent) -> Millis:
    return Millis(0 if event.time is None else int(event.time.timestamp() * 1000))


def _text(at: Millis | None) -> str | None:
    return None if at is None else _moment(at).isoformat(timespec="milliseconds").replace("+00:00", "Z")
