"""One connection to Redis for what is published and one for what is received, without anything behind one's back.

The driver's own client would connect again by itself and subscribe again, and nobody could tell what was missed meanwhile.
So these are bare connections: once either fails, both are given up, and whoever had the link knows of the gap.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from redis.asyncio.connection import AbstractConnection, ConnectionPool
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

from flume.errors import SettingError

CONNECT_S = 5.0
CLOSE_S = 1.0
_MOST_WORDS = 200


class LinkError(Exception):
    """The connection is lost, can't be made, or answers nothing."""


class Link(Protocol):
    """A way to the other replicas, for as long as it lasts."""

    async def publish(self, letters: Sequence[tuple[str, bytes]], *, timeout_s: float) -> list[int]:
        """Send each content to its channel, in order and in one round trip; how many receive each. Raises `LinkError`."""
        ...

    async def receive(self, *, timeout_s: float) -> bytes:
        """What comes next on any of the channels. Raises `LinkError`, also if nothing came within the time."""
        ...


class RedisLinks:
    """Makes links to one Redis. Raises `SettingError` for an address that is none."""

    def __init__(self, url: str) -> None:
        self._pool = pool_of(url)

    @asynccontextmanager
    async def link(self, channels: Sequence[str]) -> AsyncIterator[Link]:
        """A link that receives from ``channels``. Raises `LinkError`."""
        sending: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        receiving: AbstractConnection = self._pool.make_connection()  # type: ignore[no-untyped-call]
        try:
            async with _failures("it did not take the connection", CONNECT_S):
                for connection in (sending, receiving):
                    await connection.connect()  # type: ignore[no-untyped-call]
                await receiving.send_command("SUBSCRIBE", *channels)
                for _ in channels:
                    await receiving.read_response()
            yield _RedisLink(sending, receiving)
        finally:
            for connection in (sending, receiving):
                await _close(connection)


class _RedisLink:
    def __init__(self, sending: AbstractConnection, receiving: AbstractConnection) -> None:
        self._sending = sending
        self._receiving = receiving

    async def publish(self, letters: Sequence[tuple[str, bytes]], *, timeout_s: float) -> list[int]:
        commands = self._sending.pack_commands([("PUBLISH", channel, content) for channel, content in letters])
        async with _failures("it did not answer in time", timeout_s):
            await self._sending.send_packed_command(commands)
            return [int(await self._sending.read_response()) for _ in letters]

    async def receive(self, *, timeout_s: float) -> bytes:
        async with _failures("nothing was heard of it", timeout_s):
            while True:
                match await self._receiving.read_response():
                    case [b"message", bytes(), bytes(content)]:
                        return content
                    case _:
                        # The answer to a subscription, say.
                        pass


def pool_of(url: str) -> ConnectionPool:
    """Connections to a Redis, none made yet. Raises `SettingError`, which does not repeat the address: it may hold a password."""
    try:
        return ConnectionPool.from_url(
            url,
            protocol=2,
            # Each call has a time of its own; the driver's default would end every wait for news after 5 s.
            socket_timeout=None,
            socket_connect_timeout=CONNECT_S,
            retry=Retry(NoBackoff(), 0),
        )
    except (RedisError, ValueError, TypeError):
        expected = "expected an address such as redis://user:password@host:6379/0, or rediss:// for TLS"
        raise SettingError("REDIS_URL", expected) from None


@asynccontextmanager
async def _failures(silence: str, timeout_s: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(timeout_s):
            yield
    except TimeoutError:
        raise LinkError(f"{silence} ({timeout_s:g} s)") from None
    except ResponseError as error:
        # Such as a wrong password, or a user without these commands.
        raise LinkError(f"it refused: {words(error)}") from None
    except (RedisError, OSError) as error:
        raise LinkError(words(error)) from None


async def _close(connection: AbstractConnection) -> None:
    try:
        async with asyncio.timeout(CLOSE_S):
            await connection.disconnect(nowait=True)
    except (RedisError, OSError, TimeoutError):
        # It is given up in any case.
        pass


def words(error: Exception) -> str:
    """What the driver says, on one line, of bounded length."""
    return " ".join(str(error).split())[:_MOST_WORDS] or type(error).__name__
