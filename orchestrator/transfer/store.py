"""What is moved, record by record, and what a store adds to `orchestrator.store` for that.

Most is read by what every store has anyway. Writing is another matter: records come as they were, with their revisions
and owners, and not by the steps that once made them.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from flume.ids import Instance, RunId
from orchestrator.state import Scope
from orchestrator.store import (
    Audience,
    AuditEntry,
    Commit,
    InboxEntry,
    LogLine,
    OutboxEntry,
    PackagedTypeRecord,
    Payload,
    PipelineRecord,
    Schedule,
    Store,
    StoredRun,
    VersionRecord,
)

REDIS_KEY = "redis"
"""The name of the key that tells this store from others on one Redis. It stays: a copy that had it would hear the old store."""


@dataclass(frozen=True, slots=True)
class Key:
    """A secret key of the store, see `orchestrator.store.FleetStore.secret_key`."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Item:
    """A loop item of a run, under way or ended."""

    run_id: RunId
    loop: Instance
    position: int
    scope: Scope


@dataclass(frozen=True, slots=True)
class Line:
    """A log line with the run that it belongs to."""

    run_id: RunId
    line: LogLine


@dataclass(frozen=True, slots=True)
class HeldPayload:
    """A payload, and the runs that keep it, one of which may not have been made yet."""

    payload: Payload
    holders: tuple[RunId, ...]


Record: TypeAlias = (
    Key
    | PackagedTypeRecord
    | PipelineRecord
    | VersionRecord
    | Schedule
    | StoredRun
    | Item
    | Line
    | InboxEntry
    | HeldPayload
    | OutboxEntry
    | AuditEntry
)
"""Anything that is moved. Of a `StoredRun` only the root counts: each of its items is a record of its own."""


def commit_of(stored: StoredRun) -> Commit:
    """The commit that leaves a run at its revision, without nodes: those have revisions of their own.

    Its id is no random one, since nobody will ask what became of it.
    """
    return Commit(
        id="import",
        run=stored.run,
        expected_rev=stored.rev - 1,
        owner=stored.owner,
        wake_at=stored.wake_at,
        nodes={},
        expires_at=stored.expires_at,
    )


class TransferStore(Store, Protocol):
    """A store whose content can be moved. Replicas and their leases are no content: at another place nobody is alive."""

    async def is_empty(self) -> bool:
        """Whether nothing is in the store that anybody would miss; keys alone are made by the first start."""
        ...

    async def loops_of(self, run_id: RunId) -> tuple[Instance, ...]:
        """The loops of a run of which items are stored, those within items included, sorted."""
        ...

    def payload_holders(self) -> AsyncIterator[tuple[str, tuple[RunId, ...]]]:
        """The id of every payload, by rising id, with the runs that keep it, sorted."""
        ...

    def stored_outbox(self, audience: Audience) -> AsyncIterator[OutboxEntry]:
        """Everything that is to be published to ``audience``, whoever its owner, by rising id."""
        ...

    def stored_audit(self) -> AsyncIterator[AuditEntry]:
        """Every change that people and operators made, whatever its namespace, by rising id."""
        ...

    async def stored_keys(self) -> Mapping[str, bytes]:
        """All secret keys by name."""
        ...

    async def begin_import(self) -> None:
        """Mark the store as one that holds a part of something: until `end_import`, nobody can open it.

        Raises `ConflictError`, and marks nothing, if the store is not empty or is marked already.
        """
        ...

    async def restore(self, records: Sequence[Record]) -> None:
        """Write records as they are, a run before all that hangs on it. Only between `begin_import` and `end_import`.

        Raises `StoreError` if one can't be written; some of the others may have been.
        """
        ...

    async def end_import(self) -> None:
        """Take the mark away: the store is whole."""
        ...
