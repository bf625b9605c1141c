"""What nobody refers to goes, though a day later: somebody may be about to refer to it."""

from flume.ids import Instance, Millis, ScopePath
from orchestrator.state import RunStatus, Scope
from orchestrator.store import LogLine, Payload
from orchestrator.stores.sqlite.database import Database
from orchestrator.stores.sqlite.logs import KEEP_LINE, line_row
from orchestrator.stores.sqlite.store import SqliteStore
from tests.contract.sqlite.building import DAY_MS, PIPELINE, commit_of, pipeline, run_id, version

NOON_S = 1_700_000_000
NOON = Millis(1000 * NOON_S)
NEXT_DAY = Millis(NOON + DAY_MS + 1000)

EACH = Instance("each")


def with_items(number, **facts):
    done = Scope(RunStatus.COMPLETED, {}, {}, 0)
    return commit_of(number, items={ScopePath("each[0]"): done, ScopePath("each[1]"): done}, **facts)


async def leftovers(count):
    return [await count(table) for table in ("payloads", "loop_items", "awaited_runs")]


async def test_what_was_saved_for_a_run_that_is_never_made_goes_a_day_after_its_id_was(store, count):
    await store.commit([with_items(1, second=NOON_S)])
    await store.save_payload(run_id(2, NOON_S), Payload("d" * 24, b"1"))
    await store.copy_items(run_id(1, NOON_S), run_id(3, NOON_S), EACH)
    await store.delete_expired(Millis(NOON + DAY_MS), limit=10)
    assert await leftovers(count) == [1, 4, 2]
    await store.delete_expired(NEXT_DAY, limit=10)
    assert await leftovers(count) == [0, 2, 0]
    assert len(await store.read_items(run_id(1, NOON_S), EACH)) == 2


async def test_what_was_saved_for_a_run_that_is_made_stays(store, count):
    await store.commit([with_items(1, second=NOON_S)])
    await store.save_payload(run_id(2, NOON_S), Payload("d" * 24, b"1"))
    await store.copy_items(run_id(1, NOON_S), run_id(2, NOON_S), EACH)
    await store.commit([commit_of(2, second=NOON_S)])
    await store.delete_expired(NEXT_DAY, limit=10)
    assert await leftovers(count) == [1, 4, 0]


async def test_what_is_saved_for_a_run_that_exists_is_not_waited_for(store, count):
    await store.commit([with_items(1), commit_of(2)])
    await store.save_payload(run_id(1), Payload("d" * 24, b"1"))
    await store.copy_items(run_id(1), run_id(2), EACH)
    assert await count("awaited_runs") == 0


async def test_a_pass_sweeps_no_more_than_its_limit_the_oldest_first(store, count):
    for number in range(5):
        await store.save_payload(run_id(number, NOON_S), Payload(f"{number:024x}", b"1"))
    await store.delete_expired(NEXT_DAY, limit=2)
    assert await count("payloads") == 3
    assert await store.read_payload(f"{4:024x}") is not None
    await store.delete_expired(NEXT_DAY, limit=2)
    await store.delete_expired(NEXT_DAY, limit=2)
    assert await leftovers(count) == [0, 0, 0]


async def test_a_start_that_races_the_end_of_its_pipeline_keeps_its_version(store):
    await store.create_pipeline(pipeline(), version())
    assert await store.read_version(PIPELINE, 1) == version()
    assert await store.delete_pipeline("default", "demo", expected_rev=1)
    assert await store.read_version(PIPELINE, 1) is None
    assert (await store.list_versions(PIPELINE, limit=5)).items == ()
    await store.delete_expired(NOON, limit=10)
    await store.commit([commit_of(1)])
    await store.delete_expired(NEXT_DAY, limit=10)
    assert await store.read_version(PIPELINE, 1) == version()
    assert (await store.list_versions(PIPELINE, limit=5)).items == (version(),)


async def test_the_versions_of_a_deleted_pipeline_go_a_day_later(store, count):
    await store.create_pipeline(pipeline(), version())
    await store.delete_pipeline("default", "demo", expected_rev=1)
    await store.delete_expired(NOON, limit=10)
    await store.delete_expired(Millis(NOON + DAY_MS - 1), limit=10)
    assert [await count("pipeline_versions"), await count("deleted_pipelines")] == [1, 1]
    await store.delete_expired(Millis(NOON + DAY_MS), limit=10)
    assert [await count("pipeline_versions"), await count("deleted_pipelines")] == [0, 0]


async def test_the_version_of_a_last_run_goes_a_day_after_it(store, count):
    await store.create_pipeline(pipeline(), version())
    await store.commit([commit_of(1, status=RunStatus.COMPLETED, expires_at=NOON)])
    await store.delete_pipeline("default", "demo", expected_rev=1)
    for now in (Millis(1), NOON):
        await store.delete_expired(now, limit=10)
    assert await store.read_version(PIPELINE, 1) is None
    assert await count("pipeline_versions") == 1
    # Somebody who had read it just before reruns the run that is gone.
    await store.commit([commit_of(2)])
    assert await store.read_version(PIPELINE, 1) == version()
    await store.commit([commit_of(2, 1, status=RunStatus.COMPLETED, expires_at=NEXT_DAY)])
    for now in (NEXT_DAY, Millis(NEXT_DAY + DAY_MS)):
        await store.delete_expired(now, limit=10)
    assert [await count("pipeline_versions"), await count("deleted_pipelines")] == [0, 0]


async def test_the_last_run_of_a_pipeline_that_stays_takes_no_version_with_it(store, count):
    await store.create_pipeline(pipeline(), version())
    await store.commit([commit_of(1, status=RunStatus.COMPLETED, expires_at=NOON)])
    await store.delete_expired(NOON, limit=10)
    assert await count("deleted_pipelines") == 0
    assert await store.read_version(PIPELINE, 1) == version()


class DatabaseWithLateLine(Database):
    """A database in which a run's line comes when its other lines have been deleted, and its nodes too."""

    async def write(self, unit):
        result = await super().write(unit)
        rows = "SELECT (SELECT count(*) FROM runs), (SELECT count(*) FROM run_nodes)"
        if await self.read(lambda connection: connection.execute(rows).fetchone()) == (1, 0):
            await super().write(insert_late_line)
        return result


def insert_late_line(connection):
    row = line_row(run_id(1), "default", "demo", LogLine(Instance("first"), 1, 0, Millis(1), "info", "late"))
    connection.execute(KEEP_LINE, row)


async def test_a_line_that_comes_while_its_run_is_deleted_goes_with_it(tmp_path):
    database = await DatabaseWithLateLine.open(tmp_path)
    store = SqliteStore(database)
    await store.commit([commit_of(1, status=RunStatus.COMPLETED, expires_at=NOON)])
    assert await store.delete_expired(NOON, limit=1) == 1
    assert (await store.read_logs(run_id(1))).items == ()
    await database.close()
