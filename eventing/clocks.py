"""Wall clocks: which moments a zone's clocks show a time at, when that is none or two.

A *wall time* is a datetime without a zone, as a clock on the wall shows it. When clocks go forward some wall times are
skipped; when they go back some come twice. Moments are UTC.
"""

from datetime import UTC, datetime, timedelta, tzinfo

SECOND = timedelta(seconds=1)


def wall_time(moment: datetime, zone: tzinfo) -> datetime:
    """What the zone's clocks show at a moment."""
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)


def is_second_pass(moment: datetime, zone: tzinfo) -> bool:
    """Whether the clocks went back shortly before and now show times that they have shown already."""
    return moment.astimezone(zone).fold == 1


def moments_of(wall: datetime, zone: tzinfo) -> list[datetime]:
    """The moments at which clocks show ``wall``, in order: none when it is skipped, two when it comes twice, else one."""
    return sorted({moment for moment in _readings(wall, zone) if wall_time(moment, zone) == wall})


def moment_of_change(wall: datetime, zone: tzinfo) -> datetime:
    """The moment at which the clocks change, for a ``wall`` that this change skips or repeats.

    For any other wall time the answer is the moment at which it is shown.
    """
    early, late = sorted(moment.replace(microsecond=0) for moment in _readings(wall, zone))
    before = early.astimezone(zone).utcoffset()
    while late - early > SECOND:
        middle = early + (late - early) // SECOND // 2 * SECOND
        if middle.astimezone(zone).utcoffset() == before:
            early = middle
        else:
            late = middle
    return late


def _readings(wall: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """``wall`` read with the offset before and with the offset after a change nearby; equal where there is none (PEP 495)."""
    aware = wall.replace(tzinfo=zone)
    return aware.replace(fold=0).astimezone(UTC), aware.replace(fold=1).astimezone(UTC)
