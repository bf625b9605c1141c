"""A disk without room: what is acknowledged stays, the error says what to do, and work goes on as soon as there is room."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flume.errors import StoreError
from orchestrator.store import CommitResult, Payload, Verdict
from tests.contract.sqlite.building import commit_of, run_id

ROOT = Path(__file__).parents[3]

WON = CommitResult(Verdict.WON)

IN_A_SMALL_DISK = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
"""Runs a command with a file system of its own, where the system lets us."""


async def limit(database, *, more_pages):
    """Let the database grow by so many pages and no further; None: as far as it likes."""

    def unit(connection):
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        most = 1_000_000 if more_pages is None else pages + more_pages
        return connection.execute(f"PRAGMA max_page_count = {most}").fetchone()

    await database.write(unit)


def large(number):
    return commit_of(number, payloads=(Payload(f"{number:024x}", b"x" * 400_000),))


async def test_a_full_database_says_which_file_and_what_to_do(database, store):
    await limit(database, more_pages=4)
    with pytest.raises(StoreError) as raised:
        await store.commit([large(1)])
    assert str(database.path) in str(raised.value)
    assert "disk is full; make room" in str(raised.value)
    assert "\n" not in str(raised.value)


async def test_what_does_not_fit_leaves_nothing_and_the_others_of_its_group_stay(database, store, count):
    await limit(database, more_pages=8)
    with pytest.raises(StoreError):
        await store.commit([commit_of(1), large(2), commit_of(3)])
    assert [await store.load_run(run_id(number)) is not None for number in (1, 2, 3)] == [True, False, True]
    assert await count("payloads") == 0


async def test_the_same_list_is_carried_out_when_there_is_room(database, store):
    await limit(database, more_pages=8)
    commits = [commit_of(1), large(2), commit_of(3)]
    with pytest.raises(StoreError):
        await store.commit(commits)
    await limit(database, more_pages=None)
    assert await store.commit(commits) == [WON, WON, WON]
    assert (await store.load_run(run_id(2))).rev == 1
    assert len((await store.read_payload(f"{2:024x}")).content) == 400_000


async def test_a_full_database_can_still_be_read(database, store):
    await store.commit([commit_of(1)])
    await limit(database, more_pages=0)
    with pytest.raises(StoreError):
        await store.commit([large(2)])
    assert (await store.load_run(run_id(1))).rev == 1


@pytest.mark.slow
def test_a_store_whose_files_can_not_grow_fails_its_check_and_passes_it_when_they_can(tmp_path):
    command = [sys.executable, "-m", "tests.contract.sqlite.limited_process", str(tmp_path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert ended.stdout.startswith(f"{tmp_path / 'flume.db'} can't grow: the disk is full; make room on it")


@pytest.mark.slow
def test_a_disk_that_is_really_full_loses_nothing_and_is_not_ready(tmp_path):
    if shutil.which("unshare") is None or not may_mount(tmp_path):
        pytest.skip("needs a system that lets a process mount a file system of its own")
    script = 'mount -t tmpfs -o size=4m none "$1" && exec "$2" -m tests.contract.sqlite.filling_process "$1"'
    command = [*IN_A_SMALL_DISK, script, "sh", str(tmp_path), sys.executable]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stderr
    at_first, full, stored, roomy, last = map(json.loads, ended.stdout.splitlines())
    assert at_first == {"check": None}
    assert full["failed"] > 2
    assert "disk is full; make room" in full["error"]
    assert "disk is full; make room" in full["check"]
    assert stored == {"kept": [1] * full["failed"], "torn": False}
    assert roomy == {"error": None, "check": None}
    assert last == {"size": 200_000}


def may_mount(folder):
    command = [*IN_A_SMALL_DISK, 'mount -t tmpfs -o size=1m none "$1"', "sh", str(folder)]
    return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0
