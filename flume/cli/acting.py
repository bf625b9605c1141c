"""What people do with runs and pipelines on a server, and how it is told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from flume.cli.client import Client, new_key
from flume.cli.options import Format
from flume.cli.printing import age, print_done, print_table, print_text, print_value, say
from flume.errors import RequestError
from flume.values import JsonObject

MAX_IDLE = 30
"""How often in a row a server may have no room for any of many runs, before the rest is left alone."""


def cancel_one(client: Client, run_id: str, reason: str, format: Format) -> None:
    """Cancel a run."""
    done = client.post(f"/api/v1/runs/{quote(run_id, safe='')}/cancel", {"reason": reason})
    outcome = "cancelled" if done["status"] == "cancelled" else "will be cancelled"
    print_done(f"run {done['id']} {outcome}", done, format)


@dataclass(frozen=True, slots=True)
class OnMany:
    """What is done to many runs: ``cancel`` or ``retry`` those of these ids, or all of a pipeline.

    The same ``key`` makes the same call safe to repeat: what was retried by it is not retried again.
    """

    act: str
    runs: Sequence[str] = ()
    pipeline: str | None = None
    key: str = field(default_factory=new_key)


def on_many(client: Client, wanted: OnMany, format: Format) -> bool:
    """Cancel or retry many runs, waiting for a server that has too much to do; whether all could be.

    Raises `RequestError` unless either runs or a pipeline are named.
    """
    if bool(wanted.runs) == (wanted.pipeline is not None):
        raise RequestError("name runs by their ids, or all of a pipeline with --pipeline")
    body: JsonObject = {"ids": list(wanted.runs)} if wanted.runs else {"filter": {"pipeline": wanted.pipeline}}
    told: dict[str, dict[str, Any]] = {}
    left: list[dict[str, Any]] = []
    idle = 0
    while idle < MAX_IDLE:
        done = client.post_once(f"/api/v1/runs:{wanted.act}", body, key=wanted.key)
        left = [each for each in done["items"] if "retryAfter" in each.get("error", {})]
        news = [each for each in done["items"] if each["id"] not in told and each not in left]
        told |= {each["id"]: each for each in news}
        for each in news:
            _tell(each, format)
        if left:
            # The same call again: what it did already it only tells again.
            idle = 0 if news else idle + 1
            if idle < MAX_IDLE:
                client.clock.sleep(max(each["error"]["retryAfter"] for each in left))
        elif done["nextCursor"] is None:
            break
        else:
            body, idle = {**body, "cursor": done["nextCursor"]}, 0
    if format in (Format.JSON, Format.YAML):
        print_value({"items": [*told.values(), *left]}, format)
    if left:
        again = f" with --key {wanted.key}" if wanted.act == "retry" else ""
        say(f"{left[0]['error']['message']}; runs that are left: {len(left)}; call again{again}")
    return all(each["ok"] for each in told.values()) and not left


def _tell(item: Mapping[str, Any], format: Format) -> None:
    if not item["ok"]:
        say(f"run {item['id']}: {item['error']['message']}")
    elif format in (Format.TEXT, Format.WIDE):
        print_text(f"run {item['id']} {'goes on as ' + item['run'] if 'run' in item else item['status']}")


def set_state(client: Client, pipeline: str, act: str, trigger: str | None, format: Format) -> None:
    """Pause, resume or activate a pipeline, or switch one of its triggers off (``pause``) or on (``resume``)."""
    if trigger is None:
        done = client.post(f"/api/v1/pipelines/{quote(pipeline, safe='')}/{act}")
        print_done(f"pipeline {pipeline} is {done['status']}", done, format)
        return
    path = f"/api/v1/triggers/{quote(pipeline, safe='')}/{quote(trigger, safe='')}"
    switched = client.send("PATCH", path, body={"enabled": act == "resume"}).json()
    print_done(f"trigger {trigger} of {pipeline} is {'on' if switched['enabled'] else 'off'}", switched, format)


def print_versions(client: Client, pipeline: str, which: str | None, format: Format) -> None:
    """Print all versions, the text of one (``3``), or what changed between two (``2..3``)."""
    path = f"/api/v1/pipelines/{quote(pipeline, safe='')}/versions"
    if which is None:
        records = list(client.items(path, most=500))
        if format in (Format.JSON, Format.YAML):
            print_value(records, format)
            return
        rows = [
            [str(each["version"]), age(each["createdAt"]), each["createdBy"] or "-", each["hash"][:12]]
            for each in records
        ]
        print_table(rows, ["version", "age", "by", "hash"])
    elif ".." in which:
        _print_changes(client.get(f"{path}/{_numbers(which)}"), format)
    elif format in (Format.JSON, Format.YAML):
        print_value(client.get(f"{path}/{_numbers(which)}"), format)
    else:
        print_text(client.text(f"{path}/{_numbers(which)}"))


def restore(client: Client, pipeline: str, version: int, format: Format) -> None:
    """Make an old version the newest."""
    done = client.post(f"/api/v1/pipelines/{quote(pipeline, safe='')}/versions/{version}/restore")
    sentence = f"pipeline {pipeline} is at version {done['version']}, with the text of version {version}"
    print_done(sentence, done, format)


def print_audit(client: Client, target: str | None, limit: int, format: Format) -> None:
    """Print who did what, the newest first."""
    records = list(client.items("/api/v1/audit", most=limit, target=target))
    if format in (Format.JSON, Format.YAML):
        print_value(records, format)
        return
    headings = ["at", "who", "from", "action", "target"]
    rows = [
        [each["at"], each["actor"] or "-", each["origin"] or "-", each["action"], each["target"]] for each in records
    ]
    if format is Format.WIDE:
        headings += ["before", "after"]
        rows = [[*row, _short(each["before"]), _short(each["after"])] for row, each in zip(rows, records, strict=True)]
    print_table(rows, headings)


def print_statistics(client: Client, format: Format, **query: Any) -> None:
    """Print how many runs of each pipeline ended how, and how long they took; of one ``pipeline``, its nodes too."""
    record = client.get("/api/v1/stats", **query)
    if format in (Format.JSON, Format.YAML):
        print_value(record, format)
        return
    rows = [
        [each["pipeline"], each["status"], str(each["count"]), *_percentiles(each["durationMs"])]
        for each in record["totals"]
    ]
    print_text(f"runs that ended from {record['since']} to {record['until']}")
    print_table(rows, ["pipeline", "status", "runs", "p50 ms", "p90 ms", "p99 ms"])
    if record["nodes"] is None:
        return
    nodes = [
        [each["node"], str(each["count"]), str(each["failures"]), *_percentiles(each["durationMs"])]
        for each in record["nodes"]
    ]
    print_text("")
    print_table(nodes, ["node", "ended", "failed", "p50 ms", "p90 ms", "p99 ms"])


def try_node(client: Client, name: str, config: dict[str, Any], inputs: dict[str, Any], format: Format) -> bool:
    """Run one node on the server and print its output; whether it completed."""
    done = client.post(f"/api/v1/nodes/{quote(name, safe='')}:test", {"config": config, "inputs": inputs})
    if format in (Format.JSON, Format.YAML) or "node" not in done:
        print_value(done, format)
        return "node" not in done or done["node"]["status"] == "completed"
    for line in done["logs"]:
        say(f"{line['level']}: {line['message']}")
    node = done["node"]
    if node["error"] is not None:
        say(f"{node['error']['code']}: {node['error']['message']}")
        return False
    print_value(node["output"], format)
    return True


def _print_changes(record: dict[str, Any], format: Format) -> None:
    if format in (Format.JSON, Format.YAML):
        print_value(record, format)
        return
    for change in record["changes"]:
        values = {"add": [change["after"]], "remove": [change["before"]]}.get(
            change["op"], [change["before"], change["after"]]
        )
        print_text(f"{change['op']} {change['pointer']}: {' → '.join(_short(value, 300) for value in values)}")
    if not record["changes"]:
        say("no difference")


def _numbers(which: str) -> str:
    parts = which.split("..")
    if len(parts) > 2 or not all(part.isascii() and part.isdigit() for part in parts):
        raise RequestError(f"'{which}' is no version: write 3, or 2..3 for what changed between two")
    return which


def _percentiles(durations: dict[str, int] | None) -> list[str]:
    return [str((durations or {}).get(name, "-")) for name in ("p50", "p90", "p99")]


def _short(value: Any, limit: int = 80) -> str:
    from json import dumps

    text = "-" if value is None else dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else text[: limit - 1] + "…"
