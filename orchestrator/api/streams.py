"""Live streams: what happens to one run, with resume, and what changes in a namespace.

A run's stream is made of its present state, not of a history: each node knows the revision at which it last changed. What
a reader has been told is `orchestrator.api.run_reader`'s to know.
"""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from flume.errors import RequestError
from flume.ids import RunId
from orchestrator.api.context import TheNamespace, TheOrchestrator
from orchestrator.api.event_stream import HEARTBEAT, HEARTBEAT_S, MEDIA_TYPE, EventStream, event, messages_or_none
from orchestrator.api.loading import read_run
from orchestrator.api.presentation import Record, run_path
from orchestrator.api.run_models import PROBLEM_ANSWERS
from orchestrator.api.run_nodes import RunIdInPath
from orchestrator.api.run_reader import LAST_OF_REV, START, EventId, RunReader
from orchestrator.bus import Message, Overrun, PipelineChanged, RunChanged, namespace_topic, run_topic
from orchestrator.service import Orchestrator

router = APIRouter(tags=["streams"], responses=PROBLEM_ANSWERS)

STREAM_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Server-Sent Events", "content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}
}

AfterInQuery = Annotated[str | None, Query(description="Goes on behind this event id, like `Last-Event-ID`.")]

_EVENT_ID = re.compile(r"(\d{1,15})\.(\d{1,9})", re.ASCII)


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
    if stored.run.status.is_ended and last >= EventId(stored.rev, LAST_OF_REV):
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
        reader = RunReader(orchestrator, namespace, run_id, last)
        for piece in await reader.read():
            yield piece
        for piece in (*reader.progress_so_far(), *await reader.latest_lines()):
            yield piece
        while not reader.has_ended:
            messages = await messages_or_none(subscription, heartbeat_s)
            if messages is None:
                yield HEARTBEAT
                # The bus may lose a message; the store does not.
                messages = [Overrun()]
            has_gap = any(isinstance(message, Overrun) for message in messages)
            for piece in (*(reader.progress_so_far() if has_gap else ()), *reader.pass_on(messages)):
                yield piece
            if has_gap or any(isinstance(message, RunChanged) for message in messages):
                await reader.pause()
                for piece in await reader.read():
                    yield piece
            if has_gap:
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
