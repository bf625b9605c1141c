"""Which of several operators acts, with clocks that only sleeping moves."""

import asyncio
import copy

import pytest

from knative.operator import lease as module
from knative.operator.kubernetes import KubernetesError
from knative.operator.lease import GIVE_UP_S, LENGTH_S, RENEW_S, Lease, Sight, is_free

PATH = "/apis/coordination.k8s.io/v1/namespaces/flume/leases"


class ApiServer:
    """Keeps one Lease as Kubernetes does: a write over another version than the present one is refused."""

    def __init__(self):
        self.lease = None
        self.version = 0
        self.is_away = False
        self.now = 0.0
        self.on_sleep = lambda: None
        self.never = None
        self.is_silent = False

    async def call(self, method, path, body=None):
        await asyncio.sleep(0)
        if self.is_silent:
            await asyncio.Event().wait()
        if self.is_away:
            raise KubernetesError(f"{method} {path}", 0, "no answer")
        match method:
            case "GET":
                assert path == f"{PATH}/flume-operator"
                if self.lease is None:
                    raise KubernetesError("GET", 404, "not found")
            case "POST":
                assert path == PATH
                if self.lease is not None:
                    raise KubernetesError("POST", 409, "already exists")
                self._keep(body)
            case "PUT":
                if body["metadata"].get("resourceVersion") != self.lease["metadata"]["resourceVersion"]:
                    raise KubernetesError("PUT", 409, "the object has been modified")
                self._keep(body)
        return copy.deepcopy(self.lease)

    def _keep(self, body):
        self.version += 1
        metadata = {**body["metadata"], "resourceVersion": str(self.version)}
        self.lease = {**copy.deepcopy(body), "metadata": metadata}

    async def sleep(self, seconds):
        if self.never is not None:
            await self.never.wait()
        self.now += seconds
        self.on_sleep()
        await asyncio.sleep(0)

    @property
    def holder(self):
        return self.lease["spec"]["holderIdentity"]


@pytest.fixture
def server():
    return ApiServer()


@pytest.fixture
def lease(server):
    def new(me):
        return Lease(
            server,
            namespace="flume",
            name="flume-operator",
            me=me,
            clock=lambda: server.now,
            on_contact=lambda: contacts.append(me),
            sleep=server.sleep,
        )

    contacts = []
    new.contacts = contacts
    return new


@pytest.mark.parametrize(
    ("holder", "silent_s", "free"),
    [("", 0, True), ("me", 0, True), ("other", LENGTH_S, False), ("other", LENGTH_S + 0.1, True)],
    ids=["nobody's", "ours", "just renewed", "left behind"],
)
def test_a_lease_is_free_when_its_holder_is_gone_or_silent_for_too_long(holder, silent_s, free):
    assert is_free(Sight("1", holder, at=100.0), "me", 100.0 + silent_s) is free


async def test_the_first_one_gets_it_and_says_for_how_long(server, lease):
    await lease("a").acquire()
    spec = server.lease["spec"]
    assert (server.now, spec["holderIdentity"], spec["leaseDurationSeconds"]) == (0.0, "a", int(LENGTH_S))
    assert spec["leaseTransitions"] == 1
    assert spec["acquireTime"] == spec["renewTime"]
    assert lease.contacts == ["a"]


async def test_a_second_one_waits_for_the_length_of_the_lease_from_when_it_last_changed(server, lease):
    await lease("a").acquire()
    server.now = 1_000.0
    await lease("b").acquire()
    # By its own clock: when the other one wrote is nothing that clocks of two machines could agree on.
    assert LENGTH_S < server.now - 1_000.0 <= LENGTH_S + RENEW_S
    assert (server.holder, server.lease["spec"]["leaseTransitions"]) == ("b", 2)


async def test_a_second_one_waits_for_ever_while_the_first_renews(server, lease):
    first, second = lease("a"), lease("b")
    await first.acquire()
    keeping = asyncio.create_task(first.keep())
    waiting = asyncio.create_task(second.acquire())
    for _ in range(500):
        await asyncio.sleep(0)
    assert server.now > 20 * LENGTH_S
    assert (server.holder, waiting.done(), keeping.done()) == ("a", False, False)
    for each in (keeping, waiting):
        each.cancel()


async def test_one_that_is_given_back_is_taken_at_once(server, lease):
    first = lease("a")
    await first.acquire()
    await first.release()
    await lease("b").acquire()
    assert (server.now, server.holder) == (0.0, "b")


@pytest.mark.parametrize("is_silent", [True, False], ids=["silent", "away"])
async def test_an_api_server_that_is_away_at_the_end_holds_nobody_up(server, lease, monkeypatch, is_silent):
    monkeypatch.setattr(module, "RELEASE_S", 0.01)
    first = lease("a")
    await first.acquire()
    server.is_away = not is_silent
    server.is_silent = is_silent
    await first.release()
    assert server.holder == "a"


async def test_what_another_one_holds_is_not_given_back(server, lease):
    first, second = lease("a"), lease("b")
    await first.acquire()
    await second.acquire()
    await first.keep()
    await first.release()
    assert server.holder == "b"


async def test_a_holder_that_can_not_renew_stops_before_another_one_begins(server, lease):
    first = lease("a")
    await first.acquire()
    server.is_away = True
    await first.keep()
    assert GIVE_UP_S <= server.now < LENGTH_S


async def test_an_outage_that_is_shorter_than_that_loses_nothing(server, lease):
    first = lease("a")
    await first.acquire()
    outages = iter([True, False, True, False])

    def flicker():
        server.is_away = next(outages, None) is True
        if server.now > 60:
            raise asyncio.CancelledError

    server.on_sleep = flicker
    with pytest.raises(asyncio.CancelledError):
        await first.keep()
    assert server.holder == "a"


async def test_one_that_was_taken_away_is_noticed_with_the_next_renewal(server, lease):
    first = lease("a")
    await first.acquire()
    server.lease["spec"]["holderIdentity"] = "b"
    server.lease["metadata"]["resourceVersion"] = "99"
    await first.keep()
    assert (server.now, server.holder) == (RENEW_S, "b")


async def test_of_two_that_write_over_the_same_version_one_succeeds(server, lease):
    server.lease = {"metadata": {"name": "flume-operator", "resourceVersion": "7"}, "spec": {"holderIdentity": ""}}
    server.never = asyncio.Event()
    tasks = [asyncio.create_task(lease(me).acquire()) for me in ("a", "b")]
    for _ in range(20):
        await asyncio.sleep(0)
    assert [each.done() for each in tasks] == [True, False]
    assert (server.holder, server.version) == ("a", 1)
    tasks[1].cancel()


async def test_an_api_server_that_is_away_at_first_is_waited_for(server, lease):
    server.is_away = True

    def back():
        server.is_away = server.now < 30

    server.on_sleep = back
    await lease("a").acquire()
    assert server.now >= 30
    assert server.holder == "a"
