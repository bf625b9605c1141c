"""The attempts that this process has given to functions and waits for: where their signs of life and answers arrive.

Whatever way a report comes (as the reply to a call, or posted by itself) it is taken here once: lines and partial output that
were taken before are recognized by their numbers.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from eventing.invocations import Invocation, LogRecord, Phase, Reports
from eventing.messages import Answered, Attempt, Progressed, Report, attempt_of


class OpenAttempt:
    """One attempt that is waited for. For one event loop."""

    def __init__(self, invocation: Invocation, reports: Reports, now: Callable[[], float]) -> None:
        self.invocation = invocation
        self.answered: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self.taken_up_at: float | None = None
        """When its function was first heard of, in seconds of the event loop."""
        self.heard_at: float | None = None
        """When its function was heard of last, in seconds of the event loop; None before the first time."""
        self._reports = reports
        self._now = now
        self._lines = 0
        self._characters = 0

    def starting(self) -> None:
        """A process is being started for it."""
        self._reports.phase(Phase.STARTING)

    def take(self, report: Report) -> None:
        """Take what its function says. What was said before changes nothing."""
        self._hear(report)
        self._take_lines(report.logs)
        if isinstance(report, Progressed):
            self._take_text(report.offset, report.text)
        elif not self.answered.done():
            self.answered.set_result(report)

    def _hear(self, report: Report) -> None:
        if self.taken_up_at is None:
            self.taken_up_at = self._now()
            ago_ms = report.execute_ms if isinstance(report, Answered) else 0
            self._reports.phase(Phase.EXECUTING, ago_ms=ago_ms)
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
            if self._open.get(attempt) is opened:
                del self._open[attempt]

    def find(self, attempt: Attempt) -> OpenAttempt | None:
        """The attempt, if this process waits for it."""
        return self._open.get(attempt)
