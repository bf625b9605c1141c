"""Hands orders to functions over HTTP and reads the answer from the reply: the direct way (spec 4.3)."""

from eventing.attempts import OpenAttempt
from eventing.cloudevents import CloudEvent, MalformedEventError
from eventing.datarefs import DataDepot
from eventing.function_calls import FunctionCalls, bad_answer, read_answer


class DirectSender:
    """The `eventing.remote.Sender` that calls functions."""

    def __init__(self, calls: FunctionCalls, depot: DataDepot) -> None:
        self._calls = calls
        self._depot = depot

    async def send(self, event: CloudEvent, attempt: OpenAttempt) -> None:
        """See `eventing.remote.Sender.send`."""
        invocation = attempt.invocation
        order = await self._depot.travelling(event, invocation)
        answer = await self._calls.call(order, invocation, attempt.starting)
        try:
            whole = await self._depot.whole(answer, invocation)
        except MalformedEventError as error:
            raise bad_answer(invocation, error) from error
        attempt.take(read_answer(whole, invocation))
