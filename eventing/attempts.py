"""The attempts that this process has given to functions and waits for: where their signs of life and answers arrive.

Whatever way a report comes (as the reply to a call, or posted by itself) it is taken here once: lines and partial output that
were taken before are recognized by their numbers.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from zlib import crc32

from eventing.invocations import Answer, Failed, Invocation, LogRecord, Phase, Reports
from eventing.messages import Answered, Attempt, Progressed, Report, attempt_of
from flume.ids import Millis


@dataclass(frozen=True, slots=True)
class Hindrance:
    """What keeps the process of an attempt from coming up, as the platform tells: no image, no GPU. It may still pass.

    If it does not in all the attempt's time to start, the attempt fails with ``code`` instead of as ``lost``.
    """

    code: str
    message: str


def line_number(code: str, message: str) -> int:
    """The number of a line that is said of an attempt by who is not its function: below 0, where no function counts, and the
    same each time that the same is said, so that it is one row of the log.
    """
    return -1 - crc32(f"{code} {message}".encode())


class OpenAttempt:
    """One attempt that is waited for. For one event loop."""

    def __init__(self, invocation: Invocation, reports: Reports, now: Callable[[], float]) -> None:
        self.invocation = invocation
        self.answered: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        """Its answer; cancelled if nobody waits for it any more."""
        self.taken_up_at: float | None = None
        """When the function that is at work on it was first heard of, in seconds of the event loop; None if none is known."""
        self.heard_at: float | None = None
        """When its function was heard of last, in seconds of the event loop; None before the first time."""
        self.deaths: set[str] = set()
        """The addresses of processes that died over it."""
        self._reports = reports
        self._now = now
        self._lines = 0
        self._characters = 0
        self._hindrance: Hindrance | None = None

    def starting(self) -> None:
        """A process is being started for it."""
        self._reports.phase(Phase.STARTING)

    def handed_over(self) -> None:
        """It was handed over, and waits for a process that takes it up."""
        self._reports.handed_over()

    def hinder(self, hindrance: Hindrance, at: Millis) -> None:
        """Take what keeps its process from coming up, and tell it once; nothing does if somebody is at work on it."""
        if self.taken_up_at is not None or hindrance == self._hindrance:
            return
        self._hindrance = hindrance
        number = line_number(hindrance.code, hindrance.message)
        self._reports.log(LogRecord(at, "warning", hindrance.message, {"code": hindrance.code}, number))

    def explained(self, answer: Answer) -> Answer:
        """An answer; one that it was lost says why its process did not come up, if that is known."""
        hindrance = self._hindrance
        if hindrance is None or self.taken_up_at is not None or not isinstance(answer, Failed) or answer.code != "lost":
            return answer
        return replace(answer, code=hindrance.code, message=f"not begun in all its time to start: {hindrance.message}")

    def take(self, report: Report) -> None:
        """Take what its function says. What was said before changes nothing."""
        self._hear(report)
        self._take_lines(report.logs)
        if isinstance(report, Progressed):
            self._take_text(report.offset, report.text)
        elif not self.answered.done():
            self.answered.set_result(report)

    def _hear(self, report: Report) -> None:
        # A sign of life comes when the work has begun some time ago; the answer tells how long.
        ago_ms = report.execute_ms if isinstance(report, Answered) else 0
        if self.taken_up_at is None or ago_ms:
            self._reports.phase(Phase.EXECUTING, ago_ms=ago_ms)
        if isinstance(report, Answered) and report.ready_ms is not None:
            self._reports.ready(for_ms=report.ready_ms)
        if self.taken_up_at is None:
            self.taken_up_at = self._now()
        self.heard_at = self._now()

    def _take_lines(self, lines: tuple[LogRecord, ...]) -> None:
        for line in lines:
            if line.sequence is None or line.sequence >= self._lines:
                self._lines = self._lines + 1 if line.sequence is None else line.sequence + 1
                self._reports.log(line)

    def _take_text(self, offset: int, text: str) -> None:
        new = text[max(self._characters - offset, 0) :]
        if new:
            self._characters = offset + len(text)
            self._reports.progress(new)


class OpenAttempts:
    """All that this process waits for."""

    def __init__(self) -> None:
        self._open: dict[Attempt, OpenAttempt] = {}

    @contextmanager
    def open(self, invocation: Invocation, reports: Reports) -> Iterator[OpenAttempt]:
        """Wait for an attempt for the length of the block; afterwards nobody wants it any more."""
        attempt = attempt_of(invocation)
        opened = OpenAttempt(invocation, reports, asyncio.get_running_loop().time)
        self._open[attempt] = opened
        try:
            yield opened
        finally:
            opened.answered.cancel()
            if self._open.get(attempt) is opened:
                del self._open[attempt]

    def of_function(self, function: str) -> tuple[OpenAttempt, ...]:
        """All attempts of the function of this name that this process waits for."""
        return tuple(each for each in self._open.values() if each.invocation.function == function)

    def find(self, attempt: Attempt) -> OpenAttempt | None:
        """The attempt, if this process waits for it."""
        return self._open.get(attempt)
