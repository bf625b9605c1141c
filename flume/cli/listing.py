"""``flume get``: what is on a server, as tables."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flume.cli.absence import PAUSE_S
from flume.cli.client import Client, ServerError, ServerEvent
from flume.cli.options import Format, Listed
from flume.cli.printing import age, print_table, print_text, print_value, say, took
from flume.durations import parse_duration
from flume.errors import RequestError

Record = Mapping[str, Any]
Columns = Mapping[str, Callable[[Record], str]]


@dataclass(frozen=True, slots=True)
class Table:
    """How one kind is listed. ``wide`` columns are shown besides with ``-o wide``; ``filters`` are what the API takes."""

    path: str
    columns: Columns
    wide: Columns
    filters: tuple[str, ...] = ()


_TABLES: Mapping[Listed, Table] = {
    Listed.PIPELINES: Table(
        "/api/v1/pipelines",
        {
            "name": lambda each: each["name"],
            "status": lambda each: each["status"],
            "version": lambda each: str(each["version"]),
            "triggers": lambda each: ",".join(trigger["id"] for trigger in each["triggers"]) or "-",
            "updated": lambda each: age(each["updatedAt"]),
        },
        {
            "managed by": lambda each: each["managedBy"],
            "labels": lambda each: ",".join(f"{key}={value}" for key, value in each["labels"].items()) or "-",
            "description": lambda each: each["description"],
        },
        ("status", "label", "q"),
    ),
    Listed.RUNS: Table(
        "/api/v1/runs",
        {
            "id": lambda each: each["id"],
            "pipeline": lambda each: each["pipeline"],
            "status": lambda each: each["status"],
            "trigger": lambda each: each["trigger"]["id"],
            "age": lambda each: age(each["createdAt"]),
            "took": lambda each: took(each["startedAt"], each["completedAt"]) or "-",
        },
        {
            "version": lambda each: "test" if each["test"] else str(each["pipelineVersion"]),
            "retry of": lambda each: each["retryOf"] or "-",
            "error": lambda each: f"{each['error']['code']}: {each['error']['message']}" if each["error"] else "-",
        },
        ("pipeline", "status", "trigger", "since", "until"),
    ),
    Listed.TRIGGERS: Table(
        "/api/v1/triggers",
        {
            "pipeline": lambda each: each["pipeline"],
            "id": lambda each: each["id"],
            "type": lambda each: each["type"],
            "enabled": lambda each: "yes" if each["enabled"] else "no",
            "last": lambda each: age(each["lastFiring"]["at"]) if each["lastFiring"] else "-",
            "next": lambda each: age(each["nextFiring"]),
        },
        {"pipeline is": lambda each: each["pipelineStatus"], "url": lambda each: each["url"] or "-"},
    ),
    Listed.NODES: Table(
        "/api/v1/nodes",
        {
            "name": lambda each: each["name"],
            "category": lambda each: each["category"],
            "runs on": lambda each: each["runOn"],
            "does": lambda each: each["description"].strip().split("\n")[0],
        },
        {"version": lambda each: str(each["version"]), "source": lambda each: each["source"]},
    ),
    Listed.FUNCTIONS: Table(
        "/api/v1/functions",
        {
            "name": lambda each: each["name"],
            "lane": lambda each: each["lane"],
            "status": lambda each: each["status"],
            "ready": lambda each: of_most(each["ready"], each["maxInstances"]),
            "in flight": lambda each: of_most(each["inFlight"], each["limit"]),
            "last event": lambda each: age(each["lastEventAt"]),
        },
        {
            "events": lambda each: str(each["events"]),
            "cold starts": lambda each: str(each["coldStarts"]),
            "latest took": lambda each: "-" if each["coldStartMs"] is None else f"{each['coldStartMs']} ms",
            "last crash": lambda each: (
                f"{age(each['crash']['at'])}: {each['crash']['reason']}" if each["crash"] else "-"
            ),
            "failure": lambda each: each["failure"].split("\n")[0] if each["failure"] else "-",
        },
        ("status", "lane"),
    ),
    Listed.SECRETS: Table(
        "/api/v1/secrets",
        {
            "name": lambda each: each["name"],
            "set": lambda each: "yes" if each["isSet"] else "no",
            "used by": lambda each: ", ".join(each["usedBy"]) or "-",
        },
        {},
    ),
    Listed.ORCHESTRATORS: Table(
        "/api/v1/orchestrators",
        {
            "id": lambda each: each["id"] or "-",
            "host": lambda each: each["host"] or "-",
            "pid": lambda each: str(each["pid"] or "-"),
            "version": lambda each: each["version"],
            "started": lambda each: age(each["startedAt"]),
            "alive": lambda each: "yes" if each["alive"] else "no",
            "lease": lambda each: "-" if each["leaseLeftMs"] is None else f"{each['leaseLeftMs'] / 1000:.1f}s",
            "runs": lambda each: str(each["runs"]),
        },
        {"url": lambda each: each["url"] or "-", "ready": lambda each: _readiness(each)},
    ),
}


def list_records(client: Client, kind: Listed, format: Format, *, most: int, **filters: Any) -> None:
    """Print what there is of a kind. Raises `RequestError` for a filter that the kind does not have."""
    table = _TABLES[kind]
    given = {name: value for name, value in filters.items() if value}
    for name in given:
        if name not in table.filters:
            raise RequestError(f"{kind.value} can't be listed by {name}; filters: {', '.join(table.filters) or 'none'}")
    if kind is Listed.ORCHESTRATORS:
        records = orchestrator_records(client)
    elif kind is Listed.NODES:
        page = client.get(table.path)
        records = page["items"]
        for failure in page["failures"]:
            say(f"{failure['source']}: {failure['reason']}")
    elif kind is Listed.SECRETS:
        records = client.get(table.path)["items"]
    else:
        records = list(client.items(table.path, most=most, **{**given, **_moments(given)}))
    if format in (Format.JSON, Format.YAML):
        print_value(records, format)
        return
    columns = {**table.columns, **(table.wide if format is Format.WIDE else {})}
    print_table([[show(each) for show in columns.values()] for each in records], list(columns))


def of_most(count: int, most: int | None) -> str:
    """A count and how many there may be, such as ``1/4``; without a bound the count alone."""
    return str(count) if most is None else f"{count}/{most}"


def watch_namespace(client: Client) -> None:
    """Print a line for each change of a run, a pipeline or a function, until interrupted."""
    for event in _changes(client):
        at = datetime.now().strftime("%H:%M:%S")
        if event.name == "run":
            print_text(f"{at}  run {event.data['id']}  {event.data['pipeline']}  {event.data['status']}")
        elif event.name == "pipeline":
            print_text(f"{at}  pipeline {event.data['name']}  {event.data['change']}")
        elif event.name == "function":
            function = event.data
            counts = f"{function['ready']} ready, {function['inFlight']} in flight"
            print_text(f"{at}  function {function['name']}  {function['status']}: {counts}")


def _changes(client: Client) -> Iterator[ServerEvent]:
    while True:
        yield from client.events("/api/v1/events")
        # The server ends this stream only when it stops.
        client.clock.sleep(PAUSE_S)


def orchestrator_records(client: Client) -> list[Record]:
    """All replicas. Of the one that answers also its ``url`` and whether it is ``ready``, and if not the ``reason``.

    To who may not see the others only that one is told, by what anybody may know of it.
    """
    asked = {"url": client.url, **_ready(client)}
    others = {"url": "", "ready": None, "reason": ""}
    try:
        replicas = client.get("/api/v1/orchestrators")["items"]
    except ServerError as error:
        if error.status != 403:
            raise
        about = client.get("/api/v1/orchestrator")
        unknown = dict.fromkeys(("id", "host", "pid", "startedAt", "leaseLeftMs"))
        replicas = [
            {**unknown, "version": about["version"], "alive": True, "runs": about["activeRuns"], "answering": True}
        ]
    return [{**each, **(asked if each["answering"] else others)} for each in replicas]


def _ready(client: Client) -> Record:
    client.get("/healthz")
    try:
        client.get("/readyz")
    except ServerError as error:
        return {"ready": False, "reason": str(error)}
    return {"ready": True, "reason": ""}


def _readiness(record: Record) -> str:
    if record["ready"] is None:
        return "-"
    return "yes" if record["ready"] else f"no: {record['reason']}"


def moment(text: str, option: str) -> str:
    """A moment for the API: RFC 3339 as it is, and a duration such as ``2h`` as so long ago. Raises `RequestError`."""
    try:
        if datetime.fromisoformat(text).tzinfo is not None:
            return text
        raise RequestError(f"{option}: '{text}' has no time zone; write 2026-01-31T12:00:00Z, or 2h for two hours ago")
    except ValueError:
        pass
    try:
        return (datetime.now(UTC) - parse_duration(text)).isoformat()
    except ValueError as error:
        raise RequestError(f"{option}: '{text}' is neither a moment nor a duration: {error}") from error


def _moments(given: Mapping[str, Any]) -> dict[str, str]:
    return {name: moment(given[name], f"--{name}") for name in ("since", "until") if name in given}
