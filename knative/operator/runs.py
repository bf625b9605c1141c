"""Runs that are started by a resource, once each, and mirrored in its status.

Deleting a resource does not stop its run: like pipelines, runs are kept and ended at the API (``flume cancel``).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from json import dumps
from typing import Any

from flume.durations import format_duration
from flume.errors import DefinitionError
from flume.values import JsonObject
from knative.manifests.objects import Manifest
from knative.operator.actions import Action, StartRun
from knative.operator.conditions import Condition, Truth, message_of, reason_of, shortened
from knative.operator.kinds import generation_of, is_live, reference_to, status_of
from knative.operator.statuses import status_actions
from knative.operator.world import Refusal, World
from knative.resources.specs import read_run

STARTED, COMPLETED = "Started", "Completed"

ENDED = ("completed", "failed", "cancelled")

_SHORT = timedelta(minutes=1)

OUTPUT_BYTES = 64 * 1024
"""An output beyond this is not mirrored: the whole resource has to fit into the cluster's store."""


def run_actions(world: World) -> Iterator[Action]:
    """Start what is not started, and tell how the others go."""
    for resource in world.resources.runs:
        if is_live(resource) and not has_ended(resource):
            yield from _actions_of(resource, world)


def has_ended(resource: Manifest) -> bool:
    """Whether its status tells how the run ended, so that nothing is left to do."""
    return status_of(resource).get("status") in ENDED


def _actions_of(resource: Manifest, world: World) -> Iterator[Action]:
    run = world.runs.get(resource["metadata"]["uid"])
    answer = world.answers.get(resource["metadata"]["uid"])
    if run is not None:
        yield from _mirrored(resource, run, world.now)
    elif status_of(resource).get("runId") or world.saved is None:
        # Its run could not be read just now.
        return
    elif isinstance(answer, Refusal) and answer.generation == generation_of(resource):
        told = Condition(STARTED, Truth.FALSE, reason_of(answer.code), shortened(answer.message))
        yield from status_actions(resource, [told], {}, world.now)
    else:
        yield from _start(resource, world.now)


def _start(resource: Manifest, now: datetime) -> Iterator[Action]:
    try:
        start = read_run(resource)
    except DefinitionError as error:
        told = Condition(STARTED, Truth.FALSE, "InvalidDefinition", message_of(error.problems))
        yield from status_actions(resource, [told], {}, now)
        return
    key = f"kubernetes-{resource['metadata']['uid']}"
    yield StartRun(reference_to(resource), generation_of(resource), start.pipeline, start.data, key)


def _mirrored(resource: Manifest, run: JsonObject, now: datetime) -> Iterator[Action]:
    if not run:
        gone = "the orchestrator does not have this run any more; it keeps ended runs for a while alone"
        told = [Condition(COMPLETED, Truth.UNKNOWN, "RunGone", gone)]
        yield from status_actions(resource, told, {}, now)
        return
    output, note = _output_of(run)
    further = {
        "runId": run.get("id"),
        "status": run.get("status"),
        "startedAt": run.get("startedAt"),
        "completedAt": run.get("completedAt"),
        "duration": _duration_of(run),
        "output": output,
        "error": _error_of(run),
    }
    conditions = [_completed(run, note), Condition(STARTED, Truth.TRUE, "Started")]
    yield from status_actions(resource, conditions, further, now)


def _completed(run: JsonObject, note: str) -> Condition:
    status = str(run.get("status"))
    error = _error_of(run)
    match status:
        case "completed":
            return Condition(COMPLETED, Truth.TRUE, "Completed", note)
        case "failed" | "cancelled":
            where = f"node '{error['node']}': " if error and error.get("node") else ""
            message = f"{where}{error['message']} ({error['code']})" if error else ""
            return Condition(COMPLETED, Truth.FALSE, reason_of(status), shortened(message))
        case _:
            return Condition(COMPLETED, Truth.UNKNOWN, reason_of(status))


def _output_of(run: JsonObject) -> tuple[Any, str]:
    output = run.get("output")
    if output is None or len(dumps(output, default=dict)) <= OUTPUT_BYTES:
        return output, ""
    return None, f"the output is too large for a status; see flume describe run {run.get('id')}"


def _error_of(run: JsonObject) -> dict[str, str] | None:
    error = run.get("error")
    if not isinstance(error, dict):
        return None
    most = {"code": 100, "message": 8192, "node": 1000}
    return {key: str(error[key])[:size] for key, size in most.items() if error.get(key)}


def _duration_of(run: JsonObject) -> str | None:
    started, completed = run.get("startedAt"), run.get("completedAt")
    if not isinstance(started, str) or not isinstance(completed, str):
        return None
    took = datetime.fromisoformat(completed) - datetime.fromisoformat(started)
    took = max(took, timedelta(0))
    return (
        f"{took.total_seconds():.1f}s"
        if took < _SHORT
        else format_duration(timedelta(seconds=round(took.total_seconds())))
    )
