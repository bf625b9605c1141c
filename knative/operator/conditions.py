"""Conditions: what is told under ``status.conditions``. Reasons are for programs and stay; messages are for people."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from flume.problems import Problem
from knative.manifests.objects import Manifest
from knative.operator.kinds import generation_of, status_of

READY = "Ready"

SHOWN = 5
"""How many problems a message names."""

MESSAGE = 8_000
"""Characters of a message at most."""


class Truth(StrEnum):
    """As Kubernetes writes it."""

    TRUE = "True"
    FALSE = "False"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Condition:
    """One claim about a resource."""

    type: str
    truth: Truth
    reason: str
    message: str = ""

    @property
    def holds(self) -> bool:
        """Whether it is so."""
        return self.truth is Truth.TRUE


def with_ready(parts: Sequence[Condition], reason: str = "Ready") -> tuple[Condition, ...]:
    """The parts, led by ``Ready``: false or unknown by the first part that is, false before unknown; else true by ``reason``."""
    for truth in (Truth.FALSE, Truth.UNKNOWN):
        for part in parts:
            if part.truth is truth:
                return (Condition(READY, truth, part.reason, part.message), *parts)
    return (Condition(READY, Truth.TRUE, reason), *parts)


def message_of(problems: Sequence[Problem]) -> str:
    """Problems in a sentence each, with code, place and hint."""
    lines = [
        f"{each.pointer or '/'}: {each.message} ({each.code})" + (f"; {each.hint}" if each.hint else "")
        for each in problems[:SHOWN]
    ]
    more = len(problems) - SHOWN
    return shortened("\n".join([*lines, f"and {more} more"] if more > 0 else lines))


def shortened(message: str) -> str:
    """A message that is not too long for a condition."""
    return message if len(message) <= MESSAGE else message[: MESSAGE - 1] + "…"


def written(conditions: Sequence[Condition], resource: Manifest, now: datetime) -> list[dict[str, Any]]:
    """Conditions as JSON. Since when one is so is kept from the resource for as long as it is."""
    before = conditions_by_type(resource)
    return [_written(each, before.get(each.type, {}), generation_of(resource), now) for each in conditions]


def conditions_by_type(resource: Manifest) -> dict[str, Mapping[str, Any]]:
    """The conditions that a resource or another object has."""
    found = status_of(resource).get("conditions")
    return (
        {str(each.get("type")): each for each in found if isinstance(each, Mapping)} if isinstance(found, list) else {}
    )


def reason_of(code: str) -> str:
    """A problem's code as a reason: ``schedule-not-on-knative`` is ``ScheduleNotOnKnative``."""
    return "".join(part[:1].upper() + part[1:] for part in code.split("-"))


def _written(condition: Condition, before: Mapping[str, Any], generation: int, now: datetime) -> dict[str, Any]:
    is_same = before.get("status") == condition.truth.value
    since = before.get("lastTransitionTime") if is_same else None
    return {
        "type": condition.type,
        "status": condition.truth.value,
        "reason": condition.reason,
        "message": condition.message,
        "observedGeneration": generation,
        "lastTransitionTime": since or now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
