"""How long a start waits for a store whose server is not there yet, and what it does not wait for."""

import asyncio
from contextlib import asynccontextmanager

import pytest

import flume.cli.store_wait
from flume.cli.store_wait import wait_for_store
from flume.errors import StoreAwayError, StoreError, UnavailableError

AWAY = StoreAwayError("MongoDB at db is out of reach; start it, or correct MONGODB_URL")
ELECTING = UnavailableError("MongoDB at db can't do it just now (error 189); trying again helps")
WRONG_PASSWORD = StoreError("MongoDB at db refuses the user or the password; correct them in MONGODB_URL")


class Server:
    """A store that fails with ``failures``, one after another, and each try takes ``try_s``."""

    def __init__(self, *failures, try_s=0.0):
        self.failures = list(failures)
        self.try_s = try_s
        self.now = 0.0
        self.tries = 0
        self.closed = 0

    @asynccontextmanager
    async def open(self):
        self.tries += 1
        self.now += self.try_s
        if self.failures:
            raise self.failures.pop(0)
        yield None
        self.closed += 1


@pytest.fixture(autouse=True)
def no_pause(monkeypatch):
    monkeypatch.setattr(flume.cli.store_wait, "AGAIN_S", 0.001)


def wait(server, wait_s=60.0, stopping=None):
    return wait_for_store(server.open, wait_s, stopping or asyncio.Event(), clock=lambda: server.now)


@pytest.mark.parametrize("failure", [AWAY, ELECTING], ids=["away", "electing"])
async def test_a_store_that_comes_in_time_is_waited_for_and_let_go_of_and_each_try_is_told(failure, caplog):
    server = Server(failure, failure, try_s=5)
    assert await wait(server) is True
    assert (server.tries, server.closed) == (3, 1)
    told = [(each.message, each.reason, each.left_s) for each in caplog.records]
    assert told == [
        ("the store can't be reached; trying again", str(failure), 55),
        ("the store can't be reached; trying again", str(failure), 50),
    ]


async def test_one_that_does_not_come_in_time_is_told_as_if_nobody_had_waited():
    server = Server(*[AWAY] * 100, try_s=5)
    with pytest.raises(StoreAwayError, match="out of reach"):
        await wait(server)
    assert server.tries == 12


@pytest.mark.parametrize("wait_s", [0.0, 60.0])
async def test_a_wrong_password_is_no_reason_to_wait(wait_s):
    server = Server(WRONG_PASSWORD)
    with pytest.raises(StoreError, match="the user or the password"):
        await wait(server, wait_s)
    assert server.tries == 1


async def test_who_is_told_to_stop_meanwhile_stops():
    server, stopping = Server(*[AWAY] * 1_000), asyncio.Event()
    waiting = asyncio.create_task(wait(server, stopping=stopping))
    await asyncio.sleep(0)
    stopping.set()
    async with asyncio.timeout(10):
        assert await waiting is False
    assert server.tries < 1_000
