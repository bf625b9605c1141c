"""A way to a server on which answers can be held up, as a slow or lost server would."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Way:
    """``port`` leads to the server. ``holding`` is set while an answer is held up; ``opened`` counts connections."""

    port: int = 0
    opened: int = 0
    holding: asyncio.Event = field(default_factory=asyncio.Event)
    _passing: asyncio.Event = field(default_factory=asyncio.Event)

    def hold(self) -> None:
        """Keep answers back from now on."""
        self.holding.clear()
        self._passing.clear()

    def let_pass(self) -> None:
        """Deliver what was kept back, and answers from now on."""
        self.holding.clear()
        self._passing.set()

    async def until_passing(self) -> None:
        """Return once answers may pass."""
        if not self._passing.is_set():
            self.holding.set()
            await self._passing.wait()


@asynccontextmanager
async def way_to(port: int) -> AsyncIterator[Way]:
    """A `Way` to the server on a port of the loopback interface; closed with all its connections at the end."""
    way, pumps = Way(), set[asyncio.Task[None]]()
    way.let_pass()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        way.opened += 1
        there, back = await asyncio.open_connection("127.0.0.1", port)
        pumps.add(asyncio.ensure_future(_pump(reader, back, None)))
        pumps.add(asyncio.ensure_future(_pump(there, writer, way)))

    listening = await asyncio.start_server(connected, "127.0.0.1", 0)
    way.port = listening.sockets[0].getsockname()[1]
    try:
        yield way
    finally:
        listening.close()
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        await listening.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, way: Way | None) -> None:
    try:
        with suppress(ConnectionError):
            while chunk := await reader.read(65_536):
                if way is not None:
                    await way.until_passing()
                writer.write(chunk)
                await writer.drain()
    finally:
        writer.transport.abort()
