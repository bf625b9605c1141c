"""How SQLite finds what each call asks for: by an index, never by going through a table that grows with history.

Every statement is taken from the store at work, so that one that is new or changed can't be forgotten here.
"""

import re
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from flume.errors import ConflictError
from flume.ids import Instance, Millis, PipelineId, RunId, ScopePath
from flume.pipeline import PipelineStatus
from orchestrator.state import RunStatus, Scope
from orchestrator.store import (
    Audience,
    AuditEntry,
    Backlog,
    InboxEntry,
    LogFilter,
    LogLine,
    OrchestratorRecord,
    OutboxEntry,
    PackagedTypeRecord,
    Payload,
    PipelineFilter,
    RunFilter,
    Schedule,
)
from orchestrator.stores.sqlite.database import Database
from orchestrator.stores.sqlite.store import SqliteStore
from orchestrator.transfer.exporting import records_of
from orchestrator.transfer.store import TransferStore
from tests.contract.sqlite.building import PIPELINE, commit_of, pipeline, run_id, version

GROWING = {
    "runs",
    "run_origins",
    "run_nodes",
    "loop_items",
    "payloads",
    "payload_holders",
    "logs",
    "pipelines",
    "pipeline_versions",
    "webhook_paths",
    "schedules",
    "audit",
    "node_types",
}
"""Tables with what has happened, or what people made. The others hold what waits just now, or a handful of rows."""

EXCEPTIONS = {
    # It counts what is under way, which is all that this index holds.
    "SCAN runs USING INDEX runs_unfinished",
    # It gives every schedule, which is what it is for: there are as many as people wrote.
    "SCAN schedules",
    # It gives the hash of every node type that is an image, which is all that this index holds.
    "SCAN node_types USING INDEX node_types_by_name",
}
"""The indexes and tables that are gone through from end to end, and why that may be."""

STOPS_AT_ONCE = "SELECT NOT EXISTS (SELECT 1 FROM pipelines)"
"""How the statement begins that asks of each table whether it has any row: SQLite calls that a scan too."""

PLANNED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")


@dataclass
class Seen:
    """Statements that were run with their values in them, and how SQLite carries each out."""

    plans: dict[str, list[str]] = field(default_factory=dict)
    methods: set[str] = field(default_factory=set)

    def watched(self, unit):
        def run(connection):
            statements = []
            connection.set_trace_callback(statements.append)
            try:
                return unit(connection)
            finally:
                connection.set_trace_callback(None)
                for statement in statements:
                    self.explain(connection, statement.strip())

        return run

    def explain(self, connection, statement):
        if statement.startswith(PLANNED):
            rows = connection.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
            # Versions of SQLite differ in what they call covering.
            self.plans[statement] = [detail.replace("COVERING ", "") for *_, detail in rows]

    def steps(self):
        return {step for steps in self.plans.values() for step in steps}


class WatchedDatabase(Database):
    """A database that notes what is run in it."""

    seen: Seen

    async def read(self, query):
        return await super().read(self.seen.watched(query))

    async def write(self, unit):
        return await super().write(self.seen.watched(unit))

    async def write_each(self, units):
        return await super().write_each([self.seen.watched(unit) for unit in units])


class WatchedStore(SqliteStore):
    """A store that notes which of its methods are called."""

    def __init__(self, database):
        super().__init__(database)
        self.seen = database.seen

    def __getattribute__(self, name):
        found = super().__getattribute__(name)
        if not name.startswith("_") and name != "seen":
            self.seen.methods.add(name)
        return found


@asynccontextmanager
async def watched_store(folder):
    database = await WatchedDatabase.open(folder)
    database.seen = Seen()
    try:
        yield WatchedStore(database), database.seen
    finally:
        await database.close()


@pytest.fixture
async def seen(tmp_path):
    """All that the store runs when each of its methods is called in each of its ways."""
    async with watched_store(tmp_path) as (store, seen):
        await use_runs(store)
        await use_lists(store)
        await use_logs(store)
        await use_pipelines(store)
        await use_fleet(store)
        await use_types(store)
        await use_retention(store)
        await use_transfer(store, tmp_path / "target")
        return seen


async def use_runs(store):
    done = Scope(RunStatus.COMPLETED, {}, {}, 0)
    line = LogLine(Instance("first"), 1, 0, Millis(1), "info", "hello")
    payload = Payload("d" * 24, b"1")
    event = OutboxEntry("1.started", Audience.HERE, "gone", Millis(1), {})
    await store.commit(
        [
            commit_of(1, start_key="key:1", items={ScopePath("each[0]"): done}, payloads=(payload,), logs=(line,)),
            commit_of(2, start_key="key:1"),
            commit_of(1, 1, owner="gone", inbox=("f" * 24,), outbox=(event,)),
            commit_of(1, 5),
        ]
    )
    await store.load_run(run_id(1))
    await store.find_start(PIPELINE, "key:1")
    await store.read_run("default", run_id(1))
    await store.children_of(run_id(1))
    await store.put_inbox(InboxEntry("e" * 24, run_id(1), Instance("first"), 1, "result", {}, Millis(1)))
    await store.read_inbox(run_id(1))
    await store.inbox_runs("gone", limit=10)
    await store.take_over_outbox("me", live_owners=("me",))
    assert await store.read_outbox("me", Audience.HERE, limit=10) == (replace(event, owner="me"),)
    assert await store.read_outbox("me", Audience.HERE, limit=10, after=event) == ()
    assert await store.outbox_backlogs("me") == {Audience.HERE: Backlog(1, Millis(1))}
    assert await store.drop_outbox("me", Audience.OUTSIDE, before=Millis(9)) == 0
    await store.delete_outbox([event])
    await store.claim_runs("me", now=Millis(1), live_owners=("me",), commit_id="1", limit=10)
    await store.claim_run(run_id(1), "you", live_owners=("you",), commit_id="2")
    await store.unfinished_runs("you", limit=10)
    for status in (None, RunStatus.COMPLETED, RunStatus.FAILED):
        await store.read_items(run_id(1), Instance("each"), status=status)
    await store.copy_items(run_id(1), run_id(2), Instance("each"))
    await store.save_payload(run_id(3), payload)
    await store.keep_payloads(run_id(1), [payload.id])
    await store.read_payload(payload.id)
    await store.release_payloads(run_id(3), [payload.id])
    await store.count_unfinished()
    assert [each.run.id async for each in store.stored_runs()] == [run_id(1)]


async def use_lists(store):
    for pipeline_name in (None, "demo"):
        for statuses in ((), (RunStatus.RUNNING, RunStatus.FAILED)):
            for trigger in (None, "manual"):
                wanted = RunFilter("default", pipeline_name, statuses, trigger, Millis(0), Millis(10_000))
                assert (await store.list_runs(wanted, limit=10)).items
    await store.count_runs("default", since=Millis(0), until=Millis(10_000), interval_ms=1000)
    await store.count_nodes("default", "demo", since=Millis(0), until=Millis(10_000))


async def use_logs(store):
    await store.save_logs(run_id(1), [LogLine(Instance("first"), 1, 1, Millis(2), "info", "hello")])
    await store.read_logs(run_id(1))
    await store.read_logs(run_id(1), instance=Instance("first"))
    for of_run in (None, run_id(1)):
        for extra in ({}, {"text": "ell", "levels": ("info",), "pipeline": "demo", "instance": Instance("first")}):
            wanted = LogFilter("default", run_id=of_run, since=Millis(0), until=Millis(10), **extra)
            assert (await store.search_logs(wanted, limit=1)).items


async def use_pipelines(store):
    hooked = replace(pipeline(), triggers=({"type": "webhook", "id": "webhook", "path": "in"},))
    await store.create_pipeline(hooked, version())
    await store.replace_pipeline(hooked, None, expected_rev=1)
    with pytest.raises(ConflictError):
        await store.create_pipeline(replace(hooked, id=PipelineId("9" * 24), name="other"), None)
    await store.read_pipeline("default", "demo")
    await store.pipeline_by_id(PIPELINE)
    await store.pipeline_by_path("default", "in")
    for namespace in (None, "default"):
        await store.list_pipelines(PipelineFilter(namespace), limit=10)
        wanted = PipelineFilter(namespace, PipelineStatus.ACTIVE, ("team", "blue"), "dem", "event")
        await store.list_pipelines(wanted, limit=10)
    await store.read_version(PIPELINE, 1)
    await store.list_versions(PIPELINE, limit=10)
    schedule = Schedule(PIPELINE, "nightly", "digest", Millis(1), rev=1)
    await store.save_schedule(schedule, expected_rev=0)
    await store.save_schedule(schedule, expected_rev=1)
    await store.read_schedule(PIPELINE, "nightly")
    await store.list_schedules()
    await store.due_schedules(Millis(1), limit=10)
    await store.next_due()
    await store.delete_schedule(PIPELINE, "nightly")
    await store.delete_pipeline("default", "demo", expected_rev=1)


async def use_fleet(store):
    await store.renew_lease(OrchestratorRecord("me", "box", 1, Millis(1), Millis(2)))
    await store.list_orchestrators()
    await store.delete_orchestrator("me")
    await store.secret_key("tokens")
    entry = AuditEntry("c" * 24, Millis(1), "default", "ada", "", "pipeline.delete", "pipelines/demo")
    await store.append_audit(entry)
    await store.list_audit("default", limit=10)
    await store.list_audit("default", target="pipelines/demo", limit=10)
    await store.delete_audit(Millis(10), limit=10)
    await store.check()


async def use_types(store):
    await store.save_packaged_type(PackagedTypeRecord("resize", "hash", {}))
    assert await store.packaged_type_hashes()
    assert await store.read_packaged_types(["resize", "crop"])
    assert await store.delete_packaged_type("resize")


async def use_retention(store):
    rev = (await store.load_run(run_id(1))).rev
    await store.commit([commit_of(1, rev, status=RunStatus.COMPLETED, expires_at=Millis(1))])
    assert await store.delete_expired(Millis(1), limit=10) == 1
    for now in (Millis(10**12), Millis(2 * 10**12)):
        await store.delete_expired(now, limit=10)


async def use_transfer(store, folder):
    """Moves what is made for that: a run with an item, a line and a payload, and everything that is no run's."""
    await store.create_pipeline(pipeline(), version())
    await store.save_schedule(Schedule(PIPELINE, "nightly", "digest", Millis(1), rev=1), expected_rev=0)
    await store.save_packaged_type(PackagedTypeRecord("resize", "hash", {}))
    await store.append_audit(AuditEntry("c" * 24, Millis(1), "default", "ada", "", "pipeline.create", "pipelines/demo"))
    items = {ScopePath("each[0]"): Scope(RunStatus.COMPLETED, {}, {}, 0)}
    event = OutboxEntry("2.started", Audience.HERE, "gone", Millis(1), {})
    line = LogLine(Instance("first"), 1, 0, Millis(1), "info", "hello")
    held = (Payload("d" * 24, b"1"),)
    await store.commit([commit_of(7, items=items, payloads=held, logs=(line,), outbox=(event,))])
    await store.keep_payloads(run_id(8), [held[0].id])
    await store.put_inbox(InboxEntry("e" * 24, run_id(7), Instance("first"), 1, "result", {}, Millis(1)))
    records = [record async for record in records_of(store, pytest.fail)]
    async with watched_store(folder) as (target, seen):
        target.seen = seen
        assert await target.is_empty()
        await target.begin_import()
        await target.restore(records)
        await target.end_import()
        await target.require_whole()
        assert [each async for each in records_of(target, pytest.fail)] == records
    store.seen.plans |= seen.plans
    store.seen.methods |= seen.methods


def gone_through(step):
    """The table that a step of a plan goes through from end to end, if it does."""
    found = re.match(r"SCAN (\w+)", step)
    return found and found[1]


async def test_nothing_goes_through_a_table_that_grows_with_history(seen):
    for statement, steps in seen.plans.items():
        for step in () if statement.startswith(STOPS_AT_ONCE) else steps:
            assert step in EXCEPTIONS or gone_through(step) not in GROWING, (step, statement)


async def test_each_exception_is_still_needed(seen):
    assert seen.steps() >= EXCEPTIONS


async def test_each_index_is_used(seen, database):
    statement = "SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
    names = {name for (name,) in await database.read(lambda connection: connection.execute(statement).fetchall())}
    used = {name for step in seen.steps() for name in re.findall(r"INDEX (\w+)", step)}
    assert names - used == set()


async def test_each_method_of_a_store_was_called(seen):
    methods = {name for part in TransferStore.__mro__ for name in vars(part) if not name.startswith("_")}
    assert methods - seen.methods == set()


async def test_no_list_sorts_more_than_it_shows(tmp_path):
    async with watched_store(tmp_path / "other") as (store, seen):
        await store.list_runs(RunFilter("default"), limit=10)
        await store.list_runs(RunFilter("default", "demo", (RunStatus.FAILED,)), limit=10)
        await store.search_logs(LogFilter("default", text="x"), limit=10)
        await store.list_audit("default", limit=10)
        await store.list_pipelines(PipelineFilter("default"), limit=10)
        await store.list_versions(PIPELINE, limit=10)
        await store.read_logs(RunId("1" * 24))
        await store.read_items(RunId("1" * 24), Instance("each"))
        await store.read_items(RunId("1" * 24), Instance("each"), status=RunStatus.FAILED)
    sorting = {
        statement: steps
        for statement, steps in seen.plans.items()
        if any("TEMP B-TREE" in step for step in steps) and not ends_each_range(statement)
    }
    assert sorting == {}


def ends_each_range(statement):
    """Whether what is sorted was cut to a page before, status by status."""
    return "UNION ALL" in statement or statement.count("LIMIT") > 1
