"""Watches Flume's pods and Jobs, and tells what the platform does to them: `watch`, for the operator's roof.

The orchestrator is told of attempts: what is over until it has taken it, what may still pass again and again while it lasts, so
that who begins to wait later learns of it too. The operator is told of functions that have no pod that is ready. Nothing is kept:
whoever starts lists all that is there, and a report may come twice. Several watchers at once do no harm.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import TypeAlias

from knative.platform.findings import (
    Finding,
    Observed,
    finding_of_deleted_pod,
    finding_of_job,
    finding_of_pod,
    is_ready,
)
from knative.platform.function_pods import FunctionPod, FunctionPods
from knative.platform.kubernetes_api import ExpiredError, KubernetesError
from knative.platform.protocols import USUAL, Kubernetes, Orchestrator, Rhythm
from knative.platform.subjects import SELECTOR, OfOrder, function_of, subject_of
from knative.platform.telling import Teller

logger = logging.getLogger(__name__)

OnTroubles: TypeAlias = Callable[[Mapping[str, Finding]], None]
"""Hears, whenever that changes, what keeps functions from having a pod that is ready, by name."""


def _to_nobody(troubles: Mapping[str, Finding]) -> None:
    pass


async def watch(
    kubernetes: Kubernetes,
    orchestrator: Orchestrator,
    namespace: str,
    rhythm: Rhythm = USUAL,
    on_troubles: OnTroubles = _to_nobody,
) -> None:
    """Watch the pods and Jobs of a namespace and tell what happened to them, until cancelled. Failures are told in the log."""
    teller = Teller(kubernetes, orchestrator, namespace, rhythm)
    watcher = PlatformWatcher(kubernetes, teller, rhythm, on_troubles)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watcher.follow(f"/api/v1/namespaces/{namespace}/pods", watcher.see_pod))
        tasks.create_task(watcher.follow(f"/apis/batch/v1/namespaces/{namespace}/jobs", watcher.see_job))
        tasks.create_task(teller.tell())


class PlatformWatcher:
    """Sees pods and Jobs, for ``teller`` and ``on_troubles``. For one event loop."""

    def __init__(self, kubernetes: Kubernetes, teller: Teller, rhythm: Rhythm, on_troubles: OnTroubles) -> None:
        self._kubernetes = kubernetes
        self._teller = teller
        self._rhythm = rhythm
        self._on_troubles = on_troubles
        self._function_pods = FunctionPods()
        self._troubles: Mapping[str, Finding] = {}

    async def follow(self, path: str, see: Callable[[Observed, bool], None]) -> None:
        """Have ``see`` look at all objects at a path, and at each that changes."""
        version, pause_s = "", self._rhythm.pause_s
        while True:
            try:
                if not version:
                    version = await self._list(path, see)
                async for change in self._kubernetes.watch(path, SELECTOR, version):
                    version = change.version or version
                    if change.object is not None:
                        see(change.object, change.is_deleted)
                        self._tell_troubles()
                    pause_s = self._rhythm.pause_s
            except ExpiredError:
                version = ""
            except KubernetesError as error:
                logger.warning("what the platform does can't be seen; trying again", extra={"reason": str(error)})
                version = ""
            # Also after a watch that ended by itself: a server that ends each at once is not asked without a pause.
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, self._rhythm.longest_pause_s)

    def see_pod(self, pod: Observed, is_deleted: bool) -> None:
        """Look at a pod as it is now, or was when it was deleted."""
        key = f"pods/{_uid(pod)}"
        finding = None if is_deleted else finding_of_pod(pod)
        self._see_function(key, pod, finding, is_deleted)
        subject = subject_of(pod)
        if subject is not None:
            is_lost = is_deleted and isinstance(subject, OfOrder)
            self._teller.take(key, subject, finding_of_deleted_pod(pod) if is_lost else finding, _name(pod))

    def see_job(self, job: Observed, is_deleted: bool) -> None:
        """Look at a Job as it is now."""
        subject = subject_of(job)
        if subject is not None:
            self._teller.take(f"jobs/{_uid(job)}", subject, None if is_deleted else finding_of_job(job), "")

    async def _list(self, path: str, see: Callable[[Observed, bool], None]) -> str:
        listed = await self._kubernetes.list(path, SELECTOR)
        of_kind = path.rpartition("/")[2]
        there = {f"{of_kind}/{_uid(each)}" for each in listed.items}
        self._teller.keep_only(of_kind, there)
        if of_kind == "pods":
            self._function_pods.keep_only(there)
        for each in listed.items:
            see(each, False)
        self._tell_troubles()
        return listed.version

    def _see_function(self, key: str, pod: Observed, finding: Finding | None, is_deleted: bool) -> None:
        function = function_of(pod)
        if is_deleted or not function:
            self._function_pods.forget(key)
            return
        # A pod that has ended tells nothing of the next one.
        lasting = None if finding is None or finding.is_over else finding
        self._function_pods.see(key, FunctionPod(function, is_ready(pod), lasting))

    def _tell_troubles(self) -> None:
        found = self._function_pods.troubles()
        if found != self._troubles:
            self._troubles = found
            self._on_troubles(found)


def _uid(observed: Observed) -> str:
    return str((observed.get("metadata") or {}).get("uid", ""))


def _name(observed: Observed) -> str:
    return str((observed.get("metadata") or {}).get("name", ""))
