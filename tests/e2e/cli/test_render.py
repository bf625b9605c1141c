"""``flume render``: what pipelines become on a cluster, as text that ``kubectl apply`` takes."""

from pathlib import Path

import pytest
import yaml

from tests.manifests.strict import knative_schemas, metadata_problems, problems_of

pytestmark = pytest.mark.slow

SEED = Path(__file__).parents[3] / "examples" / "article-generator.yaml"

MODEL = """\
apiVersion: flume.dev/v1
kind: Model
metadata: {name: llama}
spec: {name: llama3.1-70b, source: meta-llama/Llama-3.1-70B-Instruct, gpu: {count: 4}}
"""

NODE_TYPE = """\
apiVersion: flume.dev/v1
kind: NodeType
metadata: {name: resize}
spec:
  image: registry.example.org/resize:1
  lanes: [cpu, job]
  schema: {config: {type: object, properties: {width: {type: integer}}}}
  env: {QUALITY: "90"}
"""


def objects(done):
    """What was printed, each object checked by Knative's schemas."""
    assert done.code == 0, done.err
    found = list(yaml.safe_load_all(done.out))
    for each in found:
        assert [*metadata_problems(each)] == []
        schema = knative_schemas().get((each["apiVersion"], each["kind"]))
        if schema is not None:
            assert [*problems_of({"spec": each["spec"]}, schema)] == []
    return [(each["kind"], each["metadata"]["namespace"], each["metadata"]["name"]) for each in found]


def test_the_seeds_document_becomes_a_pipeline_and_with_its_model_what_serves_it(flume, write):
    assert objects(flume("render", SEED, write("model.yaml", MODEL))) == [
        ("Pipeline", "default", "article-generator"),
        ("Service", "flume", "model-llama3-1-70b-2410d4da4b"),
    ]


def test_without_a_model_it_is_noted_that_nothing_serves_one(flume):
    done = flume("render", SEED)

    assert objects(done) == [("Pipeline", "default", "article-generator")]
    assert done.err.startswith("note: nothing serves a model for 'llm-generate' in lane gpu — ")


def test_with_a_shared_model_server_the_ai_type_is_a_function(flume, monkeypatch):
    monkeypatch.setenv("VLLM_URL", "http://vllm:8000/v1")
    done = flume("render", SEED, "--mode", "broker", "--image", "registry.example.org/flume-function:1")

    assert objects(done) == [
        ("Pipeline", "default", "article-generator"),
        ("Service", "flume", "fn-llm-generate-gpu"),
        ("Trigger", "flume", "fn-llm-generate-gpu"),
    ]
    assert "image: registry.example.org/flume-function:1\n" in done.out
    assert done.err == ""


def test_a_file_may_hold_several_documents_and_types_that_pipelines_use(flume, write, pipeline):
    nodes = "  - {id: a, type: resize, config: {width: 3}}\n  - {id: b, type: resize, runOn: job, config: {width: 3}}"
    both = pipeline(nodes, "trigger: {type: cron, schedule: '@daily'}") + "---\n" + NODE_TYPE
    done = flume("render", write("all.yaml", both), "-n", "shop")

    assert objects(done) == [
        ("Pipeline", "shop", "sample"),
        ("Service", "flume", "fn-resize-cpu"),
        ("JobSink", "flume", "fn-resize-job"),
        ("PingSource", "flume", "cron-shop-sample-cron-d135d0831f"),
    ]
    assert done.out.count("image: registry.example.org/resize:1\n") == 2
    assert "/events/shop/sample\n" in done.out
    # Its own image knows how to start itself.
    assert "command:" not in done.out


def test_the_objects_go_to_the_namespace_of_the_installation(flume, write, pipeline, monkeypatch):
    monkeypatch.setenv("K8S_NAMESPACE", "pipelines")
    done = flume("render", write("p.yaml", pipeline("  - {id: a, type: script, config: {code: 'def main(i): pass'}}")))

    assert objects(done)[1] == ("JobSink", "pipelines", "fn-script-job")
    assert "value: http://flume-orchestrator.pipelines.svc.cluster.local:8000\n" in done.out


def test_images_and_how_they_are_pulled_are_those_that_the_operator_is_told(flume, write, pipeline, monkeypatch):
    monkeypatch.setenv("FLUME_FUNCTION_IMAGE", "dev.local/flume-function:7")
    monkeypatch.setenv("FLUME_VLLM_IMAGE", "dev.local/vllm:7")
    monkeypatch.setenv("FLUME_PULL_POLICY", "Never")
    monkeypatch.setenv("FLUME_PULL_SECRETS", "registry-key")
    node = "  - {id: a, type: script, config: {code: 'def main(i): pass'}}"
    done = flume("render", write("p.yaml", pipeline(node)), write("model.yaml", MODEL))

    for wanted in ("image: dev.local/flume-function:7", "image: dev.local/vllm:7", "name: registry-key"):
        assert f"{wanted}\n" in done.out
    assert done.out.count("imagePullPolicy: Never\n") >= 2


def test_printed_twice_it_is_the_same(flume):
    files = [SEED, SEED.parent / "etl", SEED.parent / "loop.yaml"]

    assert flume("render", *files).out == flume("render", *files[::-1]).out


def test_problems_of_all_files_are_told_and_nothing_is_printed(flume, write, pipeline):
    bad = write("bad.yaml", pipeline("  - {id: a, type: templat}"))
    worse = write("model.yaml", MODEL.replace("count: 4", "count: none"))
    done = flume("render", bad, worse, write("broken.yaml", "a: ["))

    assert (done.code, done.out) == (1, "")
    assert f"{bad}:5:19: unknown-node-type " in done.err
    assert f"{worse}:4:" in done.err
    assert "broken.yaml:2:1: bad-yaml " in done.err


def test_a_schedule_that_no_pingsource_can_do_is_noted_and_the_rest_is_printed(flume, write, pipeline):
    nodes = "  - {id: l, type: log, inputs: {message: hi}}"
    triggers = "[{type: cron, id: often, schedule: '*/5 * * * * *'}, {type: cron, id: daily, schedule: '@daily'}]"
    done = flume("render", write("often.yaml", pipeline(nodes, f"triggers: {triggers}")))

    assert done.code == 0
    assert [each["kind"] for each in yaml.safe_load_all(done.out)] == ["Pipeline", "PingSource"]
    assert done.err.startswith("note: Pipeline 'sample': trigger 'often': a PingSource can't do '*/5 * * * * *'")
    assert "the orchestrator fires it itself" in done.err


def test_what_a_cluster_can_not_do_is_told_with_the_fix_and_nothing_is_printed(flume, write, monkeypatch):
    monkeypatch.setenv("FLUME_FUNCTION_TIMEOUT_MAX", "60")
    done = flume("render", write("model.yaml", MODEL))

    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("Model 'llama3.1-70b': /spec/timeout: timeout-too-long ")


def test_files_without_a_pipeline_are_wrong_usage(flume, tmp_path):
    done = flume("render", tmp_path)

    assert done.code == 2
    assert "no pipelines" in done.err
