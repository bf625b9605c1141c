"""The nodes of MongoDB against a server that speaks its protocol."""

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

import pytest
from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex
from bson.datetime_ms import DatetimeMS
from pymongo import AsyncMongoClient

from flume.errors import NodeError
from flume.nodes import NodeSettings, Result
from flume.testing import NOW, context_of_test, run_node, run_pipeline
from functions.nodes import mongodb_calls
from functions.nodes.mongodb import MongodbInsert, MongodbQuery
from tests.servers.mongodb import url_of
from tests.servers.own_process import OwnProcess, free_port
from tests.servers.stalling import Way, way_to

# A client that is closed while one of the driver's monitors connects leaves that socket to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")

RUN = "6a0000000000000000000001"
COUNT = {"database": "a", "collection": "b", "operation": "count"}


@pytest.fixture(scope="module", autouse=True)
def sockets_that_the_driver_left() -> Iterator[None]:
    """Collected here, so that no other module is blamed for them."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture
async def stored(mongodb_url: str) -> AsyncIterator[Any]:
    """A collection of this test's own, through the driver."""
    async with AsyncMongoClient(mongodb_url, tz_aware=True) as client:
        name = f"test-{uuid4().hex[:12]}"
        yield client[name]["articles"]
        await client.drop_database(name)


@pytest.fixture
def ask(mongodb_url: str, stored: Any) -> Callable[..., Awaitable[Result]]:
    """Runs a mongodb-query on that collection: ``ask("find", filter={…})``."""

    async def run(operation: str = "find", config: Any = None, context: Any = None, **inputs: Any) -> Result:
        place = {"database": stored.database.name, "collection": stored.name, "operation": operation}
        settings = NodeSettings(mongodb_url=mongodb_url)
        return await run_node(MongodbQuery, {**place, **(config or {})}, inputs, settings=settings, **(context or {}))

    return run


@pytest.fixture
def insert(mongodb_url: str, stored: Any) -> Callable[..., Awaitable[Result]]:
    """Runs a mongodb-insert: ``insert(document={…}, key="…")``."""

    async def run(config: Any = None, key: str = f"{RUN}/save/0", **inputs: Any) -> Result:
        place = {"database": stored.database.name, "collection": stored.name, **(config or {})}
        settings = NodeSettings(mongodb_url=mongodb_url)
        context = {"run_id": RUN, "idempotency_key": key}
        return await run_node(MongodbInsert, place, inputs, settings=settings, **context)

    return run


async def failure(call: Awaitable[Result]) -> NodeError:
    with pytest.raises(NodeError) as failed:
        await call
    return failed.value


async def test_find_gives_the_documents_in_order_and_their_count(ask: Any, stored: Any) -> None:
    await stored.insert_many([{"_id": number, "even": number % 2 == 0, "rest": "x"} for number in range(10)])

    result = await ask(filter={"even": True}, projection={"rest": 0}, sort={"even": 1, "_id": -1}, skip=1, limit=2)

    assert result.output == [{"_id": 6, "even": True}, {"_id": 4, "even": True}]
    assert result.meta == {"count": 2}


async def test_find_one_gives_the_document_or_null(ask: Any, stored: Any) -> None:
    await stored.insert_many([{"_id": 1, "a": "x", "b": 0}, {"_id": 2, "a": "y", "b": 0}])

    found = await ask("findOne", sort={"_id": -1}, projection=["a"])
    missing = await ask("findOne", filter={"a": "z"})

    assert (found.output, found.meta) == ({"_id": 2, "a": "y"}, {"count": 1})
    assert (missing.output, missing.meta) == (None, {"count": 0})


async def test_count_counts_all_unless_a_limit_is_given(ask: Any, stored: Any) -> None:
    await stored.insert_many([{"_id": number} for number in range(1_200)])

    everything = await ask("count")

    assert (everything.output, everything.meta) == (1_200, {"count": 1_200})
    assert (await ask("count", filter={"_id": {"$lt": 100}}, skip=10, limit=50)).output == 50
    assert (await ask("count", filter={"_id": -1})).output == 0


async def test_aggregate_gives_what_the_pipeline_makes(ask: Any, stored: Any) -> None:
    await stored.insert_many([{"_id": number, "team": number % 3} for number in range(7)])

    result = await ask("aggregate", pipeline=[{"$group": {"_id": "$team", "n": {"$sum": 1}}}, {"$sort": {"_id": 1}}])

    assert result.output == [{"_id": 0, "n": 3}, {"_id": 1, "n": 2}, {"_id": 2, "n": 2}]
    assert (await ask("aggregate", pipeline=[{"$sort": {"_id": 1}}], limit=2)).meta == {"count": 2}


async def test_an_aggregation_may_write_to_a_collection_that_is_not_the_platforms(ask: Any, stored: Any) -> None:
    await stored.insert_one({"_id": 1})

    result = await ask("aggregate", pipeline=[{"$match": {}}, {"$out": "copies"}])

    assert result.output == []
    assert await stored.database["copies"].count_documents({}) == 1


@pytest.mark.slow
async def test_without_a_limit_a_thousand_documents_are_given_and_the_log_tells_of_more(ask: Any, stored: Any) -> None:
    await stored.insert_many([{"_id": number} for number in range(1_001)])
    lines: list[Any] = []
    context = {"log_sink": lambda level, message, fields: lines.append((level, fields))}

    found = await ask(sort={"_id": 1}, context=context)
    aggregated = await ask("aggregate", pipeline=[], context=context)
    given = await ask(limit=1_000, context=context)

    assert found.output[-1] == {"_id": 999}
    assert (found.meta, aggregated.meta, given.meta) == ({"count": 1_000},) * 3
    assert lines == [("warning", {"limit": 1_000})] * 2


async def test_exactly_a_thousand_documents_are_no_reason_to_warn(ask: Any, stored: Any) -> None:
    await stored.insert_many([{"_id": number} for number in range(1_000)])
    lines: list[Any] = []

    await ask(context={"log_sink": lambda *line: lines.append(line)})

    assert lines == []


async def test_an_answer_above_the_bound_fails_and_names_it(
    ask: Any, stored: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongodb_calls, "MAX_RESULT_BYTES", 1024 * 1024)
    await stored.insert_many([{"_id": number, "text": "x" * 100_000} for number in range(11)])

    error = await failure(ask())

    assert (error.code, error.retryable) == ("too-large", False)
    assert "1 MiB" in str(error)
    assert "projection" in str(error)
    assert (await ask(projection=["_id"])).meta == {"count": 11}
    assert (await ask("aggregate", pipeline=[], limit=2)).meta == {"count": 2}


ANSWERS = [
    (ObjectId("65a000000000000000000001"), "65a000000000000000000001"),
    (datetime(2026, 1, 31, 9, tzinfo=UTC), "2026-01-31T09:00:00Z"),
    (datetime(2026, 1, 31, 9, 0, 0, 120_000, tzinfo=UTC), "2026-01-31T09:00:00.120Z"),
    (DatetimeMS(2**60), 2**60),
    (Decimal128("1.10"), "1.10"),
    (Int64(2**40), 2**40),
    (3, 3),
    (1.5, 1.5),
    (float("inf"), "Infinity"),
    (b"\x00\xff", "AP8="),
    (Binary(b"\x01", 0x80), "AQ=="),
    (Binary.from_uuid(UUID(int=5)), str(UUID(int=5))),
    (Regex("^a", "im"), "/^a/im"),
    (Code("return 1"), "return 1"),
    (MinKey(), "MinKey"),
    (MaxKey(), "MaxKey"),
    (DBRef("people", ObjectId("65a000000000000000000001")), {"$ref": "people", "$id": "65a000000000000000000001"}),
    ({"deep": [{"id": ObjectId("65a000000000000000000001")}]}, {"deep": [{"id": "65a000000000000000000001"}]}),
    (None, None),
    (True, True),
    ("바다", "바다"),
]


@pytest.mark.parametrize(("bson", "plain"), ANSWERS, ids=lambda value: type(value).__name__)
async def test_a_type_of_bson_comes_out_as_plain_json(ask: Any, stored: Any, bson: Any, plain: Any) -> None:
    await stored.insert_one({"_id": 1, "value": bson})

    output = (await ask("findOne")).output

    assert output == {"_id": 1, "value": plain}
    assert type(output["value"]) is type(plain)


async def test_extended_json_in_a_filter_finds_by_type(ask: Any, stored: Any) -> None:
    identity = ObjectId()
    await stored.insert_many(
        [{"_id": identity, "at": datetime(2026, 1, 2, tzinfo=UTC)}, {"at": datetime(2025, 1, 2, tzinfo=UTC)}]
    )

    assert (await ask("count", filter={"_id": {"$oid": str(identity)}})).output == 1
    assert (await ask("count", filter={"at": {"$gte": {"$date": "2026-01-01T00:00:00Z"}}})).output == 1
    assert (await ask("count", filter={"at": {"$gte": datetime(2026, 1, 1, tzinfo=UTC)}})).output == 1
    assert (await ask("count", filter={"_id": str(identity)})).output == 0


async def test_extended_json_in_a_document_is_stored_as_its_type(insert: Any, stored: Any) -> None:
    await insert(
        document={
            "owner": {"$oid": "65a000000000000000000001"},
            "at": {"$date": "2026-01-31T10:00:00+01:00"},
            "price": {"$numberDecimal": "1.10"},
            "size": {"$numberLong": "5"},
            "key": {"$uuid": str(UUID(int=5))},
            "bytes": {"$binary": {"base64": "AP8=", "subType": "00"}},
            "list": [{"$date": 0}],
            "now": NOW,
        }
    )

    document = await stored.find_one()

    assert document["owner"] == ObjectId("65a000000000000000000001")
    assert document["at"] == datetime(2026, 1, 31, 9, tzinfo=UTC)
    assert document["price"] == Decimal128("1.10")
    assert isinstance(document["size"], Int64)
    assert document["key"] == Binary.from_uuid(UUID(int=5))
    assert document["bytes"] == b"\x00\xff"
    assert document["list"] == [datetime(1970, 1, 1, tzinfo=UTC)]
    assert document["now"] == NOW


async def test_an_inserted_document_gives_its_id_and_several_give_a_list(insert: Any, stored: Any) -> None:
    one = await insert(document={"a": 1})
    several = await insert(documents=[{"a": 2}, {"_id": "mine"}, {"_id": 0}], key=f"{RUN}/save/1")
    none = await insert(documents=[])

    assert await stored.find_one({"_id": ObjectId(one.output)}) == {"_id": ObjectId(one.output), "a": 1}
    assert one.meta == {"count": 1}
    assert several.output[1:] == ["mine", 0]
    assert several.meta == {"count": 3}
    assert (none.output, none.meta) == ([], {"count": 0})
    assert await stored.count_documents({}) == 4


async def test_an_id_that_the_node_makes_tells_when_the_run_began(insert: Any) -> None:
    made = ObjectId((await insert(document={})).output)

    assert made.generation_time == ObjectId(RUN).generation_time


async def test_an_insert_that_is_repeated_with_its_key_adds_nothing(insert: Any, stored: Any) -> None:
    first = await insert(documents=[{"a": 1}, {"a": 2}])
    second = await insert(documents=[{"a": 1}, {"a": 2}])
    other = await insert(documents=[{"a": 1}, {"a": 2}], key=f"{RUN}/save/1")

    assert second == first
    assert not {*other.output} & {*first.output}
    assert await stored.count_documents({}) == 4


async def test_a_repetition_inserts_what_the_first_try_did_not(insert: Any, stored: Any) -> None:
    await insert(documents=[{"a": 1}, {"a": 2}, {"a": 3}])
    await stored.delete_one({"a": 2})

    result = await insert(documents=[{"a": 1}, {"a": 2}, {"a": 3}])

    assert result.meta == {"count": 3}
    assert await stored.count_documents({}) == 3


async def test_a_repetition_is_known_by_its_id_even_if_another_unique_index_complains(insert: Any, stored: Any) -> None:
    await stored.create_index("email", unique=True)
    first = await insert(document={"email": "a@example.org"})

    assert await insert(document={"email": "a@example.org"}) == first


async def test_a_key_that_another_document_holds_is_a_duplicate(insert: Any, stored: Any) -> None:
    await stored.create_index("email", unique=True)
    await stored.insert_many([{"email": "a@example.org"}, {"_id": "mine"}])

    by_index = await failure(insert(document={"email": "a@example.org"}))
    by_id = await failure(insert(document={"_id": "mine", "email": "b"}))
    some = await failure(insert(documents=[{"email": "c"}, {"email": "a@example.org"}, {"email": "d"}]))

    assert {(each.code, each.retryable) for each in (by_index, by_id, some)} == {("duplicate-key", False)}
    assert "example.org" not in f"{by_index}{some}"
    assert "documents at 1 were not inserted, the other 2 are" in str(some)
    assert await stored.count_documents({}) == 4


@pytest.mark.slow
async def test_the_recorded_moment_is_stored_as_a_date(mongodb_url: str, stored: Any) -> None:
    document = f"""apiVersion: flume/v1
kind: Pipeline
metadata: {{name: dates}}
nodes:
  - id: save
    type: mongodb-insert
    config: {{uri: "{mongodb_url}", database: {stored.database.name}, collection: articles}}
    inputs:
      document: {{at: "{{{{$now}}}}", nested: {{list: ["{{{{ $now }}}}"]}}, text: "at {{{{$now}}}}"}}
"""
    before = datetime.now(UTC) - timedelta(seconds=1)

    result = await run_pipeline(document)

    found = await stored.find_one()
    assert result.status == "completed", result.error
    assert before < found["at"] <= datetime.now(UTC)
    assert found["nested"] == {"list": [found["at"]]}
    assert isinstance(found["text"], str)
    assert result.output == str(found["_id"])


REFUSED_PLACES = [("flume", "runs"), ("FLUME", "runs"), ("flume", "payloads.chunks"), ("flume", "audit")]
SERVERS_OWN = [("local", "oplog.rs"), ("admin", "system.users"), ("config", "x"), ("mine", "system.views")]


@pytest.mark.parametrize(("database", "collection"), REFUSED_PLACES + SERVERS_OWN)
async def test_collections_of_the_platform_and_the_server_are_refused(
    ask: Any, insert: Any, database: str, collection: str
) -> None:
    place = {"database": database, "collection": collection}

    for error in (await failure(ask(config=place)), await failure(insert(config=place, document={}))):
        assert (error.code, error.retryable) == ("platform-data", False)
        assert str(error).startswith("/config/collection: ")


async def test_other_collections_of_the_platforms_database_and_runs_of_another_are_fine(ask: Any) -> None:
    assert (await ask("count", config={"database": "flume", "collection": "articles"})).output == 0
    assert (await ask("count", config={"collection": "runs"})).output == 0


async def test_a_refused_pipeline_is_not_sent(ask: Any, stored: Any) -> None:
    await stored.insert_one({"_id": 1})

    error = await failure(
        ask(
            "aggregate",
            pipeline=[{"$facet": {"a": [{"$lookup": {"from": {"db": "flume", "coll": "runs"}, "as": "r"}}]}}],
        )
    )

    assert (error.code, error.retryable) == ("platform-data", False)
    assert str(error).startswith("/inputs/pipeline/0/$facet/a/0/$lookup: ")


async def test_operators_in_rendered_data_are_operators(ask: Any, stored: Any) -> None:
    """By design: what a template puts into a filter is part of it. `$eq` around the value takes it for what it is."""
    await stored.insert_one({"password": "secret"})
    untrusted = {"$gt": ""}

    assert (await ask("count", filter={"password": untrusted})).output == 1
    assert (await ask("count", filter={"password": {"$eq": untrusted}})).output == 0
    assert (await failure(ask(filter={"password": {"$where": "true"}}))).code == "bad-query"


async def test_a_query_that_the_server_refuses_fails_for_good_with_its_words(ask: Any) -> None:
    error = await failure(ask("aggregate", pipeline=[{"$no-such-stage": {}}]))

    assert (error.code, error.retryable) == ("bad-query", False)
    assert "$no-such-stage" in str(error)
    assert "clusterTime" not in str(error)


@pytest.mark.parametrize(
    ("operation", "inputs", "place"),
    [
        ("find", {"pipeline": []}, "/inputs/pipeline"),
        ("findOne", {"limit": 2}, "/inputs/limit"),
        ("count", {"sort": {"a": 1}}, "/inputs/sort"),
        ("aggregate", {"pipeline": [], "filter": {}}, "/inputs/filter"),
        ("aggregate", {}, "/inputs/pipeline"),
        ("find", {"sort": {"a": 2}}, "/inputs/sort"),
        ("find", {"limit": 0}, "/inputs/limit"),
        ("find", {"limit": 100_001}, "/inputs/limit"),
        ("find", {"skip": -1}, "/inputs/skip"),
        ("find", {"filter": {"a": [{"$oid": "zz-secret"}]}}, "/inputs/filter/a/0/$oid"),
        ("find", {"filter": {"a": 2**64}}, "/inputs/filter/a"),
        ("find", {"filter": {"$oid": "65a000000000000000000001"}}, "/inputs/filter"),
    ],
)
async def test_inputs_that_do_not_fit_fail_at_their_place(
    ask: Any, operation: str, inputs: dict[str, Any], place: str
) -> None:
    error = await failure(ask(operation, **inputs))

    assert (error.code, error.retryable) == ("bad-input", False)
    assert str(error).startswith(f"{place}: ")
    assert "secret" not in str(error)


@pytest.mark.parametrize("uri", ["http://u:s3cret@host", "mongodb://u:s3cret@host:port", "mongodb://u:s3:cr@et@host"])
async def test_a_url_that_is_none_is_refused_without_being_shown(ask: Any, uri: str) -> None:
    error = await failure(ask(config={"uri": uri}))

    assert (error.code, error.retryable) == ("bad-input", False)
    assert str(error).startswith("/config/uri: ")
    assert "s3" not in str(error)


async def test_without_any_url_the_message_names_the_variable() -> None:
    error = await failure(run_node(MongodbQuery, {"database": "a", "collection": "b"}))

    assert (error.code, error.retryable) == ("not-configured", False)
    assert "MONGODB_URL" in str(error)


@pytest.mark.slow
async def test_a_document_beyond_the_servers_limit_fails_for_good(insert: Any) -> None:
    error = await failure(insert(document={"text": "x" * (17 * 1024 * 1024)}))

    assert (error.code, error.retryable) == ("too-large", False)


@asynccontextmanager
async def shared_setup(url: str) -> AsyncIterator[Any]:
    shared = await MongodbQuery.setup(NodeSettings(mongodb_url=url))
    try:
        yield shared
    finally:
        await MongodbQuery.teardown(shared)


def query_of(shared: Any, config: dict[str, Any], **context: Any) -> Awaitable[Result]:
    options = MongodbQuery.Config.model_validate(config)
    return MongodbQuery(context_of_test(**context), options, shared).execute(MongodbQuery.Input())


@pytest.mark.slow
async def test_a_server_that_stops_and_comes_back_is_a_retryable_failure_and_then_none(
    mongodb_server: OwnProcess,
) -> None:
    async with shared_setup(f"{url_of(mongodb_server)}&serverSelectionTimeoutMS=300") as shared:
        assert (await query_of(shared, COUNT)).output == 0
        mongodb_server.stop()

        error = await failure(query_of(shared, COUNT))

        assert (error.code, error.retryable) == ("connection", True)
        assert f"127.0.0.1:{mongodb_server.port}" in str(error)
        mongodb_server.start()
        async with asyncio.timeout(20):
            assert (await until_answered(shared)).output == 0


async def test_a_server_that_is_not_there_is_not_looked_for_until_the_time_is_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mongodb_calls, "SELECTION_TIMEOUT_MS", 50)
    async with shared_setup(f"mongodb://127.0.0.1:{free_port()}/") as shared, asyncio.timeout(10):
        error = await failure(query_of(shared, COUNT))

    assert (error.code, error.retryable) == ("connection", True)


async def until_answered(shared: Any) -> Result:
    """The driver looks for the server twice a second."""
    while True:
        try:
            return await query_of(shared, COUNT)
        except NodeError as error:
            if error.code != "connection":
                raise


@asynccontextmanager
async def held_up(mongodb_url: str, options: str) -> AsyncIterator[tuple[Any, Way]]:
    """A setup whose way to the server can be held up."""
    port = urlsplit(mongodb_url).port
    assert port is not None
    # Direct: the server names its own address, and the driver would go there by itself.
    options = f"directConnection=true&{options}"
    async with way_to(port) as way, shared_setup(f"mongodb://127.0.0.1:{way.port}/?{options}") as shared:
        yield shared, way


@pytest.mark.slow
async def test_cancelled_calls_give_their_connections_back(mongodb_url: str) -> None:
    async with held_up(mongodb_url, "maxPoolSize=1&serverMonitoringMode=poll") as (shared, way):
        await query_of(shared, COUNT)
        for _ in range(5):
            way.hold()
            call = asyncio.ensure_future(query_of(shared, COUNT))
            await way.holding.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            way.let_pass()

        async with asyncio.timeout(10):
            assert (await query_of(shared, COUNT)).output == 0


@pytest.mark.slow
async def test_a_server_that_does_not_answer_in_time_is_a_timeout(mongodb_url: str) -> None:
    async with held_up(mongodb_url, "serverMonitoringMode=poll") as (shared, way):
        await query_of(shared, COUNT)
        way.hold()

        error = await failure(query_of(shared, COUNT, deadline=NOW + timedelta(seconds=0.3)))

        assert (error.code, error.retryable) == ("timeout", True)
        way.let_pass()


async def test_attempts_share_connections_and_a_url_of_ones_own_has_its_own(mongodb_url: str) -> None:
    async with shared_setup(mongodb_url) as shared:
        await asyncio.gather(*(query_of(shared, COUNT) for _ in range(5)))
        await query_of(shared, {**COUNT, "uri": f"{mongodb_url}&appname=other"})

        assert len(shared._connections) == 2
