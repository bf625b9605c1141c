"""What an attempt tells while it works: lines for the run's log, which are stored, and partial output, which is not."""

import asyncio
from collections.abc import Callable

from eventing.invocations import Invocation, LogRecord
from orchestrator.active import ActiveRun
from orchestrator.bus import Bus, Progress, run_topic
from orchestrator.store import LogLine

MAX_LOG_LINES = 10_000
"""Lines that one attempt may write; a last one says how many were dropped."""


class AttemptReports:
    """Takes the reports of one attempt. What comes from a node's thread is handed to the event loop."""

    def __init__(self, bus: Bus, active: ActiveRun, invocation: Invocation) -> None:
        self._bus = bus
        self._active = active
        self._invocation = invocation
        self._lines = 0
        self._offset = 0
        self._loop = asyncio.get_running_loop()

    def log(self, record: LogRecord) -> None:
        """See `eventing.invocations.Reports.log`."""
        self._call(self._write, record)

    def progress(self, text: str) -> None:
        """See `eventing.invocations.Reports.progress`."""
        self._call(self._show, text)

    def _write(self, record: LogRecord) -> None:
        """Add a line to the run's log; it goes with the run's next commit."""
        active, attempt = self._active, (self._invocation.instance, self._invocation.attempt)
        if active.is_gone:
            return
        if self._lines < MAX_LOG_LINES:
            active.logs.append(
                LogLine(*attempt, self._lines, record.at, record.level, record.message, record.fields),
            )
        else:
            dropped = self._lines - MAX_LOG_LINES + 1
            message = f"{dropped:,} further lines were dropped; the limit is {MAX_LOG_LINES:,} per attempt"
            active.dropped_lines[attempt] = LogLine(*attempt, MAX_LOG_LINES, record.at, "warning", message)
        self._lines += 1
        active.on_log()

    def _show(self, text: str) -> None:
        """Tell whoever watches the run of a piece of partial output."""
        invocation, offset = self._invocation, self._offset
        self._offset += len(text)
        topic = run_topic(invocation.run_id)
        if self._bus.has_watchers(topic):
            message = Progress(invocation.run_id, invocation.instance, invocation.attempt, offset, text)
            self._bus.publish(topic, message)

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        try:
            is_here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            is_here = False
        if is_here:
            function(*arguments)
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)
