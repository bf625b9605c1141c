"""Reads a run again and again for one who watches it, and knows what that one has been told.

An event's id is ``{rev}.{n}``: the revision, and the node's place in the plan from 1; the run itself comes last of its
revision. So an id tells exactly what its reader has, whatever changed since and whichever replica answers.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from flume.ids import ROOT, NodeId, RunId
from flume.plan import Plan
from orchestrator.api.event_stream import event
from orchestrator.api.loading import load_values, plan_of
from orchestrator.api.presentation import Loaded, Record, log_record, node_record, run_head, run_record
from orchestrator.bus import LogsWritten, Message, Progress
from orchestrator.service import Orchestrator
from orchestrator.store import LogFilter, LogLine, StoredRun
from orchestrator.stored_apart import payloads_of_run

K = TypeVar("K")
V = TypeVar("V")

LATEST_LINES = 500
"""Log lines with which a run's stream begins: the newest ones; the whole log has an address of its own."""

MAX_REMEMBERED = 5_000
"""Lines and attempts of which a stream knows what it has sent; more than come again after a loss."""

SHORTEST_PAUSE_S = 0.05
"""Between two looks at a run that changes all the time: its stream must not cost more than the run."""

LAST_OF_REV = 10_000
"""The place of the run itself, behind all nodes of a revision; a pipeline has no more than 2,000."""


@dataclass(frozen=True, slots=True, order=True)
class EventId:
    """How far the reader of a run's stream is."""

    rev: int
    n: int

    def __str__(self) -> str:
        return f"{self.rev}.{self.n}"


START = EventId(0, 0)
"""Before everything."""


class SentLines:
    """The log lines that one reader was sent last: the store and the bus may bring a line twice."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, int, int], None] = {}

    def added(self, lines: Sequence[LogLine]) -> list[LogLine]:
        """Those that were not sent before, which count as sent from now on."""
        new = [line for line in lines if (line.instance, line.attempt, line.sequence) not in self._keys]
        for line in new:
            _remember(self._keys, (line.instance, line.attempt, line.sequence), None)
        return new


class RunReader:
    """One reader of one run, behind ``last``. ``has_ended`` once the run has, and nothing more will come."""

    def __init__(self, orchestrator: Orchestrator, namespace: str, run_id: RunId, last: EventId) -> None:
        self._orchestrator = orchestrator
        self._namespace = namespace
        self._run_id = run_id
        self._last = last
        self._plan: Plan | None = None
        self._sent_lines = SentLines()
        self._sent_text: dict[tuple[str, int], int] = {}
        """Characters that were sent of each attempt's output."""
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
        newest = EventId(stored.rev, LAST_OF_REV)
        if newest <= self._last:
            return []
        if self._plan is None:
            self._plan = await plan_of(self._orchestrator, stored.run)
        loaded = await load_values(self._orchestrator.store, payloads_of_run(stored.run))
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
        return list(self._lines([found.line for found in reversed(page.items)]))

    def progress_so_far(self) -> Iterator[bytes]:
        """What running nodes have given and was not sent yet: all of it, for one who has just come."""
        for message in self._orchestrator.engine.progress_so_far(self._run_id):
            yield from self._progress(message)

    def pass_on(self, messages: list[Message]) -> Iterator[bytes]:
        """Progress and log lines among the messages, unless they were sent before."""
        for message in messages:
            match message:
                case Progress():
                    yield from self._progress(message)
                case LogsWritten():
                    yield from self._lines(message.lines)
                case _:
                    pass

    def _lines(self, lines: Sequence[LogLine]) -> Iterator[bytes]:
        for line in self._sent_lines.added(lines):
            yield event("log", log_record(line))

    def _progress(self, message: Progress) -> Iterator[bytes]:
        """What of a piece is behind the text that was sent. A gap before it stays: its offset tells."""
        key = (message.instance, message.attempt)
        sent = self._sent_text.pop(key, 0)
        text = message.text[max(sent - message.offset, 0) :]
        end = message.offset + len(message.text)
        _remember(self._sent_text, key, max(sent, end))
        if text:
            record: Record = {
                "instance": message.instance,
                "attempt": message.attempt,
                "offset": end - len(text),
                "text": text,
            }
            yield event("progress", record)

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


def _remember(sent: dict[K, V], key: K, value: V) -> None:
    """Note what was sent, and forget the oldest notes: it is the latest that may come twice."""
    sent[key] = value
    if len(sent) > MAX_REMEMBERED:
        del sent[next(iter(sent))]
