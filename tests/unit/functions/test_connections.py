"""Pools by URL: opened once, bounded, and never closed under those who use them."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from functions.nodes.connections import Connections


class Clients:
    def __init__(self) -> None:
        self.opened: list[str] = []
        self.closed: list[str] = []

    def open(self, url: str) -> str:
        if url == "bad":
            raise ValueError
        self.opened.append(url)
        return url

    async def close(self, client: str) -> None:
        await asyncio.sleep(0)
        self.closed.append(client)
        if client == "stubborn":
            raise OSError


async def use(connections: Connections[str], *urls: str) -> None:
    for url in urls:
        async with connections.of(url) as client:
            assert client == url


async def test_a_url_is_opened_once() -> None:
    clients = Clients()
    connections = Connections(clients.open, clients.close)

    await asyncio.gather(*(use(connections, "a", "b") for _ in range(5)))

    assert (clients.opened, clients.closed) == (["a", "b"], [])


async def test_beyond_the_bound_the_one_unused_for_longest_is_closed() -> None:
    clients = Clients()
    connections = Connections(clients.open, clients.close, max_idle=2)

    await use(connections, "a", "b", "a", "c")

    assert clients.closed == ["b"]
    await use(connections, "b")
    assert clients.opened == ["a", "b", "c", "b"]


async def test_one_in_use_stays_open_and_is_closed_when_it_is_one_too_many_afterwards() -> None:
    clients = Clients()
    connections = Connections(clients.open, clients.close, max_idle=1)
    async with AsyncExitStack() as using:
        for url in ("a", "b", "c"):
            await using.enter_async_context(connections.of(url))
        assert clients.closed == []
    assert sorted(clients.closed) == ["b", "c"]
    assert len(connections) == 1


async def test_a_failure_to_open_keeps_nothing() -> None:
    clients = Clients()
    connections = Connections(clients.open, clients.close)

    with pytest.raises(ValueError):  # noqa: PT011
        await use(connections, "bad")

    assert len(connections) == 0


async def test_all_are_closed_at_the_end_although_one_fails_to() -> None:
    clients = Clients()
    connections = Connections(clients.open, clients.close)
    await use(connections, "a", "stubborn", "b")

    with pytest.raises(OSError):  # noqa: PT011
        await connections.aclose()

    assert sorted(clients.closed) == ["a", "b", "stubborn"]
    assert len(connections) == 0
