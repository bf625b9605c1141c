"""What other replicas change, for readers of live streams: on the bus where it reaches them, and else by looking at the store.

Such a look is taken about once a second, and only while there are other replicas.
"""

import asyncio
from collections.abc import Iterable

from flume.ids import PipelineId, RunId
from orchestrator.bus import Message, PipelineChanged, RunChanged, replica_topic
from orchestrator.service import Orchestrator
from orchestrator.state import RunStatus
from orchestrator.store import PipelineFilter, PipelineRecord, RunFilter, RunSummary

LOOK_S = 1.0
"""How long a reader waits for the bus, where it does not reach the other replicas, before the store is asked."""

NEWEST = 100
"""Runs, and pipelines, of a namespace that are looked at: about what a page shows."""


def is_hidden(orchestrator: Orchestrator) -> bool:
    """Whether other replicas are at work of which the bus tells nothing: each one that it reaches listens to its own topic."""
    bus = orchestrator.bus
    return not all(bus.has_watchers(replica_topic(other)) for other in orchestrator.leases.others)


class Pulse:
    """How long a stream waits for messages, and when it has been silent for long enough to say that it is still there."""

    def __init__(self, orchestrator: Orchestrator, heartbeat_s: float) -> None:
        self._orchestrator = orchestrator
        self._heartbeat_s = heartbeat_s
        self._now = asyncio.get_running_loop().time
        self._beat_at = self._now()

    @property
    def wait_s(self) -> float:
        """Seconds until the store has to be asked, or something be said."""
        return min(LOOK_S, self._heartbeat_s) if is_hidden(self._orchestrator) else self._heartbeat_s

    def is_due(self) -> bool:
        """Whether it is time for a heartbeat, which then counts as sent. Earlier ones do no harm."""
        is_due = not is_hidden(self._orchestrator) or self._now() - self._beat_at >= self._heartbeat_s
        self._beat_at = self._now() if is_due else self._beat_at
        return is_due


class NamespaceLook:
    """Compares a namespace with what its reader knows. The first look only takes note."""

    def __init__(self, orchestrator: Orchestrator, namespace: str, pipeline: str | None) -> None:
        self._store = orchestrator.store
        self._wanted_runs = RunFilter(namespace, pipeline)
        self._wanted_pipelines = PipelineFilter(namespace)
        self._has_looked = False
        self._runs: dict[RunId, RunStatus] = {}
        self._pipelines: dict[PipelineId, int | None] = {}
        """Revisions; None: the reader was told that it changed, and not to what."""

    def hear(self, messages: Iterable[Message]) -> None:
        """Take note of what the reader is told by the bus."""
        for message in messages:
            match message:
                case RunChanged():
                    self._runs[message.run_id] = message.status
                case PipelineChanged():
                    self._pipelines[message.pipeline_id] = None
                case _:
                    pass

    async def has_news(self) -> bool:
        """Whether there is something that the reader was not told of. Raises `StoreError` and `UnavailableError`."""
        runs = await self._store.list_runs(self._wanted_runs, limit=NEWEST)
        pipelines = await self._store.list_pipelines(self._wanted_pipelines, limit=NEWEST)
        has_news = self._has_looked and (
            self._is_news_of_runs(runs.items) or self._is_news_of_pipelines(pipelines.items)
        )
        self._has_looked = True
        self._runs = {run.id: run.status for run in runs.items}
        self._pipelines = {pipeline.id: pipeline.rev for pipeline in pipelines.items}
        return has_news

    def _is_news_of_runs(self, runs: Iterable[RunSummary]) -> bool:
        return any(self._runs.get(run.id) is not run.status for run in runs)

    def _is_news_of_pipelines(self, pipelines: Iterable[PipelineRecord]) -> bool:
        left = dict(self._pipelines)
        has_changed = [left.pop(pipeline.id, 0) not in (None, pipeline.rev) for pipeline in pipelines]
        has_gone = [rev is not None for rev in left.values()]
        return any(has_changed) or any(has_gone)
