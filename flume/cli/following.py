"""Runs on a server: starting them, and showing how they go on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flume.cli.absence import PAUSE_S, AwayError
from flume.cli.client import Client, ServerEvent
from flume.cli.interrupts import INTERRUPTED
from flume.cli.options import Format
from flume.cli.printing import print_output, print_text, print_value, say
from flume.cli.progress import Progress, make_progress
from flume.cli.streamed_text import Piece
from flume.errors import UnavailableError
from flume.values import JsonValue

ENDED = ("completed", "failed", "cancelled")

MAX_SEEN = 10_000
"""Lines that are known again: more than a server tells a second time."""

MAX_EMPTY = 100
"""How often in a row the server may end a run's stream that said nothing; it ends one also when it stops."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """How long a command stays with a run that it started. ``follow`` shows its steps, ``wait`` only its result."""

    wait: bool = False
    follow: bool = False
    format: Format = Format.TEXT


def start(client: Client, path: str, body: JsonValue, waiting: Waiting, *, key: str | None = None) -> int:
    """Start a run with a POST, and stay with it as wanted; the exit code. With a key a lost answer is asked for again."""
    started = client.post(path, body) if key is None else client.post_once(path, body, key=key)
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
    except AwayError:
        say(f"run {run_id} was started; when the server is back: flume describe run {run_id}")
        raise
    return print_run(run, waiting.format)


def until_ended(client: Client, run_id: str, progress: Progress | None = None) -> dict[str, Any]:
    """The run when it has ended; ``progress`` is shown what happens until then, and closed."""
    try:
        for event in events_of(client, run_id):
            if progress is not None:
                _show(event, progress)
    finally:
        if progress is not None:
            progress.close()
    run: dict[str, Any] = client.wait_for(_path_of(run_id))
    return run


def events_of(client: Client, run_id: str, stream: str = "events", **query: Any) -> Iterator[ServerEvent]:
    """A stream of a run until the run has ended and all is told, across restarts of the server; each log line once.

    ``stream`` is ``events``, or ``logs`` with the query of the log. Raises as `Client.events` does.
    """
    seen = SeenLines()
    last: str | None = None
    has_ended = False
    empty = 0
    while empty < MAX_EMPTY:
        empty += 1
        for event in client.events(f"{_path_of(run_id)}/{stream}", last=last, **query):
            last, empty = event.id or last, 0
            if event.name == "run":
                has_ended = event.data["status"] in ENDED
            elif event.name == "log" and not seen.is_new(event.data):
                continue
            yield event
        if has_ended:
            return
        # A stream that was open when the run ended may have been cut short: one more tells the rest.
        has_ended = client.wait_for(_path_of(run_id))["status"] in ENDED
        if empty and not has_ended:
            client.clock.sleep(PAUSE_S)
    raise UnavailableError(
        f"the server ends the stream of run {run_id} again and again; try 'flume describe run {run_id}'"
    )


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


class SeenLines:
    """The latest lines of a log: after a break a server tells some of them again."""

    def __init__(self) -> None:
        self._keys: dict[tuple[str, int, int], None] = {}

    def is_new(self, line: Mapping[str, Any]) -> bool:
        """Whether a line, as the API shows it, has not been seen before; it counts as seen from now on."""
        key = (line["node"], line["attempt"], line["sequence"])
        if key in self._keys:
            return False
        self._keys[key] = None
        if len(self._keys) > MAX_SEEN:
            del self._keys[next(iter(self._keys))]
        return True


def _path_of(run_id: str) -> str:
    return f"/api/v1/runs/{quote(run_id, safe='')}"


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
