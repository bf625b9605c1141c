"""Watches Flume's pods and Jobs, and tells the orchestrator what the platform did to them: `watch`, for the operator's roof.

What is over is told until the orchestrator has taken it; what may still pass is told again and again while it lasts, so that who
begins to wait later learns of it too. Nothing is kept: whoever starts lists all that is there, and a report may come twice.
Several watchers at once do no harm.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, assert_never

from knative.platform.findings import (
    Finding,
    Observed,
    finding_of_deleted_pod,
    finding_of_job,
    finding_of_pod,
)
from knative.platform.kubernetes_api import Change, ExpiredError, KubernetesError, Listed
from knative.platform.orchestrator_api import RefusedError, UntoldError
from knative.platform.subjects import SELECTOR, OfFunction, OfOrder, Subject, attempt_in_secret, subject_of

logger = logging.getLogger(__name__)

MOST_LINES = 30
"""Last lines of a container that a report has."""

MOST_LINE = 2_000
"""Characters of one of them."""

MOST_LOG_BYTES = 64 * 1024

MOST_TOLD = 10_000
"""Ended pods and Jobs that are remembered as told; of one that is forgotten, the report comes again and changes nothing."""


class Kubernetes(Protocol):
    """What is asked of Kubernetes; `knative.platform.kubernetes_api.KubernetesApi` does it."""

    async def list(self, path: str, selector: str) -> Listed:
        """See `KubernetesApi.list`."""
        ...

    def watch(self, path: str, selector: str, version: str) -> AsyncIterator[Change]:
        """See `KubernetesApi.watch`."""
        ...

    async def read(self, path: str) -> Observed | None:
        """See `KubernetesApi.read`."""
        ...

    async def log(self, path: str, query: Mapping[str, str]) -> str:
        """See `KubernetesApi.log`."""
        ...


class Orchestrator(Protocol):
    """Who is told; `knative.platform.orchestrator_api.OrchestratorApi` does it."""

    async def tell(self, report: Mapping[str, Any]) -> None:
        """See `OrchestratorApi.tell`."""
        ...


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Seconds: between two tellings of what lasts, and before a call that failed is made again, at first and at most."""

    remind_s: float = 10.0
    pause_s: float = 0.5
    longest_pause_s: float = 5.0


@dataclass(frozen=True, slots=True)
class _News:
    """Something to tell of a pod or Job, by its uid."""

    uid: str
    subject: Subject
    finding: Finding
    pod: str


async def watch(kubernetes: Kubernetes, orchestrator: Orchestrator, namespace: str, rhythm: Rhythm = Rhythm()) -> None:
    """Watch the pods and Jobs of a namespace and tell what happened to them, until cancelled. Failures are told in the log."""
    watcher = PlatformWatcher(kubernetes, orchestrator, namespace, rhythm)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(watcher.follow(f"/api/v1/namespaces/{namespace}/pods", watcher.see_pod))
        tasks.create_task(watcher.follow(f"/apis/batch/v1/namespaces/{namespace}/jobs", watcher.see_job))
        tasks.create_task(watcher.tell())


class PlatformWatcher:
    """What `watch` is made of. For one event loop."""

    def __init__(self, kubernetes: Kubernetes, orchestrator: Orchestrator, namespace: str, rhythm: Rhythm) -> None:
        self._kubernetes = kubernetes
        self._orchestrator = orchestrator
        self._namespace = namespace
        self._rhythm = rhythm
        self._over: dict[str, _News] = {}
        self._lasting: dict[str, _News] = {}
        self._told: dict[str, None] = {}
        self._is_news = asyncio.Event()

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
                    pause_s = self._rhythm.pause_s
            except ExpiredError:
                version = ""
            except KubernetesError as error:
                logger.warning("what the platform does can't be seen; trying again", extra={"reason": str(error)})
                version = ""
            # Also after a watch that ended by itself: a server that ends each at once is not asked without a pause.
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, self._rhythm.longest_pause_s)

    async def _list(self, path: str, see: Callable[[Observed, bool], None]) -> str:
        listed = await self._kubernetes.list(path, SELECTOR)
        there = {_uid(each) for each in listed.items}
        of_path = path.rpartition("/")[2]
        for uid in [uid for uid in self._lasting if uid.startswith(f"{of_path}/")]:
            if uid.partition("/")[2] not in there:
                del self._lasting[uid]
        for each in listed.items:
            see(each, False)
        return listed.version

    def see_pod(self, pod: Observed, is_deleted: bool) -> None:
        """Look at a pod as it is now, or was when it was deleted."""
        subject = subject_of(pod)
        if subject is None:
            return
        is_lost = is_deleted and isinstance(subject, OfOrder)
        finding = finding_of_deleted_pod(pod) if is_lost else None if is_deleted else finding_of_pod(pod)
        self._take(f"pods/{_uid(pod)}", subject, finding, _name(pod))

    def see_job(self, job: Observed, is_deleted: bool) -> None:
        """Look at a Job as it is now."""
        subject = subject_of(job)
        if subject is not None:
            self._take(f"jobs/{_uid(job)}", subject, None if is_deleted else finding_of_job(job), "")

    async def tell(self) -> None:
        """Tell what is over as soon as it is known, and what lasts in its rhythm."""
        pause_s = self._rhythm.pause_s
        while True:
            self._is_news.clear()
            try:
                await self._tell_all()
                pause_s, wait_s = self._rhythm.pause_s, self._rhythm.remind_s
            except (UntoldError, KubernetesError) as error:
                logger.warning("what the platform did could not be told; trying again", extra={"reason": str(error)})
                pause_s, wait_s = min(2 * pause_s, self._rhythm.longest_pause_s), pause_s
                self._is_news.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._is_news.wait()
            except TimeoutError:
                pass

    async def _tell_all(self) -> None:
        """Tell everything; the first failure is raised after the rest was tried."""
        failure: UntoldError | KubernetesError | None = None
        for news in [*self._over.values(), *self._lasting.values()]:
            try:
                await self._tell_one(news)
            except (UntoldError, KubernetesError) as error:
                failure = failure or error
            else:
                self._forget(news.uid)
        if failure is not None:
            raise failure

    def _forget(self, uid: str) -> None:
        """What is over was told."""
        if self._over.pop(uid, None) is None:
            return
        self._told[uid] = None
        if len(self._told) > MOST_TOLD:
            del self._told[next(iter(self._told))]

    async def _tell_one(self, news: _News) -> None:
        concerned = await self._concerned(news.subject)
        if concerned is None:
            logger.info("a Job has no order that could be read", extra={"pod": news.pod})
            return
        finding = news.finding
        lines = await self._last_lines(news) if finding.is_over else ()
        report = {"code": finding.code, "message": finding.message, "over": finding.is_over, "lines": list(lines)}
        try:
            await self._orchestrator.tell({**concerned, **report})
        except RefusedError as error:
            logger.error("the orchestrator takes no such report", extra={"pod": news.pod, "reason": str(error)})

    async def _concerned(self, subject: Subject) -> Mapping[str, Any] | None:
        match subject:
            case OfFunction():
                return {"function": subject.name}
            case OfOrder():
                secret = await self._kubernetes.read(f"/api/v1/namespaces/{self._namespace}/secrets/{subject.secret}")
                attempt = None if secret is None else attempt_in_secret(secret)
                if attempt is None:
                    return None
                return {"attempt": {"run": attempt.run_id, "node": attempt.instance, "number": attempt.number}}
            case _:
                assert_never(subject)

    async def _last_lines(self, news: _News) -> Sequence[str]:
        if not (news.pod and news.finding.container):
            return ()
        query = {
            "container": news.finding.container,
            "tailLines": str(MOST_LINES),
            "limitBytes": str(MOST_LOG_BYTES),
        }
        text = await self._kubernetes.log(f"/api/v1/namespaces/{self._namespace}/pods/{news.pod}/log", query)
        return [line[:MOST_LINE] for line in text.splitlines()[-MOST_LINES:] if line.strip()]

    def _take(self, uid: str, subject: Subject, finding: Finding | None, pod: str) -> None:
        known = self._lasting.pop(uid, None)
        if finding is None or uid in self._told or uid in self._over:
            return
        news = _News(uid, subject, finding, pod)
        # A function goes on without one of its pods.
        is_over = finding.is_over and isinstance(subject, OfOrder)
        if is_over:
            self._over[uid] = news
        elif not finding.is_over:
            self._lasting[uid] = news
        if is_over or news != known:
            self._is_news.set()


def _uid(observed: Observed) -> str:
    return str((observed.get("metadata") or {}).get("uid", ""))


def _name(observed: Observed) -> str:
    return str((observed.get("metadata") or {}).get("name", ""))
