"""What a cluster says, gathered into a folder when a test fails. Secrets are never read."""

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
    selector = "app.kubernetes.io/part-of=flume"
    parts.append(_said(run, "logs", "-n", namespaces[0], "-l", selector, "--all-containers", "--prefix", "--tail=8"))
    return "\n\n".join(part for part in parts if part.strip())


def file_name(test: str) -> str:
    """The name of a folder for a test."""
    return re.sub(r"[^A-Za-z0-9_.-]+", "-", test)[-120:].strip("-")


def _logs(run: Run, namespace: str, folder: Path) -> None:
    for pod in _said(run, "get", "pods", "-n", namespace, "-o", "name").split():
        if not pod.startswith("pod/"):
            continue
        name = pod.removeprefix("pod/")
        common = ("logs", pod, "-n", namespace, "--all-containers", "--prefix", f"--tail={LINES}")
        _write(folder / f"{namespace}-{name}.log", run, *common)
        _write(folder / f"{namespace}-{name}-previous.log", run, *common, "--previous")


def _write(file: Path, run: Run, *arguments: str) -> None:
    file.write_text(_said(run, *arguments))


def _said(run: Run, *arguments: str) -> str:
    try:
        return run(*arguments, within_s=30)
    except AssertionError as error:
        return f"{error}\n"
