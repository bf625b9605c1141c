"""Install: all that is installed comes up, and keeps to its rights."""

from tests.cluster.conftest import condition
from tests.cluster.documents import GREET, INVALID
from tests.cluster.installing import SECRET
from tests.cluster.kubectl import KubectlError
from tests.cluster.parameters import NAMESPACE, TEAM
from tests.cluster.waiting import NotYetError


def test_everything_is_up_and_ready(site):
    assert site.api.call("GET", "/readyz")["status"] == "ok"
    broker = site.kubectl.get("broker", "flume", NAMESPACE)
    assert {"type": "Ready", "status": "True"}.items() <= condition(broker, "Ready").items(), broker["status"]
    restarts = {
        pod["metadata"]["name"]: sum(each["restartCount"] for each in pod["status"].get("containerStatuses", ()))
        for pod in site.pods("app.kubernetes.io/part-of=flume")
    }
    assert set(restarts.values()) <= {0}, restarts


def test_pods_of_functions_and_the_orchestrator_have_no_rights_in_kubernetes(site):
    for account in ("flume-function", "flume-orchestrator"):
        who = f"--as=system:serviceaccount:{NAMESPACE}:{account}"
        for verb, kind in (("get", "secrets"), ("list", "pods"), ("create", "jobs")):
            try:
                answer = site.kubectl.run("auth", "can-i", verb, kind, "-n", NAMESPACE, who).strip()
            except KubectlError:
                answer = "no"
            assert answer == "no", f"{account} may {verb} {kind}"


def test_a_pipeline_that_kubectl_applies_is_ready_with_its_address_and_can_be_run(site):
    site.apply(GREET)
    found = site.kubectl.get("pipelines.flume.dev", "greet", TEAM)
    assert f"/events/{TEAM}/greet" in found["status"]["address"]["url"]
    assert found["status"]["observedGeneration"] == found["metadata"]["generation"]
    assert site.completed(site.start("greet", {"name": "Ada"}))["output"] == "Hello Ada"


def test_a_document_that_is_wrong_is_not_ready_and_says_why_and_where(site):
    site.kubectl.apply([INVALID])

    def look():
        ready = condition(site.kubectl.get("pipelines.flume.dev", "invalid", TEAM), "Ready")
        if ready.get("status") != "False":
            raise NotYetError(str(ready))
        return ready["message"]

    message = site.waiting.until("the wrong pipeline is not ready", look, within_s=60)
    assert "unknown-node-type" in message
    assert "/nodes/0/type" in message
    site.kubectl.delete("pipelines.flume.dev", "invalid", TEAM)


def test_no_secret_of_pipelines_is_in_what_the_installation_logs(site):
    logs = site.kubectl.run(
        "logs", "-n", NAMESPACE, "-l", "app.kubernetes.io/part-of=flume", "--all-containers", "--tail=-1"
    )
    assert SECRET["value"] not in logs
