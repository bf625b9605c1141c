"""Install: all that is installed comes up, and keeps to its rights."""

import json
from urllib.parse import urlsplit

from tests.cluster.diagnostics import logs_of
from tests.cluster.documents import CONFIDENTIAL, GREET, INVALID
from tests.cluster.installing import SECRET
from tests.cluster.parameters import NAMESPACE, TEAM
from tests.cluster.setting_up import KNATIVE_CRDS
from tests.cluster.site import CLUSTER_DOMAIN, condition
from tests.cluster.waiting import NotYetError


def test_everything_is_up_and_ready(site):
    assert site.api.call("GET", "/readyz")["status"] == "ok"
    broker = site.kubectl.get("broker", "flume", NAMESPACE)
    assert {"type": "Ready", "status": "True"}.items() <= condition(broker, "Ready").items(), broker["status"]
    # The databases of the overlay were there before, so that nobody had to be started again because of them.
    restarts = {
        pod["metadata"]["name"]: sum(each["restartCount"] for each in pod["status"].get("containerStatuses", ()))
        for pod in site.pods("app.kubernetes.io/part-of=flume")
    }
    assert set(restarts.values()) <= {0}, restarts


def test_the_clusters_domain_is_the_one_that_flume_takes_it_to_be(site):
    address = site.kubectl.get("broker", "flume", NAMESPACE)["status"]["address"]["url"]
    assert urlsplit(address).hostname.endswith(f".svc.{CLUSTER_DOMAIN}"), (
        f"the broker is at {address}: this cluster has another domain than {CLUSTER_DOMAIN}, which Flume can't do with"
    )


def test_the_console_comes_from_zero_and_answers(site):
    site.until_ready({"kind": "ksvc", "metadata": {"name": "flume-console", "namespace": NAMESPACE}}, kind="ksvc")
    assert site.from_inside(f"http://flume-console.{NAMESPACE}.svc.{CLUSTER_DOMAIN}/") < 400


def test_pods_of_functions_and_the_orchestrator_have_no_rights_in_kubernetes(site):
    for account in ("flume-function", "flume-orchestrator"):
        for verb, kind in (("get", "secrets"), ("list", "pods"), ("create", "jobs")):
            assert not site.kubectl.may(account, verb, kind, NAMESPACE), f"{account} may {verb} {kind}"


def test_the_operator_has_the_rights_that_it_needs_and_no_others(site):
    may = {
        (verb, kind): site.kubectl.may("flume-operator", verb, kind, NAMESPACE)
        for verb, kind in (
            *(("patch", kind) for kind in KNATIVE_CRDS if not kind.startswith("brokers")),
            ("patch", "configmap/flume-models"),
            ("patch", "configmap/flume-settings"),
            ("get", "configmap/flume-settings"),
            ("list", "secrets"),
            ("create", "pods"),
            ("patch", "pipelines.flume.dev"),
        )
    }
    assert [what for what, is_so in may.items() if is_so] == [
        *(("patch", kind) for kind in KNATIVE_CRDS if not kind.startswith("brokers")),
        ("patch", "configmap/flume-models"),
    ]


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


def test_no_secret_of_pipelines_is_in_what_the_installation_logs_or_tells(site):
    site.apply(CONFIDENTIAL)
    run = site.completed(site.start("confidential"))
    logs = logs_of(site.kubectl.run, NAMESPACE)
    assert any(where.startswith("flume-orchestrator-") and text for where, text in logs.items()), sorted(logs)
    assert [where for where, text in logs.items() if SECRET["value"] in text] == []
    assert SECRET["value"] not in json.dumps(run)
    for kind in ("events", "pipelines.flume.dev"):
        assert SECRET["value"] not in site.kubectl.run("get", kind, "-n", TEAM, "-o", "json")
