"""Cron triggers that somebody else fires, such as a PingSource: the scheduler leaves them to that, and makes up what it missed.

Whoever fires, a due time has one start key (`due_key`), so that it starts one run. Here is what the scheduler has left to the
other, until it is time to see that a run came of it.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from eventing.schedules import TimeTrigger
from flume.ids import Millis, PipelineId
from flume.pipeline import CronTrigger, MissedFirings

PING = "dev.knative.sources.ping"
"""The type of the events of a PingSource."""

LATE = timedelta(seconds=60)
"""A firing that did not come until so long after its due time was missed."""


def due_key(trigger_id: str, due: Millis) -> str:
    """The start key of what a trigger starts at a due time, whoever says that it is due."""
    return f"due:{trigger_id}:{due}"


@dataclass(frozen=True, slots=True)
class Left:
    """A due time that was left to somebody else."""

    pipeline_id: PipelineId
    trigger_id: str
    due: Millis


class FiredElsewhere:
    """What is left to others, in memory. ``knows`` says of a cron schedule whether somebody else fires it."""

    def __init__(self, knows: Callable[[str], bool]) -> None:
        self._knows = knows
        self._left: list[Left] = []

    def own(self, trigger: TimeTrigger, dues: Iterable[Millis], now: Millis) -> list[Millis]:
        """The due times that are the scheduler's own to fire: those of an interval, and of a cron trigger what is long past."""
        if not self._is_elsewhere(trigger):
            return list(dues)
        return [due for due in dues if _is_late(due, now)]

    def leave(self, pipeline_id: PipelineId, trigger: TimeTrigger, dues: Sequence[Millis], now: Millis) -> None:
        """Leave the due times that are not the scheduler's own, to be looked at when they are late."""
        if not isinstance(trigger, CronTrigger) or trigger.missed is MissedFirings.SKIP:
            return
        own = self.own(trigger, dues, now)
        self._left += [Left(pipeline_id, trigger.id, due) for due in dues if due not in own]

    def take_late(self, now: Millis) -> list[Left]:
        """What is late by now, and is left no longer."""
        late = [each for each in self._left if _is_late(each.due, now)]
        self._left = [each for each in self._left if each not in late]
        return late

    def put_back(self, left: Iterable[Left]) -> None:
        """Look at these again in the next round."""
        self._left += left

    def _is_elsewhere(self, trigger: TimeTrigger) -> bool:
        return isinstance(trigger, CronTrigger) and self._knows(trigger.schedule)


def _is_late(due: Millis, now: Millis) -> bool:
    return now - due > LATE / timedelta(milliseconds=1)
