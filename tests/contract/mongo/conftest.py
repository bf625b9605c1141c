"""Stores on one database, as many as there are replicas, and parts of it that fail when a test says so."""

import gc
import warnings
from contextlib import AsyncExitStack
from uuid import uuid4

import pytest

from flume.errors import UnavailableError
from orchestrator.stores.mongo.database import Database
from orchestrator.stores.mongo.part import World
from orchestrator.stores.mongo.store import MongoStore


class Time:
    """A clock that a test sets. It begins late enough for every moment that tests write."""

    def __init__(self):
        self.now = 1_800_000_000_000

    def __call__(self):
        return self.now


class Breaking:
    """A collection whose calls fail by name, before or after they are done, as if the process or the connection died there."""

    def __init__(self, collection, calls, is_done_first):
        self._collection, self._calls, self._is_done_first = collection, calls, is_done_first

    def __getattr__(self, name):
        found = getattr(self._collection, name)
        if name not in self._calls:
            return found

        async def fail(*arguments, **options):
            if self._is_done_first:
                await found(*arguments, **options)
            raise UnavailableError("the connection is gone")

        return fail


class BreakingDatabase(Database):
    """A database in which calls to collections fail, from the moment a test says so until it mends it."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._broken = {}

    def collection(self, name):
        return LateBound(self, name)

    def breaks(self, *names, calls=("write", "keep"), is_done_first=False):
        for name in names:
            self._broken[name] = Breaking(super().collection(name), calls, is_done_first)

    def puts(self, name, collection):
        """Lets ``collection`` stand for one of the database's until `mend`."""
        self._broken[name] = collection

    def mend(self):
        self._broken = {}

    def now(self, name):
        return self._broken.get(name) or super().collection(name)


class LateBound:
    """A collection that is whole or broken at the time of a call: parts of a store hold on to what they were given."""

    def __init__(self, database, name):
        self._database, self._name = database, name

    def __getattr__(self, name):
        return getattr(self._database.now(self._name), name)


@pytest.fixture
def database_name():
    return f"flume-{uuid4().hex}"


@pytest.fixture
def time():
    return Time()


@pytest.fixture
def sockets_forgotten():
    """The driver forgets a socket if it is closed just while it connects, as in tests of servers that are not well."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
async def open_database(mongodb_url, database_name):
    """Makes databases that break on demand, all of them the same one."""
    async with AsyncExitStack() as stack:

        async def open_one():
            # Watched by one connection, since a second one may be just connecting when it is closed.
            database = await BreakingDatabase.open(f"{mongodb_url}&serverMonitoringMode=poll", database_name)
            stack.push_async_callback(database.close)
            await database.make_collections()
            return database

        yield open_one


@pytest.fixture
async def database(open_database):
    return await open_database()


@pytest.fixture
def store(database, time):
    return store_on(database, time)


@pytest.fixture
async def other_store(open_database, time):
    """A store on the same database, in another replica."""
    return store_on(await open_database(), time)


def store_on(database, time):
    return MongoStore(database, World(clock=time))
