"""Each kind of object that Flume makes, whole, as a file; and by the schemas of Knative and Kubernetes.

``FLUME_REWRITE_EXPECTED=1 pytest tests/unit/knative`` writes the files anew; they are reviewed as a diff.
"""

import os
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from flume.pipeline import CronTrigger, EventTrigger, Lane
from knative.cluster import Dispatch
from knative.manifests.access import access
from knative.manifests.brokers import broker, event_policies, sink_binding
from knative.manifests.job_sinks import job_sink
from knative.manifests.model_services import model_service, shared_model_server
from knative.manifests.ping_sources import ping_source
from knative.manifests.services import function_service
from knative.manifests.triggers import answers_trigger, event_trigger, function_trigger, model_trigger
from knative.models import NODE_TYPES, Gpu, Model, Task
from knative.timeouts import timeouts_of
from knative.yaml_text import yaml_text
from tests.manifests.strict import knative_schemas, metadata_problems, problems_of, unknown_to_client

GOLDEN = Path(__file__).with_name("golden")

MODEL = Model(
    "llama3.1-70b",
    "meta-llama/Llama-3.1-70B-Instruct",
    gpu=Gpu(4, "NVIDIA-H100-80GB-HBM3", 2),
    args=("--max-model-len", "16384"),
    secrets=("HF_TOKEN",),
    environment={"VLLM_LOGGING_LEVEL": "WARNING"},
)

ORDERS = EventTrigger("orders", ({"exact": {"type": "com.example.order"}}, {"cesql": "amount > 10"}))
NIGHTLY = CronTrigger("nightly", "30 2 * * 1-5", "Asia/Seoul", data={"full": True})
ADDRESS = "http://flume-orchestrator.flume.svc.cluster.local:8000/events/shop/ship?key=k"


@pytest.fixture
def types_of(registry):
    return lambda task: [registry.get(name) for name in NODE_TYPES[task]]


@pytest.fixture
def objects(cluster, owner, new_function, new_plan, types_of):
    """The objects by the name of the file that holds them."""
    pipeline = new_plan({"type": "template", "config": {"template": "hi"}}, name="ship", namespace="shop").pipeline
    gpu = {"cpu": "2", "memory": "8Gi", "gpu": 1}
    timeouts = timeouts_of(timedelta(minutes=9), cluster.function_timeout_max)
    claimed = replace(MODEL, claim="llama-weights", source="/models/llama", least=1)
    return {
        "service-cpu": [function_service(new_function("http-request"), cluster)],
        "service-own-image": [function_service(new_function(CACHE="/tmp/c"), cluster, owner)],
        "service-gpu": [function_service(new_function(lane=Lane.GPU, resources=gpu), cluster)],
        "service-shared-model": [
            function_service(new_function("llm-generate", Lane.GPU), replace(cluster, vllm_url="http://vllm:8000/v1"))
        ],
        "service-private-registry": [
            function_service(
                new_function("mongodb-query"), replace(cluster, pull_policy="Never", pull_secrets=("registry",))
            )
        ],
        "model-service": [model_service(MODEL, types_of(Task.GENERATE), cluster)],
        "model-service-with-claim": [model_service(claimed, types_of(Task.EMBED), cluster)],
        "shared-model-server": shared_model_server(MODEL, cluster),
        "job-sink-cpu": [job_sink(new_function("script", Lane.JOB, timeout_s=3600), cluster)],
        "job-sink-gpu": [job_sink(new_function(lane=Lane.JOB, resources=gpu, timeout_s=3600), cluster, owner)],
        "trigger-function": [function_trigger(new_function(), cluster, owner)],
        "trigger-job": [function_trigger(new_function("script", Lane.JOB), cluster)],
        "trigger-model": [model_trigger(MODEL, timeouts, cluster)],
        "trigger-answers": [answers_trigger(cluster)],
        "trigger-events": [event_trigger(pipeline, ORDERS, ADDRESS, cluster)],
        "ping-source": [ping_source(pipeline, NIGHTLY, ADDRESS, cluster)],
        "broker": [broker(cluster)],
        "event-policies": event_policies(cluster, ["system:serviceaccount:shop:checkout"]),
        "sink-binding": [sink_binding(cluster)],
        "access": access(cluster),
    }


NAMES = sorted(path.stem for path in GOLDEN.glob("*.yaml"))


def test_there_is_a_file_for_each_and_none_is_left_over(objects):
    if os.environ.get("FLUME_REWRITE_EXPECTED"):
        for name, made in objects.items():
            (GOLDEN / f"{name}.yaml").write_text(yaml_text(made))
    assert sorted(objects) == sorted(path.stem for path in GOLDEN.glob("*.yaml"))


@pytest.mark.parametrize("name", NAMES)
def test_it_is_what_the_file_says(objects, name):
    assert yaml_text(objects[name]) == (GOLDEN / f"{name}.yaml").read_text()


@pytest.mark.parametrize("name", NAMES)
def test_it_has_names_and_labels_that_kubernetes_takes(objects, name):
    assert [problem for each in objects[name] for problem in metadata_problems(each)] == []


@pytest.mark.parametrize("name", NAMES)
def test_it_is_right_by_the_schema_of_its_custom_resource_and_has_no_key_that_would_be_dropped(objects, name):
    found = []
    for each in objects[name]:
        schema = knative_schemas().get((each["apiVersion"], each["kind"]))
        if schema is not None:
            body = {key: value for key, value in each.items() if key not in ("apiVersion", "kind", "metadata")}
            found += problems_of(body, schema)
    assert found == []


OURS = {"Service", "Trigger", "PingSource", "JobSink", "Broker", "EventPolicy"}


def test_every_kind_of_knative_is_held_against_its_schema(objects):
    kinds = {each["kind"] for made in objects.values() for each in made if "knative" in each["apiVersion"]}
    # There is no schema of SinkBinding among the copies.
    assert kinds - {"SinkBinding"} == OURS == {kind for _, kind in knative_schemas()}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_core_kinds_and_pods_within_have_no_key_that_the_client_does_not_know(objects, name):
    from kubernetes.client import models

    core = {
        ("apps/v1", "Deployment"): models.V1Deployment,
        ("v1", "Service"): models.V1Service,
        ("v1", "ServiceAccount"): models.V1ServiceAccount,
        ("rbac.authorization.k8s.io/v1", "ClusterRole"): models.V1ClusterRole,
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"): models.V1ClusterRoleBinding,
        ("rbac.authorization.k8s.io/v1", "Role"): models.V1Role,
        ("rbac.authorization.k8s.io/v1", "RoleBinding"): models.V1RoleBinding,
    }
    own = {"containerConcurrency", "timeoutSeconds", "responseStartTimeoutSeconds"}
    found = []
    for each in objects[name]:
        found += unknown_to_client(each["metadata"], models.V1ObjectMeta)
        match each:
            case {"apiVersion": "serving.knative.dev/v1", "spec": {"template": template}}:
                pod = {key: value for key, value in template["spec"].items() if key not in own}
                found += unknown_to_client(pod, models.V1PodSpec)
                found += unknown_to_client(template["metadata"], models.V1ObjectMeta)
            case {"kind": "JobSink", "spec": {"job": job}}:
                found += unknown_to_client(job, models.V1Job)
            case {"apiVersion": version, "kind": kind} if "knative" not in version:
                found += unknown_to_client(each, core[version, kind])
    assert found == []


@pytest.mark.slow
def test_the_checks_notice_a_key_that_nobody_knows(objects):
    from kubernetes.client import models

    [service] = objects["service-cpu"]
    pod = service["spec"]["template"]["spec"]
    pod["containers"][0]["enviroment"] = []
    assert [*problems_of({"spec": service["spec"]}, knative_schemas()["serving.knative.dev/v1", "Service"])] == [
        "spec.template.spec.containers[0].enviroment: unknown"
    ]
    assert ".containers[0].enviroment: unknown to V1Container" in [*unknown_to_client(pod, models.V1PodSpec)]


def containers_of(made):
    """All containers with the pod's volumes."""
    for each in made:
        spec = each.get("spec", {})
        template = (
            spec.get("job", {}).get("spec", spec).get("template")
            if each["kind"] != "Service" or "template" in spec
            else None
        )
        if template:
            pod = template["spec"]
            for container in pod["containers"]:
                yield pod, container


@pytest.mark.parametrize("name", NAMES)
def test_containers_have_no_rights_and_only_volumes_that_there_are(objects, name):
    for pod, container in containers_of(objects[name]):
        security = container["securityContext"]
        assert security["runAsNonRoot"] is security["readOnlyRootFilesystem"] is True
        assert security["allowPrivilegeEscalation"] is False
        assert security["capabilities"] == {"drop": ["ALL"]}
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert {mount["name"] for mount in container["volumeMounts"]} <= {volume["name"] for volume in pod["volumes"]}
        variables = [each["name"] for each in container["env"]]
        assert len(variables) == len(set(variables))
        assert {"requests", "limits"} == set(container["resources"])
        assert (pod["enableServiceLinks"], pod["automountServiceAccountToken"]) == (False, False)


def test_a_function_gets_the_secrets_that_its_type_names_and_no_others(new_function, cluster):
    [named] = containers_of([function_service(new_function(), cluster)])
    [all_of_them] = containers_of([job_sink(new_function("script", Lane.JOB), cluster)])
    [none] = containers_of([function_service(new_function("template"), cluster)])

    assert [each["name"] for each in named[1]["env"] if "valueFrom" in each] == ["FLUME_SECRET_BUCKET_KEY"]
    assert [each for each in named[1]["envFrom"] if "secretRef" in each] == []
    assert [each["prefix"] for each in all_of_them[1]["envFrom"] if "secretRef" in each] == ["FLUME_SECRET_"]
    assert [each for each in none[1]["env"] if "valueFrom" in each] == []


def test_what_flume_tells_a_process_wins_over_its_node_types_own_variables(new_function, cluster):
    function = new_function(ENGINE_URL="http://elsewhere", FLUME_GRACE="1", QUALITY="90")
    for made in (function_service(function, cluster), job_sink(replace(function, lane=Lane.JOB), cluster)):
        [(_, container)] = containers_of([made])
        values = [(each["name"], each["value"]) for each in container["env"] if "value" in each]
        assert len(dict(values)) == len(values)
        assert dict(values)["ENGINE_URL"] == cluster.engine_url
        assert dict(values)["FLUME_GRACE"] != "1"
        assert dict(values)["QUALITY"] == "90"


def test_all_time_outs_follow_from_the_functions_and_stay_below_the_clusters(new_function, cluster):
    brokered = replace(cluster, dispatch=Dispatch.BROKER)
    for timeout_s, request_s in ((90, 100), (595, 600), (600, 600)):
        function = new_function(timeout_s=timeout_s)
        spec = function_service(function, brokered)["spec"]["template"]["spec"]
        trigger = function_trigger(function, brokered)
        assert (spec["timeoutSeconds"], spec["responseStartTimeoutSeconds"]) == (request_s, request_s)
        assert trigger["spec"]["delivery"]["timeout"] == f"PT{request_s + 60}S"
        assert {"name": "FLUME_GRACE", "value": str(request_s)} in spec["containers"][0]["env"]


def test_an_owner_in_another_namespace_is_left_out(new_function, cluster, owner):
    elsewhere = replace(owner, namespace="shop")

    assert "ownerReferences" in function_service(new_function(), cluster, owner)["metadata"]
    assert "ownerReferences" not in function_service(new_function(), cluster, elsewhere)["metadata"]


@pytest.mark.parametrize(
    ("filters", "kept_away"),
    [
        ((), ["dev.flume.node.", "dev.flume.run."]),
        (({"exact": {"type": "com.example"}},), ["dev.flume.node."]),
        (({"prefix": {"type": "dev.flume.run."}},), ["dev.flume.node."]),
        (({"not": {"exact": {"type": "x"}}},), ["dev.flume.node.", "dev.flume.run."]),
    ],
)
def test_a_trigger_never_gets_events_about_nodes_and_those_about_runs_if_it_asks(new_plan, cluster, filters, kept_away):
    pipeline = new_plan({"type": "template", "config": {"template": "hi"}}).pipeline
    made = event_trigger(pipeline, EventTrigger("t", filters), ADDRESS, cluster)

    assert made["spec"]["filters"][len(filters) :] == [{"not": {"prefix": {"type": each}}} for each in kept_away]


@pytest.mark.parametrize(
    ("data", "content"),
    [
        (None, {}),
        ({"a": "ü"}, {"contentType": "application/json", "data": '{"a": "ü"}'}),
        # Knative refuses this as application/json: it takes objects alone.
        ([1], {"contentType": "application/json; charset=utf-8", "data": "[1]"}),
        (0, {"contentType": "application/json; charset=utf-8", "data": "0"}),
    ],
)
def test_a_ping_source_sends_the_data_of_its_trigger(new_plan, cluster, data, content):
    pipeline = new_plan({"type": "template", "config": {"template": "hi"}}).pipeline
    spec = ping_source(pipeline, replace(NIGHTLY, data=data), ADDRESS, cluster)["spec"]

    assert {key: spec[key] for key in ("contentType", "data") if key in spec} == content
    assert spec["ceOverrides"] == {"extensions": {"flumetrigger": "nightly"}}


def test_yaml_has_no_anchors_and_shows_lines_as_lines():
    shared = {"a": 1}
    text = yaml_text([{"first": shared, "second": shared, "text": "one\ntwo\n"}])

    assert "&" not in text
    assert "text: |\n  one\n  two\n" in text
    assert yaml.safe_load(text) == {"first": shared, "second": shared, "text": "one\ntwo\n"}
