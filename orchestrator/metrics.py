"""Prometheus metrics of one process (spec 11), in a registry of their own.

Labels are pipelines, node types, lanes and outcomes; never runs. Names that come from pipelines are bounded: beyond
`MOST_NAMES`, a label says ``other``.
"""

from collections.abc import Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from eventing.function_status import FunctionStatus
from flume.ids import ROOT, Millis
from flume.plan import Plan, PlanNode
from flume.values import JsonValue
from orchestrator.engine import Engine
from orchestrator.state import NodeState
from orchestrator.store import Audience, Backlog, Commit

MOST_NAMES = 1_000

CONTENT_TYPE = CONTENT_TYPE_LATEST

OTHER = "other"

TEST_RUN = "(test)"
"""Stands for the pipeline of test runs, whose names anyone may make up."""

_COMMIT_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5)
_BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_NODE_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 600, 3600)
_TOKENS = {"promptTokens": "prompt", "completionTokens": "completion"}
_RUN_SECONDS = (0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 3600, 21600, 86400)


class Metrics:
    """An `orchestrator.observer.Observer` that counts. Each commit costs a few microseconds per node that changed."""

    def __init__(self) -> None:
        # The library's own switch, for the process: a second line per series that nothing reads.
        disable_created_metrics()  # type: ignore[no-untyped-call] # the library leaves this one without types
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._runs = Counter("flume_runs", "Runs that ended.", ["pipeline", "status"], registry=registry)
        self._run_seconds = Histogram(
            "flume_run_duration_seconds", "From start to end of a run.", buckets=_RUN_SECONDS, registry=registry
        )
        self._node_seconds = Histogram(
            "flume_node_duration_seconds",
            "From start to end of a node, all its attempts included.",
            ["type", "lane", "status"],
            buckets=_NODE_SECONDS,
            registry=registry,
        )
        self._queue_seconds = Histogram(
            "flume_node_queue_seconds",
            "What an attempt waited for a free place before it ran.",
            buckets=_NODE_SECONDS,
            registry=registry,
        )
        self._execute_seconds = Histogram(
            "flume_node_execute_seconds",
            "What an attempt took once it ran.",
            ["type", "lane"],
            buckets=_NODE_SECONDS,
            registry=registry,
        )
        self._cold_start_seconds = Histogram(
            "flume_cold_start_seconds",
            "What an attempt waited for a function to start, if it had to.",
            ["type"],
            buckets=_NODE_SECONDS,
            registry=registry,
        )
        self._in_flight = Gauge(
            "flume_nodes_in_flight", "Attempts under way in this process.", ["type", "lane"], registry=registry
        )
        self._retries = Counter(
            "flume_retries", "Attempts that were followed by another.", ["type", "reason"], registry=registry
        )
        self._commits = Counter("flume_commits", "Steps of runs made durable.", registry=registry)
        self._batch_size = Histogram(
            "flume_commit_batch_size", "Steps in one durable write.", buckets=_BATCH_SIZES, registry=registry
        )
        self._commit_seconds = Histogram(
            "flume_commit_seconds", "Time of one durable write.", buckets=_COMMIT_SECONDS, registry=registry
        )
        self._leases = Gauge("flume_leases", "Runs that this process owns and holds in memory.", registry=registry)
        self._tokens = Counter(
            "flume_llm_tokens", "Tokens that models counted for completed nodes.", ["model", "kind"], registry=registry
        )
        self._functions = _Functions(registry)
        self._outbox = _Outbox(registry)
        self._children: dict[tuple[str, str, str], Histogram] = {}
        self._pipelines = _Names()
        self._reasons = _Names()
        self._models = _Names()

    def committed(self, size: int, seconds: float) -> None:
        """See `Observer.committed`."""
        self._commits.inc(size)
        self._batch_size.observe(size)
        self._commit_seconds.observe(seconds)

    def advanced(self, plan: Plan, commit: Commit) -> None:
        """See `Observer.advanced`."""
        since = commit.run.origin.created_at
        for node_id, state in commit.nodes.items():
            # The plan of a run that can't go on lacks what it does not know.
            if node_id in plan.nodes:
                self._count_node(plan.nodes[node_id], state, since)
        for node, state in _nodes_of_ended_items(plan, commit):
            self._count_node(node, state, since)
        if commit.run.status.is_ended:
            self._count_run(commit)

    def render(
        self,
        engine: Engine,
        functions: Iterable[FunctionStatus],
        backlogs: Mapping[Audience, Backlog],
        now: Millis,
    ) -> bytes:
        """All metrics in the text format, with the gauges as they are ``now``."""
        self._functions.set(functions)
        self._outbox.set(backlogs, now)
        self._leases.set(engine.active_count)
        self._in_flight.clear()
        for node in engine.attempts_under_way():
            self._in_flight.labels(node.type.name, node.lane.value).inc()
        return generate_latest(self._registry)

    def _count_run(self, commit: Commit) -> None:
        root, origin = commit.run.root, commit.run.origin
        pipeline = TEST_RUN if origin.test else self._pipelines.bounded(origin.pipeline)
        self._runs.labels(pipeline, root.status.value).inc()
        if root.started_at is not None and root.completed_at is not None:
            self._run_seconds.observe((root.completed_at - root.started_at) / 1000)

    def _count_node(self, node: PlanNode, state: NodeState, since: Millis) -> None:
        """Count a node when it has settled, which happens in one commit only; not if it was taken over from another run."""
        began, ended = state.started_at, state.completed_at
        if not state.status.is_settled or began is None or ended is None or ended < since:
            return
        key = (node.type.name, node.lane.value, state.status.value)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._node_seconds.labels(*key)
        child.observe((ended - began) / 1000)
        if not node.is_pure:
            self._count_timings(node, state)
            self._count_tokens(state.meta or {})
        for attempt in state.attempts:
            if attempt.error is not None and attempt.number < state.attempt:
                self._retries.labels(node.type.name, self._reasons.bounded(attempt.error.code)).inc()

    def _count_timings(self, node: PlanNode, state: NodeState) -> None:
        """Count how each attempt has spent its time; of very many, the latest are known."""
        execute_seconds = self._execute_seconds.labels(node.type.name, node.lane.value)
        for timing in (attempt.timing for attempt in state.attempts if attempt.timing):
            self._queue_seconds.observe(timing["queuedMs"] / 1000)
            execute_seconds.observe(timing["executeMs"] / 1000)
            if timing["coldStartMs"]:
                self._cold_start_seconds.labels(node.type.name).observe(timing["coldStartMs"] / 1000)

    def _count_tokens(self, meta: Mapping[str, JsonValue]) -> None:
        # What a node says of itself may be anything.
        usage, model = meta.get("usage"), meta.get("model")
        if isinstance(usage, Mapping) and isinstance(model, str):
            for name, kind in _TOKENS.items():
                count = usage.get(name)
                if type(count) is int and count > 0:
                    self._tokens.labels(self._models.bounded(model), kind).inc(count)


class _Functions:
    """Gauges of the functions that this process knows."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._instances = Gauge(
            "flume_functions_instances",
            "Instances of a function, by whether they take events.",
            ["type", "ready"],
            registry=registry,
        )
        self._limit = Gauge(
            "flume_functions_limit",
            "Events that a function takes at a time with all the instances it may have.",
            ["type"],
            registry=registry,
        )
        self._in_flight = Gauge(
            "flume_functions_in_flight", "Events that a function is at work on.", ["type"], registry=registry
        )
        self._failing = Gauge(
            "flume_functions_failing", "1 if the latest start of a function failed.", ["type"], registry=registry
        )

    def set(self, statuses: Iterable[FunctionStatus]) -> None:
        """Show these and no others."""
        for gauge in (self._instances, self._limit, self._in_flight, self._failing):
            gauge.clear()
        for status in statuses:
            self._instances.labels(status.name, "true").set(status.ready)
            self._instances.labels(status.name, "false").set(status.instances - status.ready)
            self._limit.labels(status.name).set(status.limit)
            self._in_flight.labels(status.name).set(status.in_flight)
            self._failing.labels(status.name).set(bool(status.failure))


class _Outbox:
    """Gauges of the run events that wait to be published."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._waiting = Gauge(
            "flume_run_events_waiting",
            "Run events of this process that are not published yet.",
            ["audience"],
            registry=registry,
        )
        self._oldest = Gauge(
            "flume_run_events_oldest_seconds",
            "Age of the oldest run event that is not published yet.",
            ["audience"],
            registry=registry,
        )

    def set(self, backlogs: Mapping[Audience, Backlog], now: Millis) -> None:
        """Show what waits for each audience."""
        for audience in Audience:
            backlog = backlogs.get(audience, Backlog(0, now))
            self._waiting.labels(audience.value).set(backlog.count)
            self._oldest.labels(audience.value).set(max(0, now - backlog.oldest_at) / 1000)


class _Names:
    """Names used as a label so far."""

    def __init__(self) -> None:
        self._known: set[str] = set()

    def bounded(self, name: str) -> str:
        """The name, or ``other`` if there are enough already."""
        if name not in self._known:
            if len(self._known) >= MOST_NAMES:
                return OTHER
            self._known.add(name)
        return name


def _nodes_of_ended_items(plan: Plan, commit: Commit) -> Iterator[tuple[PlanNode, NodeState]]:
    """The nodes of loop items that ended with this commit: an item is written often, and ends once."""
    for path, scope in commit.items.items():
        if path == ROOT or not scope.status.is_ended:
            continue
        nodes = plan.scope(path).nodes
        for node_id, state in scope.nodes.items():
            yield nodes[node_id], state
