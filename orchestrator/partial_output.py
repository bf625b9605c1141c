"""What attempts under way have given so far, for whoever begins to watch in the middle. It is in memory alone."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from flume.ids import Instance, RunId
from orchestrator.bus import Progress

MAX_KEPT = 64 * 1024
"""Characters kept of one attempt: the latest ones, in whole pieces where there are several."""

MAX_PIECES = 4096
"""Pieces kept of one attempt, since each costs more than its characters."""


@dataclass(slots=True)
class _Text:
    pieces: deque[str] = field(default_factory=deque)
    offset: int = 0
    """Characters that came before the first piece."""
    kept: int = 0

    def add(self, text: str) -> None:
        self.pieces.append(text)
        self.kept += len(text)
        while len(self.pieces) > 1 and (self.kept > MAX_KEPT or len(self.pieces) > MAX_PIECES):
            self._forget(len(self.pieces[0]))
        if self.kept > MAX_KEPT:
            self._forget(self.kept - MAX_KEPT)

    def _forget(self, count: int) -> None:
        """Let go of the first characters, which are all of the first piece or a part of it."""
        rest = self.pieces.popleft()[count:]
        if rest:
            self.pieces.appendleft(rest)
        self.kept -= count
        self.offset += count


class PartialOutput:
    """The partial output of one run's attempts, by attempt."""

    def __init__(self) -> None:
        self._texts: dict[tuple[Instance, int], _Text] = {}

    def add(self, instance: Instance, attempt: int, text: str) -> None:
        """Keep a further piece of an attempt's output."""
        self._texts.setdefault((instance, attempt), _Text()).add(text)

    def end(self, instance: Instance, attempt: int) -> None:
        """Forget an attempt that is over."""
        self._texts.pop((instance, attempt), None)

    def so_far(self, run_id: RunId) -> Iterator[Progress]:
        """What each attempt under way has given; an ``offset`` above 0 says how much of a long text is not kept."""
        for (instance, attempt), text in self._texts.items():
            yield Progress(run_id, instance, attempt, text.offset, "".join(text.pieces))
