"""Time triggers, round by round, with a clock that a test moves."""

import asyncio
from datetime import UTC, datetime

import pytest

from eventing.cloudevents import CloudEvent
from flume.errors import ConflictError, StoreError, UnavailableError
from flume.pipeline import PipelineStatus
from orchestrator import scheduler
from orchestrator.admission import Limits
from orchestrator.fired_elsewhere import PING
from orchestrator.scheduler import Scheduler
from orchestrator.store import RunFilter

NOTE = {"id": "a", "type": "log", "inputs": {"message": "x"}}
MINUTE = 60_000


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def cron(schedule="*/10 * * * *", **more):
    return {"trigger": {"type": "cron", "schedule": schedule, **more}}


def every(duration):
    return {"trigger": {"type": "interval", "every": duration}}


async def fired(world):
    """The due times of all runs, as minutes of the hour (or whole if the day matters), the oldest first."""
    page = await world.store.list_runs(RunFilter("default"), limit=1000)
    runs = [(await world.end(summary.id)).origin for summary in reversed(page.items)]
    return [origin.trigger.detail["dueAt"] for origin in runs if origin.trigger.type in ("cron", "interval")]


async def move(world, clock, text):
    clock.now = at(text)
    await world.orchestrator.scheduler.round()


@pytest.fixture
def clock(clock):
    clock.now = at("2026-03-01T12:01:00")
    return clock


async def test_each_due_time_fires_once(open_world, clock):
    async with open_world(clock=clock) as world:
        await world.keep(NOTE, **cron())
        for moment in ("12:01:00", "12:09:59", "12:10:00", "12:10:01", "12:15:00", "12:20:00"):
            await move(world, clock, f"2026-03-01T{moment}")
        assert await fired(world) == ["2026-03-01T12:10:00Z", "2026-03-01T12:20:00Z"]


async def test_a_run_says_which_trigger_started_it_and_gets_its_data(open_world, clock):
    async with open_world(clock=clock) as world:
        await world.keep(NOTE, **cron(id="often", data={"n": 1}))
        await move(world, clock, "2026-03-01T12:01:00")
        await move(world, clock, "2026-03-01T12:10:00")
        (summary,) = (await world.store.list_runs(RunFilter("default"), limit=2)).items
        run = await world.end(summary.id)
        assert (run.origin.trigger.type, run.origin.trigger.id, run.origin.trigger.data.value) == (
            "cron",
            "often",
            {"n": 1},
        )


async def test_an_interval_counts_from_its_first_firing(open_world, clock):
    async with open_world(clock=clock) as world:
        await world.keep(NOTE, **every("90s"))
        for moment in ("12:01:00", "12:02:29", "12:02:30", "12:02:45", "12:04:00", "12:05:30"):
            await move(world, clock, f"2026-03-01T{moment}")
        assert await fired(world) == ["2026-03-01T12:02:30Z", "2026-03-01T12:04:00Z", "2026-03-01T12:05:30Z"]


@pytest.mark.parametrize(
    ("missed", "expected"),
    [
        ("skip", []),
        ("once", ["2026-03-01T12:30:00Z"]),
        ("all", ["2026-03-01T12:10:00Z", "2026-03-01T12:20:00Z", "2026-03-01T12:30:00Z"]),
    ],
)
async def test_what_was_missed_while_nobody_was_there(open_world, clock, tmp_path, missed, expected):
    async with open_world(tmp_path, clock=clock) as world:
        await world.keep(NOTE, **cron(missed=missed))
        await move(world, clock, "2026-03-01T12:01:00")
    async with open_world(tmp_path, clock=clock) as world:
        await move(world, clock, "2026-03-01T12:35:00")
        assert await fired(world) == expected
        await move(world, clock, "2026-03-01T12:40:00")
        assert await fired(world) == [*expected, "2026-03-01T12:40:00Z"]


async def test_a_clock_that_was_set_back_does_not_keep_it_from_seeing_what_another_replica_changed(open_world, clock):
    async with open_world(clock=clock) as world:
        parts = world.orchestrator
        other = Scheduler(store=parts.store, plans=parts.plans, runs=parts.runs, clock=clock)
        await other.round()
        clock.forward(-60 * MINUTE)
        await world.keep(NOTE, **cron())
        await other.round()
        assert len(await parts.store.list_schedules()) == 1


async def test_a_schedule_remembers_what_fired_last(open_world, clock):
    async with open_world(clock=clock) as world:
        await world.keep(NOTE, **cron(missed="all"))
        await move(world, clock, "2026-03-01T12:01:00")
        await move(world, clock, "2026-03-01T12:35:00")
        (schedule,) = await world.store.list_schedules()
        assert (schedule.last_due, schedule.next_due) == (at("2026-03-01T12:30:00"), at("2026-03-01T12:40:00"))
        newest = (await world.store.list_runs(RunFilter("default"), limit=1)).items[0]
        assert schedule.last_run == newest.id


async def test_what_was_skipped_did_not_fire_last(open_world, clock):
    async with open_world(clock=clock) as world:
        await world.keep(NOTE, **cron(missed="skip"))
        await move(world, clock, "2026-03-01T12:01:00")
        await move(world, clock, "2026-03-01T12:35:00")
        (schedule,) = await world.store.list_schedules()
        assert (schedule.last_due, schedule.last_run) == (None, None)


async def test_a_crash_between_start_and_save_does_not_fire_twice(open_world, clock, fragile):
    async with open_world(clock=clock, wrap=fragile) as world:
        await world.keep(NOTE, **cron())
        await move(world, clock, "2026-03-01T12:01:00")
        fragile.store.broken, fragile.store.failing = {"save_schedule"}, True
        with pytest.raises(StoreError):
            await move(world, clock, "2026-03-01T12:10:00")
        fragile.store.failing = False
        await move(world, clock, "2026-03-01T12:10:05")
        assert await fired(world) == ["2026-03-01T12:10:00Z"]


async def test_a_firing_that_could_not_be_started_is_tried_again(open_world, clock, fragile):
    async with open_world(clock=clock, wrap=fragile) as world:
        await world.keep(NOTE, **cron())
        await move(world, clock, "2026-03-01T12:01:00")
        fragile.store.failing = True
        with pytest.raises(StoreError):
            await move(world, clock, "2026-03-01T12:10:00")
        fragile.store.failing = False
        await move(world, clock, "2026-03-01T12:10:30")
        assert await fired(world) == ["2026-03-01T12:10:00Z"]


async def test_a_pipeline_saved_while_the_store_failed_is_looked_at_again(open_world, clock, fragile):
    async with open_world(clock=clock, wrap=fragile) as world:
        await world.orchestrator.scheduler.round()
        await world.keep(NOTE, **cron())
        fragile.store.broken, fragile.store.failing = {"list_pipelines"}, True
        with pytest.raises(StoreError):
            await world.orchestrator.scheduler.round()
        fragile.store.failing = False
        await world.orchestrator.scheduler.round()
        assert len(await world.store.list_schedules()) == 1


async def test_a_paused_pipeline_does_nothing_and_makes_up_for_nothing(open_world, clock):
    async with open_world(clock=clock) as world:
        record = await world.keep(NOTE, **cron(missed="all"))
        pipelines = world.orchestrator.pipelines
        await move(world, clock, "2026-03-01T12:01:00")
        record = await pipelines.set_status(record, PipelineStatus.PAUSED)
        await move(world, clock, "2026-03-01T12:15:00")
        await move(world, clock, "2026-03-01T12:25:00")
        await pipelines.set_status(record, PipelineStatus.ACTIVE)
        await move(world, clock, "2026-03-01T12:26:00")
        await move(world, clock, "2026-03-01T12:30:00")
        assert await fired(world) == ["2026-03-01T12:30:00Z"]


class Interrupted:
    """A store after, or before, one of whose calls something else happens, once."""

    def __init__(self, store, call, meanwhile, *, is_before=False):
        self._store, self._call, self._meanwhile, self._is_before = store, call, meanwhile, is_before

    def __getattr__(self, name):
        method = getattr(self._store, name)
        if name != self._call or self._meanwhile is None:
            return method

        async def interrupted(*arguments, **options):
            meanwhile, self._meanwhile = self._meanwhile, None
            if self._is_before:
                await meanwhile()
            found = await method(*arguments, **options)
            if not self._is_before:
                await meanwhile()
            return found

        return interrupted


@pytest.mark.parametrize(
    ("call", "is_before"), [("list_pipelines", False), ("delete_schedule", True)], ids=["listed", "about to be deleted"]
)
async def test_a_pipeline_that_another_resumes_while_this_one_looks_keeps_its_schedule(
    open_world, clock, call, is_before
):
    async with open_world(clock=clock) as world:
        pipelines, parts = world.orchestrator.pipelines, world.orchestrator
        record = await world.keep(NOTE, **cron())
        await parts.scheduler.round()
        paused = await pipelines.set_status(record, PipelineStatus.PAUSED)

        async def resume():
            await pipelines.set_status(paused, PipelineStatus.ACTIVE)
            await parts.scheduler.round()

        store = Interrupted(parts.store, call, resume, is_before=is_before)
        other = Scheduler(store=store, plans=parts.plans, runs=parts.runs, clock=clock)
        await other.round()
        if is_before:
            await other.round()
        assert len(await parts.store.list_schedules()) == 1


async def test_a_trigger_that_is_switched_off_does_not_fire(open_world, clock):
    async with open_world(clock=clock) as world:
        record = await world.keep(NOTE, **cron())
        await move(world, clock, "2026-03-01T12:01:00")
        record = await world.orchestrator.pipelines.set_trigger(record, "cron", enabled=False)
        await move(world, clock, "2026-03-01T12:10:00")
        assert await world.store.list_schedules() == []
        await world.orchestrator.pipelines.set_trigger(record, "cron", enabled=True)
        await move(world, clock, "2026-03-01T12:11:00")
        await move(world, clock, "2026-03-01T12:20:00")
        assert await fired(world) == ["2026-03-01T12:20:00Z"]


async def test_a_changed_schedule_counts_from_its_change_and_an_unchanged_one_goes_on(open_world, clock):
    async with open_world(clock=clock) as world:
        await world.keep(NOTE, **cron())
        await move(world, clock, "2026-03-01T12:01:00")
        await world.keep(NOTE, **cron(data={"n": 2}))
        await move(world, clock, "2026-03-01T12:02:00")
        assert [each.next_due for each in await world.store.list_schedules()] == [at("2026-03-01T12:10:00")]
        await world.keep(NOTE, **cron("*/15 * * * *"))
        await move(world, clock, "2026-03-01T12:03:00")
        assert [each.next_due for each in await world.store.list_schedules()] == [at("2026-03-01T12:15:00")]


async def test_a_deleted_pipeline_has_no_schedule(open_world, clock):
    async with open_world(clock=clock) as world:
        record = await world.keep(NOTE, **cron())
        await move(world, clock, "2026-03-01T12:01:00")
        await world.orchestrator.pipelines.delete(record)
        await move(world, clock, "2026-03-01T12:10:00")
        assert await world.store.list_schedules() == []
        assert await fired(world) == []


async def test_a_wall_clock_time_that_comes_twice_fires_once(open_world, clock):
    clock.now = at("2026-10-24T12:00:00")
    async with open_world(clock=clock) as world:
        await world.keep(NOTE, **cron("30 2 * * *", timezone="Europe/Warsaw"))
        await move(world, clock, "2026-10-24T12:00:00")
        for moment in ("00:30:00", "00:45:00", "01:30:00", "02:00:00"):
            await move(world, clock, f"2026-10-25T{moment}")
        assert await fired(world) == ["2026-10-25T00:30:00Z"]


async def test_a_start_that_the_pipeline_refuses_is_reported_and_the_schedule_goes_on(open_world, clock, caplog):
    async with open_world(clock=clock) as world:
        await world.keep(NOTE, inputs={"n": {"type": "integer"}}, **cron())
        await move(world, clock, "2026-03-01T12:01:00")
        await move(world, clock, "2026-03-01T12:10:00")
        assert [each.next_due for each in await world.store.list_schedules()] == [at("2026-03-01T12:20:00")]
    assert "a schedule could not start its pipeline" in caplog.messages


def ping(text, trigger="cron", **more):
    """What a PingSource sends when it fires."""
    fired_at = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return CloudEvent(f"ping {text}", "/ping", PING, time=fired_at, extensions={"flumetrigger": trigger}, **more)


@pytest.fixture
def open_pinged(open_world, clock):
    """Opens worlds whose cron triggers somebody else fires, unless they have seconds."""
    return lambda folder=None: open_world(folder, clock=clock, is_fired_elsewhere=lambda text: text.count(" ") < 5)


async def test_who_else_fires_a_due_time_starts_the_one_run_of_it(open_pinged, clock):
    async with open_pinged() as world:
        record = await world.keep(NOTE, **cron(missed="all"))
        await move(world, clock, "2026-03-01T12:01:00")
        starts = world.orchestrator.event_starts
        await move(world, clock, "2026-03-01T12:10:00")
        assert await fired(world) == []

        await starts.start(record, ping("2026-03-01T12:10:00.004"))
        await starts.start(record, ping("2026-03-01T12:10:03"))
        for moment in ("12:10:59", "12:11:01", "12:15:00"):
            await move(world, clock, f"2026-03-01T{moment}")

        assert await fired(world) == ["2026-03-01T12:10:00Z"]
        (summary,) = (await world.store.list_runs(RunFilter("default"), limit=2)).items
        assert (await world.end(summary.id)).origin.trigger.type == "cron"


@pytest.mark.parametrize(("missed", "expected"), [("skip", []), ("once", ["12:10"]), ("all", ["12:10"])])
async def test_what_nobody_fired_within_a_minute_is_made_up_as_the_trigger_says(open_pinged, clock, missed, expected):
    async with open_pinged() as world:
        await world.keep(NOTE, **cron(missed=missed))
        for moment in ("12:01:00", "12:10:00", "12:11:00"):
            await move(world, clock, f"2026-03-01T{moment}")
        assert await fired(world) == []

        await move(world, clock, "2026-03-01T12:11:01")
        await move(world, clock, "2026-03-01T12:12:00")
        assert await fired(world) == [f"2026-03-01T{time}:00Z" for time in expected]


async def last_firing(world, record):
    schedule = await world.store.read_schedule(record.id, "cron")
    return schedule.last_due, schedule.last_run


async def test_the_last_firing_is_that_of_whoever_fired_and_names_its_run(open_pinged, clock):
    async with open_pinged() as world:
        record = await world.keep(NOTE, **cron(missed="all"))
        await move(world, clock, "2026-03-01T12:01:00")
        starts = world.orchestrator.event_starts
        await move(world, clock, "2026-03-01T12:10:00")
        assert await last_firing(world, record) == (None, None)

        first = await starts.start(record, ping("2026-03-01T12:10:00.004"))
        assert await last_firing(world, record) == (at("2026-03-01T12:10:00"), first.run_id)
        # What comes before the scheduler has looked counts as well, and nothing that comes late takes its place.
        second = await starts.start(record, ping("2026-03-01T12:20:00.004"))
        again = await starts.start(record, ping("2026-03-01T12:10:30"))
        await move(world, clock, "2026-03-01T12:20:01")
        assert again.run_id == first.run_id
        assert await last_firing(world, record) == (at("2026-03-01T12:20:00"), second.run_id)


async def test_the_last_firing_is_the_run_that_was_made_up_where_nobody_fired(open_pinged, clock):
    async with open_pinged() as world:
        record = await world.keep(NOTE, **cron(missed="all"))
        for moment in ("12:01:00", "12:10:00", "12:11:01"):
            await move(world, clock, f"2026-03-01T{moment}")
        (summary,) = (await world.store.list_runs(RunFilter("default"), limit=2)).items
        assert await last_firing(world, record) == (at("2026-03-01T12:10:00"), summary.id)


async def test_a_firing_that_can_not_be_noted_is_no_fault_of_the_event(open_pinged, clock, monkeypatch, caplog):
    async with open_pinged() as world:
        record = await world.keep(NOTE, **cron())
        await move(world, clock, "2026-03-01T12:01:00")

        async def fail(*arguments, **named):
            raise UnavailableError("the store is away")

        monkeypatch.setattr(world.orchestrator.scheduler._store, "save_schedule", fail)
        started = await world.orchestrator.event_starts.start(record, ping("2026-03-01T12:10:00.004"))
        assert (await world.end(started.run_id)).status == "completed"
    assert "the last firing of a trigger can't be noted" in caplog.messages


async def test_what_nobody_fired_while_nobody_was_there_is_made_up_too(open_pinged, clock, tmp_path):
    async with open_pinged(tmp_path) as world:
        await world.keep(NOTE, **cron(missed="all"))
        await move(world, clock, "2026-03-01T12:01:00")
    async with open_pinged(tmp_path) as world:
        await move(world, clock, "2026-03-01T12:30:30")
        assert await fired(world) == ["2026-03-01T12:10:00Z", "2026-03-01T12:20:00Z"]
        await move(world, clock, "2026-03-01T12:31:01")
        assert (await fired(world))[2:] == ["2026-03-01T12:30:00Z"]


async def test_what_can_not_be_made_up_now_is_tried_again(open_world, clock, fragile):
    async with open_world(clock=clock, wrap=fragile, is_fired_elsewhere=lambda schedule: True) as world:
        await world.keep(NOTE, **cron(missed="once"))
        await move(world, clock, "2026-03-01T12:01:00")
        await move(world, clock, "2026-03-01T12:10:00")
        fragile.store.broken, fragile.store.failing = {"pipeline_by_id"}, True
        with pytest.raises(StoreError):
            await move(world, clock, "2026-03-01T12:11:01")
        fragile.store.failing = False
        await move(world, clock, "2026-03-01T12:11:02")
        assert await fired(world) == ["2026-03-01T12:10:00Z"]


async def test_intervals_and_schedules_that_nobody_else_can_read_are_fired_here(open_pinged, clock):
    async with open_pinged() as world:
        await world.keep(NOTE, **every("5m"))
        await world.keep(NOTE, name="q", **cron("0 */5 * * * *"))
        await move(world, clock, "2026-03-01T12:01:00")
        await move(world, clock, "2026-03-01T12:06:00")
        assert sorted(await fired(world)) == ["2026-03-01T12:05:00Z", "2026-03-01T12:06:00Z"]


async def test_a_time_that_was_not_due_starts_nothing_whoever_fires_it(open_pinged, clock, caplog):
    clock.now = at("2026-10-24T12:00:00")
    async with open_pinged() as world:
        record = await world.keep(NOTE, **cron("30 2 * * *", timezone="Europe/Warsaw"))
        starts = world.orchestrator.event_starts

        # A clock on the wall shows 2:30 at both.
        await starts.start(record, ping("2026-10-25T00:30:00.1"))
        assert await starts.start(record, ping("2026-10-25T01:30:00.1")) is None

        assert await fired(world) == ["2026-10-25T00:30:00Z"]
    assert caplog.messages == ["a PingSource fired a trigger that was not due"]


async def test_the_next_round_waits_no_longer_than_until_the_next_due_time(open_world, clock):
    async with open_world(clock=clock) as world:
        assert await world.orchestrator.scheduler.round() == 1.0
        await world.keep(NOTE, **every("1s"))
        await world.orchestrator.scheduler.round()
        clock.forward(900)
        assert await world.orchestrator.scheduler.round() == pytest.approx(0.1)


async def test_schedules_go_on_after_any_error_that_is_told_once(open_world, clock, caplog):
    class Stubborn:
        """A store that refuses to tell what is due, twice."""

        def __init__(self, store):
            self._store, self.refusals = store, 2

        def __getattr__(self, name):
            return getattr(self._store, name)

        async def due_schedules(self, now, *, limit):
            if self.refusals:
                self.refusals -= 1
                raise ConflictError("changed by another", code="stale")
            return await self._store.due_schedules(now, limit=limit)

    async with open_world(clock=clock) as world:
        parts, store = world.orchestrator, Stubborn(world.store)
        await world.keep(NOTE, **cron())
        await move(world, clock, "2026-03-01T12:01:00")
        clock.now = at("2026-03-01T12:10:00")
        stubborn = Scheduler(store=store, plans=parts.plans, runs=parts.runs, clock=clock, poll_s=0.001)
        working = asyncio.create_task(stubborn.run())
        while not await fired(world):
            assert not working.done()
            await asyncio.sleep(0.002)
        working.cancel()
        assert caplog.messages.count("schedules can't be followed; trying again") == 1


async def test_more_schedules_than_are_fired_in_one_round_are_all_fired_in_the_next(open_world, clock, monkeypatch):
    monkeypatch.setattr(scheduler, "BATCH", 2)
    async with open_world(clock=clock) as world:
        triggers = [{"id": f"t{number}", "type": "cron", "schedule": "*/10 * * * *"} for number in range(5)]
        await world.keep(NOTE, triggers=triggers)
        await move(world, clock, "2026-03-01T12:01:00")
        clock.now = at("2026-03-01T12:10:00")
        waits = [await world.orchestrator.scheduler.round() for _ in range(3)]
        assert waits == [0.0, 0.0, 1.0]
        assert await fired(world) == ["2026-03-01T12:10:00Z"] * 5


async def test_a_due_time_waits_while_the_process_has_enough_to_do(open_world, clock):
    async with open_world(clock=clock, limits=Limits(runs=0)) as world:
        await world.keep(NOTE, **cron())
        await move(world, clock, "2026-03-01T12:01:00")
        with pytest.raises(UnavailableError):
            await move(world, clock, "2026-03-01T12:10:00")
        (schedule,) = await world.store.list_schedules()
        assert schedule.next_due == at("2026-03-01T12:10:00")
