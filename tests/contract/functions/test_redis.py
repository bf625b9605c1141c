"""The nodes of Redis against a real Valkey."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from redis.asyncio import Redis

from flume.errors import NodeError
from flume.nodes import NodeInput, NodeSettings
from flume.testing import NOW, context_of_test, run_node
from functions.nodes import redis_calls
from functions.nodes.redis_keys import RedisGet, RedisSet
from tests.servers.own_process import OwnProcess
from tests.servers.stalling import Way, way_to
from tests.servers.valkey import url_of

Call = Callable[..., Awaitable[Any]]


@pytest.fixture
def key() -> str:
    """Nobody else's."""
    return f"test:{uuid4().hex}"


@pytest.fixture
async def stored(redis_url: str) -> AsyncIterator["Redis"]:
    """The server, through the driver."""
    async with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def get(redis_url: str, key: str) -> Call:
    """Runs a redis-get on the test's key, unless told otherwise."""

    async def run(**config: Any) -> Any:
        settings = NodeSettings(redis_url=redis_url)
        return (await run_node(RedisGet, {"key": key, **config}, settings=settings)).output

    return run


@pytest.fixture
def put(redis_url: str, key: str) -> Call:
    """Runs a redis-set on the test's key, unless told otherwise."""

    async def run(value: Any, **config: Any) -> Any:
        settings = NodeSettings(redis_url=redis_url)
        return (await run_node(RedisSet, {"key": key, **config}, {"value": value}, settings=settings)).output

    return run


async def failure(call: Awaitable[Any]) -> NodeError:
    with pytest.raises(NodeError) as failed:
        await call
    return failed.value


@pytest.mark.parametrize(
    ("value", "text", "parsed"),
    [
        ("바다", "바다", None),
        ("", "", None),
        ({"a": [1, "é"]}, '{"a":[1,"é"]}', {"a": [1, "é"]}),
        (5, "5", 5),
        (True, "true", True),
        (None, "null", None),
        (NOW, "2026-01-01T00:00:00Z", None),
        ([NOW], '["2026-01-01T00:00:00Z"]', ["2026-01-01T00:00:00Z"]),
    ],
)
async def test_text_is_stored_as_it_is_and_all_else_as_json(
    get: Call, put: Call, value: Any, text: str, parsed: Any
) -> None:
    assert await put(value) is True
    assert await get() == text
    if not isinstance(value, str) and value is not NOW:
        assert await get(parse=True) == parsed


async def test_a_key_that_is_not_there_is_null(get: Call) -> None:
    assert await get() is None
    assert await get(parse=True) is None


async def test_bytes_that_are_no_text_come_out_as_base64(get: Call, stored: Any, key: str) -> None:
    await stored.set(key, b"\x00\xff")

    assert await get() == "AP8="


async def test_a_value_that_is_not_json_fails_to_parse_without_being_shown(get: Call, put: Call) -> None:
    for text in ("s3cret", "[" * 100_000, "{'a': 1}"):
        await put(text)
        error = await failure(get(parse=True))
        assert (error.code, error.retryable) == ("bad-response", False)
        assert "s3cret" not in str(error)


async def test_a_condition_decides_whether_the_key_is_set(get: Call, put: Call) -> None:
    assert await put("a", condition="xx") is False
    assert await put("b", condition="nx") is True
    assert await put("c", condition="nx") is False
    assert await get() == "b"
    assert await put("d", condition="xx") is True
    assert await get() == "d"


async def test_a_ttl_ends_the_key_and_without_one_it_stays(put: Call, stored: Any, key: str) -> None:
    await put("a", ttl="1h30m")
    assert 5_390_000 < await stored.pttl(key) <= 5_400_000

    await put("b")
    assert await stored.pttl(key) == -1


@pytest.mark.parametrize(
    ("config", "place"),
    [
        ({"ttl": 0}, "/config/ttl"),
        ({"ttl": "0.1ms"}, "/config/ttl"),
        ({"condition": "zz"}, "/config/condition"),
        ({"key": ""}, "/config/key"),
    ],
)
async def test_options_that_can_not_be_are_refused_at_their_place(
    put: Call, config: dict[str, Any], place: str
) -> None:
    error = await failure(put("x", **config))

    assert (error.code, error.retryable) == ("bad-input", False)
    assert str(error).startswith(f"{place}: ")


async def test_keys_of_the_platform_are_refused(get: Call, put: Call) -> None:
    for call in (get(key="flume:runs"), put("x", key="flume:bus")):
        error = await failure(call)
        assert (error.code, error.retryable) == ("platform-data", False)
    assert await get(key="flumes") is None


async def test_a_key_that_holds_something_else_fails_for_good(get: Call, put: Call, stored: Any, key: str) -> None:
    await stored.rpush(key, "a")

    error = await failure(get())

    assert (error.code, error.retryable) == ("wrong-type", False)
    assert key not in str(error)
    assert await put("now it is text") is True


async def test_values_above_the_bound_are_neither_set_nor_read(
    get: Call, put: Call, stored: Any, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_calls, "MAX_VALUE_BYTES", 1024 * 1024)
    await stored.set(key, b"x" * (1024 * 1024 + 1))

    for error in (await failure(get()), await failure(put("x" * (1024 * 1024 + 1)))):
        assert (error.code, error.retryable) == ("too-large", False)
        assert "1 MiB" in str(error)

    assert await put("x" * 1024 * 1024) is True
    assert len(await get()) == 1024 * 1024


@pytest.mark.parametrize("url", ["http://:s3cret@host", "redis://:s3cret@host:port", "s3cret"])
async def test_a_url_that_is_none_is_refused_without_being_shown(get: Call, url: str) -> None:
    error = await failure(get(url=url))

    assert (error.code, error.retryable) == ("bad-input", False)
    assert str(error).startswith("/config/url: ")
    assert "s3cret" not in str(error)


async def test_without_any_url_the_message_names_the_variable() -> None:
    error = await failure(run_node(RedisGet, {"key": "a"}))

    assert (error.code, error.retryable) == ("not-configured", False)
    assert "REDIS_URL" in str(error)


async def test_a_password_that_the_server_refuses_is_no_reason_to_try_again(get: Call, redis_url: str) -> None:
    error = await failure(get(url=redis_url.replace("redis://", "redis://user:s3cret@")))

    assert (error.code, error.retryable) == ("unauthorized", False)
    assert "s3cret" not in str(error)


@asynccontextmanager
async def shared_setup(url: str) -> AsyncIterator[Any]:
    shared = await RedisGet.setup(NodeSettings(redis_url=url))
    try:
        yield shared
    finally:
        await RedisGet.teardown(shared)


def reading(shared: Any, key: str, url: str | None = None, **context: Any) -> Awaitable[Any]:
    config = RedisGet.Config(key=key, url=url)
    return RedisGet(context_of_test(**context), config, shared).execute(NodeInput())


async def test_a_server_that_stops_and_comes_back_is_a_retryable_failure_and_then_none(
    redis_server: OwnProcess, key: str
) -> None:
    async with shared_setup(url_of(redis_server)) as shared:
        assert await reading(shared, key) is None
        redis_server.stop()

        error = await failure(reading(shared, key))

        assert (error.code, error.retryable) == ("connection", True)
        redis_server.start()
        assert await reading(shared, key) is None


@asynccontextmanager
async def held_up(redis_url: str) -> AsyncIterator[tuple[Any, Way]]:
    port = urlsplit(redis_url).port
    assert port is not None
    async with way_to(port) as way, shared_setup(f"redis://127.0.0.1:{way.port}/0?max_connections=1") as shared:
        yield shared, way


async def test_a_server_that_does_not_answer_in_time_is_a_timeout(redis_url: str, key: str) -> None:
    async with held_up(redis_url) as (shared, way):
        await reading(shared, key)
        way.hold()

        error = await failure(reading(shared, key, deadline=NOW + timedelta(seconds=0.05)))

        assert (error.code, error.retryable) == ("timeout", True)


async def test_cancelled_calls_give_their_connections_back_and_leave_no_answer_to_the_next(
    redis_url: str, key: str, stored: Any
) -> None:
    await stored.mset({key: "mine", f"{key}:other": "other"})
    async with held_up(redis_url) as (shared, way):
        for _ in range(5):
            way.hold()
            call = asyncio.ensure_future(reading(shared, f"{key}:other"))
            await way.holding.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            way.let_pass()

            async with asyncio.timeout(10):
                assert await reading(shared, key) == "mine"


async def test_attempts_share_connections_and_a_url_of_ones_own_has_its_own(redis_url: str, key: str) -> None:
    async with held_up(redis_url) as (shared, way):
        await asyncio.gather(*(reading(shared, key) for _ in range(5)))
        assert way.opened == 1

        await reading(shared, key, url=redis_url)
        assert len(shared._connections) == 2
