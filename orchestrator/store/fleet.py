"""The orchestrators that share a store, their keys, and the audit log."""

from dataclasses import dataclass
from typing import Protocol

from flume.ids import Millis
from flume.values import JsonObject
from orchestrator.store.pages import Page


@dataclass(frozen=True, slots=True)
class OrchestratorRecord:
    """A replica and its lease, and what it told of itself when it last renewed it.

    ``version`` is that of its Flume, ``runs`` how many runs it had in memory.
    """

    id: str
    host: str
    pid: int
    started_at: Millis
    lease_until: Millis
    version: str = ""
    runs: int = 0


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A change that a person or an operator made. ``before`` and ``after`` are small: hashes, names, states."""

    id: str
    at: Millis
    namespace: str
    actor: str
    origin: str
    action: str
    target: str
    before: JsonObject | None = None
    after: JsonObject | None = None


class FleetStore(Protocol):
    """Replicas, what people changed, and keys."""

    async def renew_lease(self, record: OrchestratorRecord) -> None:
        """Write a replica and its lease."""
        ...

    async def list_orchestrators(self) -> list[OrchestratorRecord]:
        """All replicas whose record is still there, those with an ended lease included."""
        ...

    async def delete_orchestrator(self, orchestrator_id: str) -> None:
        """Forget a replica that has stopped."""
        ...

    async def secret_key(self, name: str) -> bytes:
        """32 random bytes under a name, made by the store at the first call and the same ever after."""
        ...

    async def append_audit(self, entry: AuditEntry) -> None:
        """Record a change; the same entry again changes nothing."""
        ...

    async def list_audit(
        self, namespace: str, *, target: str | None = None, limit: int, cursor: str | None = None
    ) -> Page[AuditEntry]:
        """Changes in a namespace, the newest first."""
        ...

    async def delete_audit(self, before: Millis, *, limit: int) -> int:
        """Delete up to ``limit`` entries from before a moment, whatever their namespace, the oldest first; how many."""
        ...
