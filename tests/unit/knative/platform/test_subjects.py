import pytest

from eventing.messages import Attempt
from flume.ids import Instance, RunId
from flume.pipeline import Lane
from knative.manifests.job_sinks import job_sink
from knative.manifests.services import function_service
from knative.platform.subjects import SELECTOR, OfFunction, OfOrder, attempt_in_secret, function_of, subject_of
from tests.unit.knative.platform.conftest import job, pod, secret_with, service_pod


def test_a_job_and_its_pod_are_for_the_order_in_their_secret():
    assert subject_of(pod()) == subject_of(job()) == OfOrder("fn-script-job-x7q")


def test_a_pod_of_a_service_is_for_all_who_wait_for_its_function():
    assert subject_of(service_pod()) == OfFunction("fn-resize-cpu")


def test_a_pod_of_neither_belongs_to_nobody():
    assert subject_of(pod(volumes=[{"name": "work", "emptyDir": {}}])) is None


def test_the_order_in_a_secret_names_its_attempt(order_secret):
    assert attempt_in_secret(order_secret) == Attempt(RunId("r"), Instance("n"), 1)


@pytest.mark.parametrize("content", [b"", b"{", b'{"specversion": "1.0", "id": "1", "source": "/x", "type": "y"}'])
def test_a_secret_without_an_order_names_none(content):
    assert attempt_in_secret(secret_with(content)) is None
    assert attempt_in_secret({"data": {"event": "no base64!"}}) is None
    assert attempt_in_secret({}) is None


def test_the_selector_finds_what_the_builders_make(new_function, cluster):
    key, value = SELECTOR.split("=")
    service = function_service(new_function(lane=Lane.CPU), cluster)
    sink = job_sink(new_function(lane=Lane.JOB), cluster)
    pods = [
        service["spec"]["template"]["metadata"]["labels"],
        sink["spec"]["job"]["spec"]["template"]["metadata"]["labels"],
        sink["spec"]["job"]["metadata"]["labels"],
    ]
    for labels in pods:
        assert labels[key] == value


def test_a_pod_tells_which_function_it_is_of(new_function, cluster):
    assert function_of(service_pod()) == "fn-resize-cpu"
    sink = job_sink(new_function(lane=Lane.JOB), cluster)
    assert function_of(sink["spec"]["job"]["spec"]["template"]) == sink["metadata"]["name"]
    assert function_of(pod()) == ""
