"""Shares of limits in Redis: for each limit a hash with what every replica has, wants, and until when that holds.

Each has what it asks for as long as that fits. Beyond, each has as much as any other, and may have what others don't ask for.
Where there is less than one for each, those who wait have turns of a second, the one that waits longest first.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestrator.buses.redis.link import pool_of, words
from orchestrator.shared_limits import Need, SharesError

TTL_MS = 5_000
"""What a replica had is free so long after it was heard of last."""

TURN_MS = 1_000

ASK_S = 0.5

_SHARE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local me, limit, in_use, wanted = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local ttl, turn = tonumber(ARGV[5]), tonumber(ARGV[6])
if wanted == 0 and in_use == 0 then
  redis.call('HDEL', KEYS[1], me)
  return 0
end

local had_share, since, others, wanting, is_unmet = 0, now, {}, 1, false
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local share, has, wants, from, till = string.match(fields[i + 1], '^(%d+) (%d+) (%d+) (%d+) (%d+)$')
  if share == nil or tonumber(till) < now then
    redis.call('HDEL', KEYS[1], fields[i])
  elseif fields[i] == me then
    had_share, since = tonumber(share), tonumber(from)
  else
    local other = {name = fields[i], has = tonumber(has), wants = tonumber(wants), since = tonumber(from)}
    table.insert(others, other)
    if other.wants > 0 then wanting = wanting + 1 end
    if other.wants > other.has then is_unmet = true end
  end
end

local fair = math.floor(limit / wanting)
local is_scarce = fair == 0
local has_turn = had_share > 0 and now - since < turn
-- Whose turn is over goes behind all others.
if is_scarce and is_unmet and had_share > 0 and not has_turn then since = now end

local free = limit
for _, other in ipairs(others) do
  local due = math.min(other.wants, fair)
  local is_before = other.since < since or (other.since == since and other.name < me)
  if is_scarce and not has_turn and other.wants > 0 and is_before then due = 1 end
  free = free - math.max(other.has, due)
end
local share = math.max(0, math.min(wanted, free))
if share > 0 and had_share == 0 then since = now end
local entry = string.format('%d %d %d %d %d', share, math.max(share, in_use), wanted, since, now + ttl)
redis.call('HSET', KEYS[1], me, entry)
redis.call('PEXPIRE', KEYS[1], ttl)
return share
"""


class RedisShares:
    """`orchestrator.shared_limits.Shares` for the replica ``id``; a limit's key is ``prefix`` and its name."""

    def __init__(self, url: str, *, id: str, prefix: str) -> None:
        self._client: Redis = Redis.from_pool(pool_of(url))
        self._id = id
        self._prefix = prefix

    async def share(self, needs: Sequence[Need]) -> list[int]:
        """See `orchestrator.shared_limits.Shares.share`."""
        try:
            async with asyncio.timeout(ASK_S):
                return await self._ask(needs)
        except TimeoutError:
            raise SharesError(f"it did not answer in time ({ASK_S:g} s)") from None
        except (RedisError, OSError) as error:
            raise SharesError(words(error)) from None

    async def aclose(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

    async def _ask(self, needs: Sequence[Need]) -> list[int]:
        async with self._client.pipeline(transaction=False) as pipeline:
            for need in needs:
                arguments: list[Any] = [self._id, need.limit, need.in_use, need.wanted, TTL_MS, TURN_MS]
                pipeline.eval(_SHARE, 1, self._prefix + need.name, *arguments)
            if not needs:
                # Whether anybody would answer is worth knowing before somebody waits for it.
                pipeline.ping()
            answers = await pipeline.execute()
        return [int(answer) for answer in answers[: len(needs)]]
