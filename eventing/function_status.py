"""What can be told of the functions behind node types: the same on one machine and in a cluster."""

from dataclasses import dataclass
from typing import Protocol

from flume.ids import Millis


@dataclass(frozen=True, slots=True)
class FunctionStatus:
    """One function. ``instances`` are those that run, ``ready`` of them take events; both 0 is asleep, and no fault.

    ``cold_start_ms`` is how long the latest start took until events could come, None before the first. ``failure`` says why
    the latest start failed, empty if it did not.
    """

    name: str
    instances: int
    ready: int
    most: int
    in_flight: int
    events: int
    cold_starts: int
    cold_start_ms: int | None = None
    last_event_at: Millis | None = None
    failure: str = ""


class FunctionDirectory(Protocol):
    """Whoever knows the functions."""

    def statuses(self) -> tuple[FunctionStatus, ...]:
        """All functions that were asked for so far, by name."""
        ...
