"""What the nodes of MongoDB share, the pools of connections, and how a question is asked.

Answers are read as raw BSON, batch by batch, so that their size is known before anything is made of them.

Imports the driver: import this module only where a call is made.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, TypeAlias, assert_never

import bson
from pymongo import AsyncMongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.asynchronous.command_cursor import AsyncRawBatchCommandCursor
from pymongo.asynchronous.cursor import AsyncRawBatchCursor
from pymongo.errors import PyMongoError

from flume.nodes import NodeContext, NodeSettings, Result
from flume.values import JsonValue
from functions.nodes.bson_json import OPTIONS, to_bson, to_json
from functions.nodes.connections import Connections
from functions.nodes.mongodb import MongodbInsert, MongodbQuery
from functions.nodes.mongodb_failures import failures_of, permanent
from functions.nodes.platform_data import PlatformData

MAX_RESULT_BYTES = 16 * 1024 * 1024
"""BSON that one query gives."""

SELECTION_TIMEOUT_MS = 5_000
"""How long a server is looked for unless the URL says so itself: the driver's half a minute only delays the node's own retry."""

_BATCH = 1_000
_CONVERTED_IN_THREAD = 256 * 1024
"""Bytes from which on conversion would hold up the event loop noticeably."""

_LEAVE_OUT = "leave it out, or choose another operation"
_UNFIT: Mapping[str, Mapping[str, str]] = {
    "find": {"pipeline": _LEAVE_OUT},
    "findOne": {"pipeline": _LEAVE_OUT, "limit": "it gives one document; leave it out"},
    "aggregate": {
        name: f"write a ${stage} stage"
        for name, stage in {"filter": "match", "projection": "project", "sort": "sort", "skip": "skip"}.items()
    },
    "count": dict.fromkeys(("pipeline", "projection", "sort"), _LEAVE_OUT),
}
"""Inputs that an operation would ignore, and what to do instead."""

Documents: TypeAlias = dict[str, Any]
CollectionConfig: TypeAlias = MongodbQuery.Config | MongodbInsert.Config
Batches: TypeAlias = AsyncRawBatchCursor[Any] | AsyncRawBatchCommandCursor[Any]


class Mongo:
    """The databases that the nodes of one type reach: a pool of connections per URL, and what is refused."""

    def __init__(self, settings: NodeSettings) -> None:
        self.platform = PlatformData(settings.platform_database)
        self._default_url = settings.mongodb_url
        self._connections: Connections[AsyncMongoClient[Documents]] = Connections(_open, _close)

    @asynccontextmanager
    async def collection(
        self, config: CollectionConfig, context: NodeContext
    ) -> AsyncIterator[AsyncCollection[Documents]]:
        """The collection of a node, for the time that its attempt has left."""
        url = config.uri or self._default_url
        if not url:
            hint = "set MONGODB_URL (or FLUME_NODE_MONGODB_URL) where Flume runs, or give the node a 'uri'"
            raise permanent("not-configured", f"/config/uri: there is no MongoDB to speak to; {hint}")
        where = f"{config.database}.{config.collection}"
        async with self._connections.of(url) as client:
            database = client.get_database(config.database, codec_options=OPTIONS)
            with failures_of(where):
                # Not the driver's own time-out: that would look for a lost server until all the time is up.
                async with asyncio.timeout(context.remaining.total_seconds()):
                    yield database.get_collection(config.collection)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._connections.aclose()


async def query(mongo: Mongo, config: MongodbQuery.Config, input: MongodbQuery.Input, context: NodeContext) -> Result:
    """Ask and read the answer. Raises `NodeError` for every failure."""
    question = _question(mongo, config, input)
    async with mongo.collection(config, context) as collection:
        match config.operation:
            case "find" | "aggregate":
                documents = await _many(collection, config, question, context)
                return Result(documents, meta={"count": len(documents)})
            case "findOne":
                found = await _read(_find(collection, question, 1, context), config)
                return Result(found[0] if found else None, meta={"count": len(found)})
            case "count":
                options: dict[str, Any] = {"limit": question.limit} if "limit" in question.model_fields_set else {}
                options["maxTimeMS"] = _most_ms(context)
                count = await collection.count_documents(question.filter, skip=question.skip, **options)
                return Result(count, meta={"count": count})
            case _:
                assert_never(config.operation)


def _question(mongo: Mongo, config: MongodbQuery.Config, input: MongodbQuery.Input) -> MongodbQuery.Input:
    """The inputs with BSON in them, after everything that is refused was refused."""
    _check_fit(config, input)
    mongo.platform.check_collection(config.database, config.collection, "/config/collection")
    as_bson: dict[str, Any] = {
        name: to_bson(getattr(input, name), f"/inputs/{name}")
        for name in ("filter", "projection", "pipeline")
        if name in input.model_fields_set
    }
    for name, value in as_bson.items():
        if isinstance(getattr(input, name), dict) and not isinstance(value, dict):
            problem = "a single value in extended JSON; write an object such as {_id: {$oid: …}}"
            raise permanent("bad-input", f"/inputs/{name}: {problem}")
        mongo.platform.check_query(value, config.database, f"/inputs/{name}")
    return input.model_copy(update=as_bson)


def _check_fit(config: MongodbQuery.Config, input: MongodbQuery.Input) -> None:
    """Refuse what the operation would ignore, and an aggregation without its pipeline."""
    unfit = _UNFIT[config.operation]
    for name in sorted(input.model_fields_set & unfit.keys()):
        problem = f"'{config.operation}' takes no '{name}'; {unfit[name]}"
        raise permanent("bad-input", f"/inputs/{name}: {problem}")
    if config.operation == "aggregate" and input.pipeline is None:
        raise permanent("bad-input", "/inputs/pipeline: 'aggregate' needs a pipeline; add a list of stages")


async def _many(
    collection: AsyncCollection[Documents],
    config: MongodbQuery.Config,
    question: MongodbQuery.Input,
    context: NodeContext,
) -> list[JsonValue]:
    """At most ``limit`` documents. Where nobody gave a limit, one more is asked for, to tell that there are more."""
    is_given = "limit" in question.model_fields_set
    most = question.limit if is_given else question.limit + 1
    if config.operation == "aggregate":
        pipeline = _bounded(question.pipeline or [], most)
        cursor = await collection.aggregate_raw_batches(pipeline, batchSize=_BATCH, maxTimeMS=_most_ms(context))
        documents = await _read(cursor, config)
    else:
        documents = await _read(_find(collection, question, most, context), config)
    if not is_given and len(documents) > question.limit:
        context.log("there are more documents than the default limit", level="warning", limit=question.limit)
    return documents[: question.limit]


def _find(
    collection: AsyncCollection[Documents], question: MongodbQuery.Input, most: int, context: NodeContext
) -> Batches:
    return collection.find_raw_batches(
        question.filter,
        projection=question.projection,
        sort=list(question.sort.items()) if question.sort else None,
        skip=question.skip,
        limit=most,
        batch_size=_BATCH,
        max_time_ms=_most_ms(context),
    )


def _most_ms(context: NodeContext) -> int:
    """How long the server may work on it."""
    return min(max(context.remaining // timedelta(milliseconds=1), 1), 2**31 - 1)


def _bounded(pipeline: list[dict[str, Any]], most: int) -> list[dict[str, Any]]:
    """The pipeline with a limit at its end; one that writes gives nothing, and nothing may follow."""
    writes = bool(pipeline) and bool({"$out", "$merge"} & pipeline[-1].keys())
    return pipeline if writes else [*pipeline, {"$limit": most}]


async def _read(cursor: Batches, config: MongodbQuery.Config) -> list[JsonValue]:
    batches, size = [], 0
    async with cursor:
        async for batch in cursor:
            size += len(batch)
            if size > MAX_RESULT_BYTES:
                hint = "lower 'limit', or choose fields with 'projection' or '$project'"
                problem = f"the answer has more than {MAX_RESULT_BYTES // 1024**2} MiB"
                raise permanent("too-large", f"{config.database}.{config.collection}: {problem}; {hint}")
            batches.append(batch)
    if size < _CONVERTED_IN_THREAD:
        return _documents(batches)
    return await asyncio.to_thread(_documents, batches)


def _documents(batches: list[bytes]) -> list[JsonValue]:
    return [to_json(document) for batch in batches for document in bson.decode_all(batch, OPTIONS)]


def _open(url: str) -> AsyncMongoClient[Documents]:
    defaults: Mapping[str, Any] = {
        "serverSelectionTimeoutMS": SELECTION_TIMEOUT_MS,
        "connectTimeoutMS": SELECTION_TIMEOUT_MS,
        "appname": "flume",
    }
    given = url.lower()
    options = {name: value for name, value in defaults.items() if f"{name.lower()}=" not in given}
    try:
        return AsyncMongoClient(url, **options)
    except (PyMongoError, ValueError, TypeError, OSError):
        # The driver's sentence may hold parts of the URL.
        hint = "write mongodb://user:password@host:27017/, with special characters of the password percent-encoded"
        raise permanent("bad-input", f"/config/uri: not a URL that the driver takes; {hint}") from None


async def _close(client: AsyncMongoClient[Documents]) -> None:
    await client.close()
