"""Which of several operators acts: the one that holds a Lease of Kubernetes, and renews it.

Times of other machines are never compared with ours: a lease counts as left behind when it has not changed for its length by the
clock of whoever waits. So one that is held up for long may act for a moment beside its successor. That does no harm, since each
action may be done twice.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from knative.operator.kubernetes import Kubernetes, KubernetesError

logger = logging.getLogger(__name__)

LENGTH_S = 15.0
"""After so long without a sign of life, another one takes over."""

RENEW_S = 4.0

RELEASE_S = 5.0

GIVE_UP_S = 10.0
"""A holder that could not renew for so long stops before another one begins."""


@dataclass(frozen=True, slots=True)
class Sight:
    """A lease as it was first seen in this version, at a moment of the own clock, in seconds."""

    version: str
    holder: str
    at: float


def is_free(sight: Sight, me: str, now: float) -> bool:
    """Whether a lease may be taken: nobody has it, we have it, or its holder has been silent for too long."""
    return sight.holder in ("", me) or now - sight.at > LENGTH_S


class Lease:
    """A lease called ``name``, held as ``me``, which has to differ for each process. ``on_contact`` hears of each answer."""

    def __init__(
        self,
        kubernetes: Kubernetes,
        *,
        namespace: str,
        name: str,
        me: str,
        clock: Callable[[], float],
        on_contact: Callable[[], None] = lambda: None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._kubernetes = kubernetes
        self._path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        self._name = name
        self._me = me
        self._clock = clock
        self._on_contact = on_contact
        self._sleep = sleep
        self._sight: Sight | None = None
        self._found: dict[str, Any] | None = None

    async def acquire(self) -> None:
        """Wait until the lease is ours. An API server that is away is waited for."""
        while not await self._try():
            await self._sleep(RENEW_S / 2)

    async def keep(self) -> None:
        """Renew for as long as that goes well; returns when it is lost."""
        renewed = self._clock()
        while self._clock() - renewed < GIVE_UP_S:
            await self._sleep(RENEW_S)
            if await self._try():
                renewed = self._clock()
            elif self._sight is not None and self._sight.holder != self._me:
                return

    async def release(self) -> None:
        """Give it back, so that another one need not wait; not for long, since it may be taken without that."""
        if self._found is None or self._sight is None or self._sight.holder != self._me:
            return
        try:
            async with asyncio.timeout(RELEASE_S):
                await self._write({**self._found, "spec": {**self._found["spec"], "holderIdentity": ""}})
        except (KubernetesError, TimeoutError) as error:
            logger.info("the lease could not be given back", extra={"reason": repr(error)})

    async def _try(self) -> bool:
        try:
            await self._look()
            if self._sight is not None and not is_free(self._sight, self._me, self._clock()):
                return False
            await self._write(self._ours())
        except KubernetesError as error:
            # 409: another one was faster, which the next look shows.
            if error.status != 409:
                logger.warning("the lease could not be read or renewed", extra={"reason": str(error)})
            return False
        return True

    async def _look(self) -> None:
        try:
            self._found = await self._kubernetes.call("GET", f"{self._path}/{self._name}")
        except KubernetesError as error:
            if error.status != 404:
                raise
            self._found = None
        self._on_contact()
        self._see()

    def _see(self) -> None:
        if self._found is None:
            self._sight = None
            return
        version = str(self._found["metadata"].get("resourceVersion"))
        if self._sight is None or self._sight.version != version:
            holder = str((self._found.get("spec") or {}).get("holderIdentity") or "")
            self._sight = Sight(version, holder, self._clock())

    def _ours(self) -> dict[str, Any]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        before = (self._found or {}).get("spec") or {}
        is_mine = before.get("holderIdentity") == self._me
        spec = {
            "holderIdentity": self._me,
            "leaseDurationSeconds": int(LENGTH_S),
            "acquireTime": before.get("acquireTime", now) if is_mine else now,
            "renewTime": now,
            "leaseTransitions": int(before.get("leaseTransitions") or 0) + (not is_mine),
        }
        metadata = (self._found or {}).get("metadata") or {"name": self._name}
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}

    async def _write(self, lease: dict[str, Any]) -> None:
        """Over the very version that was read, so that of two who try, one succeeds."""
        if self._found is None:
            self._found = await self._kubernetes.call("POST", self._path, lease)
        else:
            self._found = await self._kubernetes.call("PUT", f"{self._path}/{self._name}", lease)
        self._see()
