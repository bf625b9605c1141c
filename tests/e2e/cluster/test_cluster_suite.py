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
from tests.cluster.diagnostics import KINDS, file_name, gather, in_short
from tests.cluster.installing import SECRET, kustomization, team_objects
from tests.cluster.kubectl import Kubectl, KubectlError
from tests.cluster.parameters import Parameters, parameters_in
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
    registry.add(read_node_type(documents.shout_type("dev.local/custom:1")).type, source="custom")
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


def test_what_is_made_beside_the_installation_is_right():
    namespace, secret = team_objects("team")
    assert [*unknown_to_client(namespace, models.V1Namespace), *unknown_to_client(secret, models.V1Secret)] == []
    assert secret["stringData"] == {SECRET["name"]: SECRET["value"]}


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


def test_diagnostics_hold_what_there_is_and_no_secret(tmp_path):
    asked = []

    def run(*arguments, within_s):
        asked.append(arguments)
        if arguments[:2] == ("get", "events"):
            raise KubectlError("kubectl get events: forbidden")
        if arguments[-2:] == ("-o", "name"):
            return "pod/a-1\n"
        return f"{' '.join(arguments)}\n"

    folder = gather(run, ("flume", "team"), tmp_path / "made" / "here")

    files = {each.name for each in folder.iterdir()}
    assert {"nodes.txt", "flume-pods.yaml", "flume-a-1.log", "team-a-1-previous.log", "team-events.txt"} <= files
    assert len(files) > 2 * len(KINDS)
    assert (folder / "flume-events.txt").read_text() == "kubectl get events: forbidden\n"
    assert not [each for each in asked if "secret" in " ".join(each)]
    assert "logs -n flume" in in_short(run, ("flume", "team"))


def test_the_folder_of_a_test_has_a_name_that_every_file_system_takes():
    assert file_name("tests/cluster/test_jobs.py::test_x[a b/c]") == "tests-cluster-test_jobs.py-test_x-a-b-c"
