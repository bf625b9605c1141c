"""States of runs, nodes and pipelines as people see them: a word and an icon; the color follows from the class."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StatusView:
    """How a state is shown. ``name`` makes the class (``pill--failed``), ``icon`` is one of ``icons.html``."""

    name: str
    label: str
    icon: str


_OTHERS = {
    "missing": StatusView("failed", "Missing", "cross"),
    "gone": StatusView("cancelled", "Gone", "slash"),
    "ready": StatusView("active", "Ready", "check"),
    "at-zero": StatusView("pending", "At zero", "clock"),
    "failing": StatusView("failed", "Failing", "cross"),
}
"""States of other things that are shown in the colors of a run's."""

_VIEWS = _OTHERS | {
    each.name: each
    for each in (
        StatusView("pending", "Pending", "clock"),
        StatusView("starting", "Cold start", "hourglass"),
        StatusView("running", "Running", "loader"),
        StatusView("waiting", "Waiting", "hand"),
        StatusView("retrying", "Retrying", "rotate"),
        StatusView("completed", "Completed", "check"),
        StatusView("skipped", "Skipped", "skip"),
        StatusView("failed", "Failed", "cross"),
        StatusView("cancelled", "Cancelled", "slash"),
        StatusView("active", "Active", "check"),
        StatusView("paused", "Paused", "pause"),
        StatusView("draft", "Draft", "pencil"),
    )
}

RUN_STATUSES = ("pending", "running", "completed", "failed", "cancelled")
"""All states of a run, in the order in which filters offer them."""

ENDED = frozenset({"completed", "failed", "cancelled"})
"""States in which a run changes no more."""


def status_view(status: str) -> StatusView:
    """How a state is shown; one that this console does not know is shown by its word."""
    return _VIEWS.get(status) or StatusView("pending", status.capitalize(), "clock")
