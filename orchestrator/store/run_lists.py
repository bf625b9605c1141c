"""Lists, searches and counts of runs and of their log: what is asked, and what is found."""

from dataclasses import dataclass

from flume.ids import Instance, Millis, NodeId, RunId
from flume.values import JsonObject
from orchestrator.state import RunStatus
from orchestrator.store.commits import LogLine


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A run as lists show it."""

    id: RunId
    namespace: str
    pipeline: str
    version: int
    status: RunStatus
    trigger_type: str
    trigger_id: str
    created_at: Millis
    started_at: Millis | None
    completed_at: Millis | None
    attempt: int
    retry_of: RunId | None
    test: bool
    error: JsonObject | None
    """``{code, message, node, retryable}``"""


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs a list shows; None means any. ``since`` and ``until`` bound the time of creation, ``until`` not included.

    ``trigger`` is a trigger's id or its type.
    """

    namespace: str
    pipeline: str | None = None
    statuses: tuple[RunStatus, ...] = ()
    trigger: str | None = None
    since: Millis | None = None
    until: Millis | None = None


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which log lines a search shows; None means any. ``levels`` empty means all.

    ``text`` is sought in the message, whatever the case of its letters. ``since`` and ``until`` bound the time of the
    line, ``until`` not included.
    """

    namespace: str
    text: str | None = None
    levels: tuple[str, ...] = ()
    pipeline: str | None = None
    run_id: RunId | None = None
    instance: Instance | None = None
    since: Millis | None = None
    until: Millis | None = None


@dataclass(frozen=True, slots=True)
class FoundLogLine:
    """A log line with the run that it belongs to."""

    run_id: RunId
    pipeline: str
    line: LogLine


@dataclass(frozen=True, slots=True)
class RunCount:
    """How many runs of a pipeline ended with an outcome in an interval that begins at ``since``, and their durations.

    ``durations_ms`` holds the 50th, 90th and 99th percentile (nearest rank) from start to end, of the latest runs where
    there are very many; it is empty if none of these was timed.
    """

    since: Millis
    pipeline: str
    status: RunStatus
    count: int
    durations_ms: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class NodeCount:
    """How often a top-level node of a pipeline ran to an end, and how often that was a failure.

    ``durations_ms`` holds the 50th, 90th and 99th percentile (nearest rank) from its first attempt to its end.
    """

    node: NodeId
    count: int
    failures: int
    durations_ms: tuple[int, ...] = ()
