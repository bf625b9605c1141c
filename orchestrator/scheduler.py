"""Fires cron and interval triggers, each due time once, however often the process is restarted and however many replicas run.

The store holds when each trigger is due next. A firing starts a run whose start key names the due time, and moves the
schedule on only afterwards: a crash in between repeats the start, which finds that the run exists. Where somebody else fires cron
triggers (`orchestrator.fired_elsewhere`), only what that has missed is fired here.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256

from eventing.schedules import TimeTrigger, due_times, missed_firings, next_due
from flume.errors import FlumeError, StoreError, UnavailableError
from flume.ids import Millis, PipelineId, RunId
from flume.pipeline import CronTrigger, IntervalTrigger, MissedFirings, PipelineStatus
from orchestrator.fired_elsewhere import LATE, FiredElsewhere, Left, due_key
from orchestrator.identifiers import Clock
from orchestrator.names import moment
from orchestrator.outage import StoreOutage
from orchestrator.plans import Plans
from orchestrator.runs import Runs, Start
from orchestrator.store import PipelineFilter, PipelineRecord, Schedule, Store

logger = logging.getLogger(__name__)

GRACE = timedelta(seconds=60)
"""A firing up to this late is carried out as if on time; what is older was missed, and the trigger says what becomes of it."""

POLL_S = 1.0
BATCH = 500
"""How many schedules are fired in one round."""

NOTE_TRIES = 5
"""How often a firing is noted anew because the schedule was moved on at the same moment."""

RECONCILE_S = 60.0
"""How often all pipelines are looked at even if none is known to have changed: another replica may have changed one."""


class Scheduler:
    """Runs beside an engine. `changed` tells it that pipelines were saved, paused or deleted.

    ``is_fired_elsewhere`` says of a cron schedule whether somebody else starts its runs.
    """

    def __init__(
        self,
        *,
        store: Store,
        plans: Plans,
        runs: Runs,
        clock: Clock,
        default_timezone: str = "UTC",
        is_fired_elsewhere: Callable[[str], bool] = lambda schedule: False,
        poll_s: float = POLL_S,
        outage: StoreOutage | None = None,
    ) -> None:
        self._store = store
        self._plans = plans
        self._runs = runs
        self._clock = clock
        self._default_timezone = default_timezone
        self._elsewhere = FiredElsewhere(is_fired_elsewhere)
        self._poll_s = poll_s
        self._outage = outage or StoreOutage()
        self._is_dirty = True
        self._reconciled_at = Millis(0)
        self._is_failing = False

    def changed(self) -> None:
        """Look at all pipelines again in the next round."""
        self._is_dirty = True

    async def run(self) -> None:
        """Work until cancelled. What fails is told once and tried again: no error of one schedule may end all of them."""
        while True:
            wait_s = self._poll_s
            try:
                with self._outage.tolerated("schedules"):
                    wait_s = await self.round()
                self._is_failing = False
            except FlumeError as error:
                if not self._is_failing:
                    logger.warning("schedules can't be followed; trying again", extra={"reason": str(error)})
                self._is_failing = True
            await asyncio.sleep(wait_s)

    async def round(self) -> float:
        """Fire what is due; returns how many seconds the next round may wait."""
        now = self._clock()
        # A clock that was set back must not keep it from looking.
        if self._is_dirty or not 0 <= now - self._reconciled_at <= RECONCILE_S * 1000:
            self._is_dirty = False
            try:
                await self._reconcile()
            except FlumeError:
                self._is_dirty = True
                raise
            self._reconciled_at = now
        for schedule in await self._store.due_schedules(now, limit=BATCH):
            await self._fire(schedule)
        await self._make_up(now)
        soonest = await self._store.next_due()
        return self._poll_s if soonest is None else min(max((soonest - self._clock()) / 1000, 0.0), self._poll_s)

    async def due_at(self, record: PipelineRecord, trigger_id: str, moment: datetime) -> Millis | None:
        """The due time of a cron trigger for which somebody else fired it at this moment; None if it was not due then.

        Both are by the other's clock. Raises `StoreError` and `UnavailableError`.
        """
        trigger = await self._trigger(record, trigger_id)
        if not isinstance(trigger, CronTrigger):
            return None
        dues = due_times(trigger, moment - LATE, moment, default_timezone=self._default_timezone)
        return _millis(dues[-1]) if dues else None

    async def note_firing(self, record: PipelineRecord, trigger_id: str, due: Millis, run_id: RunId) -> None:
        """Remember as the last firing what was started for a due time by somebody else. Safe to repeat, and in any order.

        What the store does not take is told and forgotten: the run is under way all the same.
        """
        try:
            for _ in range(NOTE_TRIES):
                schedule = await self._store.read_schedule(record.id, trigger_id)
                if schedule is None or not _is_news(schedule, due, run_id):
                    return
                noted = replace(schedule, last_due=due, last_run=run_id, rev=schedule.rev + 1)
                if await self._store.save_schedule(noted, expected_rev=schedule.rev):
                    return
        except (StoreError, UnavailableError) as error:
            facts = {"pipeline": record.name, "trigger": trigger_id, "run": run_id, "reason": str(error)}
            logger.warning("the last firing of a trigger can't be noted", extra=facts)

    async def _reconcile(self) -> None:
        """Make a schedule for each enabled time trigger of an active pipeline, and none for the rest."""
        known = {(each.pipeline_id, each.trigger_id): each for each in await self._store.list_schedules()}
        for record in await self._active_pipelines():
            for trigger in await self._time_triggers(record):
                present = known.pop((record.id, trigger.id), None)
                await self._keep(record.id, trigger, present)
        for pipeline_id, trigger_id in known:
            await self._drop(pipeline_id, trigger_id)

    async def _drop(self, pipeline_id: PipelineId, trigger_id: str) -> None:
        """Delete a schedule, unless another replica has resumed its pipeline since the active ones were listed."""
        if not await self._is_wanted(pipeline_id, trigger_id):
            await self._store.delete_schedule(pipeline_id, trigger_id)
            # The one that has resumed it just now may have looked before this, and found the schedule in its place.
            self._is_dirty = self._is_dirty or await self._is_wanted(pipeline_id, trigger_id)

    async def _is_wanted(self, pipeline_id: PipelineId, trigger_id: str) -> bool:
        record = await self._store.pipeline_by_id(pipeline_id)
        if record is None or record.status is not PipelineStatus.ACTIVE:
            return False
        return await self._trigger(record, trigger_id) is not None

    async def _active_pipelines(self) -> list[PipelineRecord]:
        found: list[PipelineRecord] = []
        cursor = None
        while True:
            page = await self._store.list_pipelines(
                PipelineFilter(None, status=PipelineStatus.ACTIVE), limit=500, cursor=cursor
            )
            found.extend(page.items)
            if page.cursor is None:
                return found
            cursor = page.cursor

    async def _time_triggers(self, record: PipelineRecord) -> list[TimeTrigger]:
        if not any(each["type"] in ("cron", "interval") for each in record.triggers):
            return []
        try:
            plan = await self._plans.of_version(record.id, record.version)
        except (StoreError, UnavailableError):
            raise
        except FlumeError as error:
            logger.error("a pipeline's schedule can't be read", extra={"pipeline": record.name, "reason": str(error)})
            return []
        return [
            trigger
            for trigger in plan.pipeline.triggers
            if isinstance(trigger, (CronTrigger, IntervalTrigger))
            and trigger.enabled
            and trigger.id not in record.disabled_triggers
        ]

    async def _keep(self, pipeline_id: PipelineId, trigger: TimeTrigger, present: Schedule | None) -> None:
        digest = _digest(trigger, self._default_timezone)
        if present is not None and present.definition == digest:
            return
        due = self._next(trigger, self._clock(), None)
        made = Schedule(pipeline_id, trigger.id, digest, due, rev=1 if present is None else present.rev + 1)
        await self._store.save_schedule(made, expected_rev=made.rev - 1)

    async def _fire(self, schedule: Schedule) -> None:
        """Start the runs that are due and move the schedule on. One whose trigger is gone is left to the next reconciling."""
        record = await self._store.pipeline_by_id(schedule.pipeline_id)
        trigger = None if record is None else await self._trigger(record, schedule.trigger_id)
        if record is None or trigger is None or record.status is not PipelineStatus.ACTIVE or schedule.next_due is None:
            self._is_dirty = True
            return
        last_due, last_run = schedule.last_due, schedule.last_run
        now, dues = self._clock(), self._due_times(trigger, schedule.next_due)
        for due in self._elsewhere.own(trigger, dues, now):
            last_due, last_run = due, await self._start(record, trigger, due) or last_run
        moved = replace(
            schedule,
            next_due=self._next(trigger, self._clock(), schedule.next_due),
            last_due=last_due,
            last_run=last_run,
            rev=schedule.rev + 1,
        )
        # Losing means that another replica fired the same due times; the start keys saw to it that nothing happened twice.
        if await self._store.save_schedule(moved, expected_rev=schedule.rev):
            self._elsewhere.leave(record.id, trigger, dues, now)

    async def _make_up(self, now: Millis) -> None:
        """Start what somebody else should have started. If that did, the start key is taken, and nothing happens."""
        late = self._elsewhere.take_late(now)
        while late:
            try:
                await self._start_late(late[-1])
            except FlumeError:
                self._elsewhere.put_back(late)
                raise
            late.pop()

    async def _start_late(self, left: Left) -> None:
        record = await self._store.pipeline_by_id(left.pipeline_id)
        trigger = None if record is None else await self._trigger(record, left.trigger_id)
        if record is not None and trigger is not None and record.status is PipelineStatus.ACTIVE:
            run_id = await self._start(record, trigger, left.due)
            if run_id is not None:
                await self.note_firing(record, left.trigger_id, left.due, run_id)

    async def _trigger(self, record: PipelineRecord, trigger_id: str) -> TimeTrigger | None:
        return next((each for each in await self._time_triggers(record) if each.id == trigger_id), None)

    def _due_times(self, trigger: TimeTrigger, next_due_at: Millis) -> list[Millis]:
        """What is to be fired now: the due time itself if it is recent, and what the trigger wants of those that were missed."""
        found = missed_firings(
            trigger,
            moment(Millis(next_due_at - 1)),
            moment(self._clock()),
            grace=GRACE,
            default_timezone=self._default_timezone,
            anchor=moment(next_due_at),
        )
        if isinstance(trigger, CronTrigger) and trigger.missed is MissedFirings.SKIP:
            # A schedule of every second is not to be made up for, however short the pause was.
            found = found[-1:]
        return [_millis(due) for due in found]

    def _next(self, trigger: TimeTrigger, after: Millis, anchor: Millis | None) -> Millis | None:
        due = next_due(
            trigger,
            moment(after),
            default_timezone=self._default_timezone,
            anchor=None if anchor is None else moment(anchor),
        )
        return None if due is None else _millis(due)

    async def _start(self, record: PipelineRecord, trigger: TimeTrigger, due: Millis) -> RunId | None:
        start = Start(
            trigger_type=trigger.type,
            trigger_id=trigger.id,
            data=trigger.data,
            detail={"dueAt": moment(due).isoformat().replace("+00:00", "Z")},
            is_strict=False,
            start_key=due_key(trigger.id, due),
        )
        try:
            return (await self._runs.start(record, start)).run_id
        except (StoreError, UnavailableError):
            raise
        except FlumeError as error:
            logger.error(
                "a schedule could not start its pipeline",
                extra={"pipeline": record.name, "trigger": trigger.id, "reason": str(error)},
            )
            return None


def _is_news(schedule: Schedule, due: Millis, run_id: RunId) -> bool:
    """Whether a firing is later than the last that is known, or says more of it."""
    if schedule.last_due is None or schedule.last_due < due:
        return True
    return schedule.last_due == due and schedule.last_run != run_id


def _millis(moment: datetime) -> Millis:
    return Millis(int(moment.timestamp() * 1000))


def _digest(trigger: TimeTrigger, default_timezone: str) -> str:
    """Tells one schedule from another; data and policy do not count, since they do not change when it is due."""
    match trigger:
        case CronTrigger():
            text = f"cron {trigger.timezone or default_timezone} {trigger.schedule}"
        case IntervalTrigger():
            text = f"interval {trigger.every.total_seconds()}"
    return sha256(text.encode()).hexdigest()[:16]
