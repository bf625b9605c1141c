"""``flume logs``: lines of one run, followed if wanted, or searched over all runs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flume.cli.client import Client
from flume.cli.following import events_of
from flume.cli.listing import moment
from flume.cli.options import Format
from flume.cli.printing import print_text, print_value
from flume.cli.progress import line_of
from flume.errors import RequestError


@dataclass(frozen=True, slots=True)
class Lines:
    """Which lines are wanted; ``run`` None searches over all runs."""

    run: str | None
    node: str | None = None
    level: str | None = None
    query: str | None = None
    pipeline: str | None = None
    since: str | None = None
    until: str | None = None
    limit: int = 1000


def print_logs(client: Client, wanted: Lines, format: Format, *, follow: bool = False) -> None:
    """Print the lines. Raises `RequestError` for filters that don't go together."""
    if wanted.run is None:
        if follow:
            raise RequestError("-f follows one run: name it")
        records = list(_searched(client, wanted))
    elif wanted.query or wanted.pipeline or wanted.since or wanted.until:
        raise RequestError("-q, --pipeline, --since and --until search over all runs: leave the run out")
    elif follow:
        for event in events_of(client, wanted.run, "logs", node=wanted.node, level=wanted.level, follow="true"):
            print_text(_line(event.data))
        return
    else:
        records = list(_of_run(client, wanted, wanted.run))
    if format in (Format.JSON, Format.YAML):
        print_value(records, format)
        return
    for record in records:
        print_text(_line(record))


def _of_run(client: Client, wanted: Lines, run: str) -> Iterator[dict[str, Any]]:
    """Lines of a run in order. A page may hold none and still be followed by others."""
    after: str | None = None
    left = wanted.limit
    while left > 0:
        page = client.get(
            f"/api/v1/runs/{quote(run, safe='')}/logs",
            node=wanted.node,
            level=wanted.level,
            after=after,
            limit=min(left, 1000),
        )
        yield from page["items"]
        left -= len(page["items"])
        after = page["nextCursor"]
        if after is None:
            return


def _searched(client: Client, wanted: Lines) -> Iterator[dict[str, Any]]:
    return client.items(
        "/api/v1/logs",
        most=wanted.limit,
        q=wanted.query,
        level=wanted.level,
        pipeline=wanted.pipeline,
        node=wanted.node,
        since=None if wanted.since is None else moment(wanted.since, "--since"),
        until=None if wanted.until is None else moment(wanted.until, "--until"),
    )


def _line(record: dict[str, Any]) -> str:
    run = f"{record['run']} " if "run" in record else ""
    return f"{record['at']} {run}{line_of(record).strip()}"
