"""The description tells every answer: generated calls, good and bad, meet nothing that it does not say."""

import asyncio
import threading

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from flume.cli.local import Composition, local_orchestrator
from flume.cli.settings import Settings
from flume.source import read_source
from orchestrator.api.access import access_for
from orchestrator.api.app import create_app
from orchestrator.api.openapi import describe_api
from orchestrator.api.server import serve

HELLO = (
    "apiVersion: flume/v1\nkind: Pipeline\nmetadata: {name: hello}\nnodes: [{id: a, type: log, inputs: {message: a}}]\n"
)


@pytest.fixture(scope="module")
def address():
    """A real server in a thread of its own, since generated calls are made without a loop."""
    ready: list[str] = []
    started, stopping = threading.Event(), []

    async def main() -> None:
        async with local_orchestrator(Composition(Settings(grace=0), {}, None, fires_schedules=False)) as orchestrator:
            await orchestrator.pipelines.save(read_source(HELLO), namespace="default")
            app = create_app(orchestrator, access_for(listen_host="127.0.0.1"), version="1")
            stop = asyncio.Event()
            stopping.append((asyncio.get_running_loop(), stop))

            def listening(host: str, port: int) -> None:
                ready.append(f"http://{host}:{port}")
                started.set()

            await serve(app, host="127.0.0.1", port=0, stop=stop, on_listening=listening, grace_s=1)

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert started.wait(20)
    yield ready[0]
    loop, stop = stopping[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(20)


DESCRIPTION = describe_api(create_app(None, access_for(listen_host="127.0.0.1"), version="1"))  # nothing is called yet
SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION)
# Streams do not end by themselves, hooks answer what a pipeline wants, and a tested node may take its time.
LEFT_OUT = ("/v1/events", "}/events", ":test", "/hooks/{namespace}/{path}")
OPERATIONS = {
    operation.label: operation
    for operation in (result.ok() for result in SCHEMA.get_all_operations())
    if not operation.path.endswith(LEFT_OUT)
}
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.mark.slow
@pytest.mark.parametrize("label", OPERATIONS)
def test_no_answer_is_undocumented(address, label) -> None:
    @settings(max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(OPERATIONS[label].as_strategy())
    def check(case) -> None:
        case.call_and_validate(base_url=address, checks=CHECKS, timeout=20)

    check()
