"""A stand-in for a model server whose answer the test dictates, piece by piece: nothing comes before the test lets it come."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from threading import Event, Thread
from typing import Any

import pytest


class DictatedModel:
    """The test's end. ``url`` ends in ``/v1``; ``asked`` holds the bodies of requests. One request is answered at a time."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.has_lost_its_caller = Event()
        self._pieces: SimpleQueue[str | None] = SimpleQueue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"

    def begin_anew(self) -> None:
        """Forget what was asked and what was dictated, for the next test. No answer is under way."""
        self.asked.clear()
        self.has_lost_its_caller.clear()
        self._pieces = SimpleQueue()

    def say(self, piece: str) -> None:
        """Send a piece of the answer."""
        self._pieces.put(piece)

    def finish(self) -> None:
        """End the answer."""
        self._pieces.put(None)

    def serve(self) -> None:
        """Answer until `stop`."""
        self._server.serve_forever(poll_interval=0.01)

    def stop(self) -> None:
        """Answer nothing any more; an answer under way ends."""
        self.finish()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        model = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                model.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.end_headers()
                try:
                    while (piece := model._pieces.get()) is not None:
                        self._send({"content": piece}, None)
                    self._send({}, "stop")
                    self.wfile.write(b"data: [DONE]\n\n")
                except ConnectionError:
                    model.has_lost_its_caller.set()

            def _send(self, delta: dict[str, str], finish: str | None) -> None:
                choice = {"index": 0, "delta": delta, "finish_reason": finish}
                chunk = {"object": "chat.completion.chunk", "model": "dictated", "choices": [choice]}
                self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())

            def log_message(self, format: str, *arguments: object) -> None:
                pass

        return Handler


@pytest.fixture
def dictated_model() -> Iterator[DictatedModel]:
    """A server for this test."""
    with dictating() as model:
        yield model


@contextmanager
def dictating() -> Iterator[DictatedModel]:
    """A server for a block."""
    model = DictatedModel()
    thread = Thread(target=model.serve)
    thread.start()
    yield model
    model.stop()
    thread.join()
