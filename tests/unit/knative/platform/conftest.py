"""Pods, Jobs and Secrets as Kubernetes 1.36 and JobSink make them, each held against the models of the client."""

import base64
from datetime import UTC, datetime

import orjson
import pytest
from kubernetes.client.models.v1_job import V1Job
from kubernetes.client.models.v1_pod import V1Pod
from kubernetes.client.models.v1_secret import V1Secret

from eventing.cloudevents import encode_structured
from eventing.messages import invoke_event
from tests.manifests.strict import unknown_to_client

NOW = "2026-11-24T09:00:00Z"
LABELS = {"app.kubernetes.io/part-of": "flume", "app.kubernetes.io/component": "job"}


def condition(kind, reason="", message="", status="True"):
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": NOW}


def container(state=None, last=None, *, name="function", restarts=0):
    return {
        "name": name,
        "image": "registry.example.org/resize:1.2",
        "imageID": "",
        "ready": False,
        "started": False,
        "restartCount": restarts,
        "state": state or {},
        "lastState": last or {},
    }


def ended(code, reason="Error", **more):
    return {"terminated": {"exitCode": code, "reason": reason, "startedAt": NOW, "finishedAt": NOW, **more}}


def waiting(reason, message=""):
    return {"waiting": {"reason": reason, "message": message}}


RUNNING = {"running": {"startedAt": NOW}}


def pod(phase="Running", *containers, labels=None, volumes=None, uid="pod-1", **status):
    """A pod of a Job, unless labels and volumes say otherwise."""
    order = [{"name": "jobsink-event", "secret": {"secretName": "fn-script-job-x7q", "defaultMode": 420}}]
    statuses = {"containerStatuses": list(containers)} if containers else {}
    made = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "fn-script-job-x7q-9kd2v",
            "namespace": "flume",
            "uid": uid,
            "resourceVersion": "7",
            "labels": {**LABELS, **(labels or {})},
        },
        "spec": {
            "containers": [{"name": "function", "image": "x", "resources": {"limits": {"memory": "2Gi"}}}],
            "volumes": order if volumes is None else volumes,
        },
        "status": {"phase": phase, **statuses, **status},
    }
    assert list(unknown_to_client(made, V1Pod)) == []
    return made


def service_pod(phase="Running", *containers, **status):
    labels = {"app.kubernetes.io/component": "function", "serving.knative.dev/service": "fn-resize-cpu"}
    return pod(phase, *containers, labels=labels, volumes=[], **status)


def job(*conditions, uid="job-1"):
    spec = pod()["spec"]
    made = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "fn-script-job-x7q", "namespace": "flume", "uid": uid, "labels": LABELS},
        "spec": {"activeDeadlineSeconds": 900, "template": {"metadata": {"labels": LABELS}, "spec": spec}},
        "status": {"conditions": list(conditions)},
    }
    assert list(unknown_to_client(made, V1Job)) == []
    return made


def secret_with(content):
    made = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "fn-script-job-x7q", "namespace": "flume"},
        "immutable": True,
        "data": {"event": base64.b64encode(content).decode()},
        "type": "Opaque",
    }
    assert list(unknown_to_client(made, V1Secret)) == []
    return made


@pytest.fixture
def order_secret(new_invocation):
    """The Secret of a Job for attempt 1 of node ``n`` of run ``r``."""
    _, body = encode_structured(invoke_event(new_invocation(), datetime(2026, 11, 24, tzinfo=UTC)))
    assert orjson.loads(body)["flumerun"] == "r"
    return secret_with(body)
