"""What makes a file of lines an export: a first line that says how the others are written, and a last one that vouches for them.

The last line holds how many records of each kind there are, and a digest of all bytes before it. A file that was cut or
changed on its way is told from a whole one by that alone, and before anything of it is used.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import orjson

from flume.errors import RequestError
from orchestrator.transfer.lines import KINDS, UNREADABLE, decode, encode
from orchestrator.transfer.store import Record

FORMAT = 1
"""Raised when lines are written in another way."""

_FIRST = "flume-export"
_LAST = "end"


class Sealer:
    """Makes the lines of an export: `first`, a line for each record, `last`. ``flume`` is the version that writes it."""

    def __init__(self, flume: str) -> None:
        self.counts: Counter[str] = Counter()
        self._flume = flume
        self._digest = hashlib.sha256()

    def first(self) -> bytes:
        """The line before all records."""
        return self._noted(_line({_FIRST: FORMAT, "flume": self._flume}))

    def line(self, record: Record) -> bytes:
        """The line of a record."""
        self.counts[KINDS[type(record)]] += 1
        return self._noted(encode(record))

    def last(self) -> bytes:
        """The line after all records."""
        return _line({_LAST: {"counts": dict(self.counts), "sha256": self._digest.hexdigest()}})

    def _noted(self, line: bytes) -> bytes:
        self._digest.update(line)
        return line


@dataclass(frozen=True, slots=True)
class Read:
    """A record that was read, and the bytes of its line."""

    record: Record
    size: int


def unsealed(lines: Iterable[bytes], source: str) -> Iterator[Read]:
    """The records of an export. That all is well is known only when the iteration has ended without an error.

    Raises `RequestError`, which names ``source`` and the line, for what is no export, of a newer format, cut, or changed.
    """
    numbered = enumerate(lines, start=1)
    digest = hashlib.sha256(_first(next(numbered, (1, b""))[1], source))
    counts: Counter[str] = Counter()
    number = 1
    for number, line in numbered:
        if line.startswith(b'{"end":'):
            _require_last(line, counts, digest.hexdigest(), source)
            if next(numbered, None) is not None:
                raise RequestError(f"{source} goes on after line {number}, its last; export again")
            return
        digest.update(line)
        record = _record(line, source, number)
        counts[KINDS[type(record)]] += 1
        yield Read(record, len(line))
    raise RequestError(f"{source} ends after line {number} without its last line: it was cut off; export again")


def _first(line: bytes, source: str) -> bytes:
    try:
        format = orjson.loads(line)[_FIRST]
    except UNREADABLE:
        raise RequestError(f"{source} is no export of Flume: line 1 says nothing of one") from None
    if format != FORMAT:
        raise RequestError(
            f"{source} has format {format}, and this Flume reads {FORMAT}; import it with the Flume that wrote it"
        )
    return line


def _record(line: bytes, source: str, number: int) -> Record:
    try:
        return decode(line)
    except UNREADABLE as error:
        # The reason may quote the line, which may hold a key.
        problem = f"holds no record that this Flume knows ({type(error).__name__})"
        raise RequestError(f"{source} line {number} {problem}: it was cut off or changed; export again") from None


def _require_last(line: bytes, counts: Mapping[str, int], digest: str, source: str) -> None:
    try:
        end = orjson.loads(line)[_LAST]
        is_whole = (end["counts"], end["sha256"]) == (counts, digest)
    except UNREADABLE:
        is_whole = False
    if not is_whole:
        raise RequestError(f"{source} is not as it was written: its last line does not fit the others; export again")


def _line(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)
