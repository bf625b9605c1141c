"""``If-Match`` and ``If-None-Match`` of calls that change a pipeline: nobody overwrites what they have not seen."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from starlette.datastructures import Headers

from flume.errors import ConflictError
from orchestrator.pipelines import stale
from orchestrator.store import PipelineRecord

_Done = TypeVar("_Done")

_TRIES = 5
"""Writes in between that a call without a precondition takes; more come of no race."""

_ETAG = re.compile(r'"(\d{1,15})"', re.ASCII)


@dataclass(frozen=True, slots=True)
class Precondition:
    """What must be true of a pipeline. ``revs`` None: it may be at any revision. A weak tag names none, as HTTP asks."""

    revs: frozenset[int] | None = None
    must_exist: bool = False
    must_not_exist: bool = False

    @property
    def is_any(self) -> bool:
        """Whether nothing is asked."""
        return self == Precondition()

    def check(self, name: str, record: PipelineRecord | None) -> None:
        """Raise `ConflictError` unless it is true of ``record``; None is a pipeline that does not exist."""
        if record is None:
            if self.must_exist:
                raise stale(name, None)
            return
        if self.must_not_exist:
            raise ConflictError(f"there is a pipeline '{name}' already", code="name-taken")
        if self.revs is not None and record.rev not in self.revs:
            raise stale(name, record.rev)


def read_precondition(headers: Headers) -> Precondition:
    """The precondition that a caller makes."""
    if_match = headers.get("if-match")
    must_not_exist = headers.get("if-none-match", "").strip() == "*"
    if if_match is None:
        return Precondition(must_not_exist=must_not_exist)
    if if_match.strip() == "*":
        return Precondition(must_exist=True, must_not_exist=must_not_exist)
    tags = (_ETAG.fullmatch(each.strip()) for each in if_match.split(","))
    revs = frozenset(int(tag.group(1)) for tag in tags if tag is not None)
    return Precondition(revs, must_exist=True, must_not_exist=must_not_exist)


async def settled(wanted: Precondition, change: Callable[[], Awaitable[_Done]]) -> _Done:
    """What ``change`` gives, which reads a pipeline, checks ``wanted`` and writes.

    Who names no revision wants the change whatever the pipeline is at: when somebody else writes in between, it is made again of
    what they wrote. Raises `ConflictError` where a revision is named.
    """
    for _ in range(_TRIES - 1):
        try:
            return await change()
        except ConflictError as error:
            if error.code != "stale" or wanted.revs is not None:
                raise
    return await change()
