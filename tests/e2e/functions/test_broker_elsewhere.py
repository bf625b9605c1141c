"""An orchestrator that hands its orders to a broker elsewhere, which carries them to a function of which it knows nothing."""

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web

from eventing.cloudevents import decode_one, encode_binary
from flume.cli.serving import serving
from flume.cli.settings import read_settings
from flume.source import read_source
from orchestrator.runs import Start
from orchestrator.values import RunValues

pytestmark = pytest.mark.slow

MIB = 1024 * 1024


@dataclass
class Broker:
    """Takes events by HTTP. Those to a function go there, and the reply goes to the orchestrator, each as often as ``copies``.

    Of events about runs it refuses the first.
    """

    url: str = ""
    function_url: str = ""
    orchestrator_url: str = ""
    copies: int = 1
    events: list = field(default_factory=list)
    run_events: list = field(default_factory=list)
    all_runs_told: asyncio.Event = field(default_factory=asyncio.Event)
    has_refused: bool = False
    carrying: set = field(default_factory=set)

    async def take(self, request):
        event = decode_one([(name.lower(), value) for name, value in request.headers.items()], await request.read())
        if event.type.startswith("dev.flume.run."):
            return self.hear(event)
        self.events.append(event)
        for _ in range(self.copies if self.function_url else 0):
            task = asyncio.create_task(self.carry(event))
            self.carrying.add(task)
        return web.Response(status=202)

    def hear(self, event):
        if not self.has_refused:
            self.has_refused = True
            return web.Response(status=503)
        self.run_events.append(event)
        if event.type == "dev.flume.run.completed":
            self.all_runs_told.set()
        return web.Response(status=202)

    async def carry(self, event):
        headers, body = encode_binary(event)
        async with aiohttp.ClientSession() as session:
            async with session.post(self.function_url, data=body, headers=headers) as reply:
                assert reply.status == 200, await reply.text()
                answer, content = reply.headers, await reply.read()
            kept = {name: value for name, value in answer.items() if name.lower().startswith(("ce-", "content-type"))}
            for _ in range(self.copies):
                async with session.post(f"{self.orchestrator_url}/events", data=content, headers=kept) as taken:
                    assert taken.status == 202, await taken.text()


@pytest.fixture
async def broker():
    broker = Broker()
    app = web.Application(client_max_size=MIB)
    app.router.add_post("/default/main", broker.take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    broker.url = f"http://127.0.0.1:{runner.addresses[0][1]}/default/main"
    yield broker
    await runner.cleanup()
    if broker.carrying:
        await asyncio.gather(*broker.carrying)


@pytest.fixture
def open_server(nodes, tmp_path):
    """Opens servers that hand their orders to a broker."""

    @asynccontextmanager
    async def opened(broker_url, dispatch="broker"):
        settings = read_settings(
            {
                "FLUME_DATA": str(tmp_path / "data"),
                "FLUME_NODES": str(nodes),
                "FLUME_GRACE": "0",
                "FLUME_DISPATCH": dispatch,
                "BROKER_URL": broker_url,
            }
        )
        async with serving(settings, "127.0.0.1", 0, secrets={}) as server:
            yield server

    return opened


@asynccontextmanager
async def function_process(node_type, nodes, engine_url, environment):
    """A function as it runs on a cluster; its address."""
    read_end, write_end = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "functions", node_type, "--nodes", str(nodes)),
        *("--host", "127.0.0.1", "--port", "0", "--ready-fd", str(write_end)),
        pass_fds=[write_end],
        env={**environment, "ENGINE_URL": engine_url},
    )
    os.close(write_end)
    with os.fdopen(read_end) as pipe:
        port = int(await asyncio.to_thread(pipe.readline))
    try:
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        await process.wait()


async def run_to_end(server, document, data=None):
    orchestrator = server.orchestrator
    record = (await orchestrator.pipelines.save(read_source(document))).record
    run_id = (await orchestrator.runs.start(record, Start(data=data))).run_id
    with orchestrator.engine.watch(run_id) as watch:
        stored = await orchestrator.store.load_run(run_id)
        return stored.run if stored.run.status.is_ended else await watch.until(lambda run: run.status.is_ended)


async def test_an_order_comes_to_its_function_by_the_broker_and_its_answer_to_the_events_of_the_api(
    broker, open_server, nodes, document, plain_environment
):
    broker.copies = 2
    async with open_server(broker.url) as server:
        broker.orchestrator_url = server.url
        async with function_process("echo", nodes, server.url, plain_environment) as function_url:
            broker.function_url = function_url
            run = await run_to_end(server, document("echo", {"text": "{{ trigger.data }}"}), "ü" * MIB)
            await asyncio.gather(*broker.carrying)

        assert run.status == "completed", run.root.error
        output = await RunValues(server.orchestrator.store).load_output(run.root.output)
        assert output["text"] == "ü" * MIB
        lines = (await server.orchestrator.store.read_logs(run.id)).items
        assert [line.message for line in lines] == ["echoed"]
        assert server.orchestrator.functions.statuses() == {}
    [order] = broker.events
    assert (order.type, order.extensions["flumenodetype"]) == ("dev.flume.node.invoke", "echo")
    assert (order.data, order.id) == (None, f"{run.id}.n.1")


async def test_events_about_runs_go_to_the_broker_however_orders_travel_and_come_again_when_it_refuses(
    broker, open_server
):
    text = (
        "apiVersion: flume/v1\nkind: Pipeline\nmetadata: {name: p}\n"
        "nodes: [{id: a, type: template, config: {template: hi}}]\n"
    )
    async with open_server(broker.url, dispatch="direct") as server:
        run = await run_to_end(server, text)
        async with asyncio.timeout(20):
            await broker.all_runs_told.wait()

    assert broker.has_refused
    told = {(event.type, event.id, event.source, event.subject) for event in broker.run_events}
    assert told == {
        (f"dev.flume.run.{kind}", f"{run.id}.{kind}", "/flume/default/p", run.id) for kind in ("started", "completed")
    }


async def test_an_order_of_which_nothing_is_heard_is_published_three_times_as_the_same_event_and_then_lost(
    broker, open_server, document
):
    text = document("echo", {"text": "a"}, retry={"attempts": 1}, startTimeout="50ms")
    async with open_server(broker.url) as server:
        run = await run_to_end(server, text)

    assert (run.status, run.root.error.code) == ("failed", "lost")
    assert "did not answer, asked 3 times: nothing was heard of it" in run.root.error.message
    assert [event.id for event in broker.events] == [f"{run.id}.n.1"] * 3


async def test_a_broker_that_is_not_there_is_told_once_the_time_to_start_is_over(broker, open_server, document):
    text = document("echo", {"text": "a"}, retry={"attempts": 1}, startTimeout="300ms")
    async with open_server("http://127.0.0.1:9/") as server:
        run = await run_to_end(server, text)

    assert (run.status, run.root.error.code) == ("failed", "lost")
    assert "the broker at 127.0.0.1 can't be reached" in run.root.error.message


async def test_a_run_that_no_answer_could_reach_has_its_functions_here_whatever_broker_is_set(open_site):
    async with open_site(dispatch="broker", broker_url="http://127.0.0.1:9/") as site:
        run = await site.run("echo", {"text": "a"})

    assert (run.status, site.functions["echo"].events) == ("completed", 1)
