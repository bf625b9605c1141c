"""Real servers in processes of their own, and a client that costs little: what is measured over HTTP is measured from outside."""

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

BARE = """
import asyncio, sys, uvicorn

BODY = b'{"ok": true}' * 60

async def app(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(BODY)).encode())]})
    await send({"type": "http.response.body", "body": BODY})

server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", http="httptools"))

async def main():
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    print("at http://127.0.0.1:%d" % server.servers[0].sockets[0].getsockname()[1], file=sys.stderr, flush=True)
    await task

asyncio.run(main())
"""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that takes calls: its process and where it listens."""

    process: asyncio.subprocess.Process
    port: int
    seconds_to_ready: float

    def memory_mb(self) -> float:
        """What its process holds in memory now."""
        return resident_mb(self.process.pid)

    def cpu_s(self) -> float:
        """The processor time that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int | str = "self") -> float:
    """What a process holds in memory now, counting in full what it shares with others."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def pss_mb(pid: int) -> float:
    """What a process holds in memory now, what it shares divided among those who share it."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:")) / 1024


def environment_of_servers() -> dict[str, str]:
    """This process's environment, but that sources are compiled once and not at each start, which would be measured."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


@asynccontextmanager
async def flume_server(settings: Mapping[str, str]) -> AsyncIterator[Server]:
    """``flume orchestrator`` with these settings, killed at the end."""
    command = [sys.executable, "-P", "-m", "flume", "orchestrator", "--port", "0"]
    async with _server(command, {"LOG_LEVEL": "warning", **settings}) as server:
        yield server


@asynccontextmanager
async def console_server(engine: Server) -> AsyncIterator[Server]:
    """``flume console`` beside an orchestrator, killed at the end."""
    command = [sys.executable, "-P", "-m", "flume", "console", "--port", "0"]
    async with _server(command, {"LOG_LEVEL": "warning", "ENGINE_URL": f"http://127.0.0.1:{engine.port}"}) as server:
        yield server


@asynccontextmanager
async def bare_server() -> AsyncIterator[Server]:
    """The floor: the same HTTP server around a function that answers at once."""
    async with _server([sys.executable, "-c", BARE], {}) as server:
        yield server


@asynccontextmanager
async def _server(command: list[str], environment: dict[str, str]) -> AsyncIterator[Server]:
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *command, env={**environment_of_servers(), **environment}, stderr=asyncio.subprocess.PIPE
    )
    try:
        port = await _port_of(process)
        await Connection.call(port, "GET", "/healthz")
        yield Server(process, port, time.perf_counter() - began)
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


async def _port_of(process: asyncio.subprocess.Process) -> int:
    if process.stderr is None:
        raise AssertionError("the server was started without a pipe for what it says")
    while line := await process.stderr.readline():
        found = re.search(rb"at http://[^:/\s]+:(\d+)", line)
        if found:
            return int(found.group(1))
    raise AssertionError("the server ended before it listened")


class Connection:
    """One kept-alive connection that sends a request and reads its answer, one at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """A connection to a server on this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    @classmethod
    async def call(cls, port: int, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        """One request on a connection of its own."""
        connection = await cls.open(port)
        try:
            return await connection.ask(method, path, body, **headers)
        finally:
            connection.close()

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        """Status and body of the answer. Headers are named with ``_`` for ``-``."""
        lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", f"content-length: {len(body)}"]
        if "content_type" not in headers and body:
            headers["content_type"] = "application/json"
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self._writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        content = await self._reader.readexactly(int(length.group(1))) if length else b""
        return int(head.split(b" ", 2)[1]), content

    def close(self) -> None:
        """End the connection."""
        self._writer.close()
