"""What waits in the inbox of a run, read: answers that came by themselves, and requests to cancel.

An entry is taken exactly once by whoever owns the run: the commit that holds what came of it removes it. Until then it is read
again by each new owner, before the owner asks for anything that may be answered already.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from eventing.aside import aside
from eventing.cloudevents import MalformedEventError
from eventing.json_data import read_json
from eventing.message_reading import read_answered
from eventing.messages import Answered, Attempt
from flume.errors import RequestError
from flume.ids import RunId
from flume.values import JsonObject
from orchestrator.events import CancelRequested, Tick
from orchestrator.store import ANSWER, InboxEntry, RunStore

logger = logging.getLogger(__name__)

News: TypeAlias = Answered | CancelRequested | Tick
"""What an entry says. A `Tick` says nothing: the entry can't be read, and only has to be removed."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An entry, read. ``id`` is the entry's, for the commit that removes it."""

    id: str
    news: News


async def read_arrivals(store: RunStore, run_id: RunId) -> tuple[Arrival, ...]:
    """What waits for a run, the oldest first. Raises `StoreError` and `UnavailableError`."""
    return tuple([Arrival(entry.id, await _news_in(store, entry)) for entry in await store.read_inbox(run_id)])


async def _news_in(store: RunStore, entry: InboxEntry) -> News:
    if entry.kind != ANSWER:
        return CancelRequested(entry.at, entry.body.get("reason", "cancelled on request"))
    try:
        return await _answer_in(store, entry)
    except RequestError as error:
        facts = {"run": entry.run_id, "node": entry.instance, "reason": str(error)}
        logger.error("an answer that was kept can't be read; its attempt goes on", extra=facts)
        return Tick(entry.at)


async def _answer_in(store: RunStore, entry: InboxEntry) -> Answered:
    data = entry.body["data"] if "data" in entry.body else await _kept(store, entry.body["payload"])
    attempt = Attempt(entry.run_id, entry.instance, entry.attempt)
    return read_answered(attempt, entry.body["type"], data)


async def _kept(store: RunStore, payload_id: str) -> JsonObject:
    payload = await store.read_payload(payload_id)
    if payload is None:
        raise MalformedEventError("its data is not there any more")
    data = await aside(len(payload.content), read_json, payload.content)
    if not isinstance(data, Mapping):
        raise MalformedEventError("its data is not an object")
    return data
