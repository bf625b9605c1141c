"""Which process of this machine has had which work: what a process has done, it remembers alone."""

from dataclasses import dataclass

from functions.local_process import LocalProcess

KEYS_REMEMBERED = 10_000
"""Of one type; the oldest are forgotten first."""


@dataclass(slots=True)
class _Known:
    process: LocalProcess
    is_open: bool = True
    """Whether the process was given the work and nobody has heard how that ended."""
    deliveries: int = 0
    """Events with this work that are on their way to the process or being answered."""
    has_ended_besides: bool = False
    """Whether one of the deliveries under way at the same time was answered."""


class Acquaintances:
    """Finds the process for work that comes again, by its idempotency key; it may come twice at a time."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def process_of(self, key: str) -> LocalProcess | None:
        """The process that has had the work, dead or alive; None if it is not known."""
        known = self._known.get(key)
        return None if known is None else known.process

    def is_open(self, key: str) -> bool:
        """Whether the process is at work on it, or was when it was heard of last: nobody else should begin it."""
        known = self._known.get(key)
        return known is not None and known.is_open

    def open(self, key: str, process: LocalProcess) -> None:
        """The process is given the work."""
        known = self._known.pop(key, None)
        if known is None or known.process is not process or not known.deliveries:
            known = _Known(process)
        known.is_open = True
        known.deliveries += 1
        self._known[key] = known
        if len(self._known) > KEYS_REMEMBERED:
            del self._known[next(iter(self._known))]

    def close(self, key: str, process: LocalProcess) -> None:
        """The process has said how the work ended. It may say so again."""
        if (known := self._ended(key, process)) is not None:
            known.is_open, known.has_ended_besides = False, True

    def leave_open(self, key: str, process: LocalProcess) -> None:
        """A delivery ended, and it is not known what the process does."""
        self._ended(key, process)

    def forget(self, key: str, process: LocalProcess) -> None:
        """The process did not take a delivery. Unless it has another one of the same work, it does not have the work."""
        known = self._ended(key, process)
        if known is not None and not known.deliveries and not known.has_ended_besides:
            del self._known[key]

    def forget_process(self, process: LocalProcess) -> None:
        """Nothing is expected of the process any more."""
        self._known = {key: known for key, known in self._known.items() if known.process is not process}

    def _ended(self, key: str, process: LocalProcess) -> _Known | None:
        """What is known of the work, with a delivery less; None if by now it is another process's."""
        known = self._known.get(key)
        if known is None or known.process is not process:
            return None
        known.deliveries -= 1
        return known
