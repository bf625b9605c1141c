"""What other replicas watch, as far as they have said so. One of which nothing is heard for a while is forgotten."""

from collections.abc import Collection, Iterable

MOST_PEERS = 1_000
MOST_TOPICS = 200_000
"""Topics of one peer; whoever says more is not believed to be one of us."""

_NOBODY: frozenset[str] = frozenset()


class Peers:
    """Who watches which topic. Moments are seconds of any clock that only rises."""

    def __init__(self) -> None:
        self._heard_at: dict[str, float] = {}
        self._topics: dict[str, set[str]] = {}
        self._watchers: dict[str, set[str]] = {}

    def watchers(self, topic: str) -> Collection[str]:
        """The peers that watch a topic."""
        return self._watchers.get(topic, _NOBODY)

    def has_watchers(self, topic: str) -> bool:
        """Whether any peer watches a topic."""
        return topic in self._watchers

    def hear(self, peer: str, now: float) -> bool:
        """Note a sign of a peer; False if it is not known what it watches."""
        if peer not in self._heard_at:
            return False
        self._heard_at[peer] = now
        return True

    def replace(self, peer: str, topics: Iterable[str], now: float) -> None:
        """A peer watches exactly these topics."""
        self.forget(peer)
        if len(self._heard_at) < MOST_PEERS:
            self._heard_at[peer] = now
            self._topics[peer] = set()
            self.change(peer, topics, ())

    def change(self, peer: str, added: Iterable[str], removed: Iterable[str]) -> None:
        """A known peer watches some topics besides, and others no more."""
        topics = self._topics[peer]
        for topic in removed:
            topics.discard(topic)
            self._drop(peer, topic)
        for topic in added:
            if len(topics) < MOST_TOPICS:
                topics.add(topic)
                self._watchers.setdefault(topic, set()).add(peer)

    def forget(self, peer: str) -> None:
        """A peer is gone, or never was there."""
        self._heard_at.pop(peer, None)
        for topic in self._topics.pop(peer, ()):
            self._drop(peer, topic)

    def forget_silent(self, since: float) -> bool:
        """Forget peers of which nothing was heard since then; whether there were any."""
        silent = [peer for peer, at in self._heard_at.items() if at < since]
        for peer in silent:
            self.forget(peer)
        return bool(silent)

    def clear(self) -> None:
        """Forget all."""
        self._heard_at.clear()
        self._topics.clear()
        self._watchers.clear()

    def _drop(self, peer: str, topic: str) -> None:
        watchers = self._watchers.get(topic)
        if watchers is not None:
            watchers.discard(peer)
            if not watchers:
                del self._watchers[topic]
