"""Whether a resource's status has to be written, and which news go with it."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from knative.manifests.objects import Manifest
from knative.operator.actions import SetStatus
from knative.operator.conditions import READY, Condition, Truth, conditions_by_type, written
from knative.operator.kinds import generation_of, reference_to, status_of


def status_actions(
    resource: Manifest, conditions: Sequence[Condition], further: Mapping[str, Any], now: datetime
) -> tuple[SetStatus, ...]:
    """What brings the status of a resource up to date: nothing if it says all of this already.

    Keys of ``further`` with the value None are left out, and vanish if the operator wrote them before.
    """
    status = {
        "observedGeneration": generation_of(resource),
        "conditions": written(conditions, resource, now),
        **{key: value for key, value in further.items() if value is not None},
    }
    gone = [key for key, value in further.items() if value is None and key in status_of(resource)]
    if not gone and _says(status_of(resource), status):
        return ()
    news, is_warning = _news(resource, conditions[0])
    return (SetStatus(reference_to(resource), status, news, is_warning),)


def _says(present: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    by_type = {each["type"]: each for each in present.get("conditions") or () if "type" in each}
    same_conditions = all(by_type.get(each["type"]) == each for each in status["conditions"])
    return same_conditions and all(present.get(key) == value for key, value in status.items() if key != "conditions")


def _news(resource: Manifest, lead: Condition) -> tuple[str, bool]:
    """An event tells that a resource has become ready, or why it is not; what passes by itself is no news."""
    before = conditions_by_type(resource).get(lead.type, {})
    if lead.truth is Truth.UNKNOWN or (before.get("status"), before.get("reason")) == (lead.truth.value, lead.reason):
        return "", False
    is_warning = lead.truth is Truth.FALSE
    return (
        f"{lead.reason}: {lead.message}" if lead.message else lead.reason if lead.type != READY else "ready"
    ), is_warning
