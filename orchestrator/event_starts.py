"""Starts pipelines because of CloudEvents: all that listen for one, or the one that it was sent to.

An event starts a pipeline once, however often it comes and whichever of its triggers want it: the start key is made of the
event's ``source`` and ``id``. So whoever is told to come back may send all again. The event of a PingSource stands for a due time
of a cron trigger and has the start key of that: whoever else fires the trigger starts nothing more.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeAlias

from eventing.bodies import binary_value
from eventing.cloudevents import CloudEvent, MalformedEventError
from eventing.messages import RUN_EVENTS
from flume.errors import FlumeError, NotFoundError, StoreError, UnavailableError
from flume.ids import Millis, RunId
from flume.pipeline import PipelineStatus
from flume.values import JsonValue
from orchestrator.chains import MAX_STARTS, Chains
from orchestrator.engine import Started
from orchestrator.event_triggers import (
    EVENT,
    EventTriggers,
    Listener,
    first_wanting,
    source_of_runs,
)
from orchestrator.fired_elsewhere import PING, due_key
from orchestrator.names import moment
from orchestrator.pipelines import Pipelines
from orchestrator.run_events import namespace_of
from orchestrator.runs import Runs, Start, TooManyHopsError
from orchestrator.store import PipelineRecord
from orchestrator.tracing import read_traceparent

logger = logging.getLogger(__name__)

TRIGGER = "flumetrigger"
"""The extension by which a sender names a trigger of the pipeline it sends to, such as the cron trigger of a PingSource."""

HOPS = "flumehops"

ADDRESS = "address"
"""The trigger id of a start by the pipeline's own address that none of its triggers asked for."""

MAX_ATTRIBUTE_TEXT = 64 * 1024
"""Characters of all attributes of an event together and their names: they are kept with the run, as headers of a hook are."""

BY_EVENT = (EVENT, "cron", "interval")
"""The types of triggers that an event may stand for."""


DueAt: TypeAlias = Callable[[PipelineRecord, str, datetime], Awaitable[Millis | None]]
"""The due time of a cron trigger, by its id, that was fired at a moment; None if it was not due then."""


NoteFiring: TypeAlias = Callable[[PipelineRecord, str, Millis, RunId], Awaitable[None]]
"""Told which run a cron trigger, by its id, has started for a due time."""


class EventStarts:
    """Starts runs for events. Safe to call concurrently, and to repeat.

    ``due_at`` knows when cron triggers are due; ``note_firing`` is told of runs that an event started in the place of one.
    """

    def __init__(
        self, *, pipelines: Pipelines, runs: Runs, triggers: EventTriggers, due_at: DueAt, note_firing: NoteFiring
    ) -> None:
        self._pipelines = pipelines
        self._runs = runs
        self._triggers = triggers
        self._due_at = due_at
        self._note_firing = note_firing
        self._chains = Chains()

    async def start_listeners(self, event: CloudEvent, namespaces: Collection[str] | None = None) -> None:
        """Start each pipeline with an event trigger that wants the event; ``namespaces`` None: in all of them.

        An event about a run stays in the namespace of that run in any case.

        What only one pipeline has against it, such as an input that is missing, is a warning in the log. Raises
        `MalformedEventError`, `TooManyHopsError`, and `UnavailableError` and `StoreError` when the event has to come again. All
        that can be started is started in any case.
        """
        start = start_of(event)
        if _is_of_run(event):
            own = namespace_of(event)
            namespaces = [own] if namespaces is None or own in namespaces else []
        wanted = self._triggers.matching(event, namespaces)
        errors = [each for each in await asyncio.gather(*(self._try(one, start, event) for one in wanted)) if each]
        if errors:
            raise gravest(errors)

    async def start(self, record: PipelineRecord, event: CloudEvent) -> Started | None:
        """Start the pipeline that the event was sent to.

        None: the trigger that it is for is switched off, does not want it, or was not due.

        Raises `NotFoundError` for a trigger that there is not, `MalformedEventError`, and what `Runs.start` does.
        """
        start = start_of(event)
        trigger = self._trigger_of(record, event)
        if trigger is None:
            return None
        trigger_type, trigger_id = trigger
        start = replace(start, trigger_type=trigger_type, trigger_id=trigger_id)
        if trigger_type == "cron" and event.type == PING and event.time is not None:
            return await self._start_due(record, start, event, event.time)
        if trigger_type != EVENT and "time" in event.attributes:
            start = replace(start, detail={**start.detail, "dueAt": event.attributes["time"]})
        return await self._start(record, start, event)

    async def publish(self, event: CloudEvent) -> None:
        """Let a run event start those of its namespace that listen for it (`orchestrator.publisher.RunEventSink`)."""
        try:
            await self.start_listeners(event)
        except TooManyHopsError:
            # The log has it already, and it would be the same at every further try.
            return

    async def _try(self, listener: Listener, start: Start, event: CloudEvent) -> FlumeError | None:
        """Start a listener's pipeline, if it still listens; the error that concerns the sender, if there is one."""
        try:
            record = await self._pipelines.for_start(listener.namespace, listener.pipeline)
            # What was found may have changed or moved meanwhile, and is asked again of what the pipeline is now.
            enabled = [each for each in self._triggers.of(record) if each.is_enabled]
            present = first_wanting(enabled, event.attributes)
            if record.status is PipelineStatus.ACTIVE and present is not None:
                await self._start(record, replace(start, trigger_id=present.trigger_id), event)
        except (StoreError, UnavailableError) as error:
            return error
        except NotFoundError:
            # The pipeline was deleted meanwhile.
            return None
        except TooManyHopsError as error:
            return error
        except FlumeError:
            # `_start` has told the log.
            return None
        return None

    async def _start_due(
        self, record: PipelineRecord, start: Start, event: CloudEvent, fired_at: datetime
    ) -> Started | None:
        due = await self._due_at(record, start.trigger_id, fired_at)
        if due is None:
            # Such as an hour that a clock shows twice: a PingSource fires in both.
            facts = {"namespace": record.namespace, "pipeline": record.name, "trigger": start.trigger_id}
            logger.warning("a PingSource fired a trigger that was not due", extra={**facts, "at": fired_at.isoformat()})
            return None
        detail = {**start.detail, "dueAt": moment(due).isoformat().replace("+00:00", "Z")}
        key = due_key(start.trigger_id, due)
        started = await self._start(record, replace(start, start_key=key, detail=detail), event)
        await self._note_firing(record, start.trigger_id, due, started.run_id)
        return started

    async def _start(self, record: PipelineRecord, start: Start, event: CloudEvent) -> Started:
        try:
            # The first hop is as broad as there are pipelines.
            if _is_of_run(event) and start.hops > 1 and not self._chains.admits(event, record.id):
                raise _too_many_starts()
            return await self._runs.start(record, start)
        except (StoreError, UnavailableError):
            raise
        except FlumeError as error:
            if isinstance(error, TooManyHopsError) and _is_of_run(event) and not self._chains.is_news(event):
                raise
            facts = {"namespace": record.namespace, "pipeline": record.name, "trigger": start.trigger_id}
            sender = {"event": event.id, "source": event.source, "type": event.type, "hops": start.hops}
            logger.warning("an event did not start a pipeline", extra={**facts, **sender, "reason": str(error)})
            raise

    def _trigger_of(self, record: PipelineRecord, event: CloudEvent) -> tuple[str, str] | None:
        """The type and id of the trigger by which an event starts the pipeline it was sent to; None if it does not."""
        attributes = event.attributes
        if _is_of_run(event) and event.source == source_of_runs(record.namespace, record.name):
            # No pipeline is started by its own runs: each would start the next.
            return None
        wanting = [each for each in self._triggers.of(record) if each.filter.matches(attributes)]
        # In an event about a run it is the trigger that started that run.
        if TRIGGER in event.extensions and not _is_of_run(event):
            return _named_trigger(record, event.extensions[TRIGGER], wanting)
        enabled = next((each for each in wanting if each.is_enabled), None)
        if enabled is not None:
            return EVENT, enabled.trigger_id
        # Whoever switched off the trigger that wants it wants it to start nothing.
        return None if wanting else (EVENT, ADDRESS)


def _is_of_run(event: CloudEvent) -> bool:
    return event.type.startswith(RUN_EVENTS)


def _too_many_starts() -> TooManyHopsError:
    return TooManyHopsError(
        f"{MAX_STARTS} runs were started by the events of one and of those that it led to; no further one is",
        code="too-many-hops",
        hint="look for a circle of pipelines",
    )


def gravest(errors: Sequence[FlumeError]) -> FlumeError:
    """What to tell a sender of several errors: one that will pass if there is one, since then all is to be sent again."""
    return next((each for each in errors if isinstance(each, (StoreError, UnavailableError))), errors[0])


def start_of(event: CloudEvent) -> Start:
    """The start that an event asks for, by whichever trigger. Raises `MalformedEventError`."""
    attributes: dict[str, JsonValue] = dict(event.attributes)
    if sum(len(name) + len(value) for name, value in event.attributes.items()) > MAX_ATTRIBUTE_TEXT:
        message = f"the attributes of the event are longer than {MAX_ATTRIBUTE_TEXT:,} characters, names and all"
        raise MalformedEventError(message)
    return Start(
        trigger_type=EVENT,
        trigger_id=EVENT,
        data=binary_value(event.datacontenttype or "", event.data) if isinstance(event.data, bytes) else event.data,
        detail={"event": attributes},
        is_strict=False,
        start_key=start_key_of(event),
        hops=_hops(event),
        traceparent=read_traceparent(event.extensions.get("traceparent")),
    )


def start_key_of(event: CloudEvent) -> str:
    """The start key of an event. A source may hold a ``#``, so that one in the id is written otherwise."""
    return f"event:{event.source}#{event.id.replace('%', '%25').replace('#', '%23')}"


def _hops(event: CloudEvent) -> int:
    text = event.extensions.get(HOPS, "0")
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise MalformedEventError(f"the attribute '{HOPS}' is a whole number, and '{text[:20]}' is none")
    return int(text)


def _named_trigger(record: PipelineRecord, id: str, wanting: Iterable[Listener]) -> tuple[str, str] | None:
    entry = next((each for each in record.triggers if each["id"] == id and each["type"] in BY_EVENT), None)
    if entry is None:
        known = ", ".join(each["id"] for each in record.triggers if each["type"] in BY_EVENT) or "none"
        hint = f"of pipeline '{record.name}' that an event may name; it has: {known}"
        raise NotFoundError("trigger", id[:100], hint)
    is_enabled = entry["enabled"] and id not in record.disabled_triggers
    is_wanted = entry["type"] != EVENT or any(each.trigger_id == id for each in wanting)
    return (entry["type"], id) if is_enabled and is_wanted else None
