"""Sends events about runs to a broker outside, for whoever listens there. Nothing is loaded before the first of them."""

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from eventing.cloudevents import CloudEvent
from flume.errors import RequestError, UnavailableError

if TYPE_CHECKING:
    from eventing.broker_sender import HttpBroker


class RunEventBroker:
    """The `orchestrator.publisher.RunEventSink` that is a broker at ``url``. Use it as an async context manager."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stack = AsyncExitStack()
        self._broker: HttpBroker | None = None

    async def __aenter__(self) -> "RunEventBroker":
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def publish(self, event: CloudEvent) -> None:
        """See `orchestrator.publisher.RunEventSink.publish`."""
        from eventing.broker_sender import TRIED_AGAIN, HttpBroker
        from eventing.remote import DeliveryError, RefusedError

        if self._broker is None:
            # Who may publish is somebody else's to put right, and an event is not at fault for it.
            broker = self._broker = HttpBroker(self._url, tried_again=TRIED_AGAIN | {401, 403})
            await self._stack.enter_async_context(broker)
        try:
            await self._broker.publish(event)
        except DeliveryError as error:
            raise UnavailableError(str(error)) from error
        except RefusedError as error:
            raise RequestError(str(error)) from error
