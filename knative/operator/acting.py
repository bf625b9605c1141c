"""Doing what was decided. What fails is told, and tried again after a while."""

import logging
from datetime import UTC, datetime
from typing import assert_never

from knative.operator.actions import (
    Action,
    Apply,
    DeleteNodeType,
    DeletePipeline,
    Remove,
    SaveNodeType,
    SavePipeline,
    SetStatus,
    StartRun,
)
from knative.operator.engine import Engine, EngineError, RefusedError
from knative.operator.kinds import generation_of, kind_of, reference_to
from knative.operator.kubernetes import Kubernetes, KubernetesError
from knative.operator.memory import Memory
from knative.operator.metrics import Metrics
from knative.operator.news import News
from knative.operator.world import Acceptance, Refusal, TypeAcceptance

logger = logging.getLogger(__name__)


class Acts:
    """Carries out actions, and tells ``news`` what has to be looked at because of them."""

    def __init__(self, kubernetes: Kubernetes, engine: Engine, memory: Memory, news: News, metrics: Metrics) -> None:
        self._kubernetes = kubernetes
        self._engine = engine
        self._memory = memory
        self._news = news
        self._metrics = metrics

    async def do(self, action: Action) -> None:
        """Do it. What fails is held back for a while (`Setbacks`), and told if it was refused."""
        try:
            await self._do(action)
        except (KubernetesError, EngineError, RefusedError) as error:
            self._failed(action, error)
            return
        self._memory.setbacks.succeeded(action)
        if not isinstance(action, SetStatus):
            logger.info("done", extra=_facts(action))

    def _failed(self, action: Action, error: KubernetesError | EngineError | RefusedError) -> None:
        facts = _facts(action)
        logger.warning("an action failed", extra={**facts, "reason": str(error)})
        self._metrics.failed(facts["kind"], _reason_for_metrics(error))
        is_new = self._memory.setbacks.failed(action, _refusal_in(error))
        if isinstance(action, Apply) and is_new:
            # Its owner is to be told now, and not when it is tried again.
            self._news.of_kind(kind_of(action.manifest))
        if isinstance(error, EngineError):
            self._news.of_engine()

    async def _do(self, action: Action) -> None:
        match action:
            case Apply():
                made = await self._kubernetes.apply(action.manifest)
                self._memory.settled[str(made["metadata"].get("uid", ""))] = generation_of(made)
                self._news.of_kind(kind_of(action.manifest))
            case Remove():
                await self._kubernetes.delete(action.target)
                self._news.of_kind(action.target.kind)
            case SetStatus():
                await self._set_status(action)
            case SaveNodeType():
                await self._save_type(action)
            case DeleteNodeType():
                await self._engine.delete_node_type(action.name)
                self._news.of_engine()
            case SavePipeline():
                await self._save(action)
            case DeletePipeline():
                await self._engine.delete(action.namespace, action.name)
                self._news.of_engine()
            case StartRun():
                await self._start(action)
            case _:
                assert_never(action)

    async def _set_status(self, action: SetStatus) -> None:
        try:
            await self._kubernetes.apply_status(action.target, action.status)
        except KubernetesError as error:
            # Another one has its name by now, or none.
            if error.status not in (404, 409):
                raise
        self._news.of_kind(action.target.kind)
        if action.news:
            await self._tell(action)

    async def _tell(self, action: SetStatus) -> None:
        """An event is an aid for people, so that one that is lost fails nothing."""
        try:
            await self._kubernetes.tell(action.target, action.news, is_warning=action.is_warning, now=datetime.now(UTC))
        except KubernetesError as error:
            logger.warning("an event could not be left", extra={**_facts(action), "reason": str(error)})

    async def _save_type(self, action: SaveNodeType) -> None:
        uid = action.target.uid
        try:
            hash = await self._engine.save_node_type(action.target.name, action.description)
            self._memory.answers[uid] = TypeAcceptance(action.generation, hash)
            # It may be what pipelines lacked that were refused.
            self._memory.forget_refusals()
        except RefusedError as refused:
            self._memory.answers[uid] = _refusal(action.generation, refused)
        self._news.of_engine()

    async def _save(self, action: SavePipeline) -> None:
        uid = action.target.uid
        try:
            version = await self._engine.save(action.target.namespace, action.target.name, action.document)
            self._memory.answers[uid] = Acceptance(action.generation, version)
        except RefusedError as refused:
            # Of a name that somebody else was faster to take, the next look at the API tells.
            if refused.code != "managed-by-api":
                self._memory.answers[uid] = _refusal(action.generation, refused)
        self._news.of_engine()

    async def _start(self, action: StartRun) -> None:
        uid = action.target.uid
        try:
            started = await self._engine.start(action.target.namespace, action.pipeline, action.data, action.key)
            self._memory.started[uid] = started
        except RefusedError as refused:
            self._memory.answers[uid] = _refusal(action.generation, refused)
        self._news.of_engine()


def _refusal_in(error: KubernetesError | EngineError | RefusedError) -> str:
    match error:
        case KubernetesError() if error.is_refusal:
            return f"{error.reason} ({error.status})"
        case RefusedError():
            return str(error)
        case _:
            return ""


def _reason_for_metrics(error: KubernetesError | EngineError | RefusedError) -> str:
    if isinstance(error, KubernetesError):
        return str(error.status) if error.status else "unreachable"
    return error.code


def _refusal(generation: int, refused: RefusedError) -> Refusal:
    return Refusal(generation, refused.code, str(refused), refused.problems)


def _facts(action: Action) -> dict[str, str]:
    """What a log line may say of an action: never documents, data or keys."""
    match action:
        case Apply():
            target = reference_to(action.manifest)
        case DeletePipeline():
            return {
                "action": "DeletePipeline",
                "kind": "Pipeline",
                "namespace": action.namespace,
                "object": action.name,
            }
        case DeleteNodeType():
            return {"action": "DeleteNodeType", "kind": "NodeType", "namespace": "", "object": action.name}
        case _:
            target = action.target
    name = type(action).__name__
    return {"action": name, "kind": target.kind.name, "namespace": target.namespace, "object": target.name}
