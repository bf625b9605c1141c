"""The driver, and the little of it that the store uses: every call goes through here and raises Flume's errors.

Writes wait until a majority of the server's members has them in its journal; reads see nothing that could be undone.
Everything else in this package is documents that go through here.
"""

import asyncio
import warnings
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlsplit

from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import AsyncMongoClient, DeleteOne, InsertOne, ReplaceOne, UpdateOne
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError, DuplicateKeyError, OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern
from pymongo.read_preferences import ReadPreference
from pymongo.write_concern import WriteConcern

from flume.errors import StoreAwayError, StoreError, UnavailableError
from orchestrator.stores.mongo.failures import DUPLICATE_KEY, NAMESPACE_EXISTS, TOO_LARGE, refusal, translated
from orchestrator.stores.mongo.indexes import INDEXES
from orchestrator.stores.mongo.values import Document

T = TypeVar("T")

Operation: TypeAlias = InsertOne[Any] | UpdateOne | ReplaceOne[Any] | DeleteOne
Filter: TypeAlias = Mapping[str, Any]
Sort: TypeAlias = Sequence[tuple[str, int]]

ATTEMPT_MS = 5_000
"""How long a server is looked for, and a connection waited for. The driver's own half a minute only delays the news."""

ANSWER_MS = 20_000
"""How long an answer is waited for."""

_MAJORITY_MS = 10_000

_DEFAULTS: Mapping[str, Any] = {
    "serverSelectionTimeoutMS": ATTEMPT_MS,
    "connectTimeoutMS": ATTEMPT_MS,
    "waitQueueTimeoutMS": ATTEMPT_MS,
    "socketTimeoutMS": ANSWER_MS,
    "appname": "flume",
}

CODEC: CodecOptions[Document] = CodecOptions(tz_aware=True, datetime_conversion=DatetimeConversion.DATETIME_MS)

_FORM = "write mongodb://user:password@host:27017/, with special characters of the password percent-encoded"


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a bulk: how many operations found or made their document, and by place those that were refused alone.

    ``refused`` holds `DUPLICATE_KEY` or one of `TOO_LARGE`.
    """

    done: int
    refused: Mapping[int, int] = field(default_factory=dict)


class Calls:
    """Calls to the driver, each in a task of its own that outlives whoever waits for it.

    The driver must never be cancelled: it loses a cancellation that comes in the same moment as an answer, so that the task
    goes on for ever, and it throws the connection away that it was using.
    """

    def __init__(self, where: str) -> None:
        self._where = where
        self._under_way: set[asyncio.Task[Any]] = set()

    async def carry_out(self, work: Coroutine[Any, Any, T], *, besides: type[Exception] | None = None) -> T:
        """What a call gives. Raises Flume's errors for the driver's, but lets those of a kind through as they are."""
        task = asyncio.create_task(work, name="mongodb call")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        try:
            return await asyncio.shield(task)
        except PyMongoError as error:
            if besides is not None and isinstance(error, besides):
                raise
            # The driver's own error may hold documents and the URL; it must not come into a log as the cause.
            raise translated(error, self._where) from None

    async def settle(self) -> None:
        """Wait for calls that nobody waits for any more, for no longer than they may take."""
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=ATTEMPT_MS / 1000)


class Collection:
    """A collection. Every method raises `UnavailableError` or `StoreError`, and nothing of the driver's."""

    def __init__(self, driver: AsyncCollection[Document], calls: Calls, where: str) -> None:
        self._driver = driver
        self._call = calls.carry_out
        self._where = where

    async def find(
        self,
        wanted: Filter,
        fields: Mapping[str, int] | None = None,
        *,
        sort: Sort | None = None,
        limit: int = 0,
        skip: int = 0,
    ) -> list[Document]:
        """The documents that fit, all or the first ``limit`` of them."""
        return await self._call(self._driver.find(wanted, fields, sort=sort, limit=limit, skip=skip).to_list(None))

    async def find_one(
        self, wanted: Filter, fields: Mapping[str, int] | None = None, *, sort: Sort | None = None
    ) -> Document | None:
        """The first document that fits."""
        return await self._call(self._driver.find_one(wanted, fields, sort=sort))

    async def aggregate(self, stages: Sequence[Document]) -> list[Document]:
        """What stages make of the collection."""

        async def ask() -> list[Document]:
            return await (await self._driver.aggregate(stages, allowDiskUse=True)).to_list(None)

        return await self._call(ask())

    async def count(self, wanted: Filter, *, index: str | None = None) -> int:
        """How many documents fit. ``index`` names the one to count in, where the server would not think of it."""
        if index is None:
            return await self._call(self._driver.count_documents(wanted))
        return await self._call(self._driver.count_documents(wanted, hint=index))

    async def insert(self, document: Document) -> bool:
        """Insert a document; False if a unique index holds its key already."""
        try:
            await self._call(self._driver.insert_one(document), besides=DuplicateKeyError)
        except DuplicateKeyError:
            return False
        return True

    async def keep(self, documents: Sequence[Any], otherwise: Callable[[Any], Operation] | None = None) -> None:
        """Insert documents, and do what ``otherwise`` says with those whose ``_id`` is there already, or nothing.

        Servers are many times faster at inserting than at finding out that they have to. Raises `StoreError` if a document is
        larger than the server takes; all others are kept.
        """
        written = await self.write([InsertOne(document) for document in documents])
        there = [place for place, code in sorted(written.refused.items()) if code == DUPLICATE_KEY]
        replaced = Written(0)
        if otherwise is not None:
            replaced = await self.write([otherwise(documents[place]) for place in there])
        for code in (*written.refused.values(), *replaced.refused.values()):
            if code != DUPLICATE_KEY:
                raise refusal(code, self._where)

    async def update(self, wanted: Filter, change: Any) -> bool:
        """Change one document; whether it was found."""
        return (await self._call(self._driver.update_one(wanted, change))).matched_count > 0

    async def update_or_insert(self, id: object, change: Any) -> None:
        """Change the document with an ``_id``, which is made first if need be, whoever else makes it at that moment."""
        try:
            await self._call(self._driver.update_one({"_id": id}, change, upsert=True), besides=DuplicateKeyError)
        except DuplicateKeyError:
            await self._call(self._driver.update_one({"_id": id}, change))

    async def replace(self, wanted: Filter, document: Document) -> bool | None:
        """Put a document in the place of one; False if there is none, None if another one holds a key that is unique."""
        try:
            result = await self._call(self._driver.replace_one(wanted, document), besides=DuplicateKeyError)
        except DuplicateKeyError:
            return None
        return result.matched_count > 0

    async def update_all(self, wanted: Filter, change: Any) -> int:
        """Change every document that fits; how many."""
        return (await self._call(self._driver.update_many(wanted, change))).modified_count

    async def delete(self, wanted: Filter) -> bool:
        """Delete one document; whether there was one."""
        return (await self._call(self._driver.delete_one(wanted))).deleted_count > 0

    async def delete_all(self, wanted: Filter) -> int:
        """Delete every document that fits; how many."""
        return (await self._call(self._driver.delete_many(wanted))).deleted_count

    async def write(self, operations: Sequence[Operation]) -> Written:
        """Carry out operations in any order, each whatever becomes of the others. Raises unless all were tried."""
        if not operations:
            return Written(0)
        details: Mapping[str, Any] = {}
        try:
            result = await self._call(self._driver.bulk_write(operations, ordered=False), besides=BulkWriteError)
        except BulkWriteError as error:
            details = error.details or {}
        # Out here, so that what is raised does not bring along an error that holds documents.
        if details:
            return self._partly(details)
        return Written(result.matched_count + result.inserted_count + result.upserted_count + result.deleted_count)

    def _partly(self, details: Mapping[str, Any]) -> Written:
        if details.get("writeConcernErrors"):
            raise UnavailableError(f"{self._where}: too few of its members have confirmed a write; trying again helps")
        refused = {each["index"]: int(each["code"]) for each in details["writeErrors"]}
        for code in refused.values():
            if code != DUPLICATE_KEY and code not in TOO_LARGE:
                raise refusal(code, self._where)
        return Written(sum(details[name] for name in ("nMatched", "nInserted", "nUpserted", "nRemoved")), refused)


class Database:
    """An open database. `open` makes one; all use is within the event loop that opened it."""

    def __init__(self, client: AsyncMongoClient[Document], name: str, where: str) -> None:
        self.where = where
        self._client = client
        self._database = client.get_database(
            name,
            codec_options=CODEC,
            read_preference=ReadPreference.PRIMARY,
            read_concern=ReadConcern("majority"),
            write_concern=WriteConcern(w="majority", j=True, wtimeout=_MAJORITY_MS),
        )
        self._calls = Calls(where)
        self._collections = {each: Collection(self._database[each], self._calls, where) for each in INDEXES}

    @classmethod
    async def open(cls, url: str, name: str) -> "Database":
        """Connect. Raises `StoreAwayError` for a server that does not answer, `StoreError` for whatever else is in the way."""
        where = f"MongoDB at {hosts_of(url)} (database '{name}')"
        database = cls(_client(url), name, where)
        try:
            await database.ping()
        except UnavailableError as error:
            await database.close()
            raise StoreAwayError(f"{where} is out of reach; start it, or correct MONGODB_URL") from error
        except BaseException:
            await database.close()
            raise
        return database

    def collection(self, name: str) -> Collection:
        """A collection by name, one of those in `orchestrator.stores.mongo.indexes`."""
        return self._collections[name]

    async def ping(self) -> None:
        """Ask the server for a sign of life, as the user of the URL."""
        await self._calls.carry_out(self._database.command("ping"))

    async def make_collections(self) -> None:
        """Make every collection and every index that is not there yet. Raises `StoreError` if another index has its name.

        MongoDB makes a collection with the first write; some servers refuse to delete from one that nothing has made.
        """
        there = await self._calls.carry_out(self._database.list_collection_names())
        for name, indexes in INDEXES.items():
            calls = Calls(f"collection '{name}' of {self.where}")
            if indexes:
                await calls.carry_out(self._database[name].create_indexes(list(indexes)))
            elif name not in there:
                await self._make_empty(name, calls)

    async def _make_empty(self, name: str, calls: Calls) -> None:
        try:
            await calls.carry_out(self._database.command("create", name), besides=OperationFailure)
        except OperationFailure as error:
            if error.code != NAMESPACE_EXISTS:  # Another replica is starting, too.
                raise translated(error, self.where) from None

    async def close(self) -> None:
        """Let what is under way end, and let go of all connections; again is harmless."""
        await self._calls.settle()
        await self._client.close()


def hosts_of(url: str) -> str:
    """The hosts of a URL, without user and password."""
    return "no host" if _is_cut_short(url) else urlsplit(url).netloc.rpartition("@")[2] or "no host"


def _is_cut_short(url: str) -> bool:
    """Whether a ``/``, ``?`` or ``#`` of the password would end the hosts, of which it then seemed to be a part."""
    parts = urlsplit(url)
    return "@" in parts.path + parts.query + parts.fragment


def _client(url: str) -> AsyncMongoClient[Document]:
    given = url.lower()
    if not given.startswith(("mongodb://", "mongodb+srv://")) or _is_cut_short(url):
        raise StoreError(f"MONGODB_URL is not a URL of MongoDB; {_FORM}")
    options = {name: value for name, value in _DEFAULTS.items() if f"{name.lower()}=" not in given}
    try:
        with warnings.catch_warnings():
            # About an option that it can't make out, the driver only warns.
            warnings.simplefilter("error")
            return AsyncMongoClient(url, **options)
    except (PyMongoError, ValueError, TypeError, OSError, Warning):
        # The driver's sentence may hold parts of the URL, and so does its traceback.
        raise StoreError(f"MONGODB_URL is not a URL that MongoDB's driver takes; {_FORM}") from None


async def together(*calls: Awaitable[object]) -> None:
    """Wait for calls that do not depend on one another; all are over when it returns or raises what the first failed with."""
    for outcome in await asyncio.gather(*calls, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
