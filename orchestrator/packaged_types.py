"""Node types that are images: kept in the store, and in the registry of every replica.

Whoever keeps the images (the operator, for ``NodeType`` resources) saves what they take and give here. Another replica's change
shows `LOOK_S` later at most, and at once where something is asked for that may need it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import orjson

from flume.errors import ConflictError, DefinitionError, NotFoundError, TooLargeError
from flume.nodes.descriptions import BadDescriptionError, as_json, read_description
from flume.nodes.packaged import DESCRIPTION_MOST, packaged_problems
from flume.nodes.registry import LoadFailure, Registry
from flume.nodes.types import NodeType
from flume.values import JsonObject, check_value
from orchestrator.outage import StoreOutage
from orchestrator.store import NodeTypeStore, PackagedTypeRecord

logger = logging.getLogger(__name__)

LOOK_S = 2.0
"""How often the store is looked at: the most that a change by another replica goes unnoticed."""

TYPES_MOST = 500
"""Types of one store, since each list of node types holds all of them."""


@dataclass(frozen=True, slots=True)
class SavedType:
    """A type was saved. ``hash`` is that of what was saved, ``before`` of what had its name until then; None: nothing."""

    hash: str
    before: str | None


def is_packaged(registry: Registry, name: str) -> bool:
    """Whether a type that the registry knows is an image, of which nothing but the description is here."""
    return registry.source_of(name) == _source_of(name)


class PackagedTypes:
    """Saves and deletes types, and keeps the registry up with the store. It belongs to one event loop.

    ``on_change`` is told after the registry has changed.
    """

    def __init__(
        self,
        store: NodeTypeStore,
        registry: Registry,
        *,
        on_change: Callable[[], None],
        outage: StoreOutage,
        look_s: float = LOOK_S,
    ) -> None:
        self._store = store
        self._registry = registry
        self._on_change = on_change
        self._outage = outage
        self._look_s = look_s
        self._known: dict[str, str] = {}
        self._lock = asyncio.Lock()

    @property
    def hashes(self) -> Mapping[str, str]:
        """The hashes of all types that this replica knows, by name, sorted."""
        return dict(sorted(self._known.items()))

    async def save(self, node_type: NodeType) -> SavedType:
        """Keep a type in place of what was saved under its name. The same again changes nothing.

        Raises `DefinitionError` for a type that an image can't be, `BadValueError` for a description that is not JSON,
        `ConflictError` for a name that a type from elsewhere has, `TooLargeError` for a description or a number of types
        beyond the bounds.
        """
        description = as_json(node_type)
        check_value(description)
        if problems := packaged_problems(node_type):
            raise DefinitionError(problems)
        await self.catch_up()
        self._require_free(node_type.name)
        record = _record_of(node_type.name, description)
        before = self._known.get(node_type.name)
        if before is None and len(self._known) >= TYPES_MOST:
            raise TooLargeError("the number of node types that are images", TYPES_MOST, "types")
        if before != record.hash:
            await self._store.save_packaged_type(record)
            await self.catch_up()
        return SavedType(record.hash, before)

    async def delete(self, name: str) -> str:
        """Forget a type; the hash of what it was. Pipelines keep what they took from it, and their nodes of it fail.

        Raises `NotFoundError`, and `ConflictError` for a type from elsewhere.
        """
        await self.catch_up()
        before = self._known.get(name)
        if before is None:
            self._require_free(name)
            raise NotFoundError("node type", name)
        await self._store.delete_packaged_type(name)
        await self.catch_up()
        return before

    async def catch_up(self) -> None:
        """Take over what has changed in the store. Raises `StoreError` and `UnavailableError`."""
        async with self._lock:
            hashes = await self._store.packaged_type_hashes()
            if hashes == self._known:
                return
            changed = [name for name, hash in hashes.items() if self._known.get(name) != hash]
            gone = [name for name in self._known if name not in hashes]
            records = await self._store.read_packaged_types(changed) if changed else ()
            self._take(records, gone)
            self._known = {**hashes, **{record.name: record.hash for record in records}}
        self._on_change()
        logger.info("node types have changed", extra={"changed": changed, "gone": gone})

    async def look(self) -> None:
        """`catch_up`, unless the store can't be used just now: then what is known has to do."""
        with self._outage.tolerated("node types"):
            await self.catch_up()

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await asyncio.sleep(self._look_s)
            await self.look()

    def _take(self, records: Sequence[PackagedTypeRecord], gone: Iterable[str]) -> None:
        provided: dict[str, list[NodeType]] = {_source_of(name): [] for name in gone}
        unreadable: list[LoadFailure] = []
        for record in records:
            source = _source_of(record.name)
            try:
                provided[source] = [read_description(record.description)]
            except BadDescriptionError as error:
                # A newer Flume may have written it.
                provided[source] = []
                unreadable.append(LoadFailure(record.name, source, str(error)))
        # That of a name which a node file has on this replica is refused there, and reported with all failures.
        refused = self._registry.replace(provided)
        for failure in unreadable:
            self._registry.report(failure)
        for failure in (*unreadable, *refused):
            facts = {"source": failure.source, "reason": failure.reason}
            logger.warning("a node type that is an image can't be used", extra=facts)

    def _require_free(self, name: str) -> None:
        """Raise `ConflictError` if a type of this name comes from elsewhere."""
        if name in self._registry and not is_packaged(self._registry, name):
            raise ConflictError(
                f"node type '{name}' comes with this installation and can't be changed",
                code="duplicate-node-type",
                hint="give the image's type another name",
            )


def _record_of(name: str, description: JsonObject) -> PackagedTypeRecord:
    content = orjson.dumps(description, option=orjson.OPT_SORT_KEYS)
    if len(content) > DESCRIPTION_MOST:
        raise TooLargeError(f"the description of node type '{name}'", DESCRIPTION_MOST)
    return PackagedTypeRecord(name, sha256(content).hexdigest(), description)


def _source_of(name: str) -> str:
    return f"NodeType {name}"
