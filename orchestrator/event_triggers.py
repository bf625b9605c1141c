"""Which event triggers want an event: those of all active pipelines, in memory, so that an event costs no look at the store.

What this process changes shows at once (`EventTriggers.changed`), what another replica changes `RELOAD_S` later at most. So a
listener may be gone by the time that its pipeline is started: whoever starts it asks `EventTriggers.of` of the record that it
has read. Events about nodes are nobody's: filters never see them. Events about runs are for filters that ask for them: a
trigger that takes anything would start a run for each turn in the life of every run that it starts.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from eventing.cloudevents import CloudEvent
from eventing.messages import NODE_EVENTS, RUN_EVENTS
from flume.errors import DefinitionError
from flume.filters import Filter, parse_filters
from flume.filters.only_type import only_type
from flume.ids import PipelineId
from flume.pipeline import PipelineStatus
from flume.values import JsonObject
from orchestrator.outage import StoreOutage
from orchestrator.store import PipelineFilter, PipelineRecord, PipelineStore

logger = logging.getLogger(__name__)

RELOAD_S = 2.0
"""How often all event triggers are read anew: the most that a change by another replica goes unnoticed."""

PAGE = 100
"""Pipelines read at once; reading a page holds up the loop for less than a millisecond."""

EVENT = "event"
"""The type of these triggers."""


@dataclass(frozen=True, slots=True)
class Listener:
    """An event trigger of a pipeline.

    ``event_type`` is the one type that it can want, None if it says nothing so simple. ``hears_runs``: its filters ask for
    something that not just any event has.
    """

    namespace: str
    pipeline: str
    trigger_id: str
    position: int
    is_enabled: bool
    event_type: str | None
    hears_runs: bool
    filter: Filter


@dataclass(frozen=True, slots=True)
class _Kept:
    """What is known of a pipeline at a revision. ``awake`` are its listeners that are to be told of events."""

    rev: int
    listeners: tuple[Listener, ...]
    awake: tuple[Listener, ...]

    @property
    def keys(self) -> set[tuple[str, str | None]]:
        """The places where it is listed."""
        return {(each.namespace, each.event_type) for each in self.awake}

    @property
    def run_listeners(self) -> Counter[str]:
        """How many listen for events about runs, by namespace."""
        return Counter(each.namespace for each in self.awake if each.hears_runs)


_Listed: TypeAlias = dict[PipelineId, tuple[Listener, ...]]


class EventTriggers:
    """Finds listeners. It belongs to one event loop; only `load` and `run` ask the store."""

    def __init__(self, store: PipelineStore, *, reload_s: float = RELOAD_S, outage: StoreOutage | None = None) -> None:
        self._store = store
        self._reload_s = reload_s
        self._kept: dict[PipelineId, _Kept] = {}
        self._listed: dict[tuple[str, str | None], _Listed] = {}
        self._run_listeners: Counter[str] = Counter()
        self._changed_since_load: set[PipelineId] = set()
        self._outage = outage or StoreOutage()

    def hears_runs(self, namespace: str) -> bool:
        """Whether anybody listens for events about runs in the namespace; costs next to nothing."""
        return self._run_listeners.get(namespace, 0) > 0

    def matching(self, event: CloudEvent, namespaces: Iterable[str] | None = None) -> list[Listener]:
        """The listeners that want an event, of each pipeline the first. ``namespaces`` None: of all of them."""
        if event.type.startswith(NODE_EVENTS):
            return []
        attributes = event.attributes
        found: dict[PipelineId, Listener] = {}
        for listeners in self._listening(event.type, namespaces):
            for pipeline_id, listed in listeners.items():
                first = first_wanting(listed, attributes)
                known = found.get(pipeline_id)
                if first is not None and (known is None or first.position < known.position):
                    found[pipeline_id] = first
        return list(found.values())

    def _listening(self, event_type: str, namespaces: Iterable[str] | None) -> Iterator[_Listed]:
        """Those who may want an event of this type."""
        wanted = {namespace for namespace, _ in self._listed} if namespaces is None else namespaces
        for namespace in wanted:
            for key in ((namespace, event_type), (namespace, None)):
                if key in self._listed:
                    yield self._listed[key]

    def of(self, record: PipelineRecord) -> tuple[Listener, ...]:
        """All event triggers of a pipeline in its order, also those that are switched off."""
        kept = self._kept.get(record.id)
        if kept is None or kept.rev < record.rev:
            kept = self._put(record)
        return kept.listeners

    def changed(self, record: PipelineRecord, exists: bool) -> None:
        """A pipeline was saved, paused, switched or, if it does not exist any more, deleted."""
        self._changed_since_load.add(record.id)
        if exists:
            self._put(record)
        else:
            self._remove(record.id)

    async def load(self) -> None:
        """Read all event triggers anew. Raises `StoreError` and `UnavailableError`."""
        self._changed_since_load.clear()
        wanted = PipelineFilter(None, status=PipelineStatus.ACTIVE, trigger_type=EVENT)
        found: set[PipelineId] = set()
        cursor: str | None = None
        while True:
            page = await self._store.list_pipelines(wanted, limit=PAGE, cursor=cursor)
            for record in page.items:
                found.add(record.id)
                # What was read may be what it was before the change.
                if record.id not in self._changed_since_load:
                    self._put(record)
            cursor = page.cursor
            if cursor is None:
                break
        for pipeline_id in self._kept.keys() - found - self._changed_since_load:
            self._remove(pipeline_id)

    async def run(self) -> None:
        """Load again and again until cancelled. While the store fails, what is known is used."""
        while True:
            await asyncio.sleep(self._reload_s)
            with self._outage.tolerated("event triggers"):
                await self.load()

    def _put(self, record: PipelineRecord) -> _Kept:
        kept = self._kept.get(record.id)
        if kept is not None and kept.rev >= record.rev:
            return kept
        self._remove(record.id)
        listeners = _readable_listeners(record)
        is_active = record.status is PipelineStatus.ACTIVE
        kept = _Kept(record.rev, listeners, tuple(each for each in listeners if each.is_enabled and is_active))
        # One that can't be read is kept too: it is told once a revision, not at each load.
        if not any(entry["type"] == EVENT for entry in record.triggers):
            return kept
        self._kept[record.id] = kept
        for key in kept.keys:
            listed = tuple(each for each in kept.awake if (each.namespace, each.event_type) == key)
            self._listed.setdefault(key, {})[record.id] = listed
        self._run_listeners.update(kept.run_listeners)
        return kept

    def _remove(self, pipeline_id: PipelineId) -> None:
        kept = self._kept.pop(pipeline_id, None)
        if kept is None:
            return
        for key in kept.keys:
            del self._listed[key][pipeline_id]
            if not self._listed[key]:
                del self._listed[key]
        self._run_listeners.subtract(kept.run_listeners)


def first_wanting(listeners: Iterable[Listener], attributes: Mapping[str, str]) -> Listener | None:
    """The first of some listeners that wants an event with these attributes, whether it is switched on or not.

    No pipeline hears of its own runs: each would start the next.
    """
    of_run = attributes["type"].startswith(RUN_EVENTS)
    for each in listeners:
        if of_run and not (each.hears_runs and attributes["source"] != source_of_runs(each.namespace, each.pipeline)):
            continue
        if each.filter.matches(attributes):
            return each
    return None


def source_of_runs(namespace: str, pipeline: str) -> str:
    """The ``source`` of the events of a pipeline's runs."""
    return f"/flume/{namespace}/{pipeline}"


def listeners_of(record: PipelineRecord) -> tuple[Listener, ...]:
    """The event triggers that a pipeline lists, in its order. Raises `DefinitionError` for filters that can't be read."""
    entries = [(place, entry) for place, entry in enumerate(record.triggers) if entry["type"] == EVENT]
    return tuple(_listener(record, place, entry) for place, entry in entries)


def _listener(record: PipelineRecord, position: int, entry: JsonObject) -> Listener:
    parsed, event_type = parse_filters(entry["filters"]), only_type(entry["filters"])
    may_be_of_run = event_type is None or event_type.startswith(RUN_EVENTS)
    return Listener(
        namespace=record.namespace,
        pipeline=record.name,
        trigger_id=entry["id"],
        position=position,
        is_enabled=bool(entry["enabled"]) and entry["id"] not in record.disabled_triggers,
        event_type=event_type,
        hears_runs=may_be_of_run and not parsed.takes_anything,
        filter=parsed,
    )


def _readable_listeners(record: PipelineRecord) -> tuple[Listener, ...]:
    try:
        return listeners_of(record)
    # Without filters: saved by a Flume that had no use for them yet.
    except (DefinitionError, KeyError) as error:
        facts = {"namespace": record.namespace, "pipeline": record.name, "reason": str(error)}
        logger.error("event triggers can't be read and hear nothing; save the pipeline again", extra=facts)
        return ()
