"""Takes what the platform did to the process of an attempt: killed it, took its node away, or can't bring it up.

What is over fails the attempt, to be tried again by its node's own rules: nobody knows whether the work was done. What may still
pass is a line in the attempt's log, and the reason if it fails because its time to start is over. All of it may be told again,
and of attempts that nobody waits for any more: then it changes nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from eventing.attempts import line_number
from eventing.messages import Attempt
from eventing.node_logs import MAX_LOG_MESSAGE, shortened
from flume.ids import Millis
from orchestrator.bus import REPLICAS_TOPIC, AttemptHindered, Bus, FunctionHindered
from orchestrator.identifiers import Clock
from orchestrator.node_reports import NodeReports
from orchestrator.state import RunOrigin
from orchestrator.store import LogLine


@dataclass(frozen=True, slots=True)
class AttemptEnded:
    """The platform ended an attempt. ``lines`` are the last that its process wrote; secrets in them are masked."""

    attempt: Attempt
    code: str
    message: str
    lines: Sequence[str] = field(default=(), repr=False)


class PlatformReports:
    """Takes reports about any attempt of this installation."""

    def __init__(self, reports: NodeReports, bus: Bus, clock: Clock) -> None:
        self._reports = reports
        self._bus = bus
        self._clock = clock

    async def end(self, ended: AttemptEnded) -> RunOrigin | None:
        """Let an attempt fail; the run that it belongs to, or None if nobody waits for the attempt.

        Raises `StoreError` and `UnavailableError`.
        """
        wanted = await self._reports.look_up(ended.attempt)
        if wanted is None:
            return None
        await self._reports.keep_lines(wanted.origin, tuple(_lines(ended, self._clock())))
        await self._reports.fail(ended.attempt, ended.code, ended.message)
        return wanted.origin

    def hinder_attempt(self, attempt: Attempt, code: str, message: str) -> None:
        """Tell who waits for an attempt what keeps its process from coming up."""
        named = (attempt.run_id, attempt.instance, attempt.number)
        self._tell(AttemptHindered(*named, code, message, self._clock()))

    def hinder_function(self, function: str, code: str, message: str) -> None:
        """Tell all who wait for a function, by the name of its Service, what keeps its processes from coming up."""
        self._tell(FunctionHindered(function, code, message, self._clock()))

    def _tell(self, message: AttemptHindered | FunctionHindered) -> None:
        # Lost on its way, it is told again: whoever watches the platform repeats what lasts.
        self._bus.publish(REPLICAS_TOPIC, message)


def _lines(ended: AttemptEnded, at: Millis) -> Iterator[LogLine]:
    attempt, fields = ended.attempt, {"code": ended.code}
    for number, line in enumerate(ended.lines):
        numbered = line_number(ended.code, f"{number} {line}")
        text = shortened(line, MAX_LOG_MESSAGE)
        yield LogLine(attempt.instance, attempt.number, numbered, at, "info", text, {"from": "the pod's log"})
    number = line_number(ended.code, ended.message)
    yield LogLine(attempt.instance, attempt.number, number, at, "error", ended.message, fields)
