"""Where a broker sends what it could not deliver (spec 4.3): the ``deadLetterSink`` of Triggers and Brokers.

It answers as `orchestrator.api.events` does. Nobody needs a token of the API: orders and answers carry the token of their
attempt, and anything else has no effect.
"""

from fastapi import APIRouter, Request, Response

from orchestrator.api.context import TheOrchestrator
from orchestrator.api.event_bodies import MAX_LETTER_BYTES, read_events
from orchestrator.api.events import EVENTS_DOCUMENTATION

router = APIRouter(tags=["events"])


@router.post(
    "/events/dead-letter",
    summary="Send events that could not be delivered",
    status_code=202,
    response_class=Response,
    responses={202: {"description": "Stored, or wanted by nobody, or taken before"}},
    openapi_extra=EVENTS_DOCUMENTATION,
)
async def take_dead_letters(request: Request, orchestrator: TheOrchestrator) -> Response:
    """Fail the attempt of each order, to be tried again, and take each answer of a function as if it had come to `/events`.

    `knativeerrordest` and `knativeerrorcode` say what became of it. Other events are told in the log, in one line, and dropped.
    """
    await orchestrator.dead_letters.take_each(await read_events(request, MAX_LETTER_BYTES))
    return Response(status_code=202)
