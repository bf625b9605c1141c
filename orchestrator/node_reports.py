"""Takes what functions say of attempts when it comes by itself and not as the reply to a call: signs of life, and answers.

An answer is in the store before it is acknowledged, in the inbox of its run, wherever the run's owner is, who is woken. A sign of
life is worth nothing later, so it is passed on and forgotten. Its lines are kept: at once where the run is elsewhere; where it is
here, they go with its next commit, so that a store that is away keeps no sign of life from who waits for it.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from eventing.attempts import OpenAttempts
from eventing.cloudevents import CloudEvent, MalformedEventError
from eventing.datarefs import large_data, payload_id, reference_of
from eventing.message_reading import attempt_in, read_report
from eventing.messages import FAILED, NODE_EVENTS, PROGRESS, Answered, Attempt, Progressed, token_of
from eventing.tokens import AttemptTokens
from flume.ids import Millis, RunId
from flume.values import JsonObject
from orchestrator.bus import Bus, InboxGrew, LogsWritten, Progress, SignOfLife, logs_topic, replica_topic, run_topic
from orchestrator.engine import Engine
from orchestrator.identifiers import Clock, IdSource
from orchestrator.payload_exchange import PayloadExchange
from orchestrator.recovery import awaits
from orchestrator.reporting import log_lines
from orchestrator.state import RunOrigin
from orchestrator.store import ANSWER, InboxEntry, LogLine, RunStore


@dataclass(frozen=True, slots=True)
class ReportParts:
    """What reports are checked against and handed to. ``arrived`` is told the run of an answer that is in the store."""

    tokens: AttemptTokens
    attempts: OpenAttempts
    engine: Engine
    store: RunStore
    bus: Bus
    exchange: PayloadExchange
    arrived: Callable[[RunId], Awaitable[None]]
    clock: Clock
    ids: IdSource


FRESH_MS = 1_000
"""For so long it is taken for true who waits for an attempt; of one that streams its output, ten signs of life come a second."""

MOST_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """An attempt that is waited for. ``owner`` has its run, None if nobody has it just now."""

    owner: str | None
    origin: RunOrigin
    at: Millis


class NodeReports:
    """Takes reports of any attempt of this installation."""

    def __init__(self, parts: ReportParts) -> None:
        self._parts = parts
        self._recent: dict[Attempt, Wanted] = {}

    async def take(self, events: Sequence[CloudEvent]) -> list[str]:
        """Take reports, and say which are about attempts that nobody here wants: the ids of their events.

        Raises `MalformedEventError` for the first that is none, or an answer without its attempt's token, unless there is
        something to say of others. These are taken all the same.
        """
        gone: list[str] = []
        malformed: MalformedEventError | None = None
        for event in events:
            try:
                if not await self._take_one(event):
                    gone.append(event.id)
            except MalformedEventError as error:
                malformed = malformed or error
        if malformed is not None and not gone:
            raise malformed
        return gone

    async def fail(self, attempt: Attempt, code: str, message: str) -> None:
        """Let an attempt end as failed because of what happened to its order or process. Who may say so was checked."""
        wanted = await self.look_up(attempt)
        if wanted is not None:
            error = {"code": code, "message": message, "retryable": True, "answered": False}
            await self._put(attempt, {"type": FAILED, "data": {"error": error}}, wanted.owner)

    async def _take_one(self, event: CloudEvent) -> bool:
        attempt = attempt_in(event)
        try:
            self.check_token(event, attempt)
        except MalformedEventError:
            if event.type != PROGRESS:
                raise
            # Whoever gave this order, nobody here waits for it, and the process has others to report on.
            return False
        report = read_report(await self._parts.exchange.whole(event))
        match report:
            case Progressed():
                return await self._take_progress(report)
            case Answered():
                # What became of the run is no business of a function that is done.
                wanted = await self.look_up(attempt)
                if wanted is not None:
                    await self._put(attempt, await self._body_of(event, attempt), wanted.owner)
                return True

    def check_token(self, event: CloudEvent, attempt: Attempt) -> None:
        """Raise `MalformedEventError` unless an order or a report holds the token of this attempt."""
        reference = reference_of(event)
        token = token_of(event) if reference is None else reference[1]
        if not self._parts.tokens.check(token, attempt.run_id, attempt.instance, attempt.number):
            raise MalformedEventError(
                "the token is not that of the attempt which flumerun, flumenode and flumeattempt name"
            )

    async def _take_progress(self, report: Progressed) -> bool:
        attempt = report.attempt
        opened = self._parts.attempts.find(attempt)
        if opened is not None:
            opened.take(report)
            return True
        wanted = await self._look_up_recent(attempt)
        if wanted is None:
            return False
        # Another replica waits for it, or this one does not yet.
        if report.logs:
            await self.keep_lines(wanted.origin, log_lines(attempt.instance, attempt.number, report.logs))
        self._pass_on(report, wanted)
        return True

    async def keep_lines(self, origin: RunOrigin, written: Sequence[LogLine]) -> None:
        """Store lines without waiting for a commit of their run; they are durable once this returns."""
        lines = tuple(written)
        await self._parts.store.save_logs(origin.id, lines)
        for topic in (run_topic(origin.id), logs_topic(origin.namespace)):
            if self._parts.bus.has_watchers(topic):
                self._parts.bus.publish(topic, LogsWritten(origin.id, lines, origin.pipeline))

    def _pass_on(self, report: Progressed, wanted: Wanted) -> None:
        """Let the owner hear that its function is at work, and tell of the output; without one, those who watch are told."""
        bus, attempt = self._parts.bus, report.attempt
        said = (attempt.run_id, attempt.instance, attempt.number, report.offset, report.text)
        owner = replica_topic(wanted.owner or "")
        if bus.has_watchers(owner):
            bus.publish(owner, SignOfLife(*said))
        elif report.text and bus.has_watchers(run_topic(attempt.run_id)):
            bus.publish(run_topic(attempt.run_id), Progress(*said))

    async def _look_up_recent(self, attempt: Attempt) -> Wanted | None:
        found = self._recent.get(attempt)
        if found is not None and 0 <= self._parts.clock() - found.at < FRESH_MS:
            return found
        self._recent.pop(attempt, None)
        wanted = await self.look_up(attempt)
        if wanted is not None:
            self._recent[attempt] = wanted
            if len(self._recent) > MOST_REMEMBERED:
                del self._recent[next(iter(self._recent))]
        return wanted

    async def look_up(self, attempt: Attempt) -> Wanted | None:
        """Who waits for an attempt; None if nobody does."""
        parts, run_id = self._parts, attempt.run_id
        active = parts.engine.find(run_id)
        if active is not None:
            run, owner = active.run, parts.engine.id
        else:
            stored = await parts.store.load_run(run_id)
            if stored is None or stored.damage or stored.run.status.is_ended:
                return None
            run, owner = stored.run, stored.owner or ""
        if not awaits(run, attempt.instance, attempt.number):
            return None
        return Wanted(owner or None, run.origin, parts.clock())

    async def _body_of(self, event: CloudEvent, attempt: Attempt) -> JsonObject:
        """An answer as its inbox entry holds it: without its token, and with large data left where it is."""
        reference = reference_of(event)
        if reference is not None:
            return {"type": event.type, "payload": payload_id(reference[1], "answer")}
        content = large_data(event)
        if content is not None:
            payload = payload_id(token_of(event), "answer")
            await self._parts.exchange.keep(attempt, payload, content)
            return {"type": event.type, "payload": payload}
        data = event.data if isinstance(event.data, Mapping) else {}
        return {"type": event.type, "data": {name: value for name, value in data.items() if name != "token"}}

    async def _put(self, attempt: Attempt, body: JsonObject, owner: str | None) -> None:
        parts = self._parts
        entry = InboxEntry(
            id=parts.ids(),
            run_id=attempt.run_id,
            instance=attempt.instance,
            attempt=attempt.number,
            kind=ANSWER,
            body=body,
            at=parts.clock(),
        )
        await parts.store.put_inbox(entry)
        await parts.arrived(attempt.run_id)
        if owner is not None and owner != parts.engine.id:
            parts.bus.publish(replica_topic(owner), InboxGrew(attempt.run_id))


def is_report(event: CloudEvent) -> bool:
    """Whether an event is something that a function says of an attempt."""
    return event.type.startswith(NODE_EVENTS)
