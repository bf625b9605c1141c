"""What Knative does for Flume on a cluster, over real HTTP and with real processes, from the objects that Flume makes for it.

A Service has no process until a call comes for it, a JobSink starts a process for each event that it has not seen, and a broker
carries events by Triggers, tries again, takes replies as events, and has a place for dead letters (`eventing.broker` is that).
Time is shorter here: what a broker waits before it tries again is divided by `HASTE`.
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from eventing.broker import Broker, Disorder, Trigger
from eventing.cloudevents import CloudEvent, MalformedEventError, decode_one, encode_binary, encode_structured
from eventing.delivery import Delivery, Reply
from eventing.invocations import Invocation
from flume.filters import parse_filters
from flume.pipeline import Lane
from tests.servers.web_app import served

HASTE = 50.0

BODY_MOST = 64 * 1024 * 1024

Manifest = Mapping[str, Any]


@dataclass
class Started:
    """A function process that serves, and its address."""

    process: asyncio.subprocess.Process
    url: str


@dataclass
class Knative:
    """``nodes`` are files with custom node types, ``engine_url`` is told to processes in place of the one in manifests.

    ``not_yet`` is how many calls each name is answered 503 at first, as by Knative after the loss of a node; ``refused`` counts
    them, ``unknown`` those of names that have no object. ``starts`` and ``jobs`` count processes by name, ``orders`` are
    all that came to functions, with the name.
    """

    environment: Mapping[str, str]
    folder: Path
    nodes: Sequence[Path] = ()
    engine_url: str = ""
    not_yet: int = 0
    url: str = ""
    orders: list[tuple[str, CloudEvent]] = field(default_factory=list)
    letters: list[CloudEvent] = field(default_factory=list)
    starts: Counter[str] = field(default_factory=Counter)
    jobs: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    objects: dict[tuple[str, str], Manifest] = field(default_factory=dict)
    running: dict[str, Started] = field(default_factory=dict)
    disorder: Disorder = field(default_factory=lambda: Disorder(seed=0))

    def apply(self, manifests: Sequence[Manifest]) -> None:
        """Make objects known, in place of those of the same kind and name."""
        for each in manifests:
            self.objects[each["kind"], each["metadata"]["name"]] = each
        self._broker.set_triggers(
            [self._trigger(each) for (kind, _), each in self.objects.items() if kind == "Trigger"]
        )

    def address_of(self, order: Invocation) -> str:
        """Where a function takes its order here."""
        return f"{self.url}/{'jobs' if order.lane is Lane.JOB else 'services'}/{order.function}"

    @property
    def broker_url(self) -> str:
        """Where the broker takes events."""
        return f"{self.url}/broker"

    async def drained(self) -> None:
        """Wait until the broker has delivered all that it took, replies included."""
        await self._broker.drain()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Knative"]:
        """On a free port, for the length of the block; its end kills all processes."""
        app = web.Application(client_max_size=BODY_MOST)
        app.router.add_post("/services/{name}", self._call)
        app.router.add_post("/jobs/{name}", self._take_job)
        app.router.add_post("/broker", self._publish)
        self._locks: dict[str, asyncio.Lock] = {}
        self._processes: list[asyncio.subprocess.Process] = []
        self._seen: set[tuple[str, str, str]] = set()
        self._broker = Broker(disorder=self.disorder, sleep=lambda seconds: asyncio.sleep(seconds / HASTE))
        try:
            async with served(app) as self.url, aiohttp.ClientSession() as self._client, self._broker:
                yield self
        finally:
            await asyncio.gather(*(_end(process) for process in self._processes))

    async def _publish(self, request: web.Request) -> web.Response:
        self._broker.publish(await _event_in(request))
        return web.Response(status=202)

    async def _call(self, request: web.Request) -> web.Response:
        """A call of a service, whose process is started if there is none; the caller waits meanwhile."""
        name, event = request.match_info["name"], await _event_in(request)
        if ("Service", name) not in self.objects:
            self.unknown[name] += 1
            return web.Response(status=404)
        if self.refused[name] < self.not_yet:
            self.refused[name] += 1
            return web.Response(status=503)
        self.orders.append((name, event))
        async with self._locks.setdefault(name, asyncio.Lock()):
            if name not in self.running:
                self.running[name] = await self._start(name)
        headers, body = encode_binary(event)
        try:
            async with self._client.post(self.running[name].url, data=body, headers=headers) as answer:
                return web.Response(status=answer.status, headers=_kept(answer.headers), body=await answer.read())
        except aiohttp.ClientError:
            self.running.pop(name, None)
            return web.Response(status=502)

    async def _take_job(self, request: web.Request) -> web.Response:
        name, event = request.match_info["name"], await _event_in(request)
        if ("JobSink", name) not in self.objects:
            self.unknown[name] += 1
            return web.Response(status=400)
        self.orders.append((name, event))
        if (name, event.source, event.id) not in self._seen:
            self._seen.add((name, event.source, event.id))
            self.jobs[name] += 1
            file = self.folder / f"event-{len(self._seen)}"
            file.write_bytes(encode_structured(event)[1])
            await self._process(name, "--event", str(file))
        return web.Response(status=202)

    async def _start(self, name: str) -> Started:
        self.starts[name] += 1
        read_end, write_end = os.pipe()
        process = await self._process(
            name, "--host", "127.0.0.1", "--port", "0", "--ready-fd", str(write_end), pass_fds=[write_end]
        )
        os.close(write_end)
        with os.fdopen(read_end) as pipe:
            port = int(await asyncio.to_thread(pipe.readline))
        return Started(process, f"http://127.0.0.1:{port}/")

    async def _process(self, name: str, *options: str, pass_fds: Sequence[int] = ()) -> asyncio.subprocess.Process:
        files = [argument for path in self.nodes for argument in ("--nodes", str(path))]
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "functions", *self._types(name), *files, *options),
            pass_fds=pass_fds,
            env={**self.environment, "ENGINE_URL": self.engine_url},
        )
        self._processes.append(process)
        return process

    def _types(self, name: str) -> list[str]:
        """The node types that the object's container is told to serve; an image of a type's own is told by a variable."""
        if ("JobSink", name) in self.objects:
            pod = self.objects["JobSink", name]["spec"]["job"]["spec"]["template"]["spec"]
        else:
            pod = self.objects["Service", name]["spec"]["template"]["spec"]
        container = pod["containers"][0]
        [served] = [each["value"] for each in container["env"] if each["name"] == "FLUME_NODE_TYPES"]
        return list(container.get("args") or served.split())

    def _trigger(self, made: Manifest) -> Trigger:
        spec, name = made["spec"], made["metadata"]["name"]
        delivery = Delivery(retries=spec["delivery"]["retry"], delay=timedelta(seconds=1))
        ref = spec["subscriber"].get("ref")
        path = None if ref is None else f"/{'jobs' if ref['kind'] == 'JobSink' else 'services'}/{ref['name']}"
        return Trigger(
            name,
            _Subscriber(lambda: self._client, lambda: self.url + path if path else f"{self.engine_url}/events"),
            parse_filters(spec["filters"]),
            delivery,
            dead_letters=_Subscriber(
                lambda: self._client, lambda: f"{self.engine_url}/events/dead-letter", self.letters.append
            ),
            address=path or "",
        )


@dataclass(frozen=True)
class _Subscriber:
    """An address that gets events; what it answers is an event in turn, or nothing, or else it is delivered again."""

    client: Callable[[], aiohttp.ClientSession]
    address: Callable[[], str]
    notice: Callable[[CloudEvent], object] = lambda event: None

    async def deliver(self, event: CloudEvent) -> Reply:
        self.notice(event)
        headers, body = encode_binary(event)
        try:
            async with self.client().post(self.address(), data=body, headers=headers) as answer:
                content = await answer.read()
                if not 200 <= answer.status < 300:
                    return Reply(answer.status, body=content)
                if not content:
                    return Reply(answer.status)
                return Reply(answer.status, event=decode_one(_lower(answer.headers), content))
        except MalformedEventError:
            # What a broker's filter makes of a 200 that is no event.
            return Reply(502)
        except aiohttp.ClientError as error:
            raise ConnectionError(str(error)) from error


async def _event_in(request: web.Request) -> CloudEvent:
    return decode_one(_lower(request.headers), await request.read())


def _lower(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name.lower(), value) for name, value in headers.items()]


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {
        name: value
        for name, value in _lower(headers)
        if name.startswith("ce-") or name in ("content-type", "retry-after")
    }


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()
