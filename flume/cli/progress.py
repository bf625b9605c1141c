"""Shows on stderr how a run goes on: a live table on a terminal, one line per change elsewhere.

Both take nodes and log lines as the API shows them, whether the run is moved by this process or by a server.
"""

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

from flume.cli.printing import say, took

if TYPE_CHECKING:
    from rich.console import RenderableType

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

_STYLES = {"completed": "green", "failed": "red", "retrying": "yellow", "running": "bold", "waiting": "cyan"}

_MARKS = {
    "completed": "✓",
    "failed": "✗",
    "skipped": "–",
    "cancelled": "–",
    "waiting": "z",
    "retrying": "↻",
    "running": "●",
}

MAX_ROWS = 30
"""A longer list of nodes would not fit on a terminal; the rest is counted."""


class Progress(Protocol):
    """Shows one run."""

    def node(self, node_id: str, record: Record) -> None:
        """A node is in another state."""
        ...

    def text(self, instance: str, text: str) -> None:
        """A piece of a node's partial output."""
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
    return LiveProgress() if sys.stderr.isatty() else PlainProgress()


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


class PlainProgress:
    """One line for each change. Partial output is shown by whole lines."""

    def __init__(self) -> None:
        self._said: dict[str, str] = {}
        self._rests: dict[str, str] = {}

    def node(self, node_id: str, record: Record) -> None:
        """See `Progress.node`."""
        words = describe(record)
        if self._said.get(node_id) == words:
            return
        self._said[node_id] = words
        if rest := self._rests.pop(node_id, ""):
            say(f"  {node_id}| {rest}")
        say(f"  {node_id}: {words}")

    def text(self, instance: str, text: str) -> None:
        """See `Progress.text`."""
        *lines, rest = (self._rests.get(instance, "") + text).split("\n")
        for line in lines:
            say(f"  {instance}| {line}")
        self._rests[instance] = rest

    def log(self, record: Record) -> None:
        """See `Progress.log`."""
        say(line_of(record))

    def note(self, text: str) -> None:
        """See `Progress.note`."""
        say(text)

    def close(self) -> None:
        """See `Progress.close`."""
        for instance, rest in self._rests.items():
            if rest:
                say(f"  {instance}| {rest}")
        self._rests.clear()


class LiveProgress:
    """A table that is drawn anew as states change, with the latest of each node's partial output."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.live import Live

        self._records: dict[str, Record] = {}
        self._texts: dict[str, str] = {}
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(get_renderable=self._draw, console=self._console, refresh_per_second=8, redirect_stdout=False)
        self._live.start()

    def node(self, node_id: str, record: Record) -> None:
        """See `Progress.node`."""
        self._records[node_id] = record

    def text(self, instance: str, text: str) -> None:
        """See `Progress.text`."""
        self._texts[instance] = (self._texts.get(instance, "") + text)[-400:]

    def log(self, record: Record) -> None:
        """See `Progress.log`."""
        self._console.print(line_of(record), markup=False)

    def note(self, text: str) -> None:
        """See `Progress.note`."""
        self._console.print(text, markup=False)

    def close(self) -> None:
        """See `Progress.close`."""
        self._texts.clear()
        self._live.stop()

    def _draw(self) -> "RenderableType":
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 1))
        records = list(self._records.items())
        for node_id, record in records[-MAX_ROWS:]:
            status = record["status"]
            style = _STYLES.get(status, "dim")
            table.add_row(Text(_MARKS.get(status, " "), style), Text(node_id), Text(describe(record), style))
            if tail := self._texts.get(node_id, "") if status == "running" else "":
                table.add_row("", "", Text(tail.rsplit("\n", 1)[-1][-100:], "dim"))
        if len(records) > MAX_ROWS:
            table.add_row("", Text(f"and {len(records) - MAX_ROWS} more", "dim"), "")
        return table


def line_of(record: Record) -> str:
    """A log line as text."""
    fields = "".join(f"  {name}={value}" for name, value in record["fields"].items())
    return f"  {record['node']}: {record['level']}: {record['message']}{fields}"
