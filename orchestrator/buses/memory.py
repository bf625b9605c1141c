"""The live bus within one process. The bus between replicas serves its own watchers by it, too."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

from orchestrator.bus import Message, Subscription


class MemoryBus:
    """A bus within one process."""

    def __init__(self) -> None:
        self._topics: dict[str, list[Subscription]] = {}

    @property
    def topics(self) -> Collection[str]:
        """All that are watched."""
        return self._topics.keys()

    def publish(self, topic: str, message: Message) -> None:
        """See `orchestrator.bus.Bus.publish`."""
        for subscription in self._topics.get(topic, ()):
            subscription.push(message)

    def overrun(self, topics: Iterable[str]) -> None:
        """Tell the watchers of ``topics`` that they may have missed something."""
        for topic in topics:
            for subscription in self._topics.get(topic, ()):
                subscription.overrun()

    def has_watchers(self, topic: str) -> bool:
        """See `orchestrator.bus.Bus.has_watchers`."""
        return topic in self._topics

    @contextmanager
    def subscribe(self, *topics: str) -> Iterator[Subscription]:
        """See `orchestrator.bus.Bus.subscribe`."""
        subscription = Subscription()
        for topic in topics:
            self._topics.setdefault(topic, []).append(subscription)
        try:
            yield subscription
        finally:
            for topic in topics:
                self._topics[topic].remove(subscription)
                if not self._topics[topic]:
                    del self._topics[topic]
