"""Node types that speak to Redis (or Valkey): one reads a key, one sets it.

The driver is imported by the first attempt, not here: it takes almost half a second, and describing the types does not need it.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, field_validator

from flume.nodes import ALL_SECRETS, Node, NodeConfig, NodeInput, NodeSettings
from flume.nodes.fields import Duration

if TYPE_CHECKING:
    from functions.nodes.redis_calls import Redis

MAX_KEY_LENGTH = 1_024

_SHORTEST_TTL = timedelta(milliseconds=1)


class _KeyConfig(NodeConfig):
    url: str | None = Field(default=None, min_length=1)
    key: str = Field(min_length=1, max_length=MAX_KEY_LENGTH)


class _RedisNode(Node):
    """What the types share: pools of connections, of which each type has its own."""

    category = "Database"
    icon = "key"
    concurrency = 64
    secrets = (ALL_SECRETS,)

    @classmethod
    async def setup(cls, settings: NodeSettings) -> Any:
        """The pools of connections of this process, by URL."""
        from functions.nodes.redis_calls import Redis

        return Redis(settings)

    @classmethod
    async def teardown(cls, shared: "Redis") -> None:
        """Close the connections."""
        await shared.aclose()


class RedisGet(_RedisNode):
    """Reads a key of Redis; null if there is none. Bytes that are no UTF-8 become Base64."""

    name = "redis-get"
    Output: ClassVar[Any] = Any

    class Config(_KeyConfig):
        """Which key. Without ``url`` the connection is ``REDIS_URL``; ``parse`` reads the value as JSON."""

        parse: bool = False

    async def execute(self, input: NodeInput) -> Any:
        """Read, within the attempt's time."""
        from functions.nodes.redis_calls import get

        return await get(self.shared, self.config, self.context)


class RedisSet(_RedisNode):
    """Sets a key of Redis; its output is whether it was set, which a ``condition`` may prevent."""

    name = "redis-set"
    Output: ClassVar[Any] = bool

    class Config(_KeyConfig):
        """Which key. ``condition`` ``nx``: only if there is none; ``xx``: only if there is one.

        Without ``ttl`` the key stays, whatever ttl it had before.
        """

        ttl: Duration | None = None
        condition: Literal["nx", "xx"] | None = None

        @field_validator("ttl")
        @classmethod
        def _lasts(cls, ttl: timedelta | None) -> timedelta | None:
            if ttl is not None and ttl < _SHORTEST_TTL:
                raise ValueError("a ttl is at least 1ms; leave it out for a key that stays")
            return ttl

    class Input(NodeInput):
        """Text is stored as it is, anything else as JSON."""

        value: Any

    async def execute(self, input: Input) -> bool:
        """Set, within the attempt's time."""
        from functions.nodes.redis_calls import set_value

        return await set_value(self.shared, self.config, input.value, self.context)
