"""Whom it concerns what happens to a pod or a Job. Pure.

A Job that JobSink made is for one attempt. Its names tell little of it (they hold a digest), but the order is in a Secret that
the pod mounts. A pod of a Service takes the orders of many, of which it tells nobody: so what keeps it from coming up concerns
all attempts that wait for its function.
"""

import base64
import binascii
from dataclasses import dataclass
from typing import TypeAlias

from eventing.cloudevents import STRUCTURED, MalformedEventError, decode_one
from eventing.message_reading import attempt_in
from eventing.messages import Attempt
from knative.manifests.objects import FUNCTION
from knative.platform.findings import Observed

SELECTOR = "app.kubernetes.io/part-of=flume"
"""Which pods and Jobs are looked at; the builders put this label on them."""

SERVICE = "serving.knative.dev/service"
"""The label by which a pod of a Knative Service names it."""

ORDER_VOLUME = "jobsink-event"
"""The volume that JobSink adds to its pods. Its Secret holds the event that the Job was made for."""

ORDER_KEY = "event"


@dataclass(frozen=True, slots=True)
class OfFunction:
    """It concerns all who wait for a function, by the name of its Service."""

    name: str


@dataclass(frozen=True, slots=True)
class OfOrder:
    """It concerns the attempt whose order is in this Secret."""

    secret: str


Subject: TypeAlias = OfFunction | OfOrder


def subject_of(observed: Observed) -> Subject | None:
    """Whom a pod or Job belongs to; None: to nobody that Flume knows."""
    spec = observed.get("spec") or {}
    template = spec.get("template") or {}
    for volume in (template.get("spec") or spec).get("volumes") or ():
        secret = (volume.get("secret") or {}).get("secretName")
        if volume.get("name") == ORDER_VOLUME and secret:
            return OfOrder(str(secret))
    name = _labels(observed).get(SERVICE)
    return OfFunction(str(name)) if name else None


def function_of(pod: Observed) -> str:
    """The function, by the name of its Service or JobSink, that a pod is one of; empty: of none."""
    labels = _labels(pod)
    return str(labels.get(SERVICE) or labels.get(FUNCTION) or "")


def attempt_in_secret(secret: Observed) -> Attempt | None:
    """The attempt whose order a Secret holds; None if it holds none. The rest of the order, its token too, is left alone."""
    try:
        content = base64.b64decode((secret.get("data") or {}).get(ORDER_KEY) or "", validate=True)
        return attempt_in(decode_one([("content-type", STRUCTURED)], content))
    except (MalformedEventError, binascii.Error):
        return None


def _labels(observed: Observed) -> Observed:
    return (observed.get("metadata") or {}).get("labels") or {}
