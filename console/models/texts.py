"""Documents as lines: with the problems that were found in them, and compared with one another."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from console.models import Json

CONTEXT = 3
"""Unchanged lines that are shown around a change."""

MAX_PRODUCT = 4_000_000
"""Lines of one text times lines of the other, without what they begin and end with alike."""

MAX_PAIRS = 40_000
"""Pairs of equal lines. Their number is what comparing takes time for: texts of one line over and over have the most."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One problem. ``line`` and ``column`` count from 1, 0 where no place is known."""

    code: str
    message: str
    hint: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class SourceLine:
    """A line of a document with what is wrong in it."""

    number: int
    text: str
    findings: tuple[Finding, ...] = ()


def findings_of(problems: Sequence[Json]) -> list[Finding]:
    """Problems as the API lists them."""
    return [
        Finding(each["code"], each["message"], each.get("hint") or "", each.get("line") or 0, each.get("column") or 0)
        for each in problems
    ]


def source_lines(text: str, findings: Sequence[Finding] = ()) -> list[SourceLine]:
    """The lines of a document, each with its problems."""
    by_line: defaultdict[int, list[Finding]] = defaultdict(list)
    for each in findings:
        by_line[each.line].append(each)
    lines = text.split("\n")
    return [SourceLine(number, line, tuple(by_line.get(number, ()))) for number, line in enumerate(lines, start=1)]


@dataclass(frozen=True, slots=True)
class DiffLine:
    """A line of a comparison. Numbers are None on the side where it is not; a ``gap`` stands for lines left out."""

    kind: Literal["same", "added", "removed", "gap"]
    before: int | None
    after: int | None
    text: str


@dataclass(frozen=True, slots=True)
class _Change:
    """Lines that others took the place of, as indices; one of the two may be empty."""

    old_from: int
    old_to: int
    new_from: int
    new_to: int


def compare(before: str, after: str) -> list[DiffLine]:
    """What changed from one text to another, line by line, with a little of what did not. Empty if nothing did.

    Texts with too much to compare are told as one change. It may still take a moment: call it in a thread.
    """
    old, new = before.splitlines(), after.splitlines()
    lines: list[DiffLine] = []
    done = shift = 0
    for change in _changes(old, new):
        context_to = min(done + CONTEXT, change.old_from) if lines else done
        context_from = max(change.old_from - CONTEXT, context_to)
        lines += _same(old, done, context_to, shift)
        if context_from > context_to:
            lines.append(DiffLine("gap", None, None, "…"))
        lines += _same(old, context_from, change.old_from, shift)
        lines += _changed("removed", old, change.old_from, change.old_to)
        lines += _changed("added", new, change.new_from, change.new_to)
        done, shift = change.old_to, change.new_to - change.old_to
    return lines + list(_same(old, done, min(done + CONTEXT, len(old)), shift)) if lines else []


def _changes(old: Sequence[str], new: Sequence[str]) -> Iterator[_Change]:
    head = _common(old, new)
    tail = _common(old[head:][::-1], new[head:][::-1])
    old_middle, new_middle = old[head : len(old) - tail], new[head : len(new) - tail]
    if _is_too_much(old_middle, new_middle):
        yield _Change(head, len(old) - tail, head, len(new) - tail)
        return
    # Without autojunk: it takes lines that occur often for unimportant.
    for tag, *bounds in SequenceMatcher(None, old_middle, new_middle, autojunk=False).get_opcodes():
        if tag != "equal":
            yield _Change(*(head + index for index in bounds))


def _common(old: Sequence[str], new: Sequence[str]) -> int:
    """How many lines both begin with."""
    pairs = enumerate(zip(old, new, strict=False))
    return next((index for index, (one, other) in pairs if one != other), min(len(old), len(new)))


def _is_too_much(old: Sequence[str], new: Sequence[str]) -> bool:
    if len(old) * len(new) > MAX_PRODUCT:
        return True
    in_new = Counter(new)
    return sum(in_new[line] for line in old) > MAX_PAIRS


def _same(old: Sequence[str], first: int, end: int, shift: int) -> Iterator[DiffLine]:
    """Lines that stayed; ``shift`` is how many lines later they stand in the new text."""
    for index in range(first, end):
        yield DiffLine("same", index + 1, index + 1 + shift, old[index])


def _changed(kind: Literal["added", "removed"], lines: Sequence[str], first: int, end: int) -> Iterator[DiffLine]:
    for index in range(first, end):
        number = index + 1
        before, after = (None, number) if kind == "added" else (number, None)
        yield DiffLine(kind, before, after, lines[index])
