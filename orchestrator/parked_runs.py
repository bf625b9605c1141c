"""Runs that stand still: the store took neither their next step nor their failure, so that nothing can be recorded of them."""

from flume.errors import StoreError, UnavailableError
from flume.ids import Instance, RunId, instance_in
from orchestrator.identifiers import Clock
from orchestrator.state import Run
from orchestrator.store import LogLine, RunStore
from orchestrator.watching import Announcer

LINE = -1
"""The number of the line that tells of it: below 0, as all that no function says, and one however often it is said."""


class ParkedRuns:
    """The runs that one process leaves alone until its next start."""

    def __init__(self, store: RunStore, announcer: Announcer, *, clock: Clock) -> None:
        self._store = store
        self._announcer = announcer
        self._clock = clock
        self.ids: set[RunId] = set()

    def add(self, run_id: RunId) -> None:
        """Leave a run alone from now on."""
        self.ids.add(run_id)

    async def explain(self, run: Run, reason: str) -> None:
        """Say in the run's own log why it stands still, if the store takes so much; that of this process says it anyway."""
        place = _place(run)
        if place is None:
            return
        why = f"neither its next step nor its failure can be stored: {reason}"
        message = f"the run stands still until Flume is started anew, since {why}"
        line = LogLine(*place, LINE, self._clock(), "error", message)
        try:
            await self._store.save_logs(run.id, (line,))
        except (StoreError, UnavailableError):
            return
        self._announcer.announce_logs(run, (line,))


def _place(run: Run) -> tuple[Instance, int] | None:
    """The attempt to which the line belongs: one that is under way, if there is any."""
    states = [(path, node, state) for path, scope in run.scopes.items() for node, state in scope.nodes.items()]
    if not states:
        return None
    path, node, state = max(states, key=lambda each: each[2].awaits_answer)
    return instance_in(path, node), max(state.attempt, 1)
