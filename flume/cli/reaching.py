"""Orders to functions that others keep: called at their addresses, or through a broker.

What it imports takes a while to load, so that it is imported with the first order itself.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from eventing.broker_sender import BrokerSender, HttpBroker
from eventing.datarefs import DataDepot
from eventing.direct import DirectSender
from eventing.elsewhere import AddressOf, ByLane, FunctionsElsewhere, JobSender, refused_elsewhere
from eventing.function_calls import FunctionCalls
from eventing.remote import Sender


@asynccontextmanager
async def by_address(address_of: AddressOf, depot: DataDepot) -> AsyncIterator[Sender]:
    """Whoever calls services and gives sinks for jobs their orders, for the length of the block."""
    async with (
        FunctionCalls(FunctionsElsewhere(address_of), refused_elsewhere) as calls,
        JobSender(address_of, depot) as jobs,
    ):
        yield ByLane(jobs=jobs, others=DirectSender(calls, depot))


@asynccontextmanager
async def by_broker(url: str, depot: DataDepot) -> AsyncIterator[Sender]:
    """Whoever publishes orders at a broker, for the length of the block."""
    async with HttpBroker(url) as broker:
        yield BrokerSender(broker, depot)
