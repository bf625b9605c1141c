import asyncio

import pytest

from flume.errors import NotFoundError, OverloadedError, StoreError, UnavailableError
from orchestrator.outage import StoreOutage

LOSS = "the store can't be used; trying again until it can"
RETURN = "the store can be used again"


class Read:
    """Fails by the given errors and then gives 1."""

    def __init__(self, *errors):
        self.errors = list(errors)

    async def __call__(self):
        if self.errors:
            raise self.errors.pop(0)
        return 1


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr("orchestrator.patience.DELAYS_S", (0.0,))


def test_however_many_parts_notice_it_the_loss_is_told_once_and_the_return_once(caplog):
    caplog.set_level("INFO")
    moments = iter([10.0, 12.54])
    outage = StoreOutage(now=lambda: next(moments))
    error = StoreError("full")
    for part in ("commits", "claims", "commits"):
        outage.noticed(part, error)
    outage.passed("commits")
    assert outage.failure is error
    outage.passed("somebody else")
    outage.passed("claims")
    assert outage.failure is None
    assert caplog.messages == [LOSS, RETURN]
    assert (caplog.records[0].reason, caplog.records[1].after_s) == ("full", 2.5)


def test_a_block_may_fail_because_of_the_store_and_of_nothing_else():
    outage = StoreOutage()
    with outage.tolerated("claims"):
        raise UnavailableError("away")
    assert str(outage.failure) == "away"
    with outage.tolerated("claims"):
        pass
    assert outage.failure is None
    for error in (OverloadedError("too much"), NotFoundError("run", "x")):
        with pytest.raises(type(error)), outage.tolerated("claims"):
            raise error


def test_who_looks_seldom_looks_again_soon_while_the_store_fails(monkeypatch):
    monkeypatch.setattr("orchestrator.patience.DELAYS_S", (1.0,))
    outage = StoreOutage()
    assert outage.pause_s("janitor", 60.0) == 60.0
    outage.noticed("janitor", StoreError("full"))
    assert 0.5 <= outage.pause_s("janitor", 60.0) <= 1.0
    assert outage.pause_s("janitor", 0.2) == 0.2
    assert outage.pause_s("outbox", 10.0) == 10.0


async def test_a_read_is_repeated_until_the_store_answers(caplog):
    outage = StoreOutage()
    assert await outage.wait_out(Read(StoreError("full"), UnavailableError("away"))) == 1
    assert caplog.messages == [LOSS, RETURN]


async def test_an_answer_that_is_an_error_is_not_waited_out():
    with pytest.raises(NotFoundError):
        await StoreOutage().wait_out(Read(NotFoundError("pipeline", "x")))


async def test_who_gives_up_waiting_is_not_waited_for():
    outage = StoreOutage()
    waiting = asyncio.create_task(outage.wait_out(Read(*[StoreError("full")] * 1_000_000)))
    await asyncio.sleep(0)
    assert outage.failure is not None
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert outage.failure is None
