"""Who is told of commits: whoever waits for a run in this process, the live bus, and the observer."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from flume.ids import RunId
from flume.plan import Plan
from orchestrator.bus import Bus, LogsWritten, RunChanged, logs_topic, namespace_topic, run_topic
from orchestrator.observer import Observer
from orchestrator.state import Run
from orchestrator.store import Commit, LogLine


class Watch:
    """Waits for commits of one run. ``rev`` is the revision of the latest."""

    def __init__(self) -> None:
        self.rev = 0
        self._latest: Run | None = None
        self._seen = asyncio.Event()

    def see(self, run: Run, rev: int) -> None:
        """Take note of a commit."""
        self._latest, self.rev = run, rev
        self._seen.set()

    async def next(self) -> Run:
        """The run as of the latest commit that was not seen yet; waits for one if need be."""
        await self._seen.wait()
        self._seen.clear()
        if self._latest is None:
            raise AssertionError("a watch is woken by `see` alone")
        return self._latest

    async def until(self, is_enough: Callable[[Run], bool]) -> Run:
        """The run as of a commit for which ``is_enough`` holds; of several at once, the latest."""
        while True:
            run = await self.next()
            if is_enough(run):
                return run


class Announcer:
    """Tells of commits once they are durable, and never before."""

    def __init__(self, bus: Bus, observer: Observer) -> None:
        self._bus = bus
        self._observer = observer
        self._watches: dict[RunId, list[Watch]] = {}

    @contextmanager
    def watch(self, run_id: RunId) -> Iterator[Watch]:
        """A look-out for the commits of a run that are announced from now on."""
        watch = Watch()
        self._watches.setdefault(run_id, []).append(watch)
        try:
            yield watch
        finally:
            self._watches[run_id].remove(watch)
            if not self._watches[run_id]:
                del self._watches[run_id]

    def announce(self, plan: Plan, commit: Commit) -> None:
        """Tell everyone of a commit."""
        run, origin = commit.run, commit.run.origin
        topics = [run_topic(run.id), namespace_topic(origin.namespace)]
        if any(map(self._bus.has_watchers, topics)):
            message = RunChanged(run.id, origin.namespace, origin.pipeline, commit.rev, run.status)
            for topic in topics:
                self._bus.publish(topic, message)
        if commit.logs:
            self.announce_logs(run, commit.logs)
        self._observer.advanced(plan, commit)
        for watch in self._watches.get(run.id, ()):
            watch.see(run, commit.rev)

    def announce_logs(self, run: Run, lines: tuple[LogLine, ...]) -> None:
        """Tell everyone of lines that are stored."""
        for topic in (run_topic(run.id), logs_topic(run.origin.namespace)):
            if self._bus.has_watchers(topic):
                self._bus.publish(topic, LogsWritten(run.id, lines, run.origin.pipeline))
