"""A run on a terminal: a table that is drawn anew as states change, with what running nodes are writing."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from flume.cli.progress import ENDED, Record, belongs_to, describe, line_of
from flume.cli.streamed_text import Piece, StreamedText
from flume.cli.visible import visible

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
"""A longer list of nodes is hard to follow, and fewer fit on a small terminal; the rest is counted."""

TEXT_LINES = 6
"""Lines of partial output that all running nodes share."""

_KEPT = 4_000
"""Characters kept of one instance's output: more than the lines that are shown have."""

_MIN_WIDTH = 20


@dataclass(slots=True)
class _Tail:
    """The end of what one instance has written."""

    instance: str
    stream: StreamedText = field(default_factory=StreamedText)
    text: str = ""

    def add(self, piece: Piece) -> None:
        before = self.text if piece.attempt <= self.stream.attempt else ""
        self.text = (before + self.stream.add(piece))[-_KEPT:]


class LiveProgress:
    """The table. Of a loop it shows what the item that wrote last is writing.

    It is drawn eight times a second by a thread of its own, and from whatever stands in its fields then.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._records: dict[str, Record] = {}
        self._tails: dict[str, _Tail] = {}
        """By instance, the one that wrote last being the last."""
        self._console = console or Console(stderr=True, highlight=False)
        self._live = Live(get_renderable=self.draw, console=self._console, refresh_per_second=8, redirect_stdout=False)
        self._live.start()

    def node(self, node_id: str, record: Record) -> None:
        """See `Progress.node`."""
        self._records[node_id] = record
        if record["status"] in ENDED:
            for instance in [each for each in self._tails if belongs_to(each, node_id)]:
                del self._tails[instance]

    def text(self, piece: Piece) -> None:
        """See `Progress.text`."""
        tail = self._tails.pop(piece.instance, None) or _Tail(piece.instance)
        tail.add(piece)
        self._tails[piece.instance] = tail

    def log(self, record: Record) -> None:
        """See `Progress.log`."""
        self._console.print(visible(line_of(record)), markup=False)

    def note(self, text: str) -> None:
        """See `Progress.note`."""
        self._console.print(visible(text), markup=False)

    def close(self) -> None:
        """See `Progress.close`."""
        self._tails.clear()
        self._live.stop()

    def draw(self) -> Table:
        """The table as it is now. Called from the drawing thread."""
        records, tails = list(self._records.items()), list(self._tails.values())
        rows = max(min(MAX_ROWS, self._console.height - TEXT_LINES - 2), 1)
        shown = records[-rows:]
        writing = [(id, tail) for id, record in shown if (tail := _latest(tails, id, record)) is not None]
        latest = dict(writing[-TEXT_LINES:])
        lines = TEXT_LINES // max(len(latest), 1)
        width = max(self._console.width - max((len(id) for id, _ in shown), default=0) - 3, _MIN_WIDTH)
        table = Table.grid(padding=(0, 1))
        for id, record in shown:
            style = _STYLES.get(record["status"], "dim")
            mark = Text(_MARKS.get(record["status"], " "), style)
            table.add_row(mark, Text(id), Text(visible(describe(record)), style))
            for line in self._last_lines(latest.get(id), lines, width):
                table.add_row("", "", line)
        if len(records) > rows:
            table.add_row("", Text(f"and {len(records) - rows} more", "dim"), "")
        return table

    def _last_lines(self, tail: _Tail | None, count: int, width: int) -> Iterator[Text]:
        if tail is None:
            return
        text = Text(visible(tail.text).rstrip("\n"), "dim", overflow="fold")
        yield from text.wrap(self._console, width)[-count:]


def _latest(tails: list[_Tail], node_id: str, record: Record) -> _Tail | None:
    if record["status"] != "running":
        return None
    return next((tail for tail in reversed(tails) if belongs_to(tail.instance, node_id)), None)
