"""Shows on stderr how a run goes on: a live table on a terminal (`live_progress`), one line per change elsewhere.

Both take nodes and log lines as the API shows them, whether the run is moved by this process or by a server. What a model or a
node says is made `visible` before it is shown.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from flume.cli.printing import say, took
from flume.cli.streamed_text import Piece, StreamedText

Record = Mapping[str, Any]

_WORDS = {
    "pending": "waiting for others",
    "running": "running",
    "waiting": "asleep",
    "retrying": "failed, will be tried again",
    "completed": "done",
    "failed": "failed",
    "skipped": "skipped",
    "cancelled": "cancelled",
}

ENDED = ("completed", "failed", "skipped", "cancelled")
"""States of a node after which none follows."""

LINE_WIDTH = 100
"""Characters after which a line of partial output is broken, so that a long paragraph is seen while it comes."""


class Progress(Protocol):
    """Shows one run."""

    def node(self, node_id: str, record: Record) -> None:
        """A node is in another state."""
        ...

    def text(self, piece: Piece) -> None:
        """A piece of a node's partial output; it may have been shown before."""
        ...

    def log(self, record: Record) -> None:
        """A line of the run's log."""
        ...

    def note(self, text: str) -> None:
        """Something to be said besides."""
        ...

    def close(self) -> None:
        """Nothing more will come."""
        ...


def make_progress() -> Progress:
    """The display that fits stderr."""
    if not sys.stderr.isatty():
        return PlainProgress()
    # Here, because it imports what draws on terminals, which most calls do without.
    from flume.cli.live_progress import LiveProgress

    return LiveProgress()


def describe(record: Record) -> str:
    """A node's state in words."""
    status: str = record["status"]
    words = _WORDS.get(status, status)
    if status == "waiting" and record.get("dueAt"):
        words += f" until {record['dueAt']}"
    loop = record.get("loop")
    if loop:
        total = "" if loop["total"] is None else f" of {loop['total']}"
        words += f", {loop['succeeded'] + loop['failed']}{total} items" + (
            f", {loop['failed']} failed" * bool(loop["failed"])
        )
    if record.get("attempt", 1) > 1:
        words += f", attempt {record['attempt']}"
    if duration := took(record.get("startedAt"), record.get("completedAt")):
        words += f" in {duration}"
    error = record.get("error")
    return f"{words}: {error['code']}: {error['message']}" if error else words


def belongs_to(instance: str, node_id: str) -> bool:
    """Whether an instance is this node of the top level, or within its loop."""
    return instance == node_id or instance.startswith(f"{node_id}[")


class PlainProgress:
    """One line for each change. Partial output is shown by lines, long ones in parts."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}
        self._texts: dict[str, _Lines] = {}

    def node(self, node_id: str, record: Record) -> None:
        """See `Progress.node`."""
        words = describe(record)
        if self._said.get(node_id) == words:
            return
        self._said[node_id] = words
        if record["status"] in ENDED:
            for instance in [each for each in self._texts if belongs_to(each, node_id)]:
                self._end(instance)
        say(f"  {node_id}: {words}")

    def text(self, piece: Piece) -> None:
        """See `Progress.text`."""
        known = self._texts.get(piece.instance)
        if known is not None and piece.attempt > known.stream.attempt:
            self._end(piece.instance)
        lines = self._texts.setdefault(piece.instance, _Lines())
        for line in lines.add(piece):
            say(f"  {piece.instance}| {line}")

    def log(self, record: Record) -> None:
        """See `Progress.log`."""
        say(line_of(record))

    def note(self, text: str) -> None:
        """See `Progress.note`."""
        say(text)

    def close(self) -> None:
        """See `Progress.close`."""
        for instance in [*self._texts]:
            self._end(instance)

    def _end(self, instance: str) -> None:
        if rest := self._texts.pop(instance).rest:
            say(f"  {instance}| {rest}")


@dataclass(slots=True)
class _Lines:
    """The lines of one instance's output; ``rest`` is the line that is not complete yet."""

    stream: StreamedText = field(default_factory=StreamedText)
    rest: str = ""

    def add(self, piece: Piece) -> list[str]:
        """The lines that a piece completes."""
        *whole, rest = (self.rest + self.stream.add(piece)).split("\n")
        *parts, self.rest = broken(rest)
        return [*(part for line in whole for part in broken(line.removesuffix("\r"))), *parts]


def broken(line: str) -> list[str]:
    """A line in parts of at most `LINE_WIDTH` characters, broken at blanks where there are any. Never empty."""
    parts: list[str] = []
    start = 0
    while len(line) - start > LINE_WIDTH:
        blank = line.rfind(" ", start + 1, start + LINE_WIDTH + 1)
        end = blank if blank > 0 else start + LINE_WIDTH
        parts.append(line[start:end])
        start = end + (blank > 0)
    return [*parts, line[start:]]


def line_of(record: Record) -> str:
    """A log line as text."""
    fields = "".join(f"  {name}={value}" for name, value in record["fields"].items())
    return f"  {record['node']}: {record['level']}: {record['message']}{fields}"
