"""Inserting so that a repetition of the same attempt inserts nothing twice.

An attempt whose answer was lost is made again with the same idempotency key. A document without ``_id`` therefore gets one that
follows from the key and its place in the list: the repetition then collides with itself, and that counts as done. What carries
an ``_id`` of the author's own has no such mark, and a collision is a ``duplicate-key`` whoever put it there.

Imports the driver: import this module only where a call is made.
"""

import asyncio
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

from bson import ObjectId
from pymongo import ReadPreference
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import BulkWriteError

from flume.nodes import NodeContext, NodeError, Result
from flume.problems import join_pointer
from functions.nodes.bson_json import to_bson, to_json
from functions.nodes.mongodb import MongodbInsert
from functions.nodes.mongodb_calls import Documents, Mongo
from functions.nodes.mongodb_failures import DUPLICATE_KEY, failure_of, shortened_words

_PREPARED_IN_THREAD = 1_000
"""Documents from which on preparing them would hold up the event loop noticeably."""

_SHOWN_PLACES = 5


async def insert(
    mongo: Mongo, config: MongodbInsert.Config, input: MongodbInsert.Input, context: NodeContext
) -> Result:
    """Insert all documents that can be inserted. Raises `NodeError`; those it does not name are in the database then."""
    mongo.platform.check_collection(config.database, config.collection, "/config/collection")
    if len(input.documents or ()) < _PREPARED_IN_THREAD:
        documents = _documents(input, context)
    else:
        documents = await asyncio.to_thread(_documents, input, context)
    async with mongo.collection(config, context) as collection:
        if documents:
            await _insert(collection, documents, context)
    ids = [to_json(document["_id"]) for document in documents]
    return Result(ids if input.document is None else ids[0], meta={"count": len(ids)})


def derived_id(context: NodeContext, index: int) -> ObjectId:
    """The id of the document at ``index`` of an attempt: it begins with the moment of the run's creation, as its run id does."""
    digest = sha256(f"{context.idempotency_key}#{index}".encode()).digest()
    return ObjectId(bytes.fromhex(context.run_id[:8]) + digest[:8])


def _documents(input: MongodbInsert.Input, context: NodeContext) -> list[Documents]:
    if input.document is not None:
        return [_document(input.document, "/inputs/document", derived_id(context, 0))]
    given = enumerate(input.documents or ())
    return [_document(each, f"/inputs/documents/{index}", derived_id(context, index)) for index, each in given]


def _document(given: Documents, pointer: str, default_id: ObjectId) -> Documents:
    document = {key: to_bson(value, join_pointer(pointer, key)) for key, value in given.items()}
    own_id = document.pop("_id", None)
    return {"_id": default_id if own_id is None else own_id, **document}


async def _insert(collection: AsyncCollection[Documents], documents: Sequence[Documents], context: NodeContext) -> None:
    try:
        # Unordered: one document that is refused must not keep those behind it from being inserted by a repetition.
        await collection.insert_many(documents, ordered=False)
    except BulkWriteError as error:
        where, details = collection.full_name, error.details
        failures = await _without_own(collection, details["writeErrors"], documents, context)
        if failures:
            raise _told(where, failures, len(documents)) from None
        for unsure in details["writeConcernErrors"]:
            raise failure_of(where, unsure.get("code"), shortened_words(unsure.get("errmsg")), error) from None


async def _without_own(
    collection: AsyncCollection[Documents],
    failures: Sequence[Mapping[str, Any]],
    documents: Sequence[Documents],
    context: NodeContext,
) -> list[Mapping[str, Any]]:
    """The failures but for those of documents that an earlier try inserted.

    The server is asked which those are, because it may have named another unique index first.
    """
    collided = [failure["index"] for failure in failures if failure["code"] == DUPLICATE_KEY]
    ids = [documents[index]["_id"] for index in collided]
    own = [id for id, index in zip(ids, collided, strict=True) if id == derived_id(context, index)]
    if not own:
        return list(failures)
    newest = collection.with_options(read_preference=ReadPreference.PRIMARY)
    present = {found["_id"] async for found in newest.find({"_id": {"$in": own}}, {"_id": 1})}
    done = {index for id, index in zip(ids, collided, strict=True) if isinstance(id, ObjectId) and id in present}
    return [failure for failure in failures if failure["index"] not in done]


def _told(where: str, failures: Sequence[Mapping[str, Any]], total: int) -> NodeError:
    """The first failure, and which of several documents failed."""
    first = failures[0]
    told = failure_of(where, first["code"], shortened_words(first.get("errmsg")))
    if total == 1:
        return told
    places = ", ".join(str(failure["index"]) for failure in failures[:_SHOWN_PLACES])
    rest = f" and {len(failures) - _SHOWN_PLACES} more" if len(failures) > _SHOWN_PLACES else ""
    message = f"{told}; documents at {places}{rest} were not inserted, the other {total - len(failures)} are"
    return NodeError(message, code=told.code, retryable=told.retryable)
