"""Which functions have no pod that is ready, and why."""

import pytest

from knative.platform.findings import Finding
from knative.platform.function_pods import FunctionPod, FunctionPods

NO_IMAGE = Finding("image-pull", "the image x can't be pulled")
NO_PLACE = Finding("unschedulable", "waiting for a GPU")

STARTING, READY = FunctionPod("fn-a"), FunctionPod("fn-a", is_ready=True)
IN_TROUBLE, WAITING = FunctionPod("fn-a", finding=NO_IMAGE), FunctionPod("fn-a", finding=NO_PLACE)
ELSEWHERE = FunctionPod("fn-b", is_ready=True)


def troubles(*pods):
    made = FunctionPods()
    for number, pod in enumerate(pods):
        made.see(f"pods/{number}", pod)
    return made.troubles()


@pytest.mark.parametrize(
    ("pods", "found"),
    [
        ((), {}),
        ((STARTING,), {}),
        ((READY,), {}),
        ((IN_TROUBLE,), {"fn-a": NO_IMAGE}),
        ((STARTING, IN_TROUBLE), {"fn-a": NO_IMAGE}),
        ((READY, WAITING), {}),
        ((WAITING, READY), {}),
        ((IN_TROUBLE, WAITING), {"fn-a": NO_IMAGE}),
        ((IN_TROUBLE, ELSEWHERE), {"fn-a": NO_IMAGE}),
    ],
    ids=[
        "at zero",
        "starting",
        "ready",
        "in trouble",
        "one of two",
        "no further pod",
        "no further pod, seen first",
        "the first that was seen",
        "beside another function",
    ],
)
def test_a_function_without_any_ready_pod_is_in_trouble_if_one_of_its_pods_is(pods, found):
    assert troubles(*pods) == found


def test_trouble_ends_with_its_pod():
    pods = FunctionPods()
    pods.see("pods/1", IN_TROUBLE)
    pods.forget("pods/1")
    assert pods.troubles() == {}
    pods.see("pods/2", IN_TROUBLE)
    pods.see("pods/2", READY)
    assert pods.troubles() == {}
    pods.see("pods/3", FunctionPod("fn-c", finding=NO_PLACE))
    pods.keep_only({"pods/2"})
    assert pods.troubles() == {}
