"""Live streams: what happens to one run, with resume, and what changes in a namespace.

A run's stream is made of its present state, not of a history: each node knows the revision at which it last changed. What
a reader has been told is `orchestrator.api.run_reader`'s to know.
"""

import re
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, assert_never

from fastapi import APIRouter, Query, Request, Response

from flume.errors import RequestError, StoreError, UnavailableError
from flume.ids import RunId
from orchestrator.api.context import TheNamespace, TheOrchestrator
from orchestrator.api.elsewhere import NamespaceLook, Pulse, is_hidden
from orchestrator.api.event_stream import HEARTBEAT, HEARTBEAT_S, MEDIA_TYPE, EventStream, event, messages_or_none
from orchestrator.api.functions import change_record
from orchestrator.api.loading import read_run
from orchestrator.api.presentation import Record, run_path
from orchestrator.api.run_models import PROBLEM_ANSWERS
from orchestrator.api.run_nodes import RunIdInPath
from orchestrator.api.run_reader import LAST_OF_REV, START, EventId, RunReader
from orchestrator.bus import (
    FUNCTIONS_TOPIC,
    AttemptHindered,
    FunctionChanged,
    FunctionHindered,
    InboxGrew,
    LogsWritten,
    Message,
    Overrun,
    PipelineChanged,
    Progress,
    RunChanged,
    RunsReady,
    SignOfLife,
    logs_topic,
    namespace_topic,
    run_topic,
)
from orchestrator.service import Orchestrator

router = APIRouter(tags=["streams"], responses=PROBLEM_ANSWERS)

STREAM_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "Server-Sent Events", "content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}
}

AfterInQuery = Annotated[str | None, Query(description="Goes on behind this event id, like `Last-Event-ID`.")]

_EVENT_ID = re.compile(r"(\d{1,15})\.(\d{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Interest:
    """What the reader of a namespace's stream wants to hear of. ``pipeline`` None: of all of them."""

    namespace: str
    pipeline: str | None = None
    with_logs: bool = False

    @property
    def topics(self) -> tuple[str, ...]:
        """Where it is said."""
        topics = (namespace_topic(self.namespace), FUNCTIONS_TOPIC)
        return (*topics, logs_topic(self.namespace)) if self.with_logs else topics

    def includes(self, message: Message) -> bool:
        """Whether a message of these topics is wanted. Functions belong to no pipeline, and a loss concerns everybody."""
        match message:
            case RunChanged() | LogsWritten() | PipelineChanged():
                return self.pipeline in (None, message.pipeline)
            case _:
                return True


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
async def stream_namespace(
    request: Request,
    orchestrator: TheOrchestrator,
    namespace: TheNamespace,
    pipeline: Annotated[str | None, Query(description="Of this pipeline, its runs and their logs alone.")] = None,
    logs: Annotated[bool, Query(description="With events `log`, which tell that lines were written.")] = False,
) -> Response:
    """Events ``run``, ``pipeline`` and ``function``, each in short, for pages that list them; ``log`` if wanted.

    There is no history: after a break, and at an event ``reload``, load the list again.
    """
    wanted = Interest(namespace, pipeline, with_logs=logs)
    return EventStream(namespace_events(orchestrator, wanted, heartbeat_s=heartbeat_of(request)))


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
        pulse = Pulse(orchestrator, heartbeat_s)
        while not reader.has_ended:
            messages = await messages_or_none(subscription, pulse.wait_s)
            if messages is None:
                # The bus may lose a message, or not reach the replica that has the run; the store does not.
                messages = [Overrun()]
                if pulse.is_due():
                    yield HEARTBEAT
            for piece in await _news_of_run(reader, messages):
                yield piece


async def _news_of_run(reader: RunReader, messages: list[Message]) -> list[bytes]:
    """What to tell the reader of a run after these messages; while the store can't be read less, and the rest later."""
    has_gap = any(isinstance(message, Overrun) for message in messages)
    pieces = [*(reader.progress_so_far() if has_gap else ()), *reader.pass_on(messages)]
    try:
        if has_gap or any(isinstance(message, RunChanged) for message in messages):
            await reader.pause()
            pieces += await reader.read()
        if has_gap:
            pieces += await reader.latest_lines()
    except (StoreError, UnavailableError):
        # Who writes to it has told the log. The next look is no further away than the next heartbeat.
        pass
    return pieces


async def namespace_events(orchestrator: Orchestrator, wanted: Interest, *, heartbeat_s: float) -> AsyncIterator[bytes]:
    """The stream of a namespace; never ends by itself."""
    with orchestrator.bus.subscribe(*wanted.topics) as subscription:
        # Says that the subscription stands: what changes from now on will be told.
        yield HEARTBEAT
        pulse, look = Pulse(orchestrator, heartbeat_s), NamespaceLook(orchestrator, wanted.namespace, wanted.pipeline)
        while True:
            messages = await messages_or_none(subscription, pulse.wait_s) or []
            look.hear(messages)
            if is_hidden(orchestrator) and await _has_news(look):
                messages.append(Overrun())
            for piece in _changes(filter(wanted.includes, messages)):
                yield piece
            if not messages and pulse.is_due():
                yield HEARTBEAT


async def _has_news(look: NamespaceLook) -> bool:
    try:
        return await look.has_news()
    except (StoreError, UnavailableError):
        # As with the stream of a run.
        return False


def _changes(messages: Iterable[Message]) -> Iterator[bytes]:
    """The messages of a namespace; of several about one run or function only the last, of lines one for each run."""
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
            case LogsWritten():
                latest[f"log/{message.run_id}"] = event("log", {"run": message.run_id, "pipeline": message.pipeline})
            case PipelineChanged():
                record = {"id": message.pipeline_id, "name": message.pipeline, "change": message.change}
                latest[f"{message.pipeline_id}/{len(latest)}"] = event("pipeline", record)
            case FunctionChanged():
                latest[f"function/{message.status.name}"] = event("function", change_record(message.status))
            case Overrun():
                latest["reload"] = event("reload", {})
            case Progress() | InboxGrew() | RunsReady() | SignOfLife() | FunctionHindered() | AttemptHindered():
                # Of one run alone, and between replicas.
                pass
            case _:
                assert_never(message)
    yield from latest.values()
