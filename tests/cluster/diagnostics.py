"""What a cluster says, gathered into a folder when a test fails. Secrets are never read."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

KINDS = (
    "pods",
    "jobs",
    "deployments",
    "services.serving.knative.dev",
    "revisions.serving.knative.dev",
    "triggers.eventing.knative.dev",
    "brokers.eventing.knative.dev",
    "pingsources.sources.knative.dev",
    "jobsinks.sinks.knative.dev",
    "pipelines.flume.dev",
    "nodetypes.flume.dev",
    "models.flume.dev",
    "runs.flume.dev",
)

KNATIVE = ("knative-serving", "knative-eventing")

FLUME = "app.kubernetes.io/part-of=flume"

LINES = 300

Run = Callable[..., str]
"""`tests.cluster.kubectl.Kubectl.run`."""


def gather(run: Run, namespaces: Sequence[str], folder: Path) -> Path:
    """Write what there is in these namespaces; what can't be had is told in its file."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "nodes.txt", run, "describe", "nodes")
    for namespace in namespaces:
        _write(folder / f"{namespace}-events.txt", run, "get", "events", "-n", namespace, "--sort-by=.lastTimestamp")
        for kind in KINDS:
            _write(
                folder / f"{namespace}-{kind.partition('.')[0]}.yaml", run, "get", kind, "-n", namespace, "-o", "yaml"
            )
        _logs(run, namespace, folder)
    for namespace in KNATIVE:
        _write(folder / f"{namespace}-pods.txt", run, "get", "pods", "-n", namespace, "-o", "wide")
    return folder


def in_short(run: Run, namespaces: Sequence[str]) -> str:
    """Pods, the latest events and last lines, for the message of a wait that was given up."""
    parts = []
    for namespace in namespaces:
        parts.append(_said(run, "get", "pods", "-n", namespace, "-o", "wide"))
        events = _said(run, "get", "events", "-n", namespace, "--sort-by=.lastTimestamp").splitlines()
        parts.append("\n".join(events[-15:]))
    try:
        logs = logs_of(run, namespaces[0], lines=8)
    except (AssertionError, ValueError) as error:
        logs = {"logs": str(error)}
    parts += [f"{where}:\n{text}" for where, text in logs.items() if text.strip()]
    return "\n\n".join(part for part in parts if part.strip())


def logs_of(run: Run, namespace: str, *, lines: int = -1) -> dict[str, str]:
    """The log of each container of Flume's pods that has begun, by ``POD/CONTAINER``, with that of its last process before.

    What can't be read is told in its place: one pod that is only being made must not hide what the others say.
    """
    found: dict[str, str] = {}
    pods = json.loads(run("get", "pods", "-n", namespace, "-l", FLUME, "-o", "json", within_s=30))["items"]
    for pod in pods:
        name, status = pod["metadata"]["name"], pod["status"]
        for each in (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())):
            common = ("logs", name, "-n", namespace, "-c", each["name"], f"--tail={lines}")
            if {"running", "terminated"} & each.get("state", {}).keys():
                found[f"{name}/{each['name']}"] = _said(run, *common)
            if each.get("lastState", {}).get("terminated"):
                found[f"{name}/{each['name']} (before)"] = _said(run, *common, "--previous")
    return found


def file_name(test: str) -> str:
    """The name of a folder for a test."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", test)[-120:].strip("-")


def _logs(run: Run, namespace: str, folder: Path) -> None:
    try:
        found = logs_of(run, namespace, lines=LINES)
    except (AssertionError, ValueError) as error:
        found = {"none": f"{error}\n"}
    for where, text in found.items():
        (folder / f"{namespace}-{file_name(where)}.log").write_text(text)


def _write(file: Path, run: Run, *arguments: str) -> None:
    file.write_text(_said(run, *arguments))


def _said(run: Run, *arguments: str) -> str:
    try:
        return run(*arguments, within_s=30)
    except AssertionError as error:
        return f"{error}\n"
