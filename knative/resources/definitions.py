"""The CustomResourceDefinitions of Flume, as data.

A rule in CEL costs by how large the values are that it looks at, so every list and text under a rule is bounded; the API server
refuses a definition whose rules could cost too much.
"""

from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from flume.document_nodes import MAX_NODES
from flume.schema import pipeline_schema
from flume.triggers import MAX_TRIGGERS
from knative.resources.spec_models import GROUP, VERSION, ModelSpec, NodeTypeSpec, RunSpec
from knative.resources.statuses import status_schema
from knative.resources.structural import Schema, structural

MAX_EDGES = 20_000


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource. ``columns`` are what ``kubectl get`` prints: name, type, and where the value is."""

    name: str
    plural: str
    short: str
    description: str
    columns: tuple[tuple[str, str, str], ...]


_CONDITION = '.status.conditions[?(@.type=="Ready")].{}'
_READY = ("Ready", "string", _CONDITION.format("status"))
_REASON = ("Reason", "string", _CONDITION.format("reason"))
_AGE = ("Age", "date", ".metadata.creationTimestamp")
_URL = ("URL", "string", ".status.address.url")

KINDS = (
    Kind(
        "Pipeline", "pipelines", "pl", "A pipeline: its spec is the pipeline document.", (_URL, _READY, _REASON, _AGE)
    ),
    Kind(
        "NodeType",
        "nodetypes",
        "nt",
        "A node type that is packaged as an image.",
        (("Lanes", "string", ".spec.lanes"), ("Image", "string", ".spec.image"), _READY, _REASON, _AGE),
    ),
    Kind(
        "Model",
        "models",
        "fm",
        "A language model that the cluster serves.",
        (("Model", "string", ".spec.name"), ("Task", "string", ".spec.task"), _READY, _REASON, _AGE),
    ),
    Kind(
        "Run",
        "runs",
        "fr",
        "A run that is started by its resource.",
        (
            ("Status", "string", ".status.status"),
            ("Pipeline", "string", ".spec.pipeline"),
            ("Duration", "string", ".status.duration"),
            _AGE,
        ),
    ),
)


def definitions() -> dict[str, dict[str, Any]]:
    """The definitions by the name of their file."""
    return {f"{kind.plural}.yaml": _definition(kind) for kind in KINDS}


def spec_schema(kind: str) -> Schema:
    """The structural schema of the spec of a kind, rules included."""
    match kind:
        case "Pipeline":
            return _pipeline_spec()
        case "NodeType":
            return _node_type_spec()
        case "Model":
            return _model_spec()
        case _:
            return _run_spec()


def _definition(kind: Kind) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": "flume", "app.kubernetes.io/part-of": "flume"}
    if kind.name == "Pipeline":
        labels["duck.knative.dev/addressable"] = "true"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{kind.plural}.{GROUP}", "labels": labels},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": kind.name,
                "listKind": f"{kind.name}List",
                "plural": kind.plural,
                "singular": kind.name.lower(),
                "shortNames": [kind.short],
                "categories": ["flume"],
            },
            "versions": [
                {
                    "name": VERSION,
                    "served": True,
                    "storage": True,
                    "subresources": {"status": {}},
                    "additionalPrinterColumns": [
                        {"name": name, "type": type, "jsonPath": path} for name, type, path in kind.columns
                    ],
                    "schema": {"openAPIV3Schema": _root(kind)},
                }
            ],
        },
    }


def _root(kind: Kind) -> Schema:
    return {
        "description": kind.description,
        "type": "object",
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": spec_schema(kind.name),
            "status": status_schema(kind.name),
        },
        "x-kubernetes-validations": [
            _rule("self.metadata.name.size() <= 63", "a name has 63 characters at most"),
            _rule("!self.metadata.name.contains('.')", "a name has no dots"),
        ],
    }


def _pipeline_spec() -> Schema:
    document = structural(pipeline_schema())
    properties = {
        key: each for key, each in document["properties"].items() if key not in ("apiVersion", "kind", "metadata")
    }
    description = {"type": "string", "maxLength": 4000, "description": "What the pipeline is for."}
    properties["nodes"] |= {
        "maxItems": MAX_NODES,
        "minItems": 1,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["id"],
    }
    properties["edges"]["maxItems"] = MAX_EDGES
    properties["triggers"]["maxItems"] = MAX_TRIGGERS
    for trigger in (properties["trigger"], properties["triggers"]["items"]):
        trigger["x-kubernetes-validations"] = _trigger_rules()
    return {
        "type": "object",
        "description": "The pipeline document, without apiVersion, kind and metadata.",
        "required": ["nodes"],
        "properties": {"description": description, **properties},
        "x-kubernetes-validations": [
            _rule("!(has(self.trigger) && has(self.triggers))", "give either trigger or triggers")
        ],
    }


_FIELDS_OF_TRIGGER = {
    "webhook": ("path", "methods", "auth", "response"),
    "cron": ("schedule", "timezone", "missed"),
    "event": ("filters", "attributes"),
}


def _trigger_rules() -> list[Schema]:
    rules = [
        _rule("self.type != 'cron' || has(self.schedule)", "a cron trigger needs a schedule"),
        _rule("!(has(self.filters) && has(self.attributes))", "give either filters or attributes"),
    ]
    for kind, fields in _FIELDS_OF_TRIGGER.items():
        given = " || ".join(f"has(self.{each})" for each in fields)
        message = f"{', '.join(fields)}: for triggers of type {kind} alone"
        rules.append(_rule(f"self.type == '{kind}' || !({given})", message))
    return rules


def _node_type_spec() -> Schema:
    spec = _spec_of(NodeTypeSpec)
    spec["x-kubernetes-validations"] = [
        _rule("!has(self.runOn) || !has(self.lanes) || self.runOn in self.lanes", "runOn has to be one of lanes"),
        _rule(
            "!has(self.scale) || !has(self.scale.min) || !has(self.scale.max) || self.scale.max == 0 || "
            "self.scale.min <= self.scale.max",
            "scale.min is larger than scale.max",
        ),
    ]
    _bound(spec["properties"]["secrets"], "[*]|[A-Za-z_][A-Za-z0-9_]*")
    _bound(spec["properties"]["ports"], "[^\\s]+")
    spec["properties"]["lanes"]["x-kubernetes-list-type"] = "set"
    return spec


def _model_spec() -> Schema:
    spec = _spec_of(ModelSpec)
    spec["properties"]["gpu"]["x-kubernetes-validations"] = [
        _rule(
            "!has(self.tensorParallel) || self.tensorParallel <= (has(self.count) ? self.count : 1)",
            "tensorParallel is larger than count",
        )
    ]
    spec["properties"]["scale"]["x-kubernetes-validations"] = [
        _rule("!has(self.min) || self.min <= (has(self.max) ? self.max : 1)", "min is larger than max")
    ]
    return spec


def _run_spec() -> Schema:
    spec = _spec_of(RunSpec)
    spec["properties"]["pipeline"]["x-kubernetes-validations"] = [
        _rule("self == oldSelf", "a run is of one pipeline; make another Run")
    ]
    return spec


def _spec_of(model: type[BaseModel]) -> Schema:
    return structural(_without_null(model.model_json_schema()))


def _without_null(value: Any) -> Any:
    """Without the null that stands in Python for a key that is left out."""
    if isinstance(value, list):
        return [_without_null(each) for each in value]
    if not isinstance(value, dict):
        return value
    options = value.get("anyOf", [])
    if len(options) == 2 and options[1] == {"type": "null"}:
        value = {**options[0], **{key: inner for key, inner in value.items() if key != "anyOf"}}
    return {key: _without_null(inner) for key, inner in value.items()}


def _bound(texts: Schema, pattern: str) -> None:
    texts["items"] |= {"maxLength": 253, "pattern": f"^(?:{pattern})$"}


def _rule(rule: str, message: str) -> Schema:
    return {"rule": rule, "message": message}
