"""A store that can't be used says at the start, in one line, why and what to do."""

import re

import pytest

from flume.errors import ConflictError, StoreError, UnavailableError
from functions.nodes.platform_data import COLLECTIONS
from orchestrator.stores.mongo.database import Database, hosts_of
from orchestrator.stores.mongo.failures import refusal
from orchestrator.stores.mongo.indexes import INDEXES
from orchestrator.stores.mongo.schema import VERSION
from orchestrator.stores.mongo.store import MongoStore
from tests.servers.own_process import free_port

pytestmark = pytest.mark.usefixtures("sockets_forgotten")


async def refused(url, name="flume-test"):
    with pytest.raises(StoreError) as caught:
        async with MongoStore.open(url, name):
            pass
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    "url",
    [
        "",
        "db:27017",
        "http://db/",
        "mongodb://",
        "mongodb://me:p@ss@word@db/",
        "mongodb://me:1234#word@db/",
        "mongodb://me:1234?word@db/",
        "mongodb://me:1234/word@db/",
        "mongodb://db/?tls=maybe",
        "mongodb://db:port/",
    ],
)
async def test_a_url_that_is_none_is_refused_without_being_repeated(url):
    message = await refused(url)
    assert "MONGODB_URL" in message
    assert "mongodb://user:password@host:27017/" in message
    assert "p@ss" not in message
    assert "1234" not in message


@pytest.mark.slow
async def test_a_server_that_is_not_there_is_named_without_user_and_password():
    port = free_port()
    message = await refused(f"mongodb://me:secret@127.0.0.1:{port}/?serverSelectionTimeoutMS=300")
    assert message == (
        f"MongoDB at 127.0.0.1:{port} (database 'flume-test') is out of reach; start it, or correct MONGODB_URL"
    )


async def test_a_user_whom_the_server_does_not_know_is_refused(mongodb_url):
    message = await refused(mongodb_url.replace("//", "//me:secret@", 1))
    assert "refuses the user or the password; correct them in MONGODB_URL" in message
    assert "secret" not in message


@pytest.mark.parametrize(
    ("code", "kind", "advice"),
    [
        (13, StoreError, "give the user the role readWrite"),
        (18, StoreError, "correct them in MONGODB_URL"),
        (14031, StoreError, "make room on it"),
        (10107, UnavailableError, "trying again helps"),
        (9, StoreError, "please report it"),
    ],
)
def test_what_a_server_refuses_says_what_to_do(code, kind, advice):
    error = refusal(code, "MongoDB at db (database 'flume')")
    assert type(error) is kind
    assert re.match(r"MongoDB at db \(database 'flume'\) ", str(error))
    assert advice in str(error)


@pytest.mark.parametrize(
    ("version", "words"), [(VERSION + 1, "newer Flume"), (VERSION - 1, "older Flume"), (None, "older")]
)
async def test_a_database_of_another_schema_is_refused_and_left_alone(
    database, database_name, mongodb_url, version, words
):
    await database.collection("schema").insert({"_id": "flume", "version": version})
    message = await refused(mongodb_url, database_name)
    assert words in message
    assert "DB_NAME" in message
    assert (await database.collection("schema").find_one({"_id": "flume"}))["version"] == version


async def test_no_index_is_made_in_a_database_of_another_schema(mongodb_url, database_name):
    database = await Database.open(f"{mongodb_url}&serverMonitoringMode=poll", database_name)
    await database.collection("schema").insert({"_id": "flume", "version": VERSION + 1})
    await refused(mongodb_url, database_name)
    assert await database._database.list_collection_names() == ["schema"]
    await database.close()


async def test_an_index_that_another_has_the_name_of_is_named_with_what_to_do(mongodb_url, database_name):
    database = await Database.open(f"{mongodb_url}&serverMonitoringMode=poll", database_name)
    await database._database["runs"].create_index("pipeline", name="by_status")
    message = await refused(mongodb_url, database_name)
    assert message.startswith("collection 'runs' of MongoDB at ")
    assert "drop that index" in message
    await database.close()


async def test_a_store_may_be_opened_again_and_by_many_at_once(mongodb_url, database_name):
    async with (
        MongoStore.open(mongodb_url, database_name) as first,
        MongoStore.open(mongodb_url, database_name) as second,
    ):
        key = await first.secret_key("k")
        assert await second.secret_key("k") == key
    async with MongoStore.open(mongodb_url, database_name) as again:
        assert await again.secret_key("k") == key


def test_every_collection_is_out_of_reach_for_nodes():
    assert set(INDEXES) <= COLLECTIONS


async def test_every_index_is_made(mongodb_url, database_name):
    async with MongoStore.open(mongodb_url, database_name) as store:
        await _check_indexes(store._database)


async def _check_indexes(database):
    for name, indexes in INDEXES.items():
        found = await (await database._database[name].list_indexes()).to_list(None) if indexes else []
        assert {index.document["name"] for index in indexes} <= {index["name"] for index in found}


def test_hosts_are_shown_without_user_and_password():
    assert hosts_of("mongodb://me:secret@a:1,b:2/flume?replicaSet=rs") == "a:1,b:2"
    assert hosts_of("mongodb+srv://me:secret@db.example.org/") == "db.example.org"
    assert hosts_of("mongodb://me:1234#secret@db/") == "no host"


async def test_a_database_that_is_closed_is_out_of_reach(mongodb_url, database_name):
    database = await Database.open(mongodb_url, database_name)
    await database.close()
    await database.close()
    with pytest.raises(StoreError):
        await database.ping()


async def test_a_store_that_fills_while_an_import_begins_is_left_without_a_mark(
    mongodb_url, database_name, monkeypatch
):
    async with MongoStore.open(mongodb_url, database_name) as store:
        answers = iter([True, False])

        async def filling():
            return next(answers)

        monkeypatch.setattr(store, "is_empty", filling)
        with pytest.raises(ConflictError, match="is not empty; set DB_NAME to a new database"):
            await store.begin_import()
    async with MongoStore.open(mongodb_url, database_name) as again:
        assert await again.is_empty()
