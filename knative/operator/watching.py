"""kopf's watch: it says which kind of object something has happened to, and no more.

What is so is found by a look, since a watch may miss what happens while it is broken. kopf runs in a thread of its own, because
it takes the signals of the loop in which it runs; and twice, since resources are watched in all namespaces, and what is made in
one alone.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any

import kopf

from knative.manifests.objects import MADE
from knative.operator.kinds import RESOURCE_KINDS, WATCHED_OBJECT_KINDS, Kind

logger = logging.getLogger(__name__)

AGAIN_S = 5.0
"""How long after a watch has ended, which it should not, another one begins."""

ENDS_WITHIN_S = 10.0


class Watch:
    """Calls ``on_change`` in the event loop that entered it. Use it in an ``async with`` block."""

    def __init__(
        self, namespace: str, find_access: Callable[[], kopf.ConnectionInfo], on_change: Callable[[Kind], None]
    ) -> None:
        self._namespace = namespace
        self._find_access = find_access
        self._on_change = on_change
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    async def __aenter__(self) -> "Watch":
        loop = asyncio.get_running_loop()

        def tell(kind: Kind) -> None:
            if not self._stop.is_set():
                loop.call_soon_threadsafe(self._on_change, kind)

        self._thread = threading.Thread(target=lambda: asyncio.run(self._watch(tell)), name="watch", daemon=True)
        self._thread.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._stop.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, ENDS_WITHIN_S)

    async def _watch(self, tell: Callable[[Kind], None]) -> None:
        while not self._stop.is_set():
            try:
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._operator(RESOURCE_KINDS, tell, clusterwide=True))
                    tasks.create_task(self._operator(WATCHED_OBJECT_KINDS, tell, namespaces=[self._namespace]))
            # Whatever ended it, what is missed is found by the look of every minute.
            except* Exception as errors:
                for each in errors.exceptions:
                    logger.warning("the watch has ended and begins again", extra={"reason": repr(each)})
            if not self._stop.is_set():
                await asyncio.sleep(AGAIN_S)

    def _operator(self, kinds: Iterable[Kind], tell: Callable[[Kind], None], **where: Any) -> Any:
        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry)(self._login)
        for kind in kinds:
            group, _, version = kind.api.rpartition("/")
            labels = MADE if kind in WATCHED_OBJECT_KINDS else None
            kopf.on.event(group, version, kind.plural, registry=registry, id=kind.plural, labels=labels)(
                _telling(tell, kind)
            )
        return kopf.operator(registry=registry, settings=_settings(), standalone=True, stop_flag=self._stop, **where)

    def _login(self, **_: Any) -> kopf.ConnectionInfo:
        return self._find_access()


def _telling(tell: Callable[[Kind], None], kind: Kind) -> Callable[..., Any]:
    async def changed(**_: Any) -> None:
        tell(kind)

    return changed


def _settings() -> kopf.OperatorSettings:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    # An API server that is away comes back: the waits stay short, and their number is not bounded here.
    settings.networking.error_backoffs = [1, 1, 2, 3, 5, 8]
    return settings
