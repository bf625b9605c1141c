"""``flume describe``: one thing on a server, for a reader or whole."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from flume.cli.client import Client
from flume.cli.listing import of_most
from flume.cli.options import Described, Format
from flume.cli.printing import as_json, print_fields, print_table, print_text, print_value, took
from flume.cli.progress import describe
from flume.errors import RequestError


def describe_record(client: Client, kind: Described, name: str, format: Format) -> None:
    """Print a pipeline, run, trigger, node type or function. Raises `RequestError` for a trigger without its pipeline's name."""
    record = client.get(_path(kind, name))
    if format in (Format.JSON, Format.YAML):
        print_value(record, format)
        return
    match kind:
        case Described.PIPELINE:
            _print_pipeline(client, record)
        case Described.RUN:
            _print_run(client, record)
        case Described.FUNCTION:
            _print_function(record)
        case Described.TRIGGER | Described.NODE:
            print_fields({key: value for key, value in record.items() if key != "links"})


def describe_node_of_run(client: Client, run_id: str, instance: str, format: Format) -> None:
    """Print a node of a run: what it was given, what it gave, and its attempts."""
    record = client.get(f"/api/v1/runs/{_quoted(run_id)}/nodes/{_quoted(instance)}")
    if format in (Format.JSON, Format.YAML):
        print_value(record, format)
        return
    print_fields(
        {"node": record["instance"], "type": record["type"], "status": describe(record), "port": record["port"]}
    )
    for name in ("config", "inputs", "output", "meta"):
        if record[name] is not None:
            print_text(f"\n{name}:\n{as_json(record[name])}")
    if record["inputError"]:
        print_text(f"\ninputs: {record['inputError']}")
    if record["attempts"]:
        print_text("\nattempts:")
        _print_attempts(record["attempts"])


def describe_items(client: Client, run_id: str, loop: str, format: Format, *, most: int = 1000) -> None:
    """Print the items of a loop, by index."""
    path = f"/api/v1/runs/{_quoted(run_id)}/nodes/{_quoted(loop)}/items"
    items: list[dict[str, Any]] = []
    after: str | None = None
    while len(items) < most:
        page = client.get(path, after=after, limit=200)
        items += page["items"]
        after = page["nextCursor"]
        if after is None:
            break
    if format in (Format.JSON, Format.YAML):
        print_value(items, format)
        return
    rows = [
        [str(each["index"]), each["status"], took(each["startedAt"], each["completedAt"]) or "-", _error(each["error"])]
        for each in items
    ]
    print_table(rows, ["item", "status", "took", "error"])


def describe_graph(client: Client, run_id: str, format: Format) -> None:
    """Print the graph of a run with the state of each node and edge."""
    print_value(client.get(f"/api/v1/runs/{_quoted(run_id)}/graph"), format)


def print_payload(client: Client, payload_id: str, run_id: str, item: str | None) -> None:
    """Print a value that is stored apart from its run, as it was stored."""
    print_text(client.text(f"/api/v1/payloads/{_quoted(payload_id)}", accept="*/*", run=run_id, item=item))


def _path(kind: Described, name: str) -> str:
    if kind is Described.TRIGGER:
        pipeline, slash, trigger = name.partition("/")
        if not slash:
            raise RequestError(f"a trigger is named with its pipeline: {name}/TRIGGER")
        return f"/api/v1/triggers/{_quoted(pipeline)}/{_quoted(trigger)}"
    return f"/api/v1/{kind.value}s/{_quoted(name)}"


def _print_pipeline(client: Client, record: Mapping[str, Any]) -> None:
    print_fields(
        {
            "name": record["name"],
            "namespace": record["namespace"],
            "description": record["description"],
            "status": record["status"],
            "version": str(record["version"]),
            "labels": record["labels"],
            "managed by": record["managedBy"],
            "created": record["createdAt"],
            "updated": record["updatedAt"],
        }
    )
    for trigger in record["triggers"]:
        place = f" at {trigger['url']}" if trigger["url"] else ""
        print_text(f"trigger {trigger['id']}: {trigger['type']}{place}" + ("" if trigger["enabled"] else " (off)"))
    print_text("\n" + client.text(f"/api/v1/pipelines/{_quoted(record['name'])}"))


def _print_run(client: Client, record: Mapping[str, Any]) -> None:
    version = "test run" if record["test"] else f"version {record['pipelineVersion']}"
    print_fields(
        {
            "id": record["id"],
            "pipeline": f"{record['pipeline']} ({version})",
            "status": record["status"],
            "error": _error(record["error"]) if record["error"] else "",
            "last error told": "" if record["completedAt"] else _last_error_line(client, record["id"]),
            "trigger": record["trigger"]["id"],
            "retry of": record["retryOf"],
            "created": record["createdAt"],
            "took": took(record["startedAt"], record["completedAt"]),
            "inputs": record["inputs"],
        }
    )
    rows = [[node_id, node["type"], describe(node)] for node_id, node in record["nodes"].items()]
    print_text("")
    print_table(rows, ["node", "type", "state"])
    if record["output"] is not None:
        print_text(f"\noutput:\n{as_json(record['output'])}")


def _last_error_line(client: Client, run_id: str) -> str:
    """What the log says last of a run that goes wrong: one that stands still says why there alone."""
    found = client.get("/api/v1/logs", run=run_id, level="error", limit=1)["items"]
    return f"{found[0]['node']}: {found[0]['message']}" if found else ""


def _print_function(record: Mapping[str, Any]) -> None:
    crash = record["crash"]
    print_fields(
        {
            "name": record["name"],
            "lane": record["lane"],
            "status": record["status"],
            "revision": record["revision"],
            "instances": _instances(record),
            "in flight": of_most(record["inFlight"], record["limit"]),
            "events": record["events"],
            "last event": record["lastEventAt"],
            "cold starts": record["coldStarts"],
            "latest took": None if record["coldStartMs"] is None else f"{record['coldStartMs']} ms",
            "failure": record["failure"],
            "last crash": f"{crash['at']}: {crash['reason']}" if crash else None,
            "wrote last": crash["output"] if crash else None,
        }
    )
    if record["scale"]:
        print_text("")
        rows = [[each["at"], str(each["instances"]), str(each["ready"])] for each in record["scale"]]
        print_table(rows, ["since", "instances", "ready"])


def _instances(record: Mapping[str, Any]) -> str:
    ending = record["instances"] - record["starting"] - record["ready"]
    counts = {"ready": record["ready"], "starting": record["starting"], "ending": ending}
    shown = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "none"
    return shown if record["maxInstances"] is None else f"{shown}; at most {record['maxInstances']}"


def _print_attempts(attempts: list[dict[str, Any]]) -> None:
    rows = [
        [str(each["number"]), each["startedAt"], took(each["startedAt"], each["endedAt"]), _error(each["error"])]
        for each in attempts
    ]
    print_table(rows, ["attempt", "started", "took", "error"])


def _error(error: Mapping[str, Any] | None) -> str:
    if error is None:
        return "-"
    where = f"{error['node']}: " if error.get("node") else ""
    return f"{where}{error['code']}: {error['message']}"


def _quoted(text: str) -> str:
    return quote(text, safe="")
