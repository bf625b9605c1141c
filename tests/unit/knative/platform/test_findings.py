import pytest

from knative.platform.findings import Finding, finding_of_deleted_pod, finding_of_job, finding_of_pod
from tests.unit.knative.platform.conftest import (
    RUNNING,
    condition,
    container,
    ended,
    job,
    pod,
    service_pod,
    waiting,
)

NO_GPU = "0/4 nodes are available: 4 Insufficient nvidia.com/gpu. preemption: 0/4 nodes are available."
TAKEN = "Preempted in order to admit a pod of higher priority"

OVER = {
    "a process that took too much memory": (
        pod("Failed", container(ended(137, "OOMKilled"))),
        Finding(
            "oom-killed", "the process was killed because it took more memory than its limit of 2Gi", True, "function"
        ),
    ),
    "a process that a signal ended": (
        pod("Failed", container(ended(139))),
        Finding("crashed", "the process was ended by SIGSEGV", True, "function"),
    ),
    "a process that a signal ended, as the runtime says": (
        pod("Failed", container(ended(1, signal=11))),
        Finding("crashed", "the process was ended by SIGSEGV", True, "function"),
    ),
    "a process that ended by itself": (
        pod("Failed", container(ended(3, message="no such\n file"))),
        Finding("crashed", "the process ended with exit code 3: no such file", True, "function"),
    ),
    "of several containers the one without memory": (
        pod("Failed", container(ended(1), name="helper"), container(ended(137, "OOMKilled"))),
        Finding(
            "oom-killed", "the process was killed because it took more memory than its limit of 2Gi", True, "function"
        ),
    ),
    "a node that ran out of something": (
        pod("Failed", reason="Evicted", message="The node was low on resource: ephemeral-storage."),
        Finding("evicted", "the pod was taken away: The node was low on resource: ephemeral-storage.", True),
    ),
    "a pod that made room": (
        pod(
            "Failed",
            container(ended(143)),
            conditions=[condition("DisruptionTarget", "PreemptionByScheduler", TAKEN)],
        ),
        Finding("evicted", f"the pod was taken away: {TAKEN}", True),
    ),
    "a node that would not take it": (
        pod("Failed", reason="OutOfcpu", message="Node didn't have enough resource: cpu"),
        Finding("evicted", "the pod was taken away: Node didn't have enough resource: cpu", True),
    ),
    "a pod that took too long": (
        pod("Failed", reason="DeadlineExceeded"),
        Finding("deadline-exceeded", "the pod took longer than its limit, waiting included", True),
    ),
}

NOT_OVER = {
    "no GPU is free": (
        pod("Pending", conditions=[condition("PodScheduled", "Unschedulable", NO_GPU, "False")]),
        Finding("unschedulable", f"waiting for a GPU: {NO_GPU}"),
    ),
    "no memory is free": (
        pod("Pending", conditions=[condition("PodScheduled", "Unschedulable", "1 Insufficient memory.", "False")]),
        Finding("unschedulable", "waiting for memory: 1 Insufficient memory."),
    ),
    "no CPU is free": (
        pod("Pending", conditions=[condition("PodScheduled", "Unschedulable", "1 Insufficient cpu.", "False")]),
        Finding("unschedulable", "waiting for CPU: 1 Insufficient cpu."),
    ),
    "no node fits": (
        pod("Pending", conditions=[condition("PodScheduled", "Unschedulable", "", "False")]),
        Finding("unschedulable", "waiting for a node that may take it"),
    ),
    "an image that is not there": (
        pod("Pending", container(waiting("ImagePullBackOff", "Back-off pulling image"))),
        Finding("image-pull", "the image registry.example.org/resize:1.2 can't be pulled: Back-off pulling image"),
    ),
    "an image that must be there and is not": (
        pod("Pending", container(waiting("ErrImageNeverPull"))),
        Finding("image-pull", "the image registry.example.org/resize:1.2 can't be pulled: ErrImageNeverPull"),
    ),
    "a container that can't be made": (
        pod("Pending", container(waiting("CreateContainerConfigError", 'secret "s" not found'))),
        Finding("start-failed", "the container 'function' can't be started: secret \"s\" not found"),
    ),
    "a service that takes too much memory before it is ready": (
        service_pod(
            "Running",
            container(waiting("CrashLoopBackOff"), ended(137, "OOMKilled"), restarts=3),
            container(RUNNING, name="queue-proxy"),
        ),
        Finding(
            "oom-killed", "the process was killed because it took more memory than its limit of 2Gi", False, "function"
        ),
    ),
    "a service that ends by itself": (
        service_pod("Running", container(waiting("CrashLoopBackOff"), ended(1), restarts=3)),
        Finding("crashed", "the process ended with exit code 1", False, "function"),
    ),
    "a service that ends by itself without an error": (
        service_pod("Running", container(waiting("CrashLoopBackOff"), ended(0, "Completed"), restarts=3)),
        Finding("crashed", "the process ended with exit code 0", False, "function"),
    ),
}

FINE = {
    "it runs": pod("Running", container(RUNNING)),
    "it is done": pod("Succeeded", container(ended(0, "Completed"))),
    "it was just made": pod("Pending"),
    "it was given a node": pod("Pending", conditions=[condition("PodScheduled")]),
    "its container is being made": pod("Pending", container(waiting("ContainerCreating"))),
    "it runs again": service_pod("Running", container(RUNNING, ended(137, "OOMKilled"), restarts=1)),
    "only what Knative adds does not run": service_pod(
        "Running", container(RUNNING), container(waiting("CrashLoopBackOff"), ended(1), name="queue-proxy")
    ),
}


@pytest.mark.parametrize("name", OVER)
def test_what_ended_a_pod_is_told(name):
    observed, finding = OVER[name]
    assert finding_of_pod(observed) == finding
    assert finding_of_deleted_pod(observed) == finding


@pytest.mark.parametrize("name", NOT_OVER)
def test_what_a_pod_waits_for_is_told(name):
    observed, finding = NOT_OVER[name]
    assert finding_of_pod(observed) == finding


@pytest.mark.parametrize("name", FINE)
def test_nothing_is_told_of_a_pod_that_does_well(name):
    assert finding_of_pod(FINE[name]) is None


def test_a_pod_that_vanishes_before_its_end_was_taken_away():
    assert finding_of_deleted_pod(FINE["it is done"]) is None
    finding = finding_of_deleted_pod(FINE["it runs"])
    assert (finding.code, finding.is_over) == ("evicted", True)
    drained = pod("Running", container(RUNNING), conditions=[condition("DisruptionTarget", "EvictionByEvictionAPI")])
    assert finding_of_deleted_pod(drained).message == "the pod was taken away: EvictionByEvictionAPI"


@pytest.mark.parametrize("kind", ["FailureTarget", "Failed"])
def test_a_job_that_took_too_long_is_over(kind):
    finding = finding_of_job(job(condition(kind, "DeadlineExceeded", "Job was active longer than specified deadline")))
    assert finding == Finding(
        "deadline-exceeded", "the Job took longer than its limit of 900 s, waiting included", True
    )


def test_the_pod_of_a_job_tells_why_it_failed_and_the_job_does_not():
    assert finding_of_job(job()) is None
    assert finding_of_job(job(condition("Failed", "BackoffLimitExceeded"))) is None
    assert finding_of_job(job(condition("Failed", "DeadlineExceeded", status="False"))) is None
    assert finding_of_job(job(condition("Complete"))) is None


def test_what_kubernetes_says_is_repeated_in_bounds():
    long = pod("Failed", reason="Evicted", message="word " * 5_000)
    assert len(finding_of_pod(long).message) < 1_100
