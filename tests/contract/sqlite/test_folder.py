"""Whatever stands in the place of a data folder: it is used, or refused with one line that says what and why."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from flume.errors import StoreError
from orchestrator.store import Payload
from orchestrator.stores.sqlite.store import SqliteStore
from tests.contract.sqlite.building import commit_of, run_id

ROOT = Path(__file__).parents[3]


async def test_what_was_written_is_there_when_the_folder_is_opened_again(tmp_path):
    async with SqliteStore.open(tmp_path) as store:
        key = await store.secret_key("tokens")
    async with SqliteStore.open(tmp_path) as store:
        assert await store.secret_key("tokens") == key


async def test_a_temporary_store_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with SqliteStore.temporary() as store:
        await store.check()
        assert list(tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == []


async def test_a_check_leaves_nothing(tmp_path):
    async with SqliteStore.open(tmp_path) as store:
        before = sorted(tmp_path.iterdir())
        await store.check()
        assert sorted(tmp_path.iterdir()) == before


async def test_a_missing_folder_is_made_with_those_above_it(tmp_path):
    async with SqliteStore.open(tmp_path / "some" / "where") as store:
        await store.check()
    assert (tmp_path / "some" / "where" / "flume.db").is_file()


async def refusal(folder):
    """The line with which a folder is refused, and that nothing in it is held on to."""
    with pytest.raises(StoreError) as raised:
        async with SqliteStore.open(folder):
            pass
    assert "\n" not in str(raised.value)
    return str(raised.value)


async def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "data").write_text("")
    assert await refusal(tmp_path / "data") == (
        f"{tmp_path / 'data'} can't be a data folder: a file is in the way; set FLUME_DATA to another folder"
    )


async def test_a_file_in_the_place_of_a_folder_above_is_refused(tmp_path):
    (tmp_path / "some").write_text("")
    assert await refusal(tmp_path / "some" / "data") == (
        f"{tmp_path / 'some' / 'data'} can't be a data folder: a file is in the way; set FLUME_DATA to another folder"
    )


async def test_a_folder_in_the_place_of_the_database_is_refused(tmp_path):
    (tmp_path / "flume.db").mkdir()
    assert (await refusal(tmp_path)).startswith(f"{tmp_path / 'flume.db'} can't be opened; check that it is a file")


async def test_a_folder_in_the_place_of_the_lock_is_refused(tmp_path):
    (tmp_path / "flume.lock").mkdir()
    assert (await refusal(tmp_path)).startswith(f"{tmp_path / 'flume.lock'} can't be used: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
async def test_a_folder_that_may_not_be_written_to_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    assert "check the folder and its permissions" in await refusal(tmp_path)


async def test_a_store_that_may_not_be_written_to_any_more_says_so_and_can_be_read(database, store):
    await store.commit([commit_of(1)])
    await database.write(lambda connection: connection.execute("PRAGMA query_only = ON").fetchone())
    for attempt in (store.commit([commit_of(2)]), store.check(), store.secret_key("tokens")):
        with pytest.raises(StoreError) as raised:
            await attempt
        assert str(raised.value).startswith(f"{database.path} can't be written to; give this process the right")
    assert (await store.load_run(run_id(1))).rev == 1


async def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path):
    (tmp_path / "flume.db").write_bytes(b"my holiday photos" * 1000)
    assert (await refusal(tmp_path)).startswith(f"{tmp_path / 'flume.db'} is not a Flume database, or is damaged")
    assert (tmp_path / "flume.db").read_bytes() == b"my holiday photos" * 1000


async def filled(folder):
    async with SqliteStore.open(folder) as store:
        await store.commit([commit_of(1, payloads=(Payload("d" * 24, b"x" * 300_000),))])
    return folder / "flume.db"


async def test_a_database_that_was_cut_off_is_called_damaged(tmp_path):
    path = await filled(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2 + 1000])
    assert (await refusal(tmp_path)).startswith(f"{path} is damaged; stop Flume and restore the file from a backup")


async def test_a_database_with_a_spoiled_page_is_called_damaged_by_whoever_reads_it(tmp_path):
    path = await filled(tmp_path)
    connection = sqlite3.connect(path)
    (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'run_nodes'").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xff" * size)
    async with SqliteStore.open(tmp_path) as store:
        with pytest.raises(StoreError, match=r"flume\.db is damaged"):
            await store.load_run(run_id(1))
        with pytest.raises(StoreError, match=r"flume\.db is damaged"):
            await store.commit([commit_of(1, 1)])
        assert (await store.read_payload("d" * 24)).content == b"x" * 300_000


async def test_a_database_of_a_newer_flume_is_refused_and_left_alone(tmp_path):
    path = await filled(tmp_path)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    before = path.read_bytes()
    assert "was written by a newer Flume (schema 999, this one knows" in await refusal(tmp_path)
    assert path.read_bytes() == before


async def test_a_folder_that_was_refused_is_free(tmp_path):
    (tmp_path / "flume.db").write_bytes(b"no database" * 1000)
    await refusal(tmp_path)
    (tmp_path / "flume.db").unlink()
    async with SqliteStore.open(tmp_path) as store:
        await store.check()


def started_on(folder):
    command = [sys.executable, "-m", "tests.contract.sqlite.holding_process", str(folder)]
    return subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
async def test_a_second_process_is_refused_with_the_folder_and_the_pid_of_the_first(tmp_path):
    async with SqliteStore.open(tmp_path) as store:
        with started_on(tmp_path) as second:
            words = second.stdout.readline()
        assert words == (
            f"the data folder {tmp_path} is in use by process {os.getpid()}; stop it, or set FLUME_DATA to another folder\n"
        )
        await store.check()


@pytest.mark.slow
async def test_a_folder_is_free_when_its_process_is_done_or_killed(tmp_path):
    with started_on(tmp_path) as first:
        assert first.stdout.readline() == "open\n"
        assert f"is in use by process {first.pid};" in await refusal(tmp_path)
        first.stdin.close()
        first.wait()
        async with SqliteStore.open(tmp_path) as store:
            await store.check()
    with started_on(tmp_path) as second:
        assert second.stdout.readline() == "open\n"
        second.kill()
        second.wait()
        assert (tmp_path / "flume.lock").read_text() == f"{second.pid}\n"
        async with SqliteStore.open(tmp_path) as store:
            await store.check()
    assert (tmp_path / "flume.lock").read_text() == ""


async def test_a_lock_file_that_was_left_over_locks_nothing(tmp_path):
    # Whether that process is dead or its number was given to another does not matter.
    (tmp_path / "flume.lock").write_text("1\n")
    async with SqliteStore.open(tmp_path) as store:
        await store.check()
        assert (tmp_path / "flume.lock").read_text() == f"{os.getpid()}\n"


async def test_nobody_else_can_read_what_is_stored(tmp_path):
    folder = tmp_path / "made"
    async with SqliteStore.open(folder) as store:
        await store.check()
        modes = {path.name: path.stat().st_mode & 0o077 for path in (folder, *folder.iterdir())}
    assert set(modes.values()) == {0}
