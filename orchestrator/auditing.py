"""The audit log: who changed what.

An entry is written after the act. Where that fails, the act has happened all the same, so nobody who acts is told of a
failure: the gap is an error in Flume's own log.
"""

import logging
from dataclasses import dataclass
from hashlib import sha256

from flume.errors import StoreError, UnavailableError
from flume.values import JsonObject
from orchestrator.identifiers import Clock, IdSource
from orchestrator.store import AuditEntry, PipelineRecord, Store

logger = logging.getLogger(__name__)

ANONYMOUS = "anonymous"
"""Who acts where nobody has to say who they are."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something. ``origin`` is the network address that they call from, or the file that they wrote."""

    name: str
    origin: str


@dataclass(frozen=True, slots=True)
class Change:
    """What was done. ``action`` is such as ``pipeline.save``, ``target`` such as ``pipelines/hello``."""

    action: str
    target: str
    namespace: str
    before: JsonObject | None = None
    after: JsonObject | None = None


class AuditLog:
    """Writes entries. Nothing here raises for a store that can't be used but `state_of`."""

    def __init__(self, store: Store, clock: Clock, ids: IdSource) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    async def record(self, actor: Actor, change: Change) -> None:
        """Write down a change that was made."""
        try:
            await self._append(actor, change)
        except (StoreError, UnavailableError) as error:
            _tell_gap(actor, change.action, change.target, error)

    async def record_pipeline(
        self, actor: Actor, action: str, after: PipelineRecord, *, before: PipelineRecord | None, **more: int
    ) -> None:
        """Write down that a pipeline was made or changed; ``more`` stands beside its state after that."""
        target = f"pipelines/{after.name}"
        try:
            states = [None if record is None else await self.state_of(record) for record in (before, after)]
            await self._append(actor, Change(action, target, after.namespace, states[0], {**(states[1] or {}), **more}))
        except (StoreError, UnavailableError) as error:
            _tell_gap(actor, action, target, error)

    async def state_of(self, record: PipelineRecord) -> JsonObject:
        """What the audit log keeps of a pipeline's state: its status, its version and a hash of what it says."""
        version = await self._store.read_version(record.id, record.version) if record.draft is None else None
        digest = sha256((record.draft or "").encode()).hexdigest() if version is None else version.hash
        return {"status": record.status.value, "version": record.version, "hash": digest}

    async def _append(self, actor: Actor, change: Change) -> None:
        await self._store.append_audit(
            AuditEntry(
                id=self._ids(),
                at=self._clock(),
                namespace=change.namespace,
                actor=actor.name or ANONYMOUS,
                origin=actor.origin,
                action=change.action,
                target=change.target,
                before=change.before,
                after=change.after,
            )
        )


def _tell_gap(actor: Actor, action: str, target: str, error: Exception) -> None:
    facts = {"action": action, "target": target, "actor": actor.name or ANONYMOUS, "reason": str(error)}
    logger.error("a change was made and could not be written into the audit log", extra=facts)
