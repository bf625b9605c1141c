"""The tests on a cluster, as far as they can be tested without one: what they apply, and how they wait, call and gather."""

import base64
import http.server
import json
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from kubernetes.client import models

from flume.nodes.discovery import load_path
from flume.nodes.registry import Registry, installed_node_types
from flume.validation import validate
from knative.cluster import Cluster, Dispatch
from knative.resources.definitions import spec_schema
from knative.resources.specs import node_type_resource, read_node_type
from knative.wanted import wanted_objects
from tests.cluster import documents
from tests.cluster.access import Api, Forward, ForwardError
from tests.cluster.diagnostics import KINDS, file_name, gather, in_short, logs_of
from tests.cluster.gpus import FEATURES, reason_against_gpus
from tests.cluster.installing import SECRET, goes_first, kustomization, team_objects
from tests.cluster.kubectl import Kubectl, KubectlError
from tests.cluster.parameters import Parameters, parameters_in
from tests.cluster.setting_up import KNATIVE_CRDS, check_needs, install, remove
from tests.cluster.site import Site
from tests.cluster.test_jobs import COUNTING, GREEDY
from tests.cluster.waiting import GivenUpError, NotYetError, Waiting
from tests.manifests.strict import knative_schemas, metadata_problems, problems_of, unknown_to_client

ENVIRONMENT = {
    "KUBECONFIG": "/none/config",
    "FLUME_IMAGE_CONTROL": "dev.local/flume-control:test",
    "FLUME_IMAGE_FUNCTION": "dev.local/flume-function:test",
    "FLUME_IMAGE_PULL_POLICY": "Never",
}
NODES = Path(__file__).parents[2] / "cluster" / "nodes"
PIPELINES = (
    *documents.PIPELINES,
    documents.ELSEWHERE,
    documents.CUSTOM,
    documents.NO_IMAGE,
    documents.GPU,
    documents.vllm("some-model"),
    COUNTING,
    GREEDY,
)


@pytest.fixture
def parameters():
    return parameters_in(ENVIRONMENT)


@pytest.fixture
def registry():
    registry = Registry(installed_node_types)
    for name in ("shout", "silent"):
        registry.add(read_node_type(documents.shout_type("dev.local/custom:1", name)).type, source=name)
    return registry


# What is applied.


@pytest.mark.slow
@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda each: each["metadata"]["name"])
def test_a_pipeline_of_the_suite_is_valid_for_the_cluster_and_for_flume(pipeline, registry):
    assert [*metadata_problems(pipeline)] == []
    assert [*problems_of(pipeline["spec"], spec_schema("Pipeline"))] == []
    plan = validate(json.dumps(pipeline), registry).require_plan()
    for dispatch in Dispatch:
        wanted = wanted_objects([plan], [], Cluster(vllm_url="http://vllm:8000/v1", dispatch=dispatch))
        assert wanted.unmet == ()
        for each in wanted.objects:
            schema = knative_schemas()[each["apiVersion"], each["kind"]]
            assert [*problems_of({"spec": each["spec"]}, schema)] == []


def test_the_pipeline_that_is_to_be_refused_is_refused_with_what_its_test_looks_for(registry):
    assert [*problems_of(documents.INVALID["spec"], spec_schema("Pipeline"))] == []
    problems = validate(json.dumps(documents.INVALID), registry).problems
    assert ("unknown-node-type", "/spec/nodes/0/type") in {(each.code, each.pointer) for each in problems}


def test_runs_and_the_node_type_are_what_the_cluster_takes(registry):
    run = documents.run_of("by-kubectl", "cold", {"numbers": [1]})
    assert [*problems_of(run["spec"], spec_schema("Run"))] == []
    given = documents.shout_type("dev.local/custom:1")
    assert [*problems_of(given["spec"], spec_schema("NodeType"))] == []
    described = Registry(installed_node_types)
    assert load_path(described, NODES).failures == ()
    printed = node_type_resource(described.get("shout"))["spec"]
    assert printed["schema"]["input"]["properties"].keys() == given["spec"]["schema"]["input"]["properties"].keys()
    assert set(given["spec"]["lanes"]) <= set(printed["lanes"])


@pytest.mark.slow
@pytest.mark.parametrize(
    "more",
    [{}, {"mongodb_url": "mongodb://db.example.org/x?a=b", "redis_url": "redis://r", "vllm_url": "http://vllm/v1"}],
    ids=["with databases of its own", "with databases from outside"],
)
def test_the_installation_is_built_and_right_by_all_schemas(parameters, tmp_path, more):
    objects = built(replace(parameters, **more), tmp_path)
    assert [problem for each in objects for problem in metadata_problems(each)] == []
    for each in objects:
        schema = knative_schemas().get((each["apiVersion"], each["kind"]))
        if schema is not None:
            body = {key: value for key, value in each.items() if key not in ("apiVersion", "kind", "metadata")}
            assert [*problems_of(body, schema)] == []
        elif each["apiVersion"] in ("v1", "apps/v1"):
            assert [*unknown_to_client(each, getattr(models, f"V1{each['kind']}"))] == []
    named = {(each["kind"], each["metadata"]["name"]): each for each in objects}
    containers = {
        name: each["spec"]["template"]["spec"]["containers"][0]
        for (_, name), each in named.items()
        if "template" in each.get("spec", {})
    }
    ours = {
        name: (each["image"], each["imagePullPolicy"]) for name, each in containers.items() if name.startswith("flume-")
    }
    assert set(ours.values()) == {("dev.local/flume-control:test", "Never")}
    assert {"flume-orchestrator", "flume-console"} <= set(ours)
    settings = named["ConfigMap", "flume-settings"]["data"]
    assert (settings["FLUME_FUNCTION_IMAGE"], settings["FLUME_PULL_POLICY"]) == (
        "dev.local/flume-function:test",
        "Never",
    )
    assert settings.get("VLLM_URL") == more.get("vllm_url")
    assert {"mongodb", "redis"} & set(containers) == (set() if more else {"mongodb", "redis"})
    secret = models.V1Secret.from_dict(named["Secret", "flume-platform"])
    if more:
        assert decoded(secret, "MONGODB_URL") == more["mongodb_url"]
        assert decoded(secret, "REDIS_URL") == more["redis_url"]
    else:
        assert decoded(secret, "MONGODB_URL").startswith("mongodb://mongodb.flume.svc")


def decoded(secret, key):

    return base64.b64decode(secret.data[key]).decode()


def built(parameters, folder):
    (folder / "kustomization.yaml").write_text(kustomization(parameters, folder))
    return list(yaml.safe_load_all(Kubectl("").run("kustomize", str(folder))))


def test_the_images_of_databases_are_parameters_too(parameters, tmp_path):
    given = {"FLUME_IMAGE_MONGODB": "dev.local/mongo:8", "FLUME_IMAGE_REDIS": "dev.local/redis:8"}
    objects = built(parameters_in({**ENVIRONMENT, **given}), tmp_path)
    pods = {
        each["metadata"]["name"]: each["spec"]["template"]["spec"] for each in objects if each["kind"] == "Deployment"
    }
    found = {
        name: (pods[name]["containers"][0]["image"], pods[name]["containers"][0]["imagePullPolicy"])
        for name in ("mongodb", "redis")
    }
    assert found == {"mongodb": ("dev.local/mongo:8", "Never"), "redis": ("dev.local/redis:8", "Never")}


@pytest.mark.slow
def test_databases_and_what_they_need_come_before_flume(parameters, tmp_path):
    first = [(each["kind"], each["metadata"]["name"]) for each in built(parameters, tmp_path) if goes_first(each)]
    assert sorted(first) == [
        ("Deployment", "mongodb"),
        ("Deployment", "redis"),
        ("Namespace", "flume"),
        ("Secret", "flume-platform"),
        ("Service", "mongodb"),
        ("Service", "redis"),
    ]


def test_what_is_made_beside_the_installation_is_right():
    assert [*unknown_to_client(documents.quota("jobsinks.sinks.knative.dev"), models.V1ResourceQuota)] == []
    namespace, secret = team_objects("team")
    assert [*unknown_to_client(namespace, models.V1Namespace), *unknown_to_client(secret, models.V1Secret)] == []
    assert secret["stringData"] == {SECRET["name"]: SECRET["value"]}


class Noting:
    """Stands for kubectl, and notes what it is asked to do."""

    def __init__(self, known=()):
        self.asked = []
        self.known = known

    def run(self, *arguments, **options):
        self.asked.append(" ".join(each for each in arguments if not each.startswith("--timeout")))
        return ""

    def apply(self, objects):
        self.asked.append(["apply", *sorted({each["metadata"]["name"] for each in objects})])

    def get(self, kind, name, namespace=""):
        return {} if name in self.known else None


def test_flume_is_applied_when_its_databases_and_secrets_are_there(parameters):
    kubectl = Noting()
    objects = [
        {"kind": kind, "metadata": {"name": name}}
        for kind, name in (("Namespace", "flume"), ("Deployment", "flume-operator"), ("Deployment", "mongodb"))
    ]
    install(Site(parameters, kubectl, None, None), objects)
    assert kubectl.asked == [
        ["apply", "flume", "mongodb"],
        ["apply", "flume-cluster-tests", "flume-secrets"],
        "rollout status deployment/mongodb -n flume",
        ["apply", "flume", "flume-operator", "mongodb"],
        "rollout status deployment/flume-orchestrator -n flume",
        "rollout status deployment/flume-operator -n flume",
    ]


def test_a_cluster_without_knative_is_left_alone_and_told_what_it_lacks():
    with pytest.raises(pytest.exit.Exception, match=r"does not know jobsinks.sinks.knative.dev; install Knative"):
        check_needs(Noting(KNATIVE_CRDS[:-1]))
    ready = Noting(KNATIVE_CRDS)
    check_needs(ready)
    assert ready.asked == [
        f"wait --for=condition=Available deployment --all -n {namespace}"
        for namespace in ("knative-serving", "knative-eventing")
    ]


def test_a_knative_that_does_not_become_ready_is_told_before_anything_is_applied(kubectl):
    program = kubectl("sys.exit('timed out waiting') if 'wait' in arguments else print('{}')")
    with pytest.raises(pytest.exit.Exception, match=r"Knative is not ready in knative-serving: .*timed out waiting"):
        check_needs(program)


def test_definitions_that_were_there_before_stay_when_all_else_goes():
    before, after = Noting(), Noting()
    remove(before, had_crds=False)
    remove(after, had_crds=True)
    assert [each for each in before.asked if each not in after.asked] == [before.asked[-1]]
    assert "delete --ignore-not-found namespace flume-cluster-tests flume --wait" in after.asked


# What is said beforehand.


def test_without_a_cluster_or_images_the_reason_names_what_is_missing():
    assert parameters_in({}).startswith(
        "no cluster to test on: KUBECONFIG, FLUME_IMAGE_CONTROL, FLUME_IMAGE_FUNCTION not"
    )
    assert "FLUME_IMAGE_FUNCTION not" in parameters_in({**ENVIRONMENT, "FLUME_IMAGE_FUNCTION": ""})
    assert "expected Always, IfNotPresent or Never" in parameters_in(
        {**ENVIRONMENT, "FLUME_IMAGE_PULL_POLICY": "never"}
    )
    assert isinstance(parameters_in({**ENVIRONMENT, "FLUME_IMAGE_PULL_POLICY": ""}), Parameters)


def test_patience_is_a_number_that_deadlines_are_multiplied_by():
    assert parameters_in({**ENVIRONMENT, "FLUME_TEST_PATIENCE": "2.5"}).patience == 2.5
    for text in ("much", "0", "-1", "nan"):
        assert f"FLUME_TEST_PATIENCE is '{text}'" in parameters_in({**ENVIRONMENT, "FLUME_TEST_PATIENCE": text})


# Waiting.


class Clock:
    def __init__(self):
        self.time = 0.0

    def now(self):
        return self.time

    def sleep(self, seconds):
        self.time += seconds


def waiting_by(clock, seen=lambda: ""):
    return Waiting(seen, 1.0, clock.now, clock.sleep)


def test_waiting_ends_as_soon_as_it_is_so():
    clock = Clock()

    def look():
        if clock.time < 3:
            raise NotYetError("too early")
        return "so"

    assert waiting_by(clock).until("it is so", look, within_s=10) == "so"
    assert clock.time == 3


def test_waiting_that_is_given_up_says_what_was_seen():
    def look():
        raise NotYetError("2 of 3 pods")

    with pytest.raises(GivenUpError) as given_up:
        waiting_by(Clock(), lambda: "pod-1 Pending").until("three pods", look, within_s=5)
    assert str(given_up.value) == "not within 5 s: three pods\nlast: 2 of 3 pods\npod-1 Pending"


def test_whoever_is_patient_waits_longer_for_the_same():
    clock = Clock()

    def look():
        raise NotYetError("slow")

    with pytest.raises(GivenUpError, match="not within 15 s"):
        replace(waiting_by(clock), patience=3.0).until("it is so", look, within_s=5)
    assert clock.time == 15


def test_what_has_to_stay_so_is_looked_at_all_the_time():
    clock = Clock()

    def look():
        if clock.time >= 4:
            raise NotYetError("a second run")

    waiting_by(clock).holds("one run", look, for_s=4)
    clock.time = 0
    with pytest.raises(GivenUpError, match="no longer so: one run\nnow: a second run"):
        waiting_by(clock).holds("one run", look, for_s=6)


# Calls.


@pytest.fixture
def kubectl(tmp_path):
    """Makes a program that stands for kubectl."""

    def make(code):
        file = tmp_path / "kubectl"
        file.write_text(f"#!{sys.executable}\nimport json, sys\narguments = sys.argv[1:]\n{code}")
        file.chmod(0o755)
        return Kubectl("/none/config", file)

    return make


def test_kubectl_is_told_which_cluster_and_a_failure_is_told_in_its_words(kubectl):
    echo = kubectl("print(json.dumps({'arguments': arguments, 'stdin': sys.stdin.read()}))")
    assert json.loads(echo.run("get", "pods"))["arguments"] == ["--kubeconfig=/none/config", "get", "pods"]
    assert echo.get("pod", "a", "flume")["arguments"][1:] == [
        "get",
        "pod",
        "a",
        "-n",
        "flume",
        "--ignore-not-found",
        "-o",
        "json",
    ]
    failing = kubectl("sys.exit('no such kind')")
    with pytest.raises(KubectlError, match="kubectl get pods: no such kind"):
        failing.run("get", "pods")
    slow = kubectl("import time; time.sleep(60)")
    with pytest.raises(KubectlError, match=r"did not end within 0.2 s"):
        slow.run("get", "pods", within_s=0.2)
    assert kubectl("pass").get("pod", "gone") is None


@pytest.mark.parametrize(
    ("said", "code", "answer"), [("yes", 0, True), ("no", 1, False), ("no - not allowed", 1, False)], ids=str
)
def test_whether_an_account_may_do_something_is_what_kubectl_prints(kubectl, said, code, answer):
    program = kubectl(f"print({said!r})\nprint('Warning: no such verb', file=sys.stderr)\nsys.exit({code})")
    assert program.may("flume-function", "get", "secrets", "flume") is answer


def test_rights_that_can_not_be_asked_for_are_no_rights_that_are_missing(kubectl):
    program = kubectl("sys.exit('error: you may not impersonate')")
    with pytest.raises(KubectlError, match="expected yes or no"):
        program.may("flume-function", "get", "secrets", "flume")


def test_objects_are_applied_as_one_list_on_the_server(kubectl, tmp_path):
    noted = tmp_path / "noted"
    program = kubectl(f"open({str(noted)!r}, 'w').write(json.dumps([arguments, json.load(sys.stdin)]))")
    program.apply([documents.GREET])
    arguments, applied = json.loads(noted.read_text())
    assert arguments[1:] == ["apply", "--server-side", "--force-conflicts", "-f", "-"]
    assert (applied["kind"], applied["items"]) == ("List", [documents.GREET])


SERVING = """
import http.server
class Answers(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers['content-length']))
        body = json.dumps({'id': self.headers['idempotency-key'], 'path': self.path}).encode()
        self.send_response(202)
        self.send_header('content-length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments):
        pass
server = http.server.HTTPServer(('127.0.0.1', 0), Answers)
print(f'Forwarding from 127.0.0.1:{server.server_port} -> 8000', flush=True)
print(f'Forwarding from [::1]:{server.server_port} -> 8000', flush=True)
server.serve_forever()
"""


@pytest.mark.slow
def test_a_forward_that_ends_is_begun_again_and_the_call_made_again(kubectl):
    program = kubectl(SERVING)
    with Forward(program.command("port-forward", "service/x", ":8000")) as forward:
        api = Api(forward, "team")
        assert api.start("p", {"a": 1}, "key-1") == "key-1"
        first = forward.url
        forward._process.kill()
        forward._process.wait()
        answer = api.call("POST", "/api/v1/x", json={}, headers={"Idempotency-Key": "key-2"})
        assert answer == {"id": "key-2", "path": "/api/v1/x?namespace=team"}
        assert forward.url != first
        assert api.call("POST", "/hooks/team/x", json={})["path"] == "/hooks/team/x"


def test_a_forward_that_does_not_come_about_says_why(kubectl):
    program = kubectl("sys.exit('error: unable to forward port because pod is not running')")
    with (
        Forward(program.command("port-forward")) as forward,
        pytest.raises(ForwardError, match="pod is not running"),
    ):
        forward.url  # noqa: B018 - asking begins it


class Fixed:
    def __init__(self, url):
        self.url, self.ends = url, 0

    def end(self):
        self.ends += 1


@pytest.fixture
def answering():
    """A server that answers with statuses, one after another; what it got."""
    statuses, got = [], []

    class Answers(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            got.append(self.path)
            body = b'{"items": []}'
            self.send_response(statuses.pop(0))
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Answers)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", statuses, got
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.slow
def test_a_call_is_made_again_while_the_orchestrator_is_away_and_any_other_refusal_is_told(answering):
    url, statuses, got = answering
    statuses += [503, 200, 409, 409]
    api = Api(Fixed(url), "team")
    assert api.runs("p") == []
    assert got == ["/api/v1/runs?namespace=team&pipeline=p"] * 2
    with pytest.raises(AssertionError, match=r"GET /api/v1/runs: 409 .*items"):
        api.runs("p")
    assert api.call("GET", "/api/v1/runs", expected=(409,)) == {"items": []}
    away = Fixed("http://127.0.0.1:9")
    with pytest.raises(AssertionError, match="GET /readyz: no answer for 0 s"):
        Api(away, "team", persist_s=0).call("GET", "/readyz")


# What is gathered.


PODS = {
    "items": [
        {"metadata": {"name": "new"}, "status": {"containerStatuses": [{"name": "c", "state": {"waiting": {}}}]}},
        {"metadata": {"name": "pending"}, "status": {}},
        {
            "metadata": {"name": "a-1"},
            "status": {
                "initContainerStatuses": [{"name": "init", "state": {"terminated": {"exitCode": 0}}}],
                "containerStatuses": [
                    {"name": "c", "state": {"running": {}}, "lastState": {"terminated": {"exitCode": 1}}},
                    {"name": "gone", "state": {"running": {}}},
                ],
            },
        },
    ]
}


def cluster_that_says(asked):
    def run(*arguments, within_s):
        asked.append(arguments)
        if arguments[:2] == ("get", "events") or "gone" in arguments:
            raise KubectlError(f"kubectl {arguments[0]}: forbidden")
        if arguments[:2] == ("get", "pods") and arguments[-2:] == ("-o", "json"):
            return json.dumps(PODS)
        return f"{' '.join(arguments)}\n"

    return run


def test_diagnostics_hold_what_there_is_and_no_secret(tmp_path):
    asked = []
    run = cluster_that_says(asked)

    folder = gather(run, ("flume", "team"), tmp_path / "made" / "here")

    files = {each.name for each in folder.iterdir()}
    assert {"nodes.txt", "flume-pods.yaml", "flume-a-1-c.log", "team-a-1-c-before.log", "team-events.txt"} <= files
    assert len(files) > 2 * len(KINDS)
    assert (folder / "flume-events.txt").read_text() == "kubectl get: forbidden\n"
    assert not [each for each in asked if "secret" in " ".join(each)]
    assert "a-1/c (before):\nlogs a-1 -n flume -c c --tail=8 --previous" in in_short(run, ("flume", "team"))


def test_logs_are_read_container_by_container_and_one_that_has_not_begun_hides_no_other():
    found = logs_of(cluster_that_says([]), "flume")
    assert found == {
        "a-1/init": "logs a-1 -n flume -c init --tail=-1\n",
        "a-1/c": "logs a-1 -n flume -c c --tail=-1\n",
        "a-1/c (before)": "logs a-1 -n flume -c c --tail=-1 --previous\n",
        "a-1/gone": "kubectl logs: forbidden\n",
    }


def node(gpus="1", **labels):
    return {"metadata": {"labels": labels}, "status": {"allocatable": {"nvidia.com/gpu": gpus, "cpu": "4"}}}


FEATURES_ON = {"data": dict.fromkeys(FEATURES, "enabled")}
LABELED = {"nvidia.com/gpu.present": "true"}


@pytest.mark.parametrize(
    ("features", "nodes", "reason"),
    [
        (FEATURES_ON, [node("0"), node(**LABELED)], ""),
        (None, [node(**LABELED)], "podspec-nodeselector, kubernetes.podspec-tolerations to enabled"),
        (
            {"data": {**FEATURES_ON["data"], FEATURES[1]: "disabled"}},
            [node(**LABELED)],
            "podspec-tolerations to enabled",
        ),
        (FEATURES_ON, [], "no node of this cluster has a GPU"),
        (FEATURES_ON, [node("0", **LABELED)], "no node of this cluster has a GPU"),
        (FEATURES_ON, [node()], "has the label nvidia.com/gpu.present"),
    ],
    ids=["one has", "nothing switched on", "half switched on", "no node", "none free", "not labeled"],
)
def test_gpus_are_tested_only_where_knative_and_a_node_let_pods_have_one(features, nodes, reason):
    found = reason_against_gpus(features, nodes)
    assert reason in found
    assert bool(found) is bool(reason)


def test_the_folder_of_a_test_has_a_name_that_every_file_system_takes():
    assert file_name("tests/cluster/test_jobs.py::test_x[a b/c]") == "tests-cluster-test_jobs.py-test_x-a-b-c"
