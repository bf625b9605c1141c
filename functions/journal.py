"""What one attempt told while it works, until it was sent on: log lines and partial output, both bounded."""

from collections import deque
from dataclasses import replace
from threading import Lock

import orjson

from eventing.invocations import Invocation, LogRecord, Phase
from eventing.messages import Progressed, attempt_of

MAX_LINES = 10_000
"""Lines that wait to be sent. Beyond, the newest are dropped; the orchestrator takes no more from one attempt anyway, and counts
by their numbers."""

MAX_TEXT = 1024 * 1024
"""Characters of partial output that wait to be sent. Beyond, the oldest go: whoever watches sees a gap, and the result later."""

_LINE_OVERHEAD = 100


class Journal:
    """The `eventing.invocations.Reports` of one attempt. Nodes write from any thread; the event loop takes."""

    def __init__(self, invocation: Invocation) -> None:
        self.invocation = invocation
        self.last_sent = float("-inf")
        """When the last sign of life that arrived was sent, in the seconds of whoever sends."""
        self._lock = Lock()
        self._lines: deque[LogRecord] = deque()
        self._on_the_way: tuple[LogRecord, ...] = ()
        self._dropped: LogRecord | None = None
        self._sequence = 0
        self._text = ""
        self._offset = 0

    def log(self, record: LogRecord) -> None:
        """See `eventing.invocations.Reports.log`."""
        with self._lock:
            if len(self._lines) < MAX_LINES:
                self._lines.append(replace(record, sequence=self._sequence))
            else:
                self._dropped = replace(record, message="", fields={}, sequence=self._sequence)
            self._sequence += 1

    def progress(self, text: str) -> None:
        """See `eventing.invocations.Reports.progress`."""
        with self._lock:
            waiting = self._text + text
            self._text = waiting[-MAX_TEXT:]
            self._offset += len(waiting) - len(self._text)

    def phase(self, phase: Phase, *, ago_ms: int = 0) -> None:
        """See `eventing.invocations.Reports.phase`: a node that works here is executing, which any sign of life says."""

    def handed_over(self) -> None:
        """See `eventing.invocations.Reports.handed_over`: here it has arrived."""

    def ready(self, *, for_ms: int) -> None:
        """See `eventing.invocations.Reports.ready`: the answer tells it."""

    def has_news(self) -> bool:
        """Whether something waits to be sent."""
        return bool(self._lines or self._text)

    def take(self, most: int) -> Progressed:
        """What waits, up to about so many characters. It waits no longer: `delivered` or `put_back` is to follow."""
        with self._lock:
            lines = self._take_lines(most)
            text, offset = self._text[:most], self._offset
            self._text, self._offset = self._text[len(text) :], offset + len(text)
            self._on_the_way = lines
        return Progressed(attempt_of(self.invocation), self.invocation.token, offset, text, lines)

    def delivered(self) -> None:
        """What was taken has arrived."""
        with self._lock:
            self._on_the_way = ()

    def put_back(self) -> None:
        """What was taken could not be sent: its lines wait again. Partial output is not worth it."""
        with self._lock:
            waiting = (*self._on_the_way, *self._lines)
            self._lines, self._on_the_way = deque(waiting[:MAX_LINES]), ()

    def rest(self) -> tuple[LogRecord, ...]:
        """The lines of which nobody knows that they arrived, for the answer; what comes twice is known by its number.

        If the last one of all was dropped, its number comes too, without its text: by that the orchestrator tells how many were.
        """
        with self._lock:
            is_last = self._dropped is not None and self._dropped.sequence == self._sequence - 1
            return (*self._on_the_way, *self._lines, *((self._dropped,) if self._dropped and is_last else ()))

    def _take_lines(self, most: int) -> tuple[LogRecord, ...]:
        taken: list[LogRecord] = []
        while self._lines and most > 0:
            line = self._lines.popleft()
            most -= _LINE_OVERHEAD + len(line.message) + (len(orjson.dumps(line.fields)) if line.fields else 0)
            taken.append(line)
        return tuple(taken)
