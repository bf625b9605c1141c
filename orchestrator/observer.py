"""What the engine tells whoever measures it. The default listens to nothing."""

from typing import Protocol

from flume.plan import Plan
from orchestrator.store import Commit


class Observer(Protocol):
    """Takes facts about what happens; never blocks and never raises."""

    def committed(self, size: int, seconds: float) -> None:
        """A group of ``size`` commits became durable after so many seconds."""
        ...

    def advanced(self, plan: Plan, commit: Commit) -> None:
        """A run was committed."""
        ...


class NoObserver:
    """Listens to nothing."""

    def committed(self, size: int, seconds: float) -> None:
        """See `Observer.committed`."""

    def advanced(self, plan: Plan, commit: Commit) -> None:
        """See `Observer.advanced`."""


class Observers:
    """Passes everything on to several."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def committed(self, size: int, seconds: float) -> None:
        """See `Observer.committed`."""
        for observer in self._observers:
            observer.committed(size, seconds)

    def advanced(self, plan: Plan, commit: Commit) -> None:
        """See `Observer.advanced`."""
        for observer in self._observers:
            observer.advanced(plan, commit)
