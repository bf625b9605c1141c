"""Data of events that is too large to travel with them: kept in the store between the orchestrator and a function.

The token of an attempt opens what belongs to it, its order and its answer, and nothing else.
"""

from collections.abc import Callable, Collection
from hmac import compare_digest

from eventing.aside import aside
from eventing.cloudevents import CloudEvent, MalformedEventError
from eventing.datarefs import PAYLOAD_MOST, large_data, payload_id, reference_of, with_data, without_data
from eventing.invocations import Failed, Invocation
from eventing.message_reading import read_attempt
from eventing.messages import Attempt
from eventing.remote import DeliveryError, RefusedError
from eventing.tokens import AttemptTokens
from flume.errors import NotFoundError, RequestError, StoreError, UnavailableError
from flume.ids import RunId
from orchestrator.store import Payload, RunStore


class MissingDataError(MalformedEventError):
    """The data of an event is not where the event says."""


class PayloadExchange:
    """What functions fetch and keep, by the text ``run.instance.number`` of their attempt and its token."""

    def __init__(self, store: RunStore, tokens: AttemptTokens) -> None:
        self._store = store
        self._tokens = tokens

    def admit(self, attempt: str, token: str, payload: str, *, writes: bool) -> Attempt:
        """The attempt, if its token opens the payload. Raises `NotFoundError`, which tells a stranger nothing else."""
        try:
            found = read_attempt(attempt)
        except RequestError:
            raise _hidden(payload) from None
        if not self._tokens.check(token, found.run_id, found.instance, found.number):
            raise _hidden(payload)
        if payload == payload_id(token, "answer") or (payload == payload_id(token, "invoke") and not writes):
            return found
        raise _hidden(payload)

    async def fetch(self, payload: str) -> bytes:
        """A payload that `admit` let in. Raises `NotFoundError` if it is not there."""
        found = await self._store.read_payload(payload)
        if found is None:
            raise _hidden(payload)
        return found.content

    async def keep(self, attempt: Attempt, payload: str, content: bytes) -> None:
        """Keep what `admit` let in; the same payload again replaces itself."""
        await self._store.save_payload(attempt.run_id, Payload(payload, content))

    async def release(self, run_id: RunId, payloads: Collection[str]) -> None:
        """Keep payloads no longer that have been read. Whoever needs one once more keeps it once more."""
        await self._store.release_payloads(run_id, tuple(payloads))

    async def whole(self, event: CloudEvent) -> CloudEvent:
        """An event with its data. Its token was checked.

        Raises `MissingDataError` if the data is not there, `MalformedEventError` if it is no JSON.
        """
        reference = reference_of(event)
        if reference is None:
            return event
        found = await self._store.read_payload(payload_id(reference[1], "answer"))
        if found is None:
            raise MissingDataError("what 'dataref' refers to is not there; keep it before the event is sent")
        return await aside(len(found.content), with_data, event, found.content)


class StoreDepot:
    """The `eventing.datarefs.DataDepot` of an orchestrator whose functions reach it at ``url``."""

    def __init__(self, exchange: PayloadExchange, url: Callable[[], str]) -> None:
        self._exchange = exchange
        self._url = url
        self._orders: set[str] = set()

    async def travelling(self, event: CloudEvent, invocation: Invocation) -> CloudEvent:
        """See `eventing.datarefs.DataDepot.travelling`. Raises `RefusedError` for data that no event may have."""
        content = large_data(event)
        if content is None:
            return event
        if len(content) > PAYLOAD_MOST:
            message = f"the node's values take {len(content):,} bytes of JSON, more than {PAYLOAD_MOST:,}"
            raise RefusedError(Failed("too-large", message))
        payload = payload_id(invocation.token, "invoke")
        attempt = Attempt(invocation.run_id, invocation.instance, invocation.attempt)
        try:
            await self._exchange.keep(attempt, payload, content)
        except (StoreError, UnavailableError) as error:
            raise DeliveryError(f"the node's values can't be kept now: {error}") from error
        self._orders.add(payload)
        return without_data(event, f"{self._url()}/api/v1/payloads/{payload}")

    async def whole(self, event: CloudEvent, invocation: Invocation) -> CloudEvent:
        """See `eventing.datarefs.DataDepot.whole`."""
        reference = reference_of(event)
        if reference is not None and not compare_digest(reference[1].encode(), invocation.token.encode()):
            raise MalformedEventError("'flumetoken' is not that of the attempt")
        try:
            answer = await self._exchange.whole(event)
            await self._release(invocation, has_answer=reference is not None)
        except MissingDataError as error:
            # Another replica that waits for the answer may have read it and let it go; asked again, the function keeps it anew.
            raise DeliveryError("the answer's data is not there any more") from error
        except (StoreError, UnavailableError) as error:
            raise DeliveryError(f"the answer's data can't be read now: {error}") from error
        return answer

    async def _release(self, invocation: Invocation, *, has_answer: bool) -> None:
        """Forget the data of an attempt that is answered. After a crash both are kept again, by whoever repeats them."""
        order = payload_id(invocation.token, "invoke")
        read = [payload_id(invocation.token, "answer")] if has_answer else []
        if order in self._orders:
            self._orders.discard(order)
            read.append(order)
        if read:
            await self._exchange.release(invocation.run_id, read)


def _hidden(payload: str) -> NotFoundError:
    return NotFoundError("payload", payload[:100], "or the token and Flume-Attempt are not those of its attempt")
