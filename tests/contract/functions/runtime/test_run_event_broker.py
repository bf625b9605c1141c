"""`RunEventBroker`: which answers of a broker mean that an event about a run is to be sent again."""

import pytest

from eventing.cloudevents import CloudEvent
from flume.cli.run_event_broker import RunEventBroker
from flume.errors import RequestError, UnavailableError


@pytest.fixture
def publish():
    async def run(url):
        async with RunEventBroker(url) as broker:
            await broker.publish(CloudEvent(id="1.failed", source="/flume/default/p", type="dev.flume.run.failed"))

    return run


@pytest.mark.parametrize(
    "status", ["401 Who", "403 No", "404 None", "408 Timeout", "409 Conflict", "429 Busy", "500 Error"]
)
async def test_an_answer_that_is_not_the_events_fault_means_again(publish, serve, reply, status):
    server = await serve(reply(b"", status))
    with pytest.raises(UnavailableError, match=f"answered {status[:3]}"):
        await publish(server.url)


@pytest.mark.parametrize("status", ["400 Bad", "405 Method", "413 Large", "415 Type"])
async def test_any_other_refusal_is_the_end_of_the_event(publish, serve, reply, status):
    server = await serve(reply(b"", status))
    with pytest.raises(RequestError, match=f"answered {status[:3]}"):
        await publish(server.url)
