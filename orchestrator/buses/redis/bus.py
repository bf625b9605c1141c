"""The live bus between replicas, through Redis' publish and subscribe.

A message goes only where it is wanted: replicas tell each other which topics they watch, so that one which nobody watches costs a
look into a table. Watchers of this process get theirs at once. Whatever may have been lost is told as `Overrun`: a connection
that broke at either end, a queue that ran over, a watcher of whom others had not heard yet. While Redis is away, watchers are
told so every few seconds, and thus read the store in place of the bus.

Channels: ``{prefix}all`` for what all are to hear, ``{prefix}{id}`` for one. Nothing is kept in Redis.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from typing import assert_never

from orchestrator.bus import Message, Subscription
from orchestrator.buses.memory import MemoryBus
from orchestrator.buses.redis.announcements import Announcements
from orchestrator.buses.redis.link import Link, LinkError
from orchestrator.buses.redis.outbox import Letter, Outbox
from orchestrator.buses.redis.peers import Peers
from orchestrator.buses.redis.wire import (
    Ask,
    Beat,
    Bye,
    Frame,
    Heard,
    Hello,
    News,
    Watching,
    WireError,
    is_carried,
    read_frame,
    write_frame,
)
from orchestrator.tasks import task_group

logger = logging.getLogger(__name__)

Links = Callable[[Sequence[str]], AbstractAsyncContextManager[Link]]
"""Makes a link that receives from some channels."""

LAST_WORDS_S = 1.0
"""How long a replica that leaves tries to send what it has said."""

WARNING_EVERY_S = 60.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. A replica says every ``beat`` that it is there, and is forgotten ``forget`` after the last time."""

    beat: float = 2.0
    forget: float = 10.0
    silence: float = 6.0
    """Without so much as one's own beats, the connection is taken for lost."""
    publish: float = 5.0
    answer: float = 1.0
    """How long it is waited for others to have heard what is watched."""
    linger: float = 5.0
    """How long a topic counts as watched after its last watcher left: one who comes back needs not be announced."""
    first_pause: float = 0.1
    longest_pause: float = 5.0


class RedisBus:
    """A `orchestrator.bus.Bus` between replicas. At work for the length of an ``async with`` block; before, it is one of memory.

    ``id`` names this process among the others, ``prefix`` begins the names of channels, ``jitter`` gives numbers from 0 to 1.
    """

    def __init__(
        self,
        links: Links,
        *,
        id: str,
        prefix: str,
        timing: Timing = Timing(),
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.id = id
        self.unread = 0
        """Messages that came and were not understood."""
        self._links = links
        self._prefix = prefix
        self._timing = timing
        self._jitter = jitter
        self._here = MemoryBus()
        self._peers = Peers()
        self._outbox = Outbox(id, prefix)
        self._announcements = Announcements(self._here.overrun, answer_s=timing.answer)
        self._told: set[str] = set()
        """Topics that the others know to be watched here."""
        self._left_at: dict[str, float] = {}
        self._is_connected = False
        self._all_is_said = asyncio.Event()
        self._warned_at = float("-inf")

    @asynccontextmanager
    async def working(self) -> AsyncIterator["RedisBus"]:
        """Be in touch with other replicas for the length of the block. Never waits for Redis, but a moment at the end."""
        async with task_group() as tasks:
            connected = tasks.create_task(self._stay_connected(), name="bus")
            try:
                yield self
            finally:
                await self._say_bye()
                connected.cancel()

    @property
    def is_connected(self) -> bool:
        """Whether Redis answers just now. Others may not have been heard of yet."""
        return self._is_connected

    def publish(self, topic: str, message: Message) -> None:
        """See `orchestrator.bus.Bus.publish`."""
        self._here.publish(topic, message)
        watchers = self._peers.watchers(topic)
        if watchers and is_carried(message):
            for peer in watchers:
                self._outbox.tell(peer, topic, message)

    def has_watchers(self, topic: str) -> bool:
        """See `orchestrator.bus.Bus.has_watchers`."""
        return self._here.has_watchers(topic) or self._peers.has_watchers(topic)

    @contextmanager
    def subscribe(self, *topics: str) -> Iterator[Subscription]:
        """See `orchestrator.bus.Bus.subscribe`."""
        with self._here.subscribe(*topics) as subscription:
            self._announce(topics)
            try:
                yield subscription
            finally:
                if self._is_connected:
                    self._left_at.update(dict.fromkeys(topics, self._now()))

    def _announce(self, topics: Collection[str]) -> None:
        new = tuple([topic for topic in topics if topic not in self._told])
        if new and self._is_connected:
            self._told.update(new)
            number = self._announcements.number(new)
            self._to_all(Watching(self.id, number, new), number)

    async def _stay_connected(self) -> None:
        """Connect, speak until the connection is lost, and again; longer pauses the more tries failed one after another."""
        failures, began = 0, self._now()
        while True:
            try:
                async with self._links((self._prefix + "all", self._prefix + self.id)) as link:
                    began = self._now()
                    self._begin(failures)
                    await self._speak(link)
            except LinkError as error:
                # One that is lost at once, again and again, is as good as none.
                if self._is_connected and self._now() - began > self._timing.longest_pause:
                    failures = 0
                self._end(error, is_first=failures == 0)
            pause = min(self._timing.first_pause * 2 ** min(failures, 10), self._timing.longest_pause)
            failures += 1
            # Replicas that lost it together come back one after another.
            await asyncio.sleep(pause * (0.5 + self._jitter()))

    async def _speak(self, link: Link) -> None:
        """Send and receive; ends with the first `LinkError`."""
        speaking = [
            asyncio.create_task(work, name=f"bus {name}")
            for name, work in (("out", self._send(link)), ("in", self._receive(link)), ("beat", self._beat()))
        ]
        try:
            await asyncio.wait(speaking, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in speaking:
                task.cancel()
            results = await asyncio.gather(*speaking, return_exceptions=True)
        for error in results:
            if isinstance(error, Exception):
                raise error

    def _begin(self, failures: int) -> None:
        if failures:
            logger.info("the bus is connected to Redis again")
        self._is_connected = True
        self._outbox.clear()
        self._told = set(self._here.topics)
        topics = tuple(self._told)
        number = self._announcements.number(topics)
        self._to_all(Hello(self.id, number, topics), number)

    def _end(self, error: LinkError, *, is_first: bool) -> None:
        if is_first:
            message = "the bus can't reach Redis; what other replicas do is told later until it can"
            logger.warning(message, extra={"reason": str(error)})
        was_connected, self._is_connected = self._is_connected, False
        self._peers.clear()
        self._announcements.clear()
        self._outbox.clear()
        self._told.clear()
        self._left_at.clear()
        self._all_is_said.set()
        if was_connected:
            self._here.overrun(tuple(self._here.topics))

    async def _send(self, link: Link) -> None:
        while True:
            await self._outbox.wait()
            letters = self._outbox.take()
            outgoing = [(letter.channel, letter.content) for letter in letters]
            receivers = await link.publish(outgoing, timeout_s=self._timing.publish)
            for letter, count in zip(letters, receivers, strict=True):
                if letter.number is not None:
                    is_to_all = letter.channel == self._prefix + "all"
                    self._announcements.sent(letter.number, count - is_to_all)
            if self._outbox.is_empty:
                self._all_is_said.set()

    async def _receive(self, link: Link) -> None:
        while True:
            content = await link.receive(timeout_s=self._timing.silence)
            try:
                self._take(read_frame(content))
            except WireError as error:
                self._note_unread(1, str(error))

    async def _beat(self) -> None:
        """Say that this replica is there, forget those that are not, and tell what is watched no more."""
        last = self._now()
        while True:
            await asyncio.sleep(self._timing.beat)
            now = self._now()
            if now - last > self._timing.forget / 2:
                raise LinkError("this process stood still, so that others may have forgotten it")
            last = now
            if self._peers.forget_silent(now - self._timing.forget):
                # It may be at work still, and unable to say so: whoever watches finds out in the store.
                self._here.overrun(tuple(self._here.topics))
            self._to_all(Beat(self.id))
            self._tell_what_is_left(now)

    def _tell_what_is_left(self, now: float) -> None:
        left = [topic for topic, at in self._left_at.items() if at <= now - self._timing.linger]
        for topic in left:
            del self._left_at[topic]
        removed = tuple([topic for topic in left if topic in self._told and not self._here.has_watchers(topic)])
        if removed:
            self._told.difference_update(removed)
            self._to_all(Watching(self.id, 0, removed=removed))

    def _take(self, frame: Frame) -> None:
        if frame.sender == self.id:
            return
        now = self._now()
        is_known = self._peers.hear(frame.sender, now)
        match frame:
            case Hello():
                self._peers.replace(frame.sender, frame.topics, now)
                self._to(frame.sender, Heard(self.id, frame.number))
                self._tell_all_topics(frame.sender)
            case Watching(is_whole=True):
                self._peers.replace(frame.sender, frame.added, now)
                self._to(frame.sender, Heard(self.id, frame.number))
            case Watching() if is_known:
                self._peers.change(frame.sender, frame.added, frame.removed)
                if frame.added:
                    self._to(frame.sender, Heard(self.id, frame.number))
            case Heard():
                self._announcements.heard(frame.number)
            case Ask():
                self._tell_all_topics(frame.sender)
            case Beat() | Watching():
                if not is_known:
                    self._to(frame.sender, Ask(self.id))
            case Bye():
                self._peers.forget(frame.sender)
            case News():
                self._take_news(frame)
            case _:
                assert_never(frame)

    def _take_news(self, news: News) -> None:
        if news.has_gap:
            self._here.overrun(tuple(self._here.topics))
        for topic, message in news.items:
            self._here.publish(topic, message)
        if news.unread:
            self._note_unread(news.unread, "a message in it is of no kind that this version knows")

    def _note_unread(self, count: int, reason: str) -> None:
        self.unread += count
        now = self._now()
        if now - self._warned_at >= WARNING_EVERY_S:
            self._warned_at = now
            logger.warning(
                "the bus got what it can't read and dropped it", extra={"reason": reason, "so_far": self.unread}
            )

    def _tell_all_topics(self, peer: str) -> None:
        topics = tuple(self._told)
        number = self._announcements.number(topics)
        self._to(peer, Watching(self.id, number, topics, is_whole=True), number)

    def _to_all(self, frame: Hello | Watching | Beat | Bye, number: int | None = None) -> None:
        self._outbox.post(Letter(self._prefix + "all", write_frame(frame), number))

    def _to(self, peer: str, frame: Watching | Heard | Ask, number: int | None = None) -> None:
        self._outbox.post(Letter(self._prefix + peer, write_frame(frame), number))

    async def _say_bye(self) -> None:
        if self._is_connected:
            self._to_all(Bye(self.id))
            self._all_is_said.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(LAST_WORDS_S):
                    await self._all_is_said.wait()

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
