"""A cron schedule as a PingSource reads it, which knows less than Flume does.

It has no seconds, no ``L``, ``#`` or ``W``, no Sunday by the number 7, and no ranges over the end of a field such as ``22-4``.
The latter two can be written differently (but steps in such a range), the others not.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from flume.schedules import ALIASES, has_seconds

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")

_BOUNDS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))
"""The least and the most of each field: minute, hour, day, month, weekday."""

_NAMES: Sequence[Mapping[str, int]] = (
    {},
    {},
    {},
    {name: number for number, name in enumerate(_MONTHS, 1)},
    {d: n for n, d in enumerate(_DAYS)},
)

_ITEM = re.compile(r"(?:(?P<all>[*?])|(?P<first>[0-9a-z]+)(?:-(?P<last>[0-9a-z]+))?)(?:/(?P<step>[0-9]+))?")

_WEEKDAY = 4


def ping_schedule(schedule: str) -> str | None:
    """A valid schedule in a PingSource's terms; None if it can't be told in them."""
    text = schedule.strip().lower()
    if text in ALIASES:
        return text
    if has_seconds(text):
        return None
    fields = [_field(field, place) for place, field in enumerate(text.split())]
    return None if None in fields else " ".join(filter(None, fields))


def has_ping_source(schedule: str) -> bool:
    """Whether a PingSource can fire a valid schedule. The others an orchestrator has to fire itself."""
    return ping_schedule(schedule) is not None


def _field(text: str, place: int) -> str | None:
    items = [_item(item, place) for item in text.split(",")]
    return None if None in items else ",".join(filter(None, items))


def _item(text: str, place: int) -> str | None:
    match = _ITEM.fullmatch(text)
    if match is None:
        return None
    if match["all"]:
        return f"*/{match['step']}" if match["step"] else "*"
    first, last = _number(match["first"], place), _number(match["last"] or match["first"], place)
    if first is None or last is None:
        return None
    least, most = _BOUNDS[place]
    if match["last"] is None and match["step"]:
        last = most
    step = int(match["step"] or 1)
    if least <= first <= last <= most:
        span = str(first) if first == last else f"{first}-{last}"
        return f"{span}/{step}" if step > 1 and first != last else span
    return _written_out(first, last, step, place)


def _written_out(first: int, last: int, step: int, place: int) -> str | None:
    """A range over the end of its field, or one with Sunday as 7, as the values that it means; None if it is none of a cron's."""
    least, most = _BOUNDS[place]
    size = most - least + 1
    highest = 7 if place == _WEEKDAY else most
    if not (least <= first <= highest and least <= last <= highest) or step < 1:
        return None
    if first > last and step > 1:
        # Where the steps go on behind the end of a field is understood in more than one way.
        return None
    end = last if last >= first else last + size
    values = dict.fromkeys(least + (value - least) % size for value in range(first, end + 1, step))
    return ",".join(_spans(sorted(values)))


def _spans(values: Sequence[int]) -> Iterator[str]:
    """Values that rise, with those that follow one another as a range."""
    first = 0
    for place, value in enumerate(values):
        if place + 1 == len(values) or values[place + 1] != value + 1:
            yield str(value) if first == place else f"{values[first]}-{value}"
            first = place + 1


def _number(text: str, place: int) -> int | None:
    return int(text) if text.isdigit() else _NAMES[place].get(text)
