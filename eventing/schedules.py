"""When time triggers fire. Pure: "now" comes in, moments go out, both UTC.

What a firing that nobody was there for becomes is `missed_firings`; whoever keeps the time asks it after a pause and
`next_due` from then on. None of these looks at ``enabled`` or at a pipeline's status.
"""

from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TypeAlias
from zoneinfo import ZoneInfo

from eventing.cron import CronSchedule
from flume.errors import RequestError
from flume.pipeline import CronTrigger, IntervalTrigger, MissedFirings
from flume.schedules import check_timezone

TimeTrigger: TypeAlias = CronTrigger | IntervalTrigger

MOST_MISSED = 1_000
"""How many missed firings are made up at most; the newest are kept."""

_Successor: TypeAlias = Callable[[datetime], datetime | None]


def next_due(
    trigger: TimeTrigger, after: datetime, *, default_timezone: str = "UTC", anchor: datetime | None = None
) -> datetime | None:
    """The first moment later than ``after`` at which the trigger is due; None when it never is again.

    ``default_timezone`` is for cron triggers that name none. ``anchor`` is the first firing of an interval: the others
    lie whole multiples of ``every`` behind it, however late each is carried out; without it the next is ``every`` from
    ``after``. Raises `flume.errors.RequestError` for a moment without a zone and for a trigger that validation refuses.
    """
    return _successor(trigger, default_timezone, anchor)(_as_utc(after))


def due_times(
    trigger: TimeTrigger,
    after: datetime,
    until: datetime,
    *,
    limit: int = MOST_MISSED,
    default_timezone: str = "UTC",
    anchor: datetime | None = None,
) -> list[datetime]:
    """The due moments later than ``after`` and not later than ``until``, in order, the first ``limit`` of them."""
    return list(islice(_between(_successor(trigger, default_timezone, anchor), _as_utc(after), _as_utc(until)), limit))


def missed_firings(
    trigger: TimeTrigger,
    last_due: datetime,
    now: datetime,
    *,
    grace: timedelta = timedelta(0),
    default_timezone: str = "UTC",
    anchor: datetime | None = None,
    limit: int = MOST_MISSED,
) -> list[datetime]:
    """The due moments later than ``last_due`` and not later than ``now`` that are still to be fired, in order.

    By the trigger's ``missed``: none, the latest, or all (the newest ``limit``); for an interval the latest. Under
    ``skip``, what is at most ``grace`` old is not missed but a little late, and stays. An interval without ``anchor`` is
    counted from ``last_due``.
    """
    start, end = _as_utc(last_due), _as_utc(now)
    if isinstance(trigger, IntervalTrigger):
        return _latest_of_interval(trigger, _as_utc(anchor) if anchor else start, start, end)
    match trigger.missed:
        case MissedFirings.SKIP:
            late = _newest(trigger, start, end, limit, default_timezone) if grace else []
            return [due for due in late if due >= end - grace]
        case MissedFirings.ONCE:
            return _newest(trigger, start, end, 1, default_timezone)
        case MissedFirings.ALL:
            return _newest(trigger, start, end, limit, default_timezone)


def _newest(trigger: CronTrigger, start: datetime, end: datetime, limit: int, default_timezone: str) -> list[datetime]:
    """The last ``limit`` due moments in (start, end], found from the end: a long pause must not be walked through."""
    schedule = CronSchedule(trigger.schedule, _zone(trigger, default_timezone))
    matches = limit
    while True:
        near = schedule.moment_before(end, matches, start)
        found = deque(_between(schedule.next_due, near, end), maxlen=limit)
        if len(found) == limit or near == start:
            return list(found)
        # Wall times fall together where clocks go forward: look back further until there are enough.
        matches *= 2


def _latest_of_interval(trigger: IntervalTrigger, anchor: datetime, start: datetime, end: datetime) -> list[datetime]:
    if end < anchor:
        return []
    latest = anchor + (end - anchor) // _every(trigger) * trigger.every
    return [latest] if latest > start else []


def _between(successor: _Successor, start: datetime, end: datetime) -> Iterator[datetime]:
    due = successor(start)
    while due is not None and due <= end:
        yield due
        due = successor(due)


def _successor(trigger: TimeTrigger, default_timezone: str, anchor: datetime | None) -> _Successor:
    match trigger:
        case CronTrigger():
            return CronSchedule(trigger.schedule, _zone(trigger, default_timezone)).next_due
        case IntervalTrigger():
            return _interval(_every(trigger), _as_utc(anchor) if anchor else None)


def _interval(every: timedelta, anchor: datetime | None) -> _Successor:
    def find(after: datetime) -> datetime | None:
        first = after if anchor is None else anchor
        try:
            return first if after < first else first + ((after - first) // every + 1) * every
        except OverflowError:  # behind the year 9999
            return None

    return find


def _every(trigger: IntervalTrigger) -> timedelta:
    if trigger.every <= timedelta(0):
        raise RequestError(
            f"trigger '{trigger.id}': every is {trigger.every}; it must be above zero", code="bad-schedule"
        )
    return trigger.every


def _zone(trigger: CronTrigger, default_timezone: str) -> ZoneInfo:
    name = trigger.timezone or default_timezone
    try:
        check_timezone(name)
    except ValueError as error:
        raise RequestError(f"trigger '{trigger.id}': {error}", code="bad-timezone") from error
    return ZoneInfo(name)


def _as_utc(moment: datetime) -> datetime:
    if moment.utcoffset() is None:
        raise RequestError(f"the moment {moment.isoformat()} has no time zone; give it in UTC", code="bad-moment")
    return moment.astimezone(UTC)
