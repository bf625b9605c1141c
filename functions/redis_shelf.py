"""Where function processes leave answers for each other, in Redis.

Keys: ``flume:memo:…`` holds an answer, under the digest of each of its names; ``flume:work:…`` says that work is being done, and
by which process. All have a time to live.

Imports the driver: import this module only where it is wanted.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from secrets import token_hex
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from functions.memo import Names
from functions.shared_memo import Busy, Claimed, Found, Place, ShelfError

ANSWER_S = 1.0
"""No question takes longer."""

_CONNECTIONS = 20
_MOST_WORDS = 200

_FIND = """
for place = 1, 2 do
  local found = redis.call('GET', KEYS[place])
  if found then return found end
end
local holder = redis.call('GET', KEYS[3])
-- One's own claim may be left over from an answer that was lost on its way.
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[2])
return 1
"""

_HOLD = """
local holder = redis.call('GET', KEYS[1])
if not holder or holder == ARGV[1] then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
"""

_LET_GO = """
for place = 2, #KEYS do redis.call('SET', KEYS[place], ARGV[2], 'PX', ARGV[3]) end
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
"""


class RedisShelf:
    """A `functions.shared_memo.Shelf`. Raises `ShelfError` for an address that is none, without repeating it."""

    def __init__(self, url: str) -> None:
        self._me = token_hex(8)
        try:
            pool = BlockingConnectionPool.from_url(
                url,
                max_connections=_CONNECTIONS,
                timeout=None,  # each question has a time of its own
                socket_timeout=None,
                retry=Retry(NoBackoff(), 0),
                protocol=2,
            )
        except (RedisError, ValueError, TypeError):
            expected = "write redis://user:password@host:6379/0, or rediss:// for TLS"
            raise ShelfError(f"REDIS_URL is no address that the driver takes; {expected}") from None
        self._client: Redis = Redis.from_pool(pool)

    async def find(self, names: Names, *, claim_s: float) -> Place:
        """See `functions.shared_memo.Shelf.find`."""
        keys = (_memo_key(names.event), _memo_key(names.key), _work_key(names))
        match await self._run(_FIND, keys, self._me, _millis(claim_s)):
            case bytes(content):
                return Found(content)
            case 1:
                return Claimed()
            case _:
                return Busy()

    async def hold(self, names: Names, *, claim_s: float) -> None:
        """See `functions.shared_memo.Shelf.hold`."""
        await self._run(_HOLD, (_work_key(names),), self._me, _millis(claim_s))

    async def keep(self, names: Names, kept: tuple[str, ...], content: bytes, *, keep_s: float) -> None:
        """See `functions.shared_memo.Shelf.keep`."""
        keys = (_work_key(names), *map(_memo_key, kept))
        await self._run(_LET_GO, keys, self._me, content, _millis(keep_s))

    async def give_up(self, names: Names) -> None:
        """See `functions.shared_memo.Shelf.give_up`."""
        await self._run(_LET_GO, (_work_key(names),), self._me)

    async def aclose(self) -> None:
        """See `functions.shared_memo.Shelf.aclose`."""
        async with _failures():
            await self._client.aclose()

    async def _run(self, script: str, keys: tuple[str, ...], *arguments: str | bytes | int) -> Any:
        async with _failures():
            return await self._client.eval(script, len(keys), *keys, *arguments)


@asynccontextmanager
async def _failures() -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(ANSWER_S):
            yield
    except TimeoutError:
        raise ShelfError(f"it did not answer in time ({ANSWER_S:g} s)") from None
    except (RedisError, OSError) as error:
        raise ShelfError(" ".join(str(error).split())[:_MOST_WORDS] or type(error).__name__) from None


def _memo_key(name: str) -> str:
    """Of bounded length, whatever the name."""
    return f"flume:memo:{sha256(name.encode()).hexdigest()[:40]}"


def _work_key(names: Names) -> str:
    return f"flume:work:{sha256(names.key.encode()).hexdigest()[:40]}"


def _millis(seconds: float) -> int:
    return max(round(seconds * 1000), 1)
