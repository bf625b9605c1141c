"""Runs on a server: starting them, and showing how they go on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flume.cli.client import Client, ServerEvent
from flume.cli.interrupts import INTERRUPTED
from flume.cli.options import Format
from flume.cli.printing import print_output, print_text, print_value, say
from flume.cli.progress import Progress, make_progress
from flume.cli.streamed_text import Piece
from flume.errors import UnavailableError
from flume.values import JsonValue

ENDED = ("completed", "failed", "cancelled")

MAX_STREAMS = 100
"""How often a run's stream is opened anew after the server ended it, which it does when it stops."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long a command stays with a run that it started. ``follow`` shows its steps, ``wait`` only its result."""

    wait: bool = False
    follow: bool = False
    format: Format = Format.TEXT


def start(
    client: Client, path: str, body: JsonValue, waiting: Waiting, *, headers: Mapping[str, str] | None = None
) -> int:
    """Start a run with a POST, and stay with it as wanted; the exit code."""
    content = None if body is not None else ""
    given = {"Content-Type": "application/json", **(headers or {})} if body is not None else dict(headers or {})
    started = client.send("POST", path, body=body, content=content, headers=given).json()
    return stay(client, started, waiting)


def stay(client: Client, started: Mapping[str, Any], waiting: Waiting) -> int:
    """Stay with a run that was started, as wanted; the exit code. Without waiting, its id is printed."""
    run_id = started["id"]
    if not (waiting.wait or waiting.follow):
        if waiting.format in (Format.JSON, Format.YAML):
            print_value(dict(started), waiting.format)
        else:
            print_text(run_id)
        return 0
    try:
        run = until_ended(client, run_id, make_progress() if waiting.follow else None)
    except KeyboardInterrupt:
        say(f"run {run_id} goes on; stop it with: flume cancel {run_id}")
        return INTERRUPTED
    return print_run(run, waiting.format)


def until_ended(client: Client, run_id: str, progress: Progress | None = None) -> dict[str, Any]:
    """The run when it has ended; ``progress`` is shown what happens until then, and closed."""
    try:
        path = f"/api/v1/runs/{quote(run_id, safe='')}"
        for _ in range(MAX_STREAMS):
            for event in client.events(f"{path}/events"):
                if progress is not None:
                    _show(event, progress)
            run: dict[str, Any] = client.get(path)
            if run["status"] in ENDED:
                return run
    finally:
        if progress is not None:
            progress.close()
    raise UnavailableError(f"the server ends the stream of run {run_id} again and again")


def print_run(run: Mapping[str, Any], format: Format) -> int:
    """Print what a run that ended gave, or whole; the exit code."""
    if format in (Format.JSON, Format.YAML):
        print_value(dict(run), format)
    elif run["status"] == "completed":
        print_output(run["output"])
    if run["status"] == "completed":
        return 0
    say(failure_line(run))
    if format is Format.TEXT:
        say(f"more: flume describe run {run['id']}")
    return INTERRUPTED if run["status"] == "cancelled" else 1


def failure_line(run: Mapping[str, Any]) -> str:
    """Why a run did not complete, on one line."""
    error = run["error"]
    if error is None:
        return f"run {run['status']}"
    where = f"{error['node']}: " if error["node"] else ""
    attempt = run["nodes"].get(error["node"], {}).get("attempt", 1)
    tries = f" (after {attempt} attempts)" if attempt > 1 else ""
    return f"run {run['status']}: {where}{error['code']}: {error['message']}{tries}"


def _show(event: ServerEvent, progress: Progress) -> None:
    match event.name:
        case "run":
            for node_id, record in event.data.get("nodes", {}).items():
                if record["status"] != "pending":
                    progress.node(node_id, record)
        case "node":
            progress.node(event.data["id"], event.data)
        case "progress":
            given = event.data
            progress.text(Piece(given["instance"], given["attempt"], given["offset"], given["text"]))
        case "log":
            progress.log(event.data)
        case _:
            # A newer server may tell more than this client knows of.
            pass
