"""How the nodes of Redis read and set a key, and what each failure means.

The driver's own retry is off: it would repeat a conditional set whose answer was lost, and tell that the key exists already.

Imports the driver: import this module only where a call is made.
"""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any

from redis import exceptions
from redis.asyncio import BlockingConnectionPool
from redis.asyncio import Redis as Client
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from flume.nodes import NodeContext, NodeError, NodeSettings
from flume.nodes.invocation import as_json
from flume.values import JsonValue
from functions.nodes.connections import Connections
from functions.nodes.platform_data import check_key
from functions.nodes.redis_keys import RedisGet, RedisSet

MAX_VALUE_BYTES = 16 * 1024 * 1024
"""What is read from or set to a key."""

MOST_TIME = timedelta(seconds=30)
"""A call takes no longer, whatever time the attempt has: commands on one key are answered at once or not at all."""

_CONNECTIONS = 50
_CONNECT_TIMEOUT_S = 5
_MAX_WORDS = 200


class Redis:
    """The servers that the nodes of one type reach: a pool of connections per URL."""

    def __init__(self, settings: NodeSettings) -> None:
        self._default_url = settings.redis_url
        self._connections: Connections[Client] = Connections(_open, _close)

    @asynccontextmanager
    async def client(self, config: RedisGet.Config | RedisSet.Config, context: NodeContext) -> AsyncIterator[Client]:
        """The client of a node, for the time that its attempt has left, after a key of Flume's was refused."""
        check_key(config.key, "/config/key")
        url = config.url or self._default_url
        if not url:
            hint = "set REDIS_URL (or FLUME_NODE_REDIS_URL) where Flume runs, or give the node a 'url'"
            raise _permanent("not-configured", f"/config/url: there is no Redis to speak to; {hint}")
        limit = min(context.remaining, MOST_TIME)
        async with self._connections.of(url) as client:
            with _failures_of(limit):
                async with asyncio.timeout(limit.total_seconds()):
                    yield client

    async def aclose(self) -> None:
        """Close all connections."""
        await self._connections.aclose()


async def get(redis: Redis, config: RedisGet.Config, context: NodeContext) -> JsonValue:
    """The value of the key as text, Base64 or, with ``parse``, JSON; None without one. Raises `NodeError`."""
    async with redis.client(config, context) as client, client.pipeline(transaction=True) as pipeline:
        # A range, not the value: what is too large is not even sent. It alone can't tell a missing key from an empty value.
        pipeline.exists(config.key)
        pipeline.getrange(config.key, 0, MAX_VALUE_BYTES)
        exists, value = _checked(await pipeline.execute(raise_on_error=False))
    if not exists:
        return None
    if len(value) > MAX_VALUE_BYTES:
        raise _too_large("/config/key: the value")
    return _parsed(value) if config.parse else _text(value)


async def set_value(redis: Redis, config: RedisSet.Config, value: object, context: NodeContext) -> bool:
    """Whether the key was set. Raises `NodeError`."""
    text = _stored(value)
    if len(text) > MAX_VALUE_BYTES:
        raise _too_large("/inputs/value: it")
    ttl_ms = None if config.ttl is None else config.ttl // timedelta(milliseconds=1)
    async with redis.client(config, context) as client:
        answer = await client.set(config.key, text, px=ttl_ms, nx=config.condition == "nx", xx=config.condition == "xx")
    return bool(answer)


def _checked(answers: list[Any]) -> list[Any]:
    """The answers of a transaction; the first failure among them is raised without the driver's note, which quotes the key."""
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


def _stored(value: object) -> bytes:
    try:
        plain = as_json(value)
        text = plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False, separators=(",", ":"))
        return text.encode()
    except (TypeError, ValueError, RecursionError):
        raise _permanent("bad-input", "/inputs/value: neither text nor JSON") from None


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode("ascii")


def _parsed(value: bytes) -> JsonValue:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        hint = "leave 'parse' out to get it as text"
        raise _permanent("bad-response", f"/config/key: the value is not JSON; {hint}") from None


def _open(url: str) -> Client:
    try:
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=_CONNECTIONS,
            timeout=None,  # waiting for a free connection is bounded by the call's own time
            socket_timeout=None,
            socket_connect_timeout=_CONNECT_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        return Client.from_pool(pool)
    except (exceptions.RedisError, ValueError, TypeError):
        # The driver's sentence may hold parts of the URL.
        hint = "write redis://user:password@host:6379/0, or rediss:// for TLS"
        raise _permanent("bad-input", f"/config/url: not a URL that the driver takes; {hint}") from None


async def _close(client: Client) -> None:
    await client.aclose()


@contextmanager
def _failures_of(limit: timedelta) -> Iterator[None]:
    """Turn what the driver raises into a `NodeError`."""
    try:
        yield
    except (TimeoutError, exceptions.TimeoutError):
        message = f"redis: no answer within {limit.total_seconds():g} s"
        raise NodeError(message, code="timeout", retryable=True) from None
    except exceptions.RedisError as error:
        raise _failure_of(error) from None
    except OSError as error:
        raise _connection(error.strerror or type(error).__name__) from None


def _failure_of(error: exceptions.RedisError) -> NodeError:
    match error:
        case exceptions.AuthenticationError() | exceptions.AuthorizationError() | exceptions.NoPermissionError():
            return _unauthorized()
        case exceptions.ConnectionError():
            return _connection(_words(error))
        case exceptions.ReadOnlyError() | exceptions.ClusterDownError() | exceptions.TryAgainError():
            return _connection("it is no primary now, or its cluster is down")
        case exceptions.OutOfMemoryError():
            return NodeError("redis: the server is out of memory", code="out-of-memory", retryable=True)
        case exceptions.AskError():  # MOVED is one, too
            hint = "name the server that holds it"
            return _permanent("bad-query", f"redis: another server of the cluster holds the key; {hint}")
        case _:
            return _refusal(_words(error))


def _refusal(words: str) -> NodeError:
    """What the first word of a server's answer means, where the driver has no class for it."""
    match words.partition(" ")[0]:
        case "WRONGTYPE":
            problem = "it holds a list, hash or the like; only text can be read"
            return _permanent("wrong-type", f"/config/key: {problem}")
        case "NOAUTH" | "WRONGPASS" | "NOPERM":
            return _unauthorized()
        case "LOADING" | "BUSY" | "MASTERDOWN" | "NOREPLICAS":
            return _connection(words)
        case _:
            return _permanent("bad-query", f"redis: the server refused it: {words}")


def _words(error: Exception) -> str:
    """A server's words on one line, of bounded length."""
    return " ".join(str(error).split())[:_MAX_WORDS]


def _connection(reason: str) -> NodeError:
    return NodeError(f"redis: can't reach the server: {reason}", code="connection", retryable=True)


def _unauthorized() -> NodeError:
    problem = "redis: the server refused the user or what it may do"
    return _permanent("unauthorized", f"{problem}; check the URL's user, password and permissions")


def _too_large(what: str) -> NodeError:
    return _permanent("too-large", f"{what} has more than {MAX_VALUE_BYTES // 1024**2} MiB")


def _permanent(code: str, message: str) -> NodeError:
    return NodeError(message, code=code, retryable=False)
