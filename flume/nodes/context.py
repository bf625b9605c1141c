"""What a node sees of the run around it.

``now`` is the recorded moment at which the attempt became ready, the same when the attempt is repeated; ``remaining``
looks at the real clock. A node that wants the same bytes on each try uses ``now``.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol, TypeAlias

from flume.ids import Instance, NodeId, RunId

LogLevel: TypeAlias = Literal["debug", "info", "warning", "error"]


class LogSink(Protocol):
    """Takes the log lines of one attempt, in order. May be called from any thread; never blocks and never raises."""

    def __call__(self, level: LogLevel, message: str, fields: Mapping[str, object]) -> None:
        """Take one line."""


ProgressSink: TypeAlias = Callable[[str], None]
"""Takes pieces of partial output, in order. May be called from any thread; never blocks and never raises."""


class Secrets(Mapping[str, str]):
    """The secrets a node may use, by name. Their values do not show in ``repr``."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = dict(values or {})

    def __getitem__(self, name: str) -> str:
        try:
            return self._values[name]
        except KeyError:
            known = ", ".join(sorted(self._values)) or "none"
            # A KeyError shows its text quoted, so that there had better be no ' in it.
            hint = f'to use another, name it in the class: secrets = ("{name}",)'
            raise KeyError(f"no secret {name} for this node; it may use: {known}; {hint}") from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Secrets({', '.join(sorted(self._values))})"


def _ignore_log(level: LogLevel, message: str, fields: Mapping[str, object]) -> None:
    pass


def _ignore_progress(text: str) -> None:
    pass


def _never() -> bool:
    return False


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeContext:
    """One attempt's surroundings. Moments have a time zone. ``hops`` counts the pipelines that led here one from another.

    ``traceparent`` is for whatever the node calls (W3C Trace Context); None when nobody traces.
    """

    run_id: RunId
    node_id: NodeId
    instance: Instance
    attempt: int
    idempotency_key: str
    now: datetime
    deadline: datetime
    hops: int = 0
    traceparent: str | None = None
    secrets: Secrets = field(default_factory=Secrets)
    log_sink: LogSink = _ignore_log
    progress_sink: ProgressSink = _ignore_progress
    is_cancelled: Callable[[], bool] = _never
    clock: Callable[[], datetime] = _utc_now

    @property
    def cancelled(self) -> bool:
        """Whether the result is no longer wanted. An ``async def execute`` is cancelled besides; a plain ``def`` must look."""
        return self.is_cancelled()

    @property
    def remaining(self) -> timedelta:
        """The time left until the deadline; never negative."""
        return max(self.deadline - self.clock(), timedelta(0))

    def log(self, message: str, level: LogLevel = "info", **fields: object) -> None:
        """Add a line to the run's log. The message is constant text, the facts are fields."""
        self.log_sink(level, message, fields)

    def progress(self, text: str) -> None:
        """Show a further piece of output to whoever watches the run. Nothing of it is kept."""
        self.progress_sink(text)
