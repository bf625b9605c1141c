"""``knative/config``: each overlay is built as ``kubectl apply -k`` builds it, and held against the schemas of what it makes.

``FLUME_REWRITE_EXPECTED=1 pytest tests/unit/knative/test_config.py`` writes anew the files that come from the builders.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from knative.cluster import Cluster
from knative.manifests.access import access
from knative.manifests.brokers import broker, event_policies, sink_binding
from knative.manifests.model_services import shared_model_server
from knative.manifests.triggers import answers_trigger
from knative.models import Model
from knative.resources.definitions import spec_schema
from knative.yaml_text import yaml_text
from tests.manifests.strict import knative_schemas, metadata_problems, problems_of, unknown_to_client

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "knative" / "config"
OVERLAYS = ("dev", "production", "gpu-sidecar", "gpu-shared", "expose")

CLUSTER = Cluster()
QWEN = Model("Qwen/Qwen3-8B", "Qwen/Qwen3-8B")
BUILT = {
    "base/access.yaml": access(CLUSTER),
    "base/broker.yaml": [broker(CLUSTER), sink_binding(CLUSTER), answers_trigger(CLUSTER)],
    "components/event-policies/event-policies.yaml": event_policies(CLUSTER),
    "components/gpu-shared/model-server.yaml": shared_model_server(QWEN, CLUSTER),
}
"""Files that the builders make: what the operator makes later, and what is installed, agree."""

NO_SCHEMA = {"PodMonitor", "ServiceMonitor", "SinkBinding", "Model"}
"""Kinds without a schema among the copies; that of Model is our own, and has a test of its own."""


def kustomize(folder):
    kubectl = Path(sys.executable).with_name("kubectl")
    built = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, timeout=60)
    assert built.returncode == 0, built.stderr
    assert "Warning" not in built.stderr
    return list(yaml.safe_load_all(built.stdout))


@pytest.fixture(scope="module")
def overlays():
    """The objects of each overlay."""
    return {name: kustomize(CONFIG / "overlays" / name) for name in OVERLAYS}


def object_in(objects, kind, name, api=""):
    [found] = [
        each
        for each in objects
        if (each["kind"], each["metadata"]["name"]) == (kind, name) and each["apiVersion"].startswith(api)
    ]
    return found


def pods_in(objects):
    """The spec of each pod that Kubernetes or Knative makes of the objects, by the object's name."""
    for each in objects:
        if "template" in each.get("spec", {}):
            yield each["metadata"]["name"], each["spec"]["template"]["spec"]


@pytest.mark.parametrize("file", BUILT)
def test_it_is_what_the_builders_make(file):
    if os.environ.get("FLUME_REWRITE_EXPECTED"):
        (CONFIG / file).write_text(yaml_text(BUILT[file]))
    assert (CONFIG / file).read_text() == yaml_text(BUILT[file])


def test_there_is_an_overlay_for_each_choice():
    assert {path.name for path in (CONFIG / "overlays").iterdir()} == set(OVERLAYS)


@pytest.mark.slow
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_has_only_names_that_kubernetes_takes_and_all_but_roles_in_the_namespace(overlays, overlay):
    objects = overlays[overlay]
    assert [problem for each in objects for problem in metadata_problems(each)] == []
    clusters = {"ClusterRole", "ClusterRoleBinding", "Namespace"}
    assert {each["metadata"].get("namespace") for each in objects if each["kind"] not in clusters} == {"flume"}
    keys = [(each["apiVersion"], each["kind"], each["metadata"]["name"]) for each in objects]
    assert len(keys) == len(set(keys))


@pytest.mark.slow
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_is_right_by_the_schemas_of_knative(overlays, overlay):
    found, kinds = [], set()
    for each in overlays[overlay]:
        schema = knative_schemas().get((each["apiVersion"], each["kind"]))
        if schema is not None:
            kinds.add(each["kind"])
            body = {key: value for key, value in each.items() if key not in ("apiVersion", "kind", "metadata")}
            found += problems_of(body, schema)
    assert found == []
    assert kinds >= {"Broker", "Trigger"}


@pytest.mark.slow
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_an_overlay_has_no_key_that_kubernetes_would_drop(overlays, overlay):
    from kubernetes.client import models

    core = {
        "autoscaling/v2": ("V2", {"HorizontalPodAutoscaler"}),
        "apps/v1": ("V1", {"Deployment"}),
        "v1": ("V1", {"ConfigMap", "Namespace", "Secret", "Service", "ServiceAccount"}),
        "networking.k8s.io/v1": ("V1", {"Ingress", "NetworkPolicy"}),
        "policy/v1": ("V1", {"PodDisruptionBudget"}),
        "rbac.authorization.k8s.io/v1": ("V1", {"ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"}),
    }
    own = {"containerConcurrency", "timeoutSeconds", "responseStartTimeoutSeconds"}
    found = []
    for each in overlays[overlay]:
        if each["apiVersion"] in core:
            prefix, kinds = core[each["apiVersion"]]
            assert each["kind"] in kinds
            found += unknown_to_client(each, getattr(models, prefix + each["kind"]))
        elif each["apiVersion"] == "serving.knative.dev/v1":
            pod = {key: value for key, value in each["spec"]["template"]["spec"].items() if key not in own}
            found += unknown_to_client(pod, models.V1PodSpec)
        else:
            known = (each["apiVersion"], each["kind"]) in knative_schemas()
            assert known or each["kind"] in NO_SCHEMA, f"nothing checks {each['kind']}"
    assert found == []


@pytest.mark.slow
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_pod_of_an_overlay_has_rights(overlays, overlay):
    pods = dict(pods_in(overlays[overlay]))
    assert {"flume-orchestrator", "flume-console", "flume-operator"} <= set(pods)
    for name, pod in pods.items():
        assert pod["automountServiceAccountToken"] is (name == "flume-operator"), name
        assert pod["enableServiceLinks"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        assert all("hostPath" not in volume for volume in pod["volumes"])
        volumes = {volume["name"] for volume in pod["volumes"]}
        for container in pod["containers"]:
            security = container["securityContext"]
            assert security["runAsNonRoot"] is security["readOnlyRootFilesystem"] is True
            assert security["runAsUser"] == 65532
            assert security["allowPrivilegeEscalation"] is False
            assert security["capabilities"] == {"drop": ["ALL"]}
            assert security["seccompProfile"] == {"type": "RuntimeDefault"}
            assert {"requests", "limits"} <= set(container["resources"])
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes


@pytest.mark.slow
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_selector_finds_a_pod_or_waits_for_those_of_functions(overlays, overlay):
    objects = overlays[overlay]
    labels = [each["spec"]["template"]["metadata"]["labels"] for each in objects if "template" in each.get("spec", {})]
    selectors = [
        each["spec"]["selector"] for each in objects if (each["apiVersion"], each["kind"]) == ("v1", "Service")
    ] + [
        each["spec"]["selector"]["matchLabels"]
        for each in objects
        if each["kind"] in ("PodDisruptionBudget", "PodMonitor")
    ]
    assert selectors
    for selector in selectors:
        assert any(selector.items() <= found.items() for found in labels), selector


@pytest.mark.slow
def test_the_address_that_functions_are_given_is_one_that_the_orchestrator_knows_itself_by(overlays):
    settings = object_in(overlays["dev"], "ConfigMap", "flume-settings")["data"]
    assert settings["ENGINE_URL"] == CLUSTER.engine_url
    host = CLUSTER.engine_url.removeprefix("http://").partition(":")[0]
    for objects in overlays.values():
        assert host in object_in(objects, "ConfigMap", "flume-settings")["data"]["FLUME_ALLOWED_HOSTS"].split(",")


@pytest.mark.slow
def test_only_dev_lets_everybody_in_and_holds_addresses(overlays):
    for name, objects in overlays.items():
        settings = object_in(objects, "ConfigMap", "flume-settings")["data"]
        assert ("FLUME_AUTH" in settings) is (name == "dev")
        assert any(each["kind"] == "Secret" for each in objects) is (name == "dev")


@pytest.mark.slow
def test_production_has_a_broker_on_kafka_and_as_many_pods_as_the_autoscaler_says(overlays):
    objects = overlays["production"]
    annotations = object_in(objects, "Broker", "flume")["metadata"]["annotations"]
    scaler = object_in(objects, "HorizontalPodAutoscaler", "flume-orchestrator")["spec"]
    assert annotations == {"eventing.knative.dev/broker.class": "Kafka"}
    assert "replicas" not in object_in(objects, "Deployment", "flume-orchestrator")["spec"]
    assert scaler["minReplicas"] >= 2
    kinds = {each["kind"] for each in objects}
    assert {"NetworkPolicy", "PodDisruptionBudget", "ServiceMonitor"} <= kinds
    # Without OIDC they would keep the broker and all JobSinks from getting ready.
    assert "EventPolicy" not in kinds


@pytest.mark.slow
def test_all_that_is_not_allowed_in_is_kept_out_and_the_credentials_of_clouds_out_of_reach(overlays):
    closed = object_in(overlays["production"], "NetworkPolicy", "flume-nothing-by-default")["spec"]
    leaving = object_in(overlays["production"], "NetworkPolicy", "flume-no-cloud-metadata")["spec"]
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress"]}
    assert leaving["egress"][0] == {"to": [{"namespaceSelector": {}}]}
    assert leaving["egress"][1]["to"][0]["ipBlock"] == {"cidr": "0.0.0.0/0", "except": ["169.254.0.0/16"]}


@pytest.mark.slow
def test_exposed_the_console_is_a_deployment_behind_tls(overlays):
    objects = overlays["expose"]
    spec = object_in(objects, "Ingress", "flume")["spec"]
    assert {rule["host"] for rule in spec["rules"]} == set(spec["tls"][0]["hosts"])
    assert not any(each["apiVersion"].startswith("serving.knative.dev") for each in objects)
    names = {path["backend"]["service"]["name"] for rule in spec["rules"] for path in rule["http"]["paths"]}
    for name in names:
        assert object_in(objects, "Service", name, "v1")
    settings = object_in(objects, "ConfigMap", "flume-settings")["data"]
    assert {rule["host"] for rule in spec["rules"]} <= {
        settings["FLUME_PUBLIC_URL"].removeprefix("https://"),
        *settings["FLUME_ALLOWED_HOSTS"].split(","),
    }


@pytest.mark.slow
def test_a_shared_model_server_is_where_the_settings_say(overlays):
    url = object_in(overlays["gpu-shared"], "ConfigMap", "flume-settings")["data"]["VLLM_URL"]
    service = object_in(overlays["gpu-shared"], "Service", "vllm")
    assert (
        url == f"http://{service['metadata']['name']}.flume.svc.cluster.local:{service['spec']['ports'][0]['port']}/v1"
    )


@pytest.mark.slow
def test_the_example_of_a_model_is_right_by_its_own_schema(overlays):
    [model] = [each for each in overlays["gpu-sidecar"] if each["kind"] == "Model"]
    assert [*problems_of(model["spec"], spec_schema("Model"))] == []


@pytest.mark.slow
def test_images_and_when_they_are_pulled_are_parameters(tmp_path):
    # kustomize takes folders by relative paths alone.
    relative = os.path.relpath(CONFIG, tmp_path)
    (tmp_path / "kustomization.yaml").write_text(
        f"resources: [{relative}/overlays/dev]\n"
        f"components: [{relative}/components/pull-never]\n"
        "images: [{name: dev.local/flume-control, newName: registry.example.org/control, newTag: '7'}]\n"
    )
    containers = [pod["containers"][0] for name, pod in pods_in(kustomize(tmp_path)) if name.startswith("flume-")]
    assert len(containers) == 3
    for container in containers:
        assert (container["image"], container["imagePullPolicy"]) == ("registry.example.org/control:7", "Never")


@pytest.mark.slow
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_image_is_left_to_the_latest(overlays, overlay):
    for _, pod in pods_in(overlays[overlay]):
        for container in pod["containers"]:
            tag = container["image"].rpartition(":")[2]
            assert tag != container["image"]
            assert tag != "latest"


def test_servers_of_models_are_of_the_version_that_the_shared_one_has():
    settings = yaml.safe_load((CONFIG / "base/settings.yaml").read_text())["data"]
    shared = yaml.safe_load((CONFIG / "components/gpu-shared/kustomization.yaml").read_text())
    [image] = [each for each in shared["images"] if each["name"] == "vllm/vllm-openai"]
    assert settings["FLUME_VLLM_IMAGE"] == f"{image['name']}:{image['newTag']}"


def test_the_dashboard_shows_each_metric_that_there_is_and_no_other():
    dashboard = json.loads((CONFIG / "components/monitoring/dashboard.json").read_text())
    shown = {
        re.sub(r"_(bucket|sum|count)$", "", name)
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in re.findall(r"\bflume_\w+", target["expr"])
    }
    listed = re.findall(r"^\| `(flume_\w+)`", (ROOT / "docs/reference/metrics.md").read_text(), re.MULTILINE)
    assert shown == set(listed)


@pytest.mark.slow
def test_the_orchestrator_gives_up_its_store_before_kubernetes_gives_up_the_orchestrator(overlays):
    longest_try_s, start_s = 25, 10
    for objects in overlays.values():
        wait_s = float(object_in(objects, "ConfigMap", "flume-settings")["data"]["FLUME_START_WAIT"])
        [container] = object_in(objects, "Deployment", "flume-orchestrator")["spec"]["template"]["spec"]["containers"]
        probe = container["startupProbe"]
        assert 30 <= wait_s < probe["periodSeconds"] * probe["failureThreshold"] - longest_try_s - start_s


@pytest.mark.slow
def test_the_operators_metrics_are_read_where_those_of_orchestrators_are(overlays):
    for name in ("production", "expose"):
        monitor = object_in(overlays[name], "PodMonitor", "flume-operator")
        [endpoint] = monitor["spec"]["podMetricsEndpoints"]
        pod = object_in(overlays[name], "Deployment", "flume-operator")["spec"]["template"]
        ports = {each["name"] for container in pod["spec"]["containers"] for each in container["ports"]}
        assert monitor["spec"]["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
        assert endpoint["port"] in ports
        allowed = object_in(overlays[name], "NetworkPolicy", "flume-metrics")["spec"]
        [components] = allowed["podSelector"]["matchExpressions"]
        assert {"orchestrator", "operator"} <= set(components["values"])
        assert [each["port"] for each in allowed["ingress"][0]["ports"]] == [endpoint["port"]]


@pytest.mark.slow
def test_the_operator_makes_functions_of_the_image_that_the_settings_name_and_may_have_a_second_in_reserve(overlays):
    settings = {name: object_in(objects, "ConfigMap", "flume-settings")["data"] for name, objects in overlays.items()}
    assert settings["dev"]["FLUME_FUNCTION_IMAGE"] == "dev.local/flume-function:0.1.0"
    assert settings["production"]["FLUME_PULL_POLICY"] == "IfNotPresent"
    replicas = {
        name: object_in(each, "Deployment", "flume-operator")["spec"]["replicas"] for name, each in overlays.items()
    }
    assert (replicas["dev"], replicas["production"]) == (1, 2)


def test_the_operator_reads_what_people_wrote_and_changes_nothing_of_it():
    roles = {
        each["kind"]: each
        for each in access(CLUSTER)
        if each["metadata"]["name"] == "flume-operator" and "rules" in each
    }
    verbs = {
        (resource, verb)
        for rule in roles["ClusterRole"]["rules"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        if verb not in ("get", "list", "watch")
    }
    assert verbs == {
        ("events", "create"),
        *((f"{kind}/status", "patch") for kind in ("pipelines", "nodetypes", "models", "runs")),
    }
    everything = [rule for role in roles.values() for rule in role["rules"]]
    [secrets] = [rule["verbs"] for rule in everything if "secrets" in rule["resources"]]
    assert secrets == ["get"]
    named = {
        (resource, *rule.get("resourceNames", ("any",))): rule["verbs"]
        for rule in everything
        for resource in rule["resources"]
        if resource in ("configmaps", "leases")
    }
    assert named == {
        ("configmaps", "any"): ["create"],
        ("configmaps", "flume-models"): ["get", "patch"],
        ("leases", "any"): ["create"],
        ("leases", "flume-operator"): ["get", "update"],
    }
    assert not any("*" in (*rule["resources"], *rule["verbs"], *rule["apiGroups"]) for rule in everything)
