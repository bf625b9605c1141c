import asyncio
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from flume.cli.serving import serving
from flume.cli.settings import Settings

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Collector(BaseHTTPRequestHandler):
    """Keeps the spans that it is sent, and the traceparent of every other call."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        request = ExportTraceServiceRequest.FromString(body)
        self.server.spans += [
            span for each in request.resource_spans for scope in each.scope_spans for span in scope.spans
        ]
        self._answer()

    def do_GET(self):
        self.server.called_with.append(self.headers["traceparent"])
        self._answer()

    def _answer(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def collector():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    server.spans, server.called_with = [], []
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.slow
async def test_a_run_becomes_a_trace_in_which_the_called_server_finds_its_caller(collector, tmp_path):
    url = f"http://127.0.0.1:{collector.server_port}"
    settings = Settings.model_validate({"FLUME_DATA": tmp_path, "OTEL_EXPORTER_OTLP_ENDPOINT": url})
    text = (
        "apiVersion: flume/v1\nkind: Pipeline\nmetadata: {name: traced}\nnodes:\n"
        f"  - {{id: call, type: http-request, config: {{url: '{url}/'}}}}\n"
    )
    async with (
        serving(settings, "127.0.0.1", 0, secrets={}) as server,
        httpx.AsyncClient(base_url=server.url) as client,
    ):
        await client.post("/api/v1/pipelines", content=text, headers={"content-type": "application/yaml"})
        headers = {"traceparent": PARENT, "prefer": "wait=20"}
        answer = await client.post("/api/v1/pipelines/traced/invoke", json={}, headers=headers)
        assert answer.json()["status"] == "completed"
    await asyncio.sleep(0)
    spans = {span.name: span for span in collector.spans}
    assert {"run traced", "node call", "attempt 1"} <= set(spans)
    assert {span.trace_id.hex() for span in collector.spans} == {"0af7651916cd43dd8448eb211c80319c"}
    assert spans["run traced"].parent_span_id.hex() == "b7ad6b7169203331"
    assert collector.called_with == [f"00-0af7651916cd43dd8448eb211c80319c-{spans['attempt 1'].span_id.hex()}-01"]
