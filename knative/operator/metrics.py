"""Prometheus metrics of one operator, in a registry of their own. Labels are kinds, reasons and outcomes, never names."""

from collections.abc import Callable
from enum import StrEnum

from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

CONTENT_TYPE = CONTENT_TYPE_LATEST


class Outcome(StrEnum):
    """How a reconcile ended. ``engine-away``: the cluster was looked at, and nothing could be made or removed."""

    DONE = "done"
    CLUSTER_AWAY = "cluster-away"
    ENGINE_AWAY = "engine-away"


class Metrics:
    """What an operator counts."""

    def __init__(self) -> None:
        # The library's own switch, for the process: a second line per series that nothing reads.
        disable_created_metrics()  # type: ignore[no-untyped-call] # the library leaves this one without types
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._reconciles = Counter(
            "flume_operator_reconciles",
            "Looks of the operator at cluster and API, with what was done after each.",
            ["outcome"],
            registry=registry,
        )
        self._failures = Counter(
            "flume_operator_failures",
            "Actions of the operator that failed, by the kind of object and the reason.",
            ["kind", "reason"],
            registry=registry,
        )
        self._queue = Gauge(
            "flume_operator_queue_depth",
            "Kinds, the API among them, in which something has changed that was not looked at yet.",
            registry=registry,
        )
        self._held_back = Gauge(
            "flume_operator_held_back",
            "Actions of the operator that failed and wait for another try.",
            registry=registry,
        )
        self._leading = Gauge(
            "flume_operator_leading", "1 if this operator acts, 0 if it waits for its turn.", registry=registry
        )
        for outcome in Outcome:
            self._reconciles.labels(outcome.value)

    def reconciled(self, outcome: Outcome) -> None:
        """A reconcile has ended."""
        self._reconciles.labels(outcome.value).inc()

    def failed(self, kind: str, reason: str) -> None:
        """An action failed. ``reason`` is a status of the API server, or a code."""
        self._failures.labels(kind, reason).inc()

    def leads(self, is_leading: bool) -> None:
        """The process begins to act, or waits again."""
        self._leading.set(is_leading)
        if not is_leading:
            self.measures(lambda: 0, lambda: 0)

    def measures(self, queue_depth: Callable[[], int], held_back: Callable[[], int]) -> None:
        """Where these two numbers come from, from now on."""
        self._queue.set_function(queue_depth)
        self._held_back.set_function(held_back)

    def render(self) -> bytes:
        """All of them in Prometheus' text format."""
        return generate_latest(self._registry)
