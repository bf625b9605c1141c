"""The guarded HTTP client against a real server, with a name service that the tests control."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpcore
import httpx
import pytest

from flume.errors import NodeError
from functions.outgoing import AddressPolicy, Resolve, open_client, resolve

Serve = Callable[[Any], Awaitable[Any]]
Reply = Callable[..., Any]


def name_service(*answers: list[str]) -> tuple[Resolve, list[str]]:
    """Gives one answer after the other, the last one for ever; the second value lists the names asked for."""
    left, asked = list(answers), list[str]()

    async def answer(host: str, port: int, timeout_s: float) -> list[str]:
        asked.append(host)
        return left.pop(0) if len(left) > 1 else left[0]

    return answer, asked


def port_of(server: Any) -> str:
    return str(server.url).rpartition(":")[2]


async def test_the_connection_goes_to_the_address_that_was_judged(serve: Serve, reply: Reply) -> None:
    server = await serve(reply(b"ok", connection="close"))
    names, asked = name_service(["127.0.0.1"], ["169.254.169.254"])
    url = f"http://rebinding.example:{port_of(server)}/"

    async with open_client(AddressPolicy(), names) as client:
        assert (await client.get(url)).text == "ok"
        with pytest.raises(NodeError, match=r"rebinding\.example is at an address"):
            await client.get(url)

    assert asked == ["rebinding.example", "rebinding.example"]
    assert [request.headers["host"] for request in server.asked] == [f"rebinding.example:{port_of(server)}"]


async def test_refused_addresses_of_a_name_are_passed_over(serve: Serve, reply: Reply) -> None:
    server = await serve(reply(b"ok"))
    names, _ = name_service(["169.254.169.254", "fe80::1", "127.0.0.1"])

    async with open_client(AddressPolicy(), names) as client:
        assert (await client.get(f"http://both.example:{port_of(server)}/")).text == "ok"


async def test_the_next_address_is_tried_when_one_does_not_answer(serve: Serve, reply: Reply) -> None:
    server = await serve(reply(b"ok"))
    names, _ = name_service(["127.0.0.2", "127.0.0.1"])

    async with open_client(AddressPolicy(), names) as client:
        assert (await client.get(f"http://two.example:{port_of(server)}/")).text == "ok"


async def test_without_an_answer_from_any_address_the_connection_fails(serve: Serve, reply: Reply) -> None:
    server = await serve(reply(b"ok"))
    names, _ = name_service(["127.0.0.2", "127.0.0.3"])

    async with open_client(AddressPolicy(), names) as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://none.example:{port_of(server)}/")


async def test_an_idle_connection_serves_the_same_name_alone(serve: Serve, reply: Reply) -> None:
    server = await serve(reply(b"ok"))
    names, asked = name_service(["127.0.0.1"])

    async with open_client(AddressPolicy(), names) as client:
        for name in ("a.example", "a.example", "b.example"):
            await client.get(f"http://{name}:{port_of(server)}/")

    assert asked == ["a.example", "b.example"]


async def test_a_name_that_does_not_resolve_is_a_failed_connection() -> None:
    async with open_client(AddressPolicy()) as client:
        with pytest.raises(httpx.ConnectError, match=r"the name \S+ can't be resolved"):
            await client.get(f"http://{'a' * 64}.invalid/")


async def test_a_slow_name_service_is_a_time_out_of_the_connection() -> None:
    with pytest.raises(httpcore.ConnectTimeout, match="localhost"):
        await resolve("localhost", 80, 0)


async def test_only_http_is_spoken() -> None:
    async with open_client(AddressPolicy()) as client:
        with pytest.raises(httpx.UnsupportedProtocol):
            await client.get("gopher://127.0.0.1/")
