"""Flume's API from outside a cluster: through ``kubectl port-forward``, so that no ingress is needed.

A forward ends with the pod that it goes to. It is begun again then, and a call that could not be made is made again: what
it does is done once all the same, since starts carry a key.
"""

import re
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx

_FORWARDING = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+) ")

READY_S = 30.0
PERSIST_S = 120.0


class ForwardError(AssertionError):
    """No way to the service came about."""


class Forward:
    """A local port that leads to a service, for as long as the ``with`` block lasts. ``command`` is that of the forward."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._process: subprocess.Popen[str] | None = None
        self._url = ""

    def __enter__(self) -> "Forward":
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    @property
    def url(self) -> str:
        """Where the service is now. Raises `ForwardError`."""
        if self._process is None or self._process.poll() is not None:
            self.end()
            self._begin()
        return self._url

    def end(self) -> None:
        """Give up the port; the next use makes another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    def _begin(self) -> None:
        pipe = subprocess.PIPE
        self._process = process = subprocess.Popen(self._command, stdout=pipe, stderr=subprocess.STDOUT, text=True)
        found: list[str] = []
        is_known = threading.Event()

        def read() -> None:
            # To its end, so that the process never waits for a reader.
            assert process.stdout is not None
            for line in process.stdout:
                match = _FORWARDING.search(line)
                found.append(f"http://127.0.0.1:{match[1]}" if match else line.strip())
                if match:
                    is_known.set()
            is_known.set()

        threading.Thread(target=read, daemon=True).start()
        is_known.wait(READY_S)
        urls = [each for each in found if each.startswith("http://127.0.0.1:")]
        if not urls:
            self.end()
            raise ForwardError(f"{' '.join(self._command)}: {' '.join(found) or 'said nothing'}")
        self._url = urls[0]


@dataclass(frozen=True)
class Api:
    """Calls the orchestrator. ``namespace`` is Flume's."""

    forward: Forward
    namespace: str
    persist_s: float = PERSIST_S
    headers: dict[str, str] = field(default_factory=dict)

    def call(self, method: str, path: str, *, expected: Sequence[int] = (200, 201, 202), **options: Any) -> Any:
        """What a call answers, as JSON; made again while the orchestrator is away. Raises AssertionError for other statuses."""
        given_up_at = time.monotonic() + self.persist_s
        params = {**({"namespace": self.namespace} if path.startswith("/api/") else {}), **options.pop("params", {})}
        while True:
            try:
                answer = httpx.request(
                    method,
                    self.forward.url + path,
                    params=params,
                    timeout=options.get("timeout", 60),
                    headers={**self.headers, **options.get("headers", {})},
                    json=options.get("json"),
                    content=options.get("content"),
                )
            except (httpx.TransportError, ForwardError) as error:
                if time.monotonic() >= given_up_at:
                    raise AssertionError(f"{method} {path}: no answer for {self.persist_s:g} s: {error}") from error
                self.forward.end()
            else:
                if answer.status_code != 503 or time.monotonic() >= given_up_at:
                    assert answer.status_code in expected, f"{method} {path}: {answer.status_code} {answer.text[:2000]}"
                    return answer.json() if answer.content else None
            time.sleep(0.5)

    def start(self, pipeline: str, data: Any, key: str) -> str:
        """Start a run once; its id."""
        path = f"/api/v1/pipelines/{pipeline}/invoke"
        return self.call("POST", path, json=data, headers={"Idempotency-Key": key})["id"]

    def run(self, run_id: str) -> Any:
        """A run with its nodes."""
        return self.call("GET", f"/api/v1/runs/{run_id}")

    def runs(self, pipeline: str) -> list[Any]:
        """The latest runs of a pipeline, the newest first."""
        return self.call("GET", "/api/v1/runs", params={"pipeline": pipeline})["items"]

    def lines(self, run_id: str) -> list[str]:
        """What is in the log of a run."""
        return [line["message"] for line in self.call("GET", f"/api/v1/runs/{run_id}/logs")["items"]]
