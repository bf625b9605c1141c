"""The custom resources: their definitions as a cluster checks them, what it lets pass, and how they are read."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from flume.document import parse_text, to_resource
from flume.errors import DefinitionError
from flume.nodes.registry import Registry, installed_node_types
from flume.pipeline import Lane
from flume.problems import join_pointer
from knative.models import Gpu, Model, Task
from knative.resources.__main__ import files
from knative.resources.definitions import definitions
from knative.resources.specs import RunStart, node_type_resource, read_model, read_node_type, read_run
from knative.resources.structural import structural
from tests.manifests.strict import problems_of, unknown_to_client

ROOT = Path(__file__).parents[3]
CRDS = ROOT / "crds"

SCHEMAS = {
    each["spec"]["names"]["kind"]: each["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for each in definitions().values()
}

EXAMPLES = sorted(path for path in (ROOT / "examples").rglob("*.yaml") if "kind: Pipeline" in path.read_text())


def test_the_files_in_crds_are_what_the_models_say():
    written = {path.name: path.read_text() for path in CRDS.iterdir()}
    assert written == files(), "write them anew: make crds"


@pytest.mark.slow
def test_the_folder_is_one_that_kubectl_applies_with_k():
    kubectl = Path(sys.executable).with_name("kubectl")
    built = subprocess.run([kubectl, "kustomize", CRDS], capture_output=True, text=True, timeout=60, check=True)

    kinds = [each["spec"]["names"]["kind"] for each in yaml.safe_load_all(built.stdout)]
    assert sorted(kinds) == ["Model", "NodeType", "Pipeline", "Run"]


def test_a_definition_fits_into_the_annotation_that_kubectl_apply_makes_of_it():
    assert all(len(json.dumps(each)) < 100_000 for each in definitions().values())


@pytest.mark.slow
@pytest.mark.parametrize("file", sorted(definitions()))
def test_a_definition_has_no_key_that_kubernetes_does_not_know(file):
    from kubernetes.client import models

    definition = definitions()[file]
    [version] = definition["spec"]["versions"]
    schema = version.pop("schema")
    assert [*unknown_to_client(definition, models.V1CustomResourceDefinition)] == []
    assert set(schema) == {"openAPIV3Schema"}


ALLOWED = {
    *("type", "description", "properties", "additionalProperties", "items", "required", "enum", "format", "pattern"),
    *("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "maxProperties"),
    *("x-kubernetes-preserve-unknown-fields", "x-kubernetes-list-type", "x-kubernetes-list-map-keys"),
    "x-kubernetes-validations",
}


def places(schema, path=""):
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from places(inner, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if key in schema:
            yield from places(schema[key], f"{path}.{key}")


@pytest.mark.parametrize("kind", SCHEMAS)
def test_its_schema_is_structural(kind):
    """The rules of Kubernetes' documentation, "Specifying a structural schema"; what we never use is not allowed at all."""
    for path, schema in places(SCHEMAS[kind]):
        assert set(schema) <= ALLOWED, path
        keeps = schema.get("x-kubernetes-preserve-unknown-fields") is True
        assert "type" in schema or keeps, path
        assert schema.get("type") in (None, "object", "array", "string", "integer", "number", "boolean"), path
        assert not ("properties" in schema and "additionalProperties" in schema), path
        assert ("items" in schema) == (schema.get("type") == "array"), path
        assert set(schema.get("required", ())) <= set(schema.get("properties", ())), path
        if path:
            assert (
                schema.get("type") != "object"
                or keeps
                or {"properties", "additionalProperties"} & set(schema)
                or path == ".metadata"
            ), path
        if schema.get("x-kubernetes-list-type") == "map":
            [key] = schema["x-kubernetes-list-map-keys"]
            assert key in schema["items"]["required"], path
            assert schema["items"]["properties"][key]["type"] == "string", path


@pytest.mark.parametrize("kind", SCHEMAS)
def test_rules_look_only_at_what_is_bounded_and_described(kind):
    """A cluster refuses a definition whose rules might cost too much, and one that looks at what it has no type for."""
    inside_unbounded = []
    for path, schema in places(SCHEMAS[kind]):
        is_list = schema.get("type") == "array" or "additionalProperties" in schema
        if is_list and "maxItems" not in schema and "maxProperties" not in schema:
            inside_unbounded.append(path)
        for rule in schema.get("x-kubernetes-validations", ()):
            assert not any(path.startswith(f"{outer}.") for outer in inside_unbounded), (path, "an unbounded list")
            for names in re.findall(r"self((?:\.[a-zA-Z]+)+)", rule["rule"]):
                place = schema
                for name in names.strip(".").split("."):
                    if name in ("size", "contains") or (path == "" and names.startswith(".metadata")):
                        break
                    place = place["properties"][name]
                    assert "type" in place, (path, rule["rule"], name)


class Given:
    """An object as a rule in CEL sees it."""

    def __init__(self, value):
        self._value = value

    def __getattr__(self, name):
        value = self._value[name]
        return Given(value) if isinstance(value, dict) else value


def broken_rules(value, schema):
    """The messages of the rules that a value breaks. Rules here are few enough to be read as Python."""
    for rule in schema.get("x-kubernetes-validations", ()):
        text = re.sub(r"has\(self((?:\.\w+)+)\)", lambda match: f"has('{match[1][1:]}')", rule["rule"])
        text = re.sub(r"\((\S+) \? (\S+) : (\S+?)\)", r"(\2 if \1 else \3)", text)
        text = (
            text.replace("&&", " and ")
            .replace("||", " or ")
            .replace("!=", "≠")
            .replace("!", " not ")
            .replace("≠", "!=")
        )
        text = text.replace("self.metadata.name.size()", "len(self.metadata.name)")
        text = text.replace("self.metadata.name.contains('.')", "('.' in self.metadata.name)")
        names = {
            "self": Given(value) if isinstance(value, dict) else value,
            "oldSelf": value,
            "has": lambda dotted: has(value, dotted),
        }
        if not eval(text, {"len": len}, names):
            yield rule["message"]
    for name, inner in value.items() if isinstance(value, dict) else ():
        if name in schema.get("properties", {}):
            yield from broken_rules(inner, schema["properties"][name])
    for inner in value if isinstance(value, list) else ():
        yield from broken_rules(inner, schema.get("items", {}))


def has(value, dotted):
    for name in dotted.split("."):
        if not isinstance(value, dict) or name not in value:
            return False
        value = value[name]
    return True


def complaints(resource):
    """What a cluster has against a resource."""
    schema = SCHEMAS[resource["kind"]]
    metadata = {
        **schema,
        "properties": {
            **schema["properties"],
            "metadata": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        },
    }
    # It looks at rules only where all else is right.
    return [*problems_of(resource, metadata)] or [*broken_rules(resource, schema)]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_pipelines_of_examples_pass(path):
    assert complaints(to_resource(parse_text(path.read_text()).definition)) == []


FULL = {
    "description": "d",
    "state": "active",
    "triggers": [
        {"type": "manual"},
        {
            "type": "webhook",
            "path": "a/b",
            "methods": ["GET"],
            "response": "wait",
            "wait": "5s",
            "auth": {"type": "bearer", "secret": "{{secrets.A}}"},
        },
        {"type": "cron", "schedule": "@daily", "timezone": "UTC", "data": [1, None], "missed": "once"},
        {"type": "interval", "every": 0.5e1, "data": "text"},
        {"type": "event", "filters": [{"not": {"exact": {"type": "x"}}}]},
    ],
    "inputs": {
        "n": {"type": "array", "items": {"type": "object", "properties": {"a": {"minimum": 0.5}}}, "default": [{}]}
    },
    "variables": {"any": {"thing": [1, "x", None]}},
    "timeout": 90.5,
    "nodes": [
        {
            "id": "a",
            "type": "x",
            "when": True,
            "retry": {"attempts": 3, "delay": 0.5},
            "resources": {"cpu": 0.5, "memory": "1Gi"},
        },
        {
            "id": "each",
            "type": "loop",
            "config": {"body": {"nodes": [{"id": "b", "type": "y"}]}},
            "onError": "continue",
        },
    ],
    "edges": [{"from": "a", "to": "each", "port": True}],
    "layout": {"a": {"x": 1, "y": 2.5}},
}


def pipeline(name="p", **changes):
    spec = {key: value for key, value in {**FULL, **changes}.items() if value is not ...}
    return {"apiVersion": "flume.dev/v1", "kind": "Pipeline", "metadata": {"name": name}, "spec": spec}


def test_a_pipeline_with_everything_passes():
    assert complaints(pipeline()) == []


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"name": "x" * 64}, "a name has 63 characters at most"),
        ({"name": "a.b"}, "a name has no dots"),
        ({"trigger": {"type": "manual"}}, "give either trigger or triggers"),
        ({"triggers": [{"type": "cron"}]}, "a cron trigger needs a schedule"),
        (
            {"triggers": [{"type": "event", "filters": [], "attributes": {"a": "b"}}]},
            "give either filters or attributes",
        ),
        (
            {"triggers": [{"type": "manual", "schedule": "@daily"}]},
            "schedule, timezone, missed: for triggers of type cron alone",
        ),
        ({"triggers": [{"schedule": "@daily"}]}, "spec.triggers[0]: no type"),
        ({"nodes": []}, "spec.nodes: 0 items"),
        ({"nodes": ...}, "spec: no nodes"),
        ({"nodes": [{"id": "A", "type": "x"}]}, None),
        ({"nodes": [{"id": "a", "type": "x", "runon": "cpu"}]}, "spec.nodes[0].runon: unknown"),
        ({"nodes": [{"id": "a", "type": "x", "runOn": "moon"}]}, None),
        ({"extra": 1}, "spec.extra: unknown"),
    ],
)
def test_a_pipeline_that_is_wrong_in_itself_is_refused_by_the_cluster(changes, complaint):
    if "triggers" in changes:
        changes = {"trigger": ..., **changes}
    found = complaints(pipeline(**changes))

    assert len(found) >= 1
    assert complaint is None or complaint in found


def resource(kind, called="n", /, **spec):
    return {
        "apiVersion": "flume.dev/v1",
        "kind": kind,
        "metadata": {"name": called, "namespace": "flume"},
        "spec": spec,
    }


NODE_TYPE = resource(
    "NodeType",
    "resize",
    image="registry.example.org/resize:1",
    lanes=["cpu", "job"],
    runOn="job",
    schema={"input": {"type": "object"}, "output": {}, "config": {"type": "object", "properties": {"width": {}}}},
    scale={"min": 1, "max": 5},
    resources={"cpu": 2, "memory": "2Gi", "gpu": 1},
    timeout="5m",
    env={"QUALITY": "90"},
    secrets=["BUCKET_KEY"],
)


def test_a_node_type_is_read():
    assert complaints(NODE_TYPE) == []
    packaged = read_node_type(NODE_TYPE)
    found = packaged.type

    assert (found.name, found.image, found.lanes, found.run_on) == (
        "resize",
        "registry.example.org/resize:1",
        (Lane.CPU, Lane.JOB),
        Lane.JOB,
    )
    assert found.resources == {"cpu": "2", "memory": "2Gi", "gpu": 1}
    assert (found.scale, found.secrets, found.timeout.total_seconds()) == ({"min": 1, "max": 5}, ("BUCKET_KEY",), 300)
    assert found.config_schema == {"type": "object", "properties": {"width": {}}}
    assert packaged.environment == {"QUALITY": "90"}
    assert found.implementation is None


def test_the_least_that_a_node_type_says_is_its_name():
    found = read_node_type({"kind": "NodeType", "metadata": {"name": "x"}, "spec": {}}).type

    assert (found.lanes, found.run_on, found.ports, found.config_schema) == ((Lane.CPU,), Lane.CPU, ("out",), None)


def test_all_problems_of_a_resource_are_told_with_their_places():
    wrong = resource("NodeType", image=1, lanes=["moon"], timeout="soon", colour="red")

    with pytest.raises(DefinitionError) as caught:
        read_node_type(wrong)
    assert {problem.pointer for problem in caught.value.problems} == {
        "/spec/image",
        "/spec/lanes/0",
        "/spec/timeout",
        "/spec/colour",
    }


@pytest.mark.parametrize(
    ("spec", "pointer"),
    [({"lanes": ["cpu"], "runOn": "job"}, "/spec/runOn"), ({"secrets": ["A", "1B"]}, "/spec/secrets/1")],
)
def test_what_is_wrong_between_fields_is_told_too(spec, pointer):
    assert complaints(resource("NodeType", **spec)) != []
    with pytest.raises(DefinitionError) as caught:
        read_node_type(resource("NodeType", **spec))
    assert [problem.pointer for problem in caught.value.problems] == [pointer]


def test_variables_that_knative_sets_itself_are_refused():
    with pytest.raises(DefinitionError) as caught:
        read_node_type(resource("NodeType", env={"PORT": "1", "FINE": "2"}))
    assert [problem.pointer for problem in caught.value.problems] == ["/spec/env/PORT"]


@pytest.mark.parametrize("kind", ["NodeType", "Model"])
@pytest.mark.parametrize(
    "image",
    [
        "",
        "resize",
        "resize:1.2",
        "registry.example.org/team/resize:1.2",
        "localhost:5000/a__b/c--d.e:v1_2",
        "dev.local/flume-function@sha256:" + 64 * "a",
        "Registry.Example.org/team/resize:LATEST@sha256:" + 64 * "0",
    ],
)
def test_the_name_of_an_image_is_taken(kind, image):
    made = resource(kind, image=image)
    assert complaints(made) == []
    assert kind == "Model" or read_node_type(made).type.image == image
    assert kind == "NodeType" or read_model(made).image == image


@pytest.mark.parametrize("kind", ["NodeType", "Model"])
@pytest.mark.parametrize(
    "image", [" resize", "Resize:1", "https://r.io/x", "r.io/x:", "r.io//x", "x@sha256:12", "x:1:2", "a b", "x_"]
)
def test_what_can_be_no_name_of_an_image_is_told_before_an_object_is_made_of_it(kind, image):
    made = resource(kind, image=image)
    assert any("spec.image" in each for each in complaints(made))
    with pytest.raises(DefinitionError) as caught:
        read_node_type(made) if kind == "NodeType" else read_model(made)
    assert [(each.code, each.pointer) for each in caught.value.problems] == [("bad-value", "/spec/image")]
    assert "registry.example.org/team/resize:1.2" in caught.value.problems[0].hint


@pytest.mark.parametrize(
    ("spec", "pointer"),
    [
        ({"resources": {"cpu": "much"}}, "/spec/resources/cpu"),
        ({"resources": {"memory": "32 GiB"}}, "/spec/resources/memory"),
        ({"resources": {"sharedMemory": ""}}, "/spec/resources/sharedMemory"),
        ({"weights": {"size": "100GiB"}}, "/spec/weights/size"),
        ({"weights": {"claim": "My_Weights"}}, "/spec/weights/claim"),
        ({"gpu": {"product": "NVIDIA H100"}}, "/spec/gpu/product"),
        ({"secrets": ["HF_TOKEN", "hf-token"]}, "/spec/secrets/1"),
        ({"secrets": [""]}, "/spec/secrets/0"),
    ],
    ids=lambda each: each if isinstance(each, str) else None,
)
def test_what_no_pod_of_a_model_could_have_is_told_before_one_is_made(spec, pointer):
    made = resource("Model", **spec)
    assert len(complaints(made)) == 1
    with pytest.raises(DefinitionError) as caught:
        read_model(made)
    assert [(each.code, each.pointer) for each in caught.value.problems] == [("bad-value", pointer)]


def test_what_pods_of_a_model_can_have_is_taken():
    spec = {
        "resources": {"cpu": "3.5", "memory": "64Gi", "sharedMemory": "500M"},
        "weights": {"size": "1Ti", "claim": "weights-of.llama"},
        "gpu": {"product": "NVIDIA-A100-SXM4-80GB"},
        "secrets": ["HF_TOKEN", "_x1"],
    }
    assert complaints(resource("Model", **spec)) == []
    assert read_model(resource("Model", **spec)).shared_memory == "500M"


@pytest.mark.parametrize("kind", ["NodeType", "Model"])
def test_names_of_variables_that_kubernetes_does_not_take_are_told(kind):
    names = ["1ST", "a b", "a=b", "", "ä", "x" * 254, "PORT", "FINE", "_also.fine-2"]
    with pytest.raises(DefinitionError) as caught:
        (read_node_type if kind == "NodeType" else read_model)(resource(kind, env=dict.fromkeys(names, "1")))
    pointers = [problem.pointer for problem in caught.value.problems]
    assert pointers == [join_pointer("/spec/env", name) for name in names[:7]]


FUNCTIONS = [each for each in Registry(installed_node_types).types() if each.lanes != (Lane.ENGINE,)]


@pytest.mark.parametrize("node_type", FUNCTIONS, ids=lambda each: each.name)
def test_a_built_in_type_can_be_told_as_a_resource_and_read_again(node_type):
    made = node_type_resource(node_type, "flume")
    assert complaints(made) == []
    again = read_node_type(json.loads(json.dumps(made))).type

    same = (
        "name",
        "version",
        "category",
        "description",
        "icon",
        "retryable",
        "timeout",
        "concurrency",
        "secrets",
        "scale",
    )
    assert [getattr(again, name) for name in same] == [getattr(node_type, name) for name in same]
    assert again.input_schema == node_type.input_schema
    assert again.config_schema == node_type.config_schema
    assert again.renderings == node_type.renderings
    assert Lane.ENGINE not in again.lanes


def test_a_model_is_read():
    made = resource(
        "Model",
        "llama",
        name="llama3.1-70b",
        source="meta-llama/Llama-3.1-70B",
        task="generate",
        gpu={"count": 4, "product": "NVIDIA-H100", "tensorParallel": 2},
        scale={"max": 2},
        args=["--max-model-len", "8192"],
        weights={"claim": "weights"},
        loadTimeout="1h",
        secrets=["HF_TOKEN"],
    )
    assert complaints(made) == []
    model = read_model(made)

    assert (model.name, model.source, model.task) == ("llama3.1-70b", "meta-llama/Llama-3.1-70B", Task.GENERATE)
    assert (model.gpu, model.least, model.most, model.claim) == (Gpu(4, "NVIDIA-H100", 2), 0, 2, "weights")
    assert (model.args, model.secrets) == (("--max-model-len", "8192"), ("HF_TOKEN",))
    assert model.load_timeout.total_seconds() == 3600


def test_a_model_without_a_name_has_that_of_its_resource_and_the_usual_values():
    assert read_model(resource("Model", "phi")) == Model("phi", "phi")


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ({"gpu": {"count": 1, "tensorParallel": 2}}, "tensorParallel is larger than count"),
        ({"gpu": {"tensorParallel": 2}}, "tensorParallel is larger than count"),
        ({"scale": {"min": 2, "max": 1}}, "min is larger than max"),
        ({"task": "paint"}, "spec.task: 'paint' is none of ['generate', 'embed']"),
    ],
)
def test_a_model_that_can_not_be_is_refused_by_the_cluster(spec, complaint):
    assert complaint in complaints(resource("Model", **spec))


def test_a_run_is_read():
    made = resource("Run", "first", pipeline="ship", data={"any": [1, None]})

    assert complaints(made) == []
    assert read_run(made) == RunStart("flume", "first", "ship", {"any": [1, None]})


def test_a_definition_within_itself_is_let_pass_unchecked():
    tree = {
        "$ref": "#/$defs/Tree",
        "$defs": {"Tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/Tree"}}}},
    }

    assert structural(tree) == {
        "type": "object",
        "properties": {"left": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}},
    }
