"""Log lines: of one run, to be followed if wanted, and searched over all runs of a namespace."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime

from flume.ids import Instance, RunId
from flume.nodes.context import LogLevel
from orchestrator.api.answers import json_response
from orchestrator.api.context import TheNamespace, TheOrchestrator
from orchestrator.api.elsewhere import Pulse
from orchestrator.api.event_stream import HEARTBEAT, MEDIA_TYPE, EventStream, event, messages_or_none
from orchestrator.api.loading import read_run
from orchestrator.api.parameters import to_millis
from orchestrator.api.presentation import log_record, to_json
from orchestrator.api.run_models import PROBLEM_ANSWERS, FoundLogRecord, LogPage, Page
from orchestrator.api.run_nodes import RunIdInPath
from orchestrator.api.run_reader import SentLines
from orchestrator.api.streams import heartbeat_of
from orchestrator.bus import LogsWritten, Overrun, RunChanged, run_topic
from orchestrator.service import Orchestrator
from orchestrator.store import LogFilter, LogLine

router = APIRouter(tags=["logs"], responses=PROBLEM_ANSWERS)

MAX_LINES = 5000
PAGE_LINES = 1000
SEVERITIES: tuple[LogLevel, ...] = ("debug", "info", "warning", "error")

LevelInQuery = Annotated[LogLevel | None, Query(description="Lines of this level or a graver one.")]
NodeInQuery = Annotated[str | None, Query(description="Of this instance, such as `each[3].fetch`.")]


@router.get(
    "/api/v1/runs/{run_id}/logs",
    summary="The log of a run",
    response_class=Response,
    responses={
        200: {
            "model": LogPage,
            "description": "Lines in the order in which they were stored; with `follow`, Server-Sent Events",
            "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
        },
        204: {"description": "With `follow`: the run has ended and there are no more lines"},
    },
)
async def read_logs(
    run_id: RunIdInPath,
    request: Request,
    orchestrator: TheOrchestrator,
    namespace: TheNamespace,
    node: NodeInQuery = None,
    level: LevelInQuery = None,
    after: Annotated[str | None, Query(description="Lines behind this place: `after` of an earlier answer.")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LINES)] = PAGE_LINES,
    follow: Annotated[bool, Query(description="Goes on with new lines as events `log` until the run ends.")] = False,
) -> Response:
    """Lines of a run. ``nextCursor`` is null at the end; ``after`` is where a later call goes on in any case.

    On MongoDB a line may come twice where several write at once; node, attempt and sequence tell.
    """
    stored = await read_run(orchestrator, namespace, run_id)
    instance = None if node is None else Instance(node)
    levels = levels_from(level)
    if follow:
        place = request.headers.get("last-event-id") or after
        if stored.run.status.is_ended and place is not None:
            rest = await orchestrator.store.read_logs(stored.run.id, instance=instance, after=place, limit=1)
            if not rest.items:
                return Response(status_code=204)
        wanted = FollowedLog(namespace, stored.run.id, instance, levels, place)
        return EventStream(followed_lines(orchestrator, wanted, heartbeat_s=heartbeat_of(request)))
    page = await orchestrator.store.read_logs(stored.run.id, instance=instance, after=after, limit=limit)
    items = [log_record(line) for line in page.items if _is_wanted(line, levels)]
    next_cursor = page.cursor if len(page.items) == limit else None
    return json_response(to_json({"items": items, "nextCursor": next_cursor, "after": page.cursor}))


@router.get(
    "/api/v1/logs",
    summary="Search the log",
    response_class=Response,
    responses={200: {"model": Page[FoundLogRecord]}},
)
async def search_logs(
    orchestrator: TheOrchestrator,
    namespace: TheNamespace,
    q: Annotated[str | None, Query(description="Text in the message.", max_length=500)] = None,
    level: LevelInQuery = None,
    pipeline: Annotated[str | None, Query(description="Of this pipeline.")] = None,
    run: Annotated[str | None, Query(description="Of this run.")] = None,
    node: NodeInQuery = None,
    since: Annotated[AwareDatetime | None, Query(description="At or after this moment (RFC 3339).")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Before this moment (RFC 3339).")] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_LINES)] = 200,
    cursor: Annotated[str | None, Query(description="`nextCursor` of the page before.")] = None,
) -> Response:
    """Lines of all runs, the newest first. A page may be short, even empty, and still have a ``nextCursor``."""
    wanted = LogFilter(
        namespace,
        text=q or None,
        levels=levels_from(level),
        pipeline=pipeline,
        run_id=None if run is None else RunId(run),
        instance=None if node is None else Instance(node),
        since=to_millis(since),
        until=to_millis(until),
    )
    page = await orchestrator.store.search_logs(wanted, limit=limit, cursor=cursor)
    items = [{**log_record(found.line), "run": found.run_id, "pipeline": found.pipeline} for found in page.items]
    return json_response(to_json({"items": items, "nextCursor": page.cursor}))


@dataclass(frozen=True, slots=True)
class FollowedLog:
    """The lines of a run that are wanted: of ``instance`` unless it is None, of some levels unless ``levels`` is empty.

    ``after`` is a place in the log; None means its beginning.
    """

    namespace: str
    run_id: RunId
    instance: Instance | None = None
    levels: tuple[str, ...] = ()
    after: str | None = None

    def includes(self, line: LogLine) -> bool:
        """Whether a line of the instance is wanted."""
        return _is_wanted(line, self.levels)


def levels_from(level: LogLevel | None) -> tuple[str, ...]:
    """This level and the graver ones; empty means all."""
    return () if level is None else SEVERITIES[SEVERITIES.index(level) :]


async def followed_lines(
    orchestrator: Orchestrator, wanted: FollowedLog, *, heartbeat_s: float
) -> AsyncIterator[bytes]:
    """Events ``log``, each with the place behind it as its id, until the run has ended and all its lines were sent."""
    after, sent = wanted.after, SentLines()
    with orchestrator.bus.subscribe(run_topic(wanted.run_id)) as subscription:
        pulse = Pulse(orchestrator, heartbeat_s)
        while True:
            # Read before the lines: an ended run gets no more of them.
            stored = await orchestrator.store.read_run(wanted.namespace, wanted.run_id)
            has_more = True
            while has_more:
                page = await orchestrator.store.read_logs(
                    wanted.run_id, instance=wanted.instance, after=after, limit=PAGE_LINES
                )
                has_more = len(page.items) == PAGE_LINES
                after = page.cursor
                for piece in _log_events([line for line in sent.added(page.items) if wanted.includes(line)], after):
                    yield piece
            if stored is None or stored.run.status.is_ended:
                return
            while (messages := await messages_or_none(subscription, pulse.wait_s)) is not None:
                if any(isinstance(message, (LogsWritten, RunChanged, Overrun)) for message in messages):
                    break
            if messages is None and pulse.is_due():
                yield HEARTBEAT


def _log_events(lines: list[LogLine], place: str | None) -> Iterator[bytes]:
    """Only the last line of a page is where its cursor points to; a break before it repeats the page."""
    for line in lines:
        yield event("log", log_record(line), place if line is lines[-1] else None)


def _is_wanted(line: LogLine, levels: tuple[str, ...]) -> bool:
    return not levels or line.level in levels
