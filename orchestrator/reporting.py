"""What an attempt tells while it works: log lines and phases, which are stored, and partial output, which is not."""

import asyncio
from collections.abc import Callable, Iterable

from eventing.invocations import Invocation, LogRecord, Phase
from flume.ids import Instance, Millis
from orchestrator.active import ActiveRun, Stage
from orchestrator.bus import Bus, Progress, run_topic
from orchestrator.events import PhaseChanged
from orchestrator.identifiers import Clock
from orchestrator.store import LogLine

MAX_LOG_LINES = 10_000
"""Lines that one attempt may write; a last one says how many were dropped."""

PHASE_DELAY_S = 0.25
"""A phase that an attempt leaves sooner is not worth a commit: nobody could see it."""


def log_lines(instance: Instance, attempt: int, records: Iterable[LogRecord]) -> list[LogLine]:
    """Lines that a function counted itself as rows of the log, as far as one attempt may have so many."""
    return [
        LogLine(instance, attempt, record.sequence, record.at, record.level, record.message, record.fields)
        for record in records
        if record.sequence is not None and record.sequence < MAX_LOG_LINES
    ]


class AttemptReports:
    """Takes the reports of one attempt. What comes from a node's thread is handed to the event loop."""

    def __init__(self, bus: Bus, active: ActiveRun, invocation: Invocation, clock: Clock) -> None:
        self._bus = bus
        self._active = active
        self._invocation = invocation
        self._clock = clock
        self._reached: dict[Phase, Millis] = {}
        self._handed_over_at: Millis | None = None
        self._ready_ms: int | None = None
        self._phase_timer: asyncio.TimerHandle | None = None
        self._lines = 0
        self._offset = 0
        self._loop = asyncio.get_running_loop()

    def log(self, record: LogRecord) -> None:
        """See `eventing.invocations.Reports.log`."""
        self._call(self._write, record)

    def progress(self, text: str) -> None:
        """See `eventing.invocations.Reports.progress`."""
        self._call(self._show, text)

    def phase(self, phase: Phase, *, ago_ms: int = 0) -> None:
        """See `eventing.invocations.Reports.phase`."""
        self._call(self._reach, phase, ago_ms)

    def handed_over(self) -> None:
        """See `eventing.invocations.Reports.handed_over`."""
        if self._handed_over_at is None:
            self._handed_over_at = self._clock()

    def ready(self, *, for_ms: int) -> None:
        """See `eventing.invocations.Reports.ready`."""
        self._ready_ms = for_ms

    @property
    def began(self) -> Millis | None:
        """When the work was taken up outside the engine; None if it was not, or is done here."""
        began, starting = self._reached.get(Phase.EXECUTING), self._starting
        # What a process was started for did not begin before.
        return began if began is None or starting is None else max(began, starting)

    @property
    def cold_ms(self) -> int:
        """How long the attempt waited for a process to start before it was taken up.

        Whoever starts processes says when; of others it shows by how long they were ready. Only durations of theirs count: their
        clocks may be others.
        """
        starting, began = self._starting, self.began
        if began is None:
            return 0
        if starting is not None:
            return max(began - starting, 0)
        if self._handed_over_at is None or self._ready_ms is None:
            return 0
        return max(began - self._ready_ms - self._handed_over_at, 0)

    @property
    def _starting(self) -> Millis | None:
        """When a process was started for the attempt; None if none was, or another one took it up that had been ready before.

        So it is with a job whose order was handed over again: its sink started nothing.
        """
        starting, began = self._reached.get(Phase.STARTING), self._reached.get(Phase.EXECUTING)
        if starting is None or began is None or self._ready_ms is None:
            return starting
        return None if began - self._ready_ms < starting else starting

    def close(self) -> None:
        """The attempt is over."""
        if self._phase_timer is not None:
            self._phase_timer.cancel()

    def _reach(self, phase: Phase, ago_ms: int) -> None:
        at = Millis(self._clock() - ago_ms)
        if phase in self._reached:
            self._reached[phase] = min(self._reached[phase], at)
            return
        self._reached[phase] = at
        self.close()
        self._phase_timer = self._loop.call_later(PHASE_DELAY_S, self._record, phase)

    def _record(self, phase: Phase) -> None:
        """Add the phase to the run's state: it has lasted long enough to be seen."""
        at, (instance, attempt) = self._reached[phase], (self._invocation.instance, self._invocation.attempt)
        self._active.deliver(PhaseChanged(at, instance, attempt, phase))

    def _write(self, record: LogRecord) -> None:
        """Add a line to the run's log; it goes with the run's next commit."""
        active, attempt = self._active, (self._invocation.instance, self._invocation.attempt)
        if active.stage is Stage.GONE:
            return
        # A function counts its own lines, so that those of an attempt that was handed over again are the same rows.
        sequence = self._lines if record.sequence is None else record.sequence
        if sequence < MAX_LOG_LINES:
            active.logs.append(
                LogLine(*attempt, sequence, record.at, record.level, record.message, record.fields),
            )
        else:
            dropped = sequence - MAX_LOG_LINES + 1
            message = f"{dropped:,} further lines were dropped; the limit is {MAX_LOG_LINES:,} per attempt"
            active.dropped_lines[attempt] = LogLine(*attempt, MAX_LOG_LINES, record.at, "warning", message)
        # Below 0 is what others say of the attempt.
        self._lines = max(self._lines, sequence + 1)
        active.on_log()

    def _show(self, text: str) -> None:
        """Tell whoever watches the run of a piece of partial output."""
        invocation, offset = self._invocation, self._offset
        self._offset += len(text)
        if (invocation.instance, invocation.attempt) in self._active.tasks:
            self._active.partial_output.add(invocation.instance, invocation.attempt, text)
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
