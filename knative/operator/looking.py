"""A look at everything: lists of the cluster and of the API, and what they come to."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

from flume.values import JsonObject
from knative.cluster import Cluster
from knative.manifests.objects import MADE, Manifest
from knative.operator.engine import Engine, EngineError, Saved
from knative.operator.kinds import (
    CONFIG_MAP,
    MODEL,
    NODE_TYPE,
    OBJECT_KINDS,
    PIPELINE,
    RESOURCE_KINDS,
    RUN,
    Kind,
    status_of,
)
from knative.operator.kubernetes import Kubernetes, KubernetesError
from knative.operator.made_objects import is_function, unwanted
from knative.operator.memory import Memory
from knative.operator.planning import Planner
from knative.operator.runs import has_ended
from knative.operator.world import Resources, World

logger = logging.getLogger(__name__)

AT_ONCE = 8
"""How many calls are made at the same time."""

_Given = TypeVar("_Given")
_Got = TypeVar("_Got")


class Looks:
    """Looks at the cluster and the API, and keeps what it saw of the parts in which nothing has changed."""

    def __init__(
        self, kubernetes: Kubernetes, engine: Engine, planner: Planner, cluster: Cluster, memory: Memory
    ) -> None:
        self._kubernetes = kubernetes
        self._engine = engine
        self._planner = planner
        self._cluster = cluster
        self._memory = memory
        self._listed: dict[Kind, tuple[Manifest, ...]] = {}
        self._saved: Saved | None = None
        self._runs: dict[str, JsonObject] = {}

    async def look(self, kinds: Collection[Kind], *, at_engine: bool) -> World:
        """Everything, with those kinds looked at anew, and the API if wanted. Raises `KubernetesError`.

        That the API can't be reached is part of what is seen (`World.saved`).
        """
        for kind, objects in zip(kinds, await each_of(kinds, self._list), strict=True):
            self._listed[kind] = objects
        if at_engine or self._saved is None:
            await self._look_at_engine()
        self._memory.keep_only(frozenset(_uids(self._listed.values())))
        resources = self._resources()
        saved = self._saved
        planned = await asyncio.to_thread(self._planner.plan, resources, saved.pipelines.values() if saved else ())
        world = World(
            cluster=self._cluster,
            now=datetime.now(UTC),
            resources=resources,
            saved=None if saved is None else saved.pipelines,
            saved_types={} if saved is None else saved.node_types,
            planned=planned,
            objects=self._objects(),
            settled=dict(self._memory.settled),
            answers=dict(self._memory.answers),
            runs=await self._runs_of(resources.runs, at_engine),
            refused=self._memory.setbacks.refusals(),
            troubles=self._memory.troubles,
        )
        return await self._with_old_runs(world)

    def namespaces(self) -> frozenset[str]:
        """Those in which something may happen at the API."""
        return frozenset(self._memory.namespaces)

    async def _list(self, kind: Kind) -> tuple[Manifest, ...]:
        if kind in RESOURCE_KINDS:
            return await self._kubernetes.list(kind, None)
        if kind == CONFIG_MAP:
            return await self._names_of_models()
        try:
            return await self._kubernetes.list(kind, self._cluster.namespace, MADE)
        except KubernetesError as error:
            if error.status != 404:
                raise
            logger.warning("the cluster does not know this kind", extra={"kind": kind.name, "api": kind.api})
            return ()

    async def _names_of_models(self) -> tuple[Manifest, ...]:
        found = await self._kubernetes.read(CONFIG_MAP, self._cluster.namespace, self._cluster.models)
        return () if found is None or not _is_made(found) else (found,)

    async def _look_at_engine(self) -> None:
        was_there = self._saved is not None
        try:
            self._saved = await self._engine.pipelines()
        except EngineError as error:
            self._saved = None
            logger.warning("nothing is made or removed until the API answers", extra={"reason": str(error)})
            return
        self._memory.namespaces |= {namespace for namespace, _ in self._saved.pipelines}
        if not was_there:
            logger.info("the API answers", extra={"pipelines": len(self._saved.pipelines)})

    def _resources(self) -> Resources:
        found = Resources(*(self._listed.get(kind, ()) for kind in (PIPELINE, NODE_TYPE, MODEL, RUN)))
        self._memory.namespaces |= {each["metadata"]["namespace"] for each in (*found.pipelines, *found.runs)}
        return found

    def _objects(self) -> tuple[Manifest, ...]:
        made = [each for kind in OBJECT_KINDS for each in self._listed.get(kind, ())]
        types = [
            each
            for each in self._listed.get(NODE_TYPE, ())
            if _is_made(each) and each["metadata"]["namespace"] == self._cluster.namespace
        ]
        return (*types, *made)

    async def _runs_of(self, resources: Iterable[Manifest], at_engine: bool) -> dict[str, JsonObject]:
        """The runs of resources that have not ended; of each what is known, while the API does not answer."""
        ids = {
            each["metadata"]["uid"]: (each["metadata"]["namespace"], run_id)
            for each in resources
            if not has_ended(each) and (run_id := self._run_id(each))
        }
        wanted = [uid for uid in ids if at_engine or uid not in self._runs]
        try:
            found = await each_of(wanted, lambda uid: self._engine.run(*ids[uid]))
        except EngineError as error:
            logger.warning("runs can't be read", extra={"reason": str(error)})
            found = ()
        self._runs = {uid: run for uid, run in self._runs.items() if uid in ids} | dict(
            zip(wanted, found, strict=False)
        )
        return dict(self._runs)

    def _run_id(self, resource: Manifest) -> str:
        return str(status_of(resource).get("runId") or self._memory.started.get(resource["metadata"]["uid"], ""))

    async def _with_old_runs(self, world: World) -> World:
        """Asked only where functions would be removed: whether runs under way belong to something else than what is active."""
        if self._saved is None or not any(is_function(each) for each in unwanted(world)):
            return world
        active = {
            (each.namespace, each.name): self._saved.pipelines[each.namespace, each.name].version
            for each in world.planned.plans
        }
        namespaces = sorted(self.namespaces())
        try:
            counted = await each_of(namespaces, self._engine.unfinished)
        except EngineError as error:
            logger.warning("runs can't be counted, so functions are kept", extra={"reason": str(error)})
            return replace(world, has_old_runs=True)
        has_old = any(
            active.get((namespace, pipeline)) != version
            for namespace, counts in zip(namespaces, counted, strict=True)
            for pipeline, version in counts
        )
        total = sum(sum(counts.values()) for counts in counted)
        return replace(world, has_old_runs=has_old or total < self._saved.unfinished_runs)


def _is_made(found: Manifest) -> bool:
    """Whether the operator has made it."""
    return MADE.items() <= (found["metadata"].get("labels") or {}).items()


async def each_of(given: Collection[_Given], work: Callable[[_Given], Awaitable[_Got]]) -> tuple[_Got, ...]:
    """What ``work`` gives for each, in order, a few at a time. Raises the first error, after all have ended."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(each: _Given) -> _Got:
        async with room:
            return await work(each)

    found = await asyncio.gather(*(one(each) for each in given), return_exceptions=True)
    for each in found:
        if isinstance(each, BaseException):
            raise each
    return tuple(each for each in found if not isinstance(each, BaseException))


def _uids(lists: Iterable[tuple[Manifest, ...]]) -> Iterable[str]:
    return (each["metadata"]["uid"] for objects in lists for each in objects)
