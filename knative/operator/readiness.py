"""Whether objects are ready: by what the API server says of them, the platform of their pods, and they themselves."""

from collections.abc import Iterable

from knative.manifests.objects import Manifest
from knative.operator.conditions import READY, Condition, Truth, conditions_by_type, reason_of, shortened
from knative.operator.kinds import reference_to
from knative.operator.world import World
from knative.platform.findings import UNSCHEDULABLE, Finding

REFUSED, NOT_READY, NOT_READY_YET = "ObjectRefused", "ObjectNotReady", "ObjectNotReadyYet"

Readiness = tuple[Truth, str, str]
"""Whether it is ready; if not, the reason and a message."""


def readiness_condition(type: str, made: Iterable[Manifest], world: World) -> Condition:
    """Whether objects are ready, by the first that is not: one that is not made yet stands there as it is wanted."""
    found = [(_readiness_of(each, world), each) for each in made]
    for truth in (Truth.FALSE, Truth.UNKNOWN):
        for (ready, reason, why), each in found:
            if ready is truth:
                return Condition(type, truth, reason, shortened(f"{each['kind']} {each['metadata']['name']}: {why}"))
    return Condition(type, Truth.TRUE, "Ready")


def _readiness_of(made: Manifest, world: World) -> Readiness:
    refusal = world.refused.get(reference_to(made).key)
    if refusal:
        return Truth.FALSE, REFUSED, f"the API server refuses it: {refusal}; it is tried again"
    trouble = world.troubles.get(made["metadata"]["name"]) if made["kind"] in ("Service", "JobSink") else None
    return _own_account(made) if trouble is None else _of_pods(trouble)


def _of_pods(trouble: Finding) -> Readiness:
    # A place on a node may become free by itself; all else wants somebody to do something.
    truth = Truth.UNKNOWN if trouble.code == UNSCHEDULABLE else Truth.FALSE
    return truth, reason_of(trouble.code), trouble.message


def _own_account(made: Manifest) -> Readiness:
    ready = conditions_by_type(made).get(READY)
    if ready is None:
        # A JobSink has nothing that could be unready before there is an order.
        is_ready = made["kind"] == "JobSink"
        return (Truth.TRUE, "", "") if is_ready else (Truth.UNKNOWN, NOT_READY_YET, "it has said nothing yet")
    why = ": ".join(filter(None, (str(ready.get("reason") or ""), str(ready.get("message") or ""))))
    match ready.get("status"):
        case "True":
            return Truth.TRUE, "", ""
        case "False":
            return Truth.FALSE, NOT_READY, why
        case _:
            return Truth.UNKNOWN, NOT_READY_YET, why
