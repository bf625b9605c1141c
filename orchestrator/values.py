"""The values of a run: which are kept inline, which apart, and how the latter get back into memory."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import orjson

from eventing.datarefs import PAYLOAD_MOST
from flume.errors import TooLargeError
from flume.values import JsonValue
from orchestrator.records import inline
from orchestrator.state import NULL, Inline, PayloadRef, ScopeOutput, SingleOutput, Stored
from orchestrator.store import Payload, RunStore

MAX_INLINE_BYTES = 64 * 1024
"""A value above this is stored apart."""

MAX_INLINE_RUN_BYTES = 1024 * 1024
"""Once a run keeps this much inline, every further value is stored apart."""

MAX_VALUE_BYTES = PAYLOAD_MOST
"""A value above this is not kept at all, whoever made it: as much as functions may give."""

SMALL_BYTES = 512
"""Values up to this are kept inline whatever the run holds: a reference would be no smaller."""

MAX_CACHED_BYTES = 64 * 1024 * 1024
"""Payloads that all runs of a process keep in memory, counted as JSON, besides the one used last."""


class NotLoadedError(LookupError):
    """A value is stored apart and not in memory; load it and ask again."""

    def __init__(self, ref: PayloadRef) -> None:
        self.ref = ref
        super().__init__(f"payload {ref.id} is not loaded")


class Values(Protocol):
    """Gives values of a run as far as they are in memory."""

    def of(self, stored: Stored) -> JsonValue:
        """The value. Raises `NotLoadedError` if it has to be loaded first."""
        ...

    def of_output(self, output: ScopeOutput | None) -> JsonValue:
        """The value of a scope's result, null if there is none. Raises `NotLoadedError`."""
        ...


@dataclass(frozen=True, slots=True)
class _Cached:
    value: JsonValue
    size: int
    known_to: set[str]


class PayloadCache:
    """Payloads in memory, of any number of runs; those that were used longest ago make room for others.

    A payload may be gone at any moment: whoever needs it once more loads it.
    """

    def __init__(self, most: int = MAX_CACHED_BYTES) -> None:
        self._most = most
        self._cached: OrderedDict[str, _Cached] = OrderedDict()
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes of JSON that are in memory as values."""
        return self._size

    def get(self, payload_id: str) -> JsonValue:
        """The value of a payload. Raises `KeyError` if it is not in memory."""
        cached = self._cached[payload_id]
        self._cached.move_to_end(payload_id)
        return cached.value

    def put(self, ref: PayloadRef, value: JsonValue, known_to: set[str]) -> None:
        """Keep a payload; its id is in ``known_to`` for as long."""
        if ref.id in self._cached:
            return
        self._cached[ref.id] = _Cached(value, ref.size, known_to)
        self._size += ref.size
        known_to.add(ref.id)
        while self._size > self._most and len(self._cached) > 1:
            self.drop(next(iter(self._cached)))

    def drop(self, payload_id: str) -> None:
        """Forget a payload; nothing happens if it is not in memory."""
        cached = self._cached.pop(payload_id, None)
        if cached is not None:
            self._size -= cached.size
            cached.known_to.discard(payload_id)


class RunValues:
    """Values of one run; those stored apart are in ``cache`` as far as there is room, by default in one of its own."""

    def __init__(self, store: RunStore, cache: PayloadCache | None = None) -> None:
        self._store = store
        self._cache = PayloadCache() if cache is None else cache
        self._cached: set[str] = set()

    def of(self, stored: Stored) -> JsonValue:
        """See `Values.of`."""
        if isinstance(stored, Inline):
            return stored.value
        try:
            return self._cache.get(stored.id)
        except KeyError:
            raise NotLoadedError(stored) from None

    def of_output(self, output: ScopeOutput | None) -> JsonValue:
        """See `Values.of_output`."""
        return _of_output(self, output)

    async def load(self, ref: PayloadRef) -> JsonValue:
        """The value of a payload, from memory or from the store."""
        try:
            return self._cache.get(ref.id)
        except KeyError:
            payload = await self._store.read_payload(ref.id)
        if payload is None:
            raise LookupError(f"payload {ref.id} is gone from the store")
        value: JsonValue = orjson.loads(payload.content)
        self.remember(ref, value)
        return value

    async def load_output(self, output: ScopeOutput | None) -> JsonValue:
        """The value of a scope's result, loaded as far as necessary."""
        if output is None:
            return None
        if isinstance(output, SingleOutput):
            return await self.load_stored(output.value)
        return {node: await self.load_stored(value) for node, value in output.values.items()}

    async def load_stored(self, stored: Stored) -> JsonValue:
        """A value, loaded if necessary."""
        return stored.value if isinstance(stored, Inline) else await self.load(stored)

    def remember(self, ref: PayloadRef, value: JsonValue) -> None:
        """Keep a payload's value in memory, in place of others if there are too many."""
        self._cache.put(ref, value, self._cached)

    def forget(self) -> None:
        """Let go of all payloads, because the run leaves memory."""
        for payload_id in list(self._cached):
            self._cache.drop(payload_id)

    def keep(self, value: JsonValue, *, inline_bytes: int, new_id: Callable[[], str]) -> tuple[Stored, Payload | None]:
        """A checked value as a run keeps it, and the payload to store with it, if any. ``inline_bytes`` is what the run holds.

        Raises `TooLargeError` above `MAX_VALUE_BYTES`.
        """
        stored, payload = as_kept(value, inline_bytes=inline_bytes, new_id=new_id)
        if isinstance(stored, PayloadRef):
            self.remember(stored, value)
        return stored, payload


def as_kept(value: JsonValue, *, inline_bytes: int, new_id: Callable[[], str]) -> tuple[Stored, Payload | None]:
    """A checked value as a run keeps it, and the payload to store with it, if any; see `RunValues.keep`."""
    kept = inline(value)
    if kept.size > MAX_VALUE_BYTES:
        raise TooLargeError("the value", MAX_VALUE_BYTES)
    if kept.size <= SMALL_BYTES or (kept.size <= MAX_INLINE_BYTES and inline_bytes + kept.size <= MAX_INLINE_RUN_BYTES):
        return kept, None
    ref = PayloadRef(new_id(), kept.size)
    return ref, Payload(ref.id, kept.encoded)


def size_of_output(output: ScopeOutput | None) -> int:
    """Bytes of JSON of the values in a scope's result, without loading any."""
    if output is None:
        return NULL.size
    return (
        output.value.size if isinstance(output, SingleOutput) else sum(value.size for value in output.values.values())
    )


class HeldValues:
    """Values of a run as one attempt sees them: what was loaded for it stays until it is done with.

    An attempt may need more than `MAX_CACHED_BYTES` at once; with the run's memory alone, loading one payload would drive
    out the other for ever.
    """

    def __init__(self, values: RunValues) -> None:
        self._values = values
        self._held: dict[str, JsonValue] = {}

    def of(self, stored: Stored) -> JsonValue:
        """See `Values.of`."""
        if isinstance(stored, PayloadRef) and stored.id in self._held:
            return self._held[stored.id]
        return self._values.of(stored)

    def of_output(self, output: ScopeOutput | None) -> JsonValue:
        """See `Values.of_output`."""
        return _of_output(self, output)

    async def load(self, ref: PayloadRef) -> None:
        """Get a payload into memory."""
        self._held[ref.id] = await self._values.load(ref)


def _of_output(values: Values, output: ScopeOutput | None) -> JsonValue:
    if output is None:
        return None
    if isinstance(output, SingleOutput):
        return values.of(output.value)
    return {node: values.of(value) for node, value in output.values.items()}
