"""What happened to a pod or a Job, or what it waits for, by what Kubernetes says of it. Pure.

A finding that is over ends an attempt; any other may still pass, and is what somebody who waits wants to know. That a process
ended by itself with success is no finding: its answer tells the rest.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from signal import Signals
from typing import Any, TypeAlias

Observed: TypeAlias = Mapping[str, Any]
"""An object of Kubernetes as its API gives it."""

OOM_KILLED = "oom-killed"
IMAGE_PULL = "image-pull"
EVICTED = "evicted"
UNSCHEDULABLE = "unschedulable"
DEADLINE = "deadline-exceeded"
CRASHED = "crashed"
START_FAILED = "start-failed"

MOST_TEXT = 1_000
"""Characters of what Kubernetes says that a message repeats."""

_IMAGE_REASONS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "ImageInspectError",
        "ErrImageNeverPull",
        "InvalidImageName",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
_START_REASONS = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
_LACKS = ((r"Insufficient nvidia\.com/gpu", "a GPU"), ("Insufficient memory", "memory"), ("Insufficient cpu", "CPU"))
_OWN_CONTAINERS = frozenset({"queue-proxy"})
"""Containers that Knative adds: what they do is no business of a function."""

_SIGNALED = 128
"""A process that a signal ended has this exit code, and the signal's number added."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What the platform did. ``container`` is the one whose log tells more; empty: none has begun."""

    code: str
    message: str
    is_over: bool = False
    container: str = ""


def finding_of_pod(pod: Observed) -> Finding | None:
    """What is to be told of a pod; None while all goes well, and after it has."""
    status = pod.get("status") or {}
    match status.get("phase"):
        case "Succeeded":
            return None
        case "Failed":
            return _of_failed(pod, status)
        case "Pending" if not _statuses(status):
            return _of_unscheduled(status)
        case _:
            return next(filter(None, (_of_waiting(each, pod) for each in _statuses(status))), None)


def finding_of_deleted_pod(pod: Observed) -> Finding | None:
    """What is to be told of a pod that is not there any more, by what was last seen of it."""
    status = pod.get("status") or {}
    if status.get("phase") == "Succeeded":
        return None
    if status.get("phase") == "Failed":
        return _of_failed(pod, status)
    why = _disruption(status) or "it was deleted before its process had ended"
    return Finding(EVICTED, f"the pod was taken away: {why}", is_over=True)


def is_ready(pod: Observed) -> bool:
    """Whether a pod takes work, or is at it."""
    return any(
        each.get("type") == "Ready" and each.get("status") == "True" for each in _conditions(pod.get("status") or {})
    )


def finding_of_job(job: Observed) -> Finding | None:
    """What is to be told of a Job beside what its pod tells: that it took longer than it may.

    ``FailureTarget`` comes before Kubernetes deletes the pod, ``Failed`` after that.
    """
    for condition in _conditions(job.get("status") or {}):
        is_failure = condition.get("type") in ("FailureTarget", "Failed") and condition.get("status") == "True"
        if is_failure and condition.get("reason") == "DeadlineExceeded":
            seconds = (job.get("spec") or {}).get("activeDeadlineSeconds")
            limit = f" of {seconds} s" if seconds else ""
            return Finding(DEADLINE, f"the Job took longer than its limit{limit}, waiting included", is_over=True)
    return None


def _of_failed(pod: Observed, status: Observed) -> Finding:
    reason, message = str(status.get("reason") or ""), _text(status.get("message"))
    disruption = _disruption(status)
    if reason == "DeadlineExceeded":
        return Finding(DEADLINE, "the pod took longer than its limit, waiting included", is_over=True)
    if reason != "Evicted" and not disruption:
        ended = [each for each in _statuses(status) if _terminated(each).get("exitCode")]
        for container in sorted(ended, key=lambda each: _terminated(each).get("reason") != "OOMKilled"):
            return _of_ended(container, pod, is_over=True)
    why = message or disruption or reason or "Kubernetes does not say why"
    return Finding(EVICTED, f"the pod was taken away: {why}", is_over=True)


def _of_ended(container: Observed, pod: Observed, *, is_over: bool) -> Finding:
    name, ended = str(container.get("name", "")), _terminated(container)
    if ended.get("reason") == "OOMKilled":
        limit = _memory_limit(pod, name)
        than = f"its limit of {limit}" if limit else "the node had"
        return Finding(OOM_KILLED, f"the process was killed because it took more memory than {than}", is_over, name)
    said = _text(ended.get("message"))
    message = f"the process {_how_it_ended(ended)}" + (f": {said}" if said else "")
    return Finding(CRASHED, message, is_over, name)


def _of_waiting(container: Observed, pod: Observed) -> Finding | None:
    """A container that does not run, or one that was ended and is to be started again."""
    name, state = str(container.get("name", "")), container.get("state") or {}
    waiting = state.get("waiting") or {}
    reason, message = str(waiting.get("reason") or ""), _text(waiting.get("message"))
    if reason in _IMAGE_REASONS:
        image = str(container.get("image") or "of its pod")
        return Finding(IMAGE_PULL, f"the image {image} can't be pulled: {message or reason}")
    if reason in _START_REASONS:
        return Finding(START_FAILED, f"the container '{name}' can't be started: {message or reason}")
    ended = _terminated(container)
    # A server that ends of itself is in trouble, too, when it did so without an error: it is to go on.
    if not state.get("running") and (ended.get("exitCode") or (ended and reason == "CrashLoopBackOff")):
        return _of_ended(container, pod, is_over=False)
    return None


def _of_unscheduled(status: Observed) -> Finding | None:
    for condition in _conditions(status):
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "Unschedulable":
            message = _text(condition.get("message"))
            what = next((what for sign, what in _LACKS if re.search(sign, message)), "a node that may take it")
            return Finding(UNSCHEDULABLE, f"waiting for {what}: {message}" if message else f"waiting for {what}")
    return None


def _disruption(status: Observed) -> str:
    """Why Kubernetes ends a pod that has done nothing wrong; empty if it does not."""
    for condition in _conditions(status):
        if condition.get("type") == "DisruptionTarget" and condition.get("status") == "True":
            return _text(condition.get("message")) or str(condition.get("reason") or "")
    return ""


def _how_it_ended(ended: Observed) -> str:
    code = int(ended.get("exitCode") or 0)
    number = int(ended.get("signal") or 0) or max(code - _SIGNALED, 0)
    try:
        return f"was ended by {Signals(number).name}"
    except ValueError:
        return f"ended with exit code {code}"


def _terminated(container: Observed) -> Observed:
    """How a container's last process ended; empty if none has."""
    for state in (container.get("state") or {}, container.get("lastState") or {}):
        if state.get("terminated"):
            ended: Observed = state["terminated"]
            return ended
    return {}


def _memory_limit(pod: Observed, container: str) -> str:
    for each in (pod.get("spec") or {}).get("containers") or ():
        if each.get("name") == container:
            return str(((each.get("resources") or {}).get("limits") or {}).get("memory") or "")
    return ""


def _statuses(status: Observed) -> Sequence[Observed]:
    found = [*(status.get("initContainerStatuses") or ()), *(status.get("containerStatuses") or ())]
    return [each for each in found if each.get("name") not in _OWN_CONTAINERS]


def _conditions(status: Observed) -> Sequence[Observed]:
    return status.get("conditions") or ()


def _text(value: object) -> str:
    return " ".join(str(value or "").split())[:MOST_TEXT]
