"""Live streams: what happens to one run, with resume, and what changes in a namespace.

A run's stream is made of its present state, not of a history: each node knows the revision at which it last changed.
An event's id is ``{rev}.{n}``: the revision, and the node's place in the plan from 1; the run itself comes last of its
revision. So an id tells exactly what its reader has, whatever changed since and whichever replica answers.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from flume.errors import RequestError
from flume.ids import ROOT, NodeId, RunId
from flume.plan import Plan
from orchestrator.api.context import TheNamespace, TheOrchestrator
from orchestrator.api.event_stream import HEARTBEAT, HEARTBEAT_S, MEDIA_TYPE, EventStream, event, messages_or_none
from orchestrator.api.loading import load_values, plan_of, read_run
from orchestrator.api.presentation import (
    Loaded,
    Record,
    log_record,
    node_record,
    payload_refs,
    run_head,
    run_path,
    run_record,
)
from orchestrator.api.run_models import PROBLEM_ANSWERS
from orchestrator.api.run_nodes import RunIdInPath
from orchestrator.bus import (
    LogsWritten,
    Message,
    Overrun,
    PipelineChanged,
    Progress,
    RunChanged,
    namespace_topic,
    run_topic,
)
from orchestrator.service import Orchestrator
from orchestrator.store import LogFilter, LogLine, StoredRun

router = APIRouter(tags=["streams"], responses=PROBLEM_ANSWERS)

LATEST_LINES = 500
"""Log lines with which a run's stream begins: the newest ones; the whole log has an address of its own."""

STREAM_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Server-Sent Events", "content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}
}

SHORTEST_PAUSE_S = 0.05
"""Between two looks at a run that changes all the time: its stream must not cost more than the run."""

AfterInQuery = Annotated[str | None, Query(description="Goes on behind this event id, like `Last-Event-ID`.")]

_EVENT_ID = re.compile(r"(\d{1,15})\.(\d{1,9})", re.ASCII)

_LAST_OF_REV = 10_000
"""The place of the run itself, behind all nodes of a revision; a pipeline has no more than 2,000."""


@dataclass(frozen=True, slots=True, order=True)
class EventId:
    """How far the reader of a run's stream is."""

    rev: int
    n: int

    def __str__(self) -> str:
        return f"{self.rev}.{self.n}"


START = EventId(0, 0)


@router.get(
    "/api/v1/runs/{run_id}/events",
    summary="Live events of a run",
    response_class=Response,
    responses={**STREAM_ANSWERS, 204: {"description": "The run has ended and nothing is left to tell"}},
)
async def stream_run(
    run_id: RunIdInPath,
    request: Request,
    orchestrator: TheOrchestrator,
    namespace: TheNamespace,
    after: AfterInQuery = None,
) -> Response:
    """Events ``run``, ``node``, ``progress`` and ``log``, until the run has ended.

    It begins with a ``run`` event that holds everything or, after ``Last-Event-ID`` or ``after``, with what changed since;
    later ``run`` events come without nodes. Progress and log lines have no id: progress says its offset, and a log line is
    known by node, attempt and sequence.
    """
    last = read_event_id(request.headers.get("last-event-id") or after)
    stored = await read_run(orchestrator, namespace, run_id)
    if stored.run.status.is_ended and last >= EventId(stored.rev, _LAST_OF_REV):
        return Response(status_code=204)
    events = run_events(orchestrator, namespace, stored.run.id, last, heartbeat_s=heartbeat_of(request))
    return EventStream(events)


@router.get("/api/v1/events", summary="Live changes of a namespace", response_class=Response, responses=STREAM_ANSWERS)
async def stream_namespace(request: Request, orchestrator: TheOrchestrator, namespace: TheNamespace) -> Response:
    """Events ``run`` and ``pipeline``, each ``{id, …}`` in short, for pages that list them.

    There is no history: after a break, and at an event ``reload``, load the list again.
    """
    return EventStream(namespace_events(orchestrator, namespace, heartbeat_s=heartbeat_of(request)))


def heartbeat_of(request: Request) -> float:
    """Seconds between heartbeats, as the app was made."""
    seconds: float = getattr(request.app.state, "heartbeat_s", HEARTBEAT_S)
    return seconds


def read_event_id(text: str | None) -> EventId:
    """The place that an id names; None and empty mean the beginning. Raises `RequestError`."""
    if not text:
        return START
    found = _EVENT_ID.fullmatch(text.strip())
    if found is None:
        raise RequestError(
            "an event id is such as 12.3",
            code="bad-event-id",
            pointer="/after",
            hint="pass the id of the last event as it came, or none",
        )
    return EventId(int(found.group(1)), int(found.group(2)))


async def run_events(
    orchestrator: Orchestrator, namespace: str, run_id: RunId, last: EventId, *, heartbeat_s: float
) -> AsyncIterator[bytes]:
    """The stream of one run behind ``last``; ends after the run has ended."""
    with orchestrator.bus.subscribe(run_topic(run_id)) as subscription:
        reader = _RunReader(orchestrator, namespace, run_id, last)
        for piece in await reader.read():
            yield piece
        for piece in await reader.latest_lines():
            yield piece
        while not reader.has_ended:
            messages = await messages_or_none(subscription, heartbeat_s)
            if messages is None:
                yield HEARTBEAT
                # The bus may lose a message; the store does not.
                messages = [Overrun()]
            for piece in reader.pass_on(messages):
                yield piece
            if any(isinstance(message, (RunChanged, Overrun)) for message in messages):
                await reader.pause()
                for piece in await reader.read():
                    yield piece
            if any(isinstance(message, Overrun) for message in messages):
                for piece in await reader.latest_lines():
                    yield piece


async def namespace_events(orchestrator: Orchestrator, namespace: str, *, heartbeat_s: float) -> AsyncIterator[bytes]:
    """The stream of a namespace; never ends by itself."""
    with orchestrator.bus.subscribe(namespace_topic(namespace)) as subscription:
        # Says that the subscription stands: what changes from now on will be told.
        yield HEARTBEAT
        while True:
            messages = await messages_or_none(subscription, heartbeat_s)
            if messages is None:
                yield HEARTBEAT
                continue
            for piece in _changes(messages):
                yield piece


def _changes(messages: list[Message]) -> Iterator[bytes]:
    """The messages of a namespace; of several about one run only the last."""
    latest: dict[str, bytes] = {}
    for message in messages:
        match message:
            case RunChanged():
                record: Record = {
                    "id": message.run_id,
                    "pipeline": message.pipeline,
                    "status": message.status.value,
                    "rev": message.rev,
                    "links": {"self": run_path(message.run_id, message.namespace)},
                }
                latest.pop(message.run_id, None)
                latest[message.run_id] = event("run", record)
            case PipelineChanged():
                record = {"id": message.pipeline_id, "name": message.pipeline, "change": message.change}
                latest[f"{message.pipeline_id}/{len(latest)}"] = event("pipeline", record)
            case Overrun():
                latest["reload"] = event("reload", {})
            case _:
                # Progress and log lines are of one run alone.
                pass
    yield from latest.values()


class _RunReader:
    """Reads a run again and again, and knows what its reader has been told."""

    def __init__(self, orchestrator: Orchestrator, namespace: str, run_id: RunId, last: EventId) -> None:
        self._orchestrator = orchestrator
        self._namespace = namespace
        self._run_id = run_id
        self._last = last
        self._plan: Plan | None = None
        self._sent_lines: set[tuple[str, int, int]] = set()
        self._read_at = 0.0
        self.has_ended = False

    async def pause(self) -> None:
        """Wait until the last look at the run is long enough ago; what changes meanwhile is told together."""
        since = asyncio.get_running_loop().time() - self._read_at
        if since < SHORTEST_PAUSE_S:
            await asyncio.sleep(SHORTEST_PAUSE_S - since)

    async def read(self) -> list[bytes]:
        """Events for what changed since the last call, or since the place where the reader was."""
        self._read_at = asyncio.get_running_loop().time()
        stored = await self._orchestrator.store.read_run(self._namespace, self._run_id)
        if stored is None:
            self.has_ended = True
            return []
        self.has_ended = stored.run.status.is_ended
        newest = EventId(stored.rev, _LAST_OF_REV)
        if newest <= self._last:
            return []
        if self._plan is None:
            self._plan = await plan_of(self._orchestrator, stored.run)
        loaded = await load_values(self._orchestrator.store, payload_refs(stored.run))
        if self._last == START:
            events = [event("run", run_record(stored.run, stored.rev, self._plan, loaded), str(newest))]
        else:
            events = [*self._changed_nodes(stored, loaded)]
            events.append(event("run", run_head(stored.run, stored.rev, loaded), str(newest)))
        self._last = newest
        return events

    async def latest_lines(self) -> list[bytes]:
        """The newest log lines that were not sent yet."""
        wanted = LogFilter(self._namespace, run_id=self._run_id)
        page = await self._orchestrator.store.search_logs(wanted, limit=LATEST_LINES)
        lines = [found.line for found in reversed(page.items)]
        events = [event("log", log_record(line)) for line in lines if _key(line) not in self._sent_lines]
        # What is still in the subscription may be among them, so they are remembered until it has been read.
        self._sent_lines = {_key(line) for line in lines}
        return events

    def pass_on(self, messages: list[Message]) -> Iterator[bytes]:
        """Progress and log lines among the messages."""
        for message in messages:
            match message:
                case Progress():
                    record: Record = {
                        "instance": message.instance,
                        "attempt": message.attempt,
                        "offset": message.offset,
                        "text": message.text,
                    }
                    yield event("progress", record)
                case LogsWritten():
                    for line in message.lines:
                        if _key(line) not in self._sent_lines:
                            yield event("log", log_record(line))
                case _:
                    pass

    def _changed_nodes(self, stored: StoredRun, loaded: Loaded) -> Iterator[bytes]:
        run = stored.run
        order = list(run.root.nodes) if self._plan is None else list(self._plan.root.order)
        places = {node_id: place for place, node_id in enumerate(order, start=1)}
        changed: list[tuple[EventId, NodeId]] = sorted(
            (EventId(rev, places.get(node_id, 0)), node_id) for node_id, rev in stored.node_revs.items()
        )
        for id, node_id in changed:
            if id > self._last:
                node = None if self._plan is None else self._plan.root.nodes.get(node_id)
                record = node_record(run, ROOT, node_id, node, run.root.nodes[node_id], loaded)
                yield event("node", {"id": node_id, "instance": node_id, **record}, str(id))


def _key(line: LogLine) -> tuple[str, int, int]:
    return (line.instance, line.attempt, line.sequence)
