"""One address for many servers, of which each call goes to one that is there: what a Service is on a cluster."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import aiohttp
from aiohttp import web

from tests.servers.web_app import served

CALL_S = 30.0

_NOT_PASSED_ON = frozenset({"host", "content-length", "transfer-encoding", "connection", "content-encoding"})


class Service:
    """``choose`` names the server (``http://host:port``) for the next call."""

    def __init__(self, choose: Callable[[], str]) -> None:
        self.url = ""
        self._choose = choose
        self._client: aiohttp.ClientSession

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Service"]:
        """On a free port, for the length of the block."""
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._pass_on)
        async with (
            served(app) as self.url,
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=CALL_S)) as self._client,
        ):
            yield self

    async def _pass_on(self, request: web.Request) -> web.Response:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _NOT_PASSED_ON}
        address = self._choose() + request.raw_path
        try:
            body = await request.read()
            async with self._client.request(request.method, address, headers=headers, data=body) as answer:
                told = {name: value for name, value in answer.headers.items() if name.lower() not in _NOT_PASSED_ON}
                return web.Response(status=answer.status, headers=told, body=await answer.read())
        except (aiohttp.ClientError, TimeoutError, ConnectionResetError):
            return web.Response(status=502)
