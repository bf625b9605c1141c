"""The SDK that most senders in JavaScript use, as docs/how-to/events.md shows it, against a real server.

Its packages are those of tests/javascript, which `make test` installs where npm is.
"""

import asyncio
import json
import os
import shutil
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from orchestrator.api.server import serve
from tests.servers.own_process import do_without

pytestmark = pytest.mark.slow

PACKAGES = Path(__file__).parents[2] / "javascript" / "node_modules"

LISTENER = """\
apiVersion: flume/v1
kind: Pipeline
metadata: {name: sink}
trigger: {type: event, attributes: {type: com.example.order}}
nodes:
  - {id: seen, type: json-transform, inputs: {data: "{{ trigger }}"}, config: {expression: "@"}}
"""

SENDER = """
const { CloudEvent, HTTP, emitterFor } = require("cloudevents");
const [url, mode] = process.argv.slice(1);

async function post(message) {
  const headers = Object.fromEntries(Object.entries(message.headers).map(([name, value]) => [name, String(value)]));
  const answer = await fetch(url, { method: "POST", headers, body: message.body });
  console.log(JSON.stringify({ status: answer.status, body: await answer.text() }));
}

const event = new CloudEvent({
  id: "order-" + mode, type: "com.example.order", source: "/shop", subject: "order 1",
  customer: "ada", data: { total: 9.5, items: ["lamp"] },
});
if (mode === "emitter") {
  emitterFor(post)(event);
} else {
  post(HTTP[mode](event));
}
"""


async def run_node(*arguments):
    process = await asyncio.create_subprocess_exec(
        "node",
        "-e",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "NODE_PATH": str(PACKAGES)},
    )
    try:
        async with asyncio.timeout(30):
            out, err = await process.communicate()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    return process.returncode, out.decode(), err.decode()


@asynccontextmanager
async def listening(site):
    """The address of the site's app on a real server."""
    stop, ready = asyncio.Event(), asyncio.get_running_loop().create_future()
    server = asyncio.create_task(
        serve(
            site.app,
            host="127.0.0.1",
            port=0,
            stop=stop,
            on_listening=lambda host, port: ready.set_result(f"http://{host}:{port}"),
            grace_s=1,
        )
    )
    try:
        yield await ready
    finally:
        stop.set()
        await server


async def require_sdk():
    if shutil.which("node") is None:
        do_without("no Node.js to send events with")
    code, _, _ = await run_node("require.resolve('cloudevents')")
    if code:
        do_without("the package cloudevents is not installed; `make test` does it, or npm ci --prefix tests/javascript")


@pytest.mark.parametrize("mode", ["binary", "structured", "emitter"])
async def test_events_of_the_javascript_sdk_start_a_pipeline_once_with_all_that_they_say(site, mode) -> None:
    await require_sdk()
    await site.save(LISTENER)

    async with listening(site) as url:
        answers = [await run_node(SENDER, f"{url}/events", mode) for _ in range(2)]

    assert [(code, json.loads(out or "null")) for code, out, _ in answers] == [(0, {"status": 202, "body": ""})] * 2, (
        answers
    )
    (item,) = (await site.call("GET", "/api/v1/runs")).json()["items"]
    run = (await site.call("GET", f"/api/v1/runs/{item['id']}")).json()
    assert run["output"]["data"] == {"total": 9.5, "items": ["lamp"]}
    seen = run["output"]["event"]
    assert (seen["id"], seen["source"], seen["subject"], seen["customer"]) == (
        f"order-{mode}",
        "/shop",
        "order 1",
        "ada",
    )
