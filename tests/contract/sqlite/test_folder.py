import os
import sqlite3

import pytest

from flume.errors import StoreError
from orchestrator.stores.sqlite.store import SqliteStore


async def test_what_was_written_is_there_when_the_folder_is_opened_again(tmp_path):
    async with SqliteStore.open(tmp_path) as store:
        key = await store.secret_key("tokens")
    async with SqliteStore.open(tmp_path) as store:
        assert await store.secret_key("tokens") == key


async def test_a_second_process_is_refused_with_the_pid_of_the_first(tmp_path):
    async with SqliteStore.open(tmp_path):
        with pytest.raises(StoreError, match=str(os.getpid())):
            async with SqliteStore.open(tmp_path):
                pass


async def test_a_temporary_store_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async with SqliteStore.temporary() as store:
        await store.check()
        assert list(tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == []


async def test_a_database_of_a_newer_flume_is_refused(tmp_path):
    async with SqliteStore.open(tmp_path):
        pass
    (file,) = tmp_path.glob("*.db")
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 999")
    connection.close()
    with pytest.raises(StoreError):
        async with SqliteStore.open(tmp_path):
            pass
