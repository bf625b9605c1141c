"""How many starts a run may lead to by its events and those of the runs that they start, so that circles die out.

`orchestrator.runs.MAX_HOPS` bounds how long a chain of runs gets and not how broad: where pipelines hear each other's every
event, each hop doubles them. This is a fuse and no promise: it counts in the memory of one process, for the latest chains.
"""

from collections import OrderedDict
from dataclasses import dataclass, field

from eventing.cloudevents import CloudEvent
from flume.ids import PipelineId

ROOT_RUN = "flumeroot"
"""The extension of run events that says with which run their chain began."""

MAX_STARTS = 100
"""Starts by the events of one chain. Those by the events of its first run don't count: each pipeline has two of them at most."""

MAX_CHAINS = 1_000
"""Chains that are remembered; beyond, the one that has been quiet for the longest is forgotten."""


@dataclass(slots=True)
class _Chain:
    starts: set[tuple[str, PipelineId]] = field(default_factory=set)
    is_told: bool = False


class Chains:
    """Counts starts by the run that their chain began with."""

    def __init__(self) -> None:
        self._chains: OrderedDict[str, _Chain] = OrderedDict()

    def admits(self, event: CloudEvent, pipeline_id: PipelineId) -> bool:
        """Whether the event of a run may start a pipeline. The same event again is the same start."""
        starts, start = self._of(event).starts, (event.id, pipeline_id)
        if start not in starts and len(starts) >= MAX_STARTS:
            return False
        starts.add(start)
        return True

    def is_news(self, event: CloudEvent) -> bool:
        """Whether this is the first refusal in the chain of the event; true once."""
        chain = self._of(event)
        was_told, chain.is_told = chain.is_told, True
        return not was_told

    def _of(self, event: CloudEvent) -> _Chain:
        root = event.extensions.get(ROOT_RUN) or event.subject or event.id
        chain = self._chains.setdefault(root, _Chain())
        self._chains.move_to_end(root)
        if len(self._chains) > MAX_CHAINS:
            self._chains.popitem(last=False)
        return chain
