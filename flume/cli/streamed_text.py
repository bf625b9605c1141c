"""A node's partial output, put together from pieces that may come twice, leave a gap, or begin anew with another attempt."""

from dataclasses import dataclass

GAP = "…"
"""Stands where characters were lost: a watcher that is too slow misses some, and one that comes late gets the latest alone."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of the partial output of one attempt. ``offset`` counts the attempt's characters that came before it."""

    instance: str
    attempt: int
    offset: int
    text: str


class StreamedText:
    """How far the output of one instance was followed. Feed it all pieces of that instance, in the order of their coming."""

    def __init__(self) -> None:
        self.attempt = 0
        self._length = 0

    def add(self, piece: Piece) -> str:
        """What of a piece is new. Nothing of an attempt that a later one has replaced."""
        if piece.attempt < self.attempt:
            return ""
        if piece.attempt > self.attempt:
            self.attempt, self._length = piece.attempt, 0
        gap = GAP if piece.offset > self._length else ""
        text = piece.text[max(self._length - piece.offset, 0) :]
        self._length = max(self._length, piece.offset + len(piece.text))
        return gap + text if text else ""
