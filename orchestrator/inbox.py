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
from orchestrator.store import ANSWER, CANCEL, InboxEntry, RunStore

logger = logging.getLogger(__name__)

News: TypeAlias = Answered | CancelRequested | Tick
"""What an entry says. A `Tick` says nothing: the entry can't be read, and only has to be removed."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """An entry, read. ``id`` is the entry's, for the commit that removes it."""

    id: str
    news: News


class Inbox:
    """Reads what waits for runs. An entry of a kind that only a later Flume knows is left to it."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._unknown: set[str] = set()

    async def arrivals(self, run_id: RunId) -> tuple[Arrival, ...]:
        """What waits for a run, the oldest first. Raises `StoreError` and `UnavailableError`."""
        found = [(entry, await self._news_in(entry)) for entry in await self._store.read_inbox(run_id)]
        return tuple(Arrival(entry.id, news) for entry, news in found if news is not None)

    async def _news_in(self, entry: InboxEntry) -> News | None:
        if entry.kind == CANCEL:
            return CancelRequested(entry.at, entry.body.get("reason", "cancelled on request"))
        if entry.kind != ANSWER:
            self._leave(entry)
            return None
        try:
            return await _answer_in(self._store, entry)
        except RequestError as error:
            facts = {"run": entry.run_id, "node": entry.instance, "reason": str(error)}
            logger.error("an answer that was kept can't be read; its attempt goes on", extra=facts)
            return Tick(entry.at)

    def _leave(self, entry: InboxEntry) -> None:
        if entry.kind not in self._unknown:
            self._unknown.add(entry.kind)
            message = (
                "what arrived for a run is of a kind that this version does not know; it is left to a later version"
            )
            logger.warning(message, extra={"run": entry.run_id, "kind": entry.kind})


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
