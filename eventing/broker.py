"""A broker in this process, for tests and for `flume dev`: what a Knative Broker with its Triggers does on a cluster.

Events live in memory: those not delivered when the broker is left are gone. As in Knative an event may reach a subscriber more
than once and after a later one; `Disorder` makes that frequent, to show that subscribers stand it.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from types import TracebackType

from eventing.cloudevents import CloudEvent
from eventing.delivery import NO_ANSWER, Delivery, Reply, Subscriber, dead_letter
from flume.errors import UnavailableError
from flume.filters import Filter

logger = logging.getLogger(__name__)

MAX_HOPS = 255
"""Replies to replies, as in Knative; a further one is dropped, since it goes in a circle."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """Who gets which events. ``address`` is where the subscriber is, told in dead letters; the name stands in for it."""

    name: str
    subscriber: Subscriber
    filter: Filter = field(default_factory=Filter)
    delivery: Delivery = field(default_factory=Delivery)
    dead_letters: Subscriber | None = None
    address: str = ""


@dataclass(frozen=True, slots=True)
class Bounds:
    """``unfinished`` deliveries that the broker holds, and those ``at_once`` that subscribers are at work on."""

    unfinished: int = 10_000
    at_once: int = 100


@dataclass(frozen=True, slots=True)
class Disorder:
    """What a broker may do to deliveries, made frequent; the same ``seed`` gives the same choices.

    ``duplicates`` is the chance that an event is delivered twice, ``reorder`` the chance that one of those waiting is taken
    instead of the first. Each delivery is held back for up to ``delay``. ``losses`` is the chance that an event that was taken
    is delivered to nobody, which a broker that promises to keep events does not do: it stands for one that was lost.
    """

    seed: int
    duplicates: float = 0.0
    delay: timedelta = timedelta(0)
    reorder: float = 0.0
    losses: float = 0.0


_ORDER = Disorder(seed=0)


@dataclass(frozen=True, slots=True)
class _Parcel:
    """One event on its way to the subscriber of one trigger."""

    event: CloudEvent
    trigger: Trigger
    hops: int
    hold: float


class Broker:
    """Delivers events to those who want them. An async context manager: leaving it ends all deliveries.

    Not for use from other threads.
    """

    def __init__(
        self,
        triggers: Sequence[Trigger] = (),
        *,
        bounds: Bounds = Bounds(),
        disorder: Disorder = _ORDER,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self._triggers = tuple(triggers)
        self._bounds = bounds
        self._disorder = disorder
        self._random = Random(disorder.seed)
        self._sleep = sleep
        self._slots = asyncio.Semaphore(bounds.at_once)
        self._waiting: deque[_Parcel] = deque()
        self._unfinished = 0
        self._arrived = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._work: asyncio.Task[None] | None = None

    async def __aenter__(self) -> "Broker":
        self._work = asyncio.create_task(self._dispatch(), name="broker")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        work, self._work = self._work, None
        if work is None:
            return
        work.cancel()
        await asyncio.wait({work})
        if self._unfinished:
            logger.warning("the broker stopped with deliveries unfinished", extra={"deliveries": self._unfinished})
        if not work.cancelled():
            work.result()

    def publish(self, event: CloudEvent) -> None:
        """Take an event and return at once; one that nobody wants is dropped.

        Raises `flume.errors.UnavailableError`, with nothing taken, if the broker is full or not running.
        """
        self._take(event, hops=0)

    def set_triggers(self, triggers: Sequence[Trigger]) -> None:
        """Deliver what is published from now on to these. What is on its way goes where it was meant to."""
        self._triggers = tuple(triggers)

    async def drain(self) -> None:
        """Wait until nothing is on its way, events included that were published meanwhile, also in reply."""
        await self._idle.wait()

    def _take(self, event: CloudEvent, hops: int) -> None:
        if self._work is None or self._work.done():
            raise UnavailableError("the broker is not running")
        attributes = event.attributes
        wanting = [trigger for trigger in self._triggers if trigger.filter.matches(attributes)]
        # A reply takes the place of what it replies to. The copies that `Disorder` adds are beyond the bound, so that it does
        # not change which events are taken.
        if self._unfinished - (hops > 0) + len(wanting) > self._bounds.unfinished:
            raise UnavailableError(f"the broker holds {self._unfinished:,} deliveries already; publish again later")
        for trigger in wanting:
            if self._by_chance(self._disorder.losses):
                logger.debug("an event was lost on purpose", extra={"trigger": trigger.name, "event": event.id})
                continue
            for _ in range(1 + self._by_chance(self._disorder.duplicates)):
                hold = self._random.random() * self._disorder.delay.total_seconds()
                self._waiting.append(_Parcel(event, trigger, hops, hold))
                self._unfinished += 1
        if self._waiting:
            self._idle.clear()
            self._arrived.set()

    def _by_chance(self, chance: float) -> bool:
        return self._random.random() < chance

    async def _dispatch(self) -> None:
        try:
            async with asyncio.TaskGroup() as deliveries:
                while True:
                    await self._arrived.wait()
                    self._arrived.clear()
                    while self._waiting:
                        deliveries.create_task(self._carry(self._next_parcel()))
        finally:
            self._idle.set()  # nobody is to wait for what will not come

    def _next_parcel(self) -> _Parcel:
        index = self._random.randrange(len(self._waiting)) if self._by_chance(self._disorder.reorder) else 0
        parcel = self._waiting[index]
        del self._waiting[index]
        return parcel

    async def _carry(self, parcel: _Parcel) -> None:
        if parcel.hold:
            await self._sleep(parcel.hold)
        reply = await self._deliver(parcel.event, parcel.trigger, parcel.hops)
        if not reply.is_success:
            await self._bury(parcel, reply)
        self._unfinished -= 1
        if not self._unfinished:
            self._idle.set()

    async def _deliver(self, event: CloudEvent, trigger: Trigger, hops: int) -> Reply:
        """Deliver until it succeeds or there is no use in going on; the last answer, with its event published."""
        reply = await self._try(event, trigger, hops)
        for retry in range(1, trigger.delivery.retries + 1):
            if reply.is_success or not reply.may_succeed_later:
                break
            await self._sleep(trigger.delivery.wait(retry, reply).total_seconds())
            reply = await self._try(event, trigger, hops)
        return reply

    async def _try(self, event: CloudEvent, trigger: Trigger, hops: int) -> Reply:
        async with self._slots:
            reply = await self._ask(event, trigger)
        if reply.is_success and reply.event is not None:
            return self._publish_reply(reply, reply.event, trigger, hops + 1)
        return reply

    async def _ask(self, event: CloudEvent, trigger: Trigger) -> Reply:
        facts = {"trigger": trigger.name, "event": event.id}
        try:
            async with asyncio.timeout(trigger.delivery.timeout.total_seconds()):
                return await trigger.subscriber.deliver(event)
        except OSError as error:
            logger.debug("an event was not answered", extra={**facts, "reason": type(error).__name__})
            return Reply(NO_ANSWER)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            # Something that the subscriber waited for was cancelled, not this delivery.
            return Reply(NO_ANSWER)
        except Exception:
            # Behind HTTP the mistake of a subscriber would be a 500; here too it ends neither the broker nor other deliveries.
            logger.exception("a subscriber failed on an event", extra=facts)
            return Reply(500)

    def _publish_reply(self, reply: Reply, event: CloudEvent, trigger: Trigger, hops: int) -> Reply:
        if hops > MAX_HOPS:
            facts = {"trigger": trigger.name, "event": event.id, "type": event.type}
            logger.warning("a reply was dropped: replies go in a circle", extra=facts)
            return reply
        try:
            self._take(event, hops)
        except UnavailableError as error:
            # The reply exists nowhere else, so the subscriber is asked for it again.
            return Reply(503, retry_after=error.retry_after)
        return reply

    async def _bury(self, parcel: _Parcel, reply: Reply) -> None:
        trigger = parcel.trigger
        facts = {"trigger": trigger.name, "event": parcel.event.id, "status": reply.status}
        if trigger.dead_letters is None:
            logger.warning("an event could not be delivered and was dropped", extra=facts)
            return
        logger.warning("an event could not be delivered and is a dead letter", extra=facts)
        letter = dead_letter(parcel.event, trigger.address or trigger.name, reply)
        sink = Trigger(f"{trigger.name} (dead letters)", trigger.dead_letters, delivery=trigger.delivery)
        answer = await self._deliver(letter, sink, parcel.hops)
        if not answer.is_success:
            logger.error("a dead letter could not be delivered and was dropped", extra={**facts, "sink": answer.status})
