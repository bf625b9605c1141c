"""What the orchestrator is still to be told of pods and Jobs: `Teller` tells it, again and again while it lasts."""

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

from knative.platform.findings import Finding
from knative.platform.kubernetes_api import KubernetesError
from knative.platform.orchestrator_api import RefusedError, UntoldError
from knative.platform.protocols import Kubernetes, Orchestrator, Rhythm
from knative.platform.subjects import OfFunction, OfOrder, Subject, attempt_in_secret

logger = logging.getLogger(__name__)

MOST_LINES = 30
"""Last lines of a container that a report has."""

MOST_LINE = 2_000
"""Characters of one of them."""

MOST_LOG_BYTES = 64 * 1024

MOST_TOLD = 10_000
"""Ended pods and Jobs that are remembered as told; of one that is forgotten, the report comes again and changes nothing."""


@dataclass(frozen=True, slots=True)
class _News:
    """Something to tell of a pod or Job, by its key."""

    key: str
    subject: Subject
    finding: Finding
    pod: str


class Teller:
    """Keeps what is to be told, by keys such as ``pods/UID``. For one event loop."""

    def __init__(self, kubernetes: Kubernetes, orchestrator: Orchestrator, namespace: str, rhythm: Rhythm) -> None:
        self._kubernetes = kubernetes
        self._orchestrator = orchestrator
        self._namespace = namespace
        self._rhythm = rhythm
        self._over: dict[str, _News] = {}
        self._lasting: dict[str, _News] = {}
        self._told: dict[str, None] = {}
        self._is_news = asyncio.Event()

    def take(self, key: str, subject: Subject, finding: Finding | None, pod: str) -> None:
        """It is so now with a pod or a Job, whose log ``pod`` has; None: nothing is to be told of it."""
        known = self._lasting.pop(key, None)
        if finding is None or key in self._told or key in self._over:
            return
        news = _News(key, subject, finding, pod)
        # A function goes on without one of its pods.
        is_over = finding.is_over and isinstance(subject, OfOrder)
        if is_over:
            self._over[key] = news
        elif not finding.is_over:
            self._lasting[key] = news
        if is_over or news != known:
            self._is_news.set()

    def keep_only(self, of_kind: str, keys: Collection[str]) -> None:
        """What lasted of pods (``pods``) or Jobs (``jobs``) that are gone lasts no more."""
        for key in [key for key in self._lasting if key.startswith(f"{of_kind}/") and key not in keys]:
            del self._lasting[key]

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
                self._forget(news.key)
        if failure is not None:
            raise failure

    def _forget(self, key: str) -> None:
        """What is over was told."""
        if self._over.pop(key, None) is None:
            return
        self._told[key] = None
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
