"""When a cron schedule is due, with every change of the clocks accounted for.

croniter finds matching wall times; it is never told of the zone, because its own reading of repeated hours fires twice.
Which moments those wall times mean is decided here:

- A schedule that names hours goes by the wall clock. A time that comes twice counts the first time only; times that the
  clocks skip count as the moment of the change, together once.
- A schedule for every hour of the day goes by real time. A time that comes twice counts twice, a skipped one never.
"""

import re
from datetime import datetime, timedelta, tzinfo

from croniter import croniter

from eventing.clocks import SECOND, is_second_pass, moment_of_change, moments_of, wall_time
from flume.errors import RequestError
from flume.schedules import check_schedule

_HOUR = 1
_LARGEST_CHANGE = timedelta(days=1)
_SINGLE_VALUE_RANGE = re.compile(r"(?<![^,\s])([0-9a-z]+)-\1(?:/[0-9]+)?(?![^,\s])", re.ASCII)

_SUNDAY_TO_SUNDAY = re.compile(r"(?<![^,])7-(?:0|sun)(?:/[0-9]+)?(?![^,])", re.ASCII)
"""Of weekdays, where 7 and 0 are one day. ``0-7`` is the whole week, as everywhere."""


class CronSchedule:
    """A parsed schedule in one time zone. Raises `flume.errors.RequestError` for text that is no schedule.

    Not safe to share between threads: the parser below keeps a position.
    """

    def __init__(self, text: str, zone: tzinfo) -> None:
        try:
            check_schedule(text)
        except ValueError as error:
            raise RequestError(f"schedule '{text[:60]}': {error}", code="bad-schedule") from error
        self._zone = zone
        self._matches = croniter(_plain(text), datetime(2000, 1, 1), ret_type=datetime, second_at_beginning=True)
        self._every_hour: bool = self._matches.expanded[_HOUR] == ["*"]

    def next_due(self, after: datetime) -> datetime | None:
        """The first due moment later than ``after`` (both UTC); None when no match comes in 50 years."""
        try:
            return self._next_in_real_time(after) if self._every_hour else self._next_by_wall_clock(after)
        except OverflowError:  # behind the year 9999
            return None

    def moment_before(self, moment: datetime, matches: int, earliest: datetime) -> datetime:
        """A moment after which ``matches`` or more wall times match up to ``moment``; ``earliest`` if it lies further back."""
        wall, floor = wall_time(moment, self._zone), wall_time(earliest, self._zone) - _LARGEST_CHANGE
        for _ in range(matches):
            earlier = self._previous_wall(wall)
            if earlier is None or earlier < floor:
                return earliest
            wall = earlier
        known = moments_of(wall, self._zone)
        return max(earliest, (known[0] if known else moment_of_change(wall, self._zone)) - SECOND)

    def _next_by_wall_clock(self, after: datetime) -> datetime | None:
        wall = wall_time(after, self._zone)
        if is_second_pass(after, self._zone):
            # All that is shown again has been due in the first pass: go on behind the last of it.
            wall = wall_time(moment_of_change(wall, self._zone) - SECOND, self._zone)
        match = self._next_wall(wall)
        if match is None:
            return None
        moments = moments_of(match, self._zone)
        return moments[0] if moments else moment_of_change(match, self._zone)

    def _next_in_real_time(self, after: datetime) -> datetime | None:
        wall = wall_time(after, self._zone)
        if len(moments_of(wall, self._zone)) == 2 and not is_second_pass(after, self._zone):
            change = moment_of_change(wall, self._zone)
            match = self._next_wall(wall)
            first_pass = moments_of(match, self._zone)[:1] if match else []
            if first_pass and first_pass[0] < change:
                return first_pass[0]
            after, wall = change - SECOND, wall_time(change, self._zone) - SECOND
        while (match := self._next_wall(wall)) is not None:
            later = [moment for moment in moments_of(match, self._zone) if moment > after]
            if later:
                return later[0]
            behind_gap = wall_time(moment_of_change(match, self._zone), self._zone) - SECOND
            wall = max(match, behind_gap)
        return None

    def _next_wall(self, wall: datetime) -> datetime | None:
        try:
            found: datetime = self._matches.get_next(start_time=wall)
        except ValueError:  # no match in reach, or the year 10000
            return None
        return found

    def _previous_wall(self, wall: datetime) -> datetime | None:
        try:
            found: datetime = self._matches.get_prev(start_time=wall)
        except ValueError:
            return None
        return found


def _plain(text: str) -> str:
    """The schedule with ranges of one value written as that value: croniter takes ``5-5`` for the whole field, cron for 5."""
    *others, last = _SINGLE_VALUE_RANGE.sub(r"\1", text.strip().lower()).split()
    return " ".join((*others, _SUNDAY_TO_SUNDAY.sub("0", last)))
