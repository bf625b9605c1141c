"""From the source of a document to a `Pipeline`: every check that needs no node type, all problems in one pass.

`parse_text` is the front door for text that a person wrote; `parse_pipeline` for a source that was read before. Neither
raises for what the text holds. Pointers and positions are those of the text as written, in whichever of the two forms.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, Field

from flume.document_models import MetadataModel, PipelineModel, PointModel, PositiveDuration, Strict, keys_of
from flume.document_nodes import NodeReader
from flume.errors import DefinitionError
from flume.findings import Findings
from flume.forms import CLUSTER_METADATA, FLAT_VERSION, RESOURCE_VERSION, Form, form_of, to_document, to_resource
from flume.inputs import read_inputs
from flume.pipeline import EMPTY, Pipeline, PipelineStatus
from flume.problems import Problem, join_pointer, sorted_problems
from flume.reading import shorten
from flume.source import Format, Source, read_source
from flume.triggers import read_triggers
from flume.values import JsonObject, JsonValue

__all__ = ["ParsedPipeline", "parse_pipeline", "parse_text", "to_document", "to_resource"]

_HEAD = ("apiVersion", "kind", "metadata")


def _nothing() -> Mapping[str, Any]:
    return EMPTY


@dataclass(frozen=True, slots=True)
class ParsedPipeline:
    """What a document says and what is wrong with it.

    ``pipeline`` is None when there are problems. ``readable`` is what could be understood all the same, for checks that
    go on from there in the same pass: without broken edges and what is broken in nodes, but with cycles and with nodes whose
    id or type is wrong or missing; None when there is nothing to go on from. ``definition`` is the flat form as a JSON value,
    as written and with nothing filled in. ``layout`` is ``{node id: {x, y}}``.
    """

    source: Source
    problems: tuple[Problem, ...]
    definition: JsonObject = field(default_factory=_nothing)
    layout: Mapping[str, Mapping[str, float]] = field(default_factory=_nothing)
    readable: Pipeline | None = None

    @property
    def pipeline(self) -> Pipeline | None:
        """The pipeline, when nothing is wrong with the document."""
        return None if self.problems else self.readable

    def with_problems(self, problems: tuple[Problem, ...]) -> tuple[Problem, ...]:
        """All problems of the document together with ``problems`` that were found later, located and in the order of the text."""
        located = [each if each.line else self.source.locate(each) for each in problems]
        return tuple(sorted_problems([*self.problems, *located]))


def parse_text(text: str | bytes, *, format: Format | None = None, name: str = "") -> ParsedPipeline:
    """Read and parse in one pass, so that a duplicate key does not hide an unknown node. Never raises for what the text holds."""
    try:
        source = read_source(text, format=format, name=name, tolerant=True)
    except DefinitionError as error:
        return ParsedPipeline(Source(None, name=name), error.problems)
    return parse_pipeline(source)


def parse_pipeline(source: Source) -> ParsedPipeline:
    """Check a document by itself and turn it into a pipeline. Never raises for what the source holds."""
    findings = Findings(source)
    if not isinstance(source.value, Mapping) or not source.value:
        hint = "begin with apiVersion: flume/v1 and kind: Pipeline"
        findings.add("wrong-type", "", "a pipeline is an object with keys", hint)
        return ParsedPipeline(source, findings.problems)
    reader = _DocumentReader(source.value, findings)
    pipeline = reader.read()
    layout = reader.read_layout()
    definition = MappingProxyType(_name_ports(to_document(source.value)))
    return ParsedPipeline(source, findings.problems, definition, layout, pipeline)


class _RestModel(Strict):
    """What stands beside metadata, state, nodes, edges, triggers and inputs, which are read one by one."""

    variables: dict[str, Any] = Field(default={})
    timeout: PositiveDuration | None = None


class _DocumentReader:
    def __init__(self, document: JsonObject, findings: Findings) -> None:
        self._document = document
        self._findings = findings
        self._form: Form = form_of(document)
        self._base = "" if self._form == "flat" else "/spec"
        self._body = document if self._form == "flat" else findings.expect_object(document.get("spec"), "/spec")

    def read(self) -> Pipeline:
        self._check_head()
        self._check_keys()
        metadata = self._read_metadata()
        name = metadata.name if metadata else self._raw_name()
        state = self._read_state()
        rest = self._findings.read(_RestModel, self._pick(_RestModel), self._base) or _RestModel()
        triggers = read_triggers(self._body, self._base, name, self._findings)
        inputs = read_inputs(self._body.get("inputs"), join_pointer(self._base, "inputs"), self._findings)
        level = NodeReader(self._findings).read(self._body.get("nodes"), self._body.get("edges"), self._base)
        self._check_nodes_exist()
        return Pipeline(
            name,
            level.nodes,
            level.edges,
            triggers,
            inputs,
            rest.variables,
            metadata.namespace if metadata else "default",
            self._description(metadata),
            metadata.labels if metadata else EMPTY,
            rest.timeout,
            state,
        )

    def read_layout(self) -> Mapping[str, Mapping[str, float]]:
        pointer = join_pointer(self._base, "layout")
        layout = {}
        for identity, value in self._findings.expect_object(self._body.get("layout"), pointer).items():
            point = self._findings.read(PointModel, value, join_pointer(pointer, identity))
            if point:
                layout[identity] = {"x": point.x, "y": point.y}
        return layout

    def _pick(self, model: type[BaseModel]) -> dict[str, JsonValue]:
        return {key: self._body[key] for key in keys_of(model) if key in self._body}

    def _check_head(self) -> None:
        version, kind = self._document.get("apiVersion"), self._document.get("kind")
        if version is None:
            self._findings.add("missing-key", "", "`apiVersion` is missing", f"add apiVersion: {FLAT_VERSION}")
        elif version not in (FLAT_VERSION, RESOURCE_VERSION):
            message = f"'{shorten(str(version), 40)}' is not a version that is known here"
            hint = f"write {FLAT_VERSION}, or {RESOURCE_VERSION} for the form with `spec`"
            self._findings.add("bad-value", "/apiVersion", message, hint)
        if kind is None:
            self._findings.add("missing-key", "", "`kind` is missing", "add kind: Pipeline")
        elif kind != "Pipeline":
            message = f"'{shorten(str(kind), 40)}' is not a pipeline"
            self._findings.add("bad-value", "/kind", message, "write kind: Pipeline")

    def _check_keys(self) -> None:
        known = keys_of(PipelineModel)
        if self._form == "flat":
            self._check_flat_keys(known)
            return
        inner = [key for key in known if key not in _HEAD]
        for key in self._document:
            if key in inner or key == "description":
                hint = f"in {RESOURCE_VERSION} it stands under `spec`"
                self._findings.add("unknown-key", join_pointer("", key), f"`{key}` stands too high", hint, at_key=True)
        outer = {key: value for key, value in self._document.items() if key not in (*inner, "description")}
        self._findings.check_keys(outer, "", (*_HEAD, "spec", "status"))
        if self._document.get("spec") is None:
            self._findings.add("missing-key", "", "`spec` is missing", "put the pipeline under `spec`")
        self._findings.check_keys(self._body, self._base, ("description", *inner))
        description = self._body.get("description")
        if description is not None and not isinstance(description, str):
            self._findings.add("wrong-type", "/spec/description", "expected text", "put the value in quotes")

    def _check_flat_keys(self, known: tuple[str, ...]) -> None:
        metadata_keys = [key for key in ("name", "namespace", "description", "labels") if key in self._document]
        for key in metadata_keys:
            hint = "it belongs under `metadata`"
            self._findings.add("unknown-key", join_pointer("", key), f"`{key}` stands too high", hint, at_key=True)
        rest = {key: value for key, value in self._document.items() if key not in metadata_keys}
        self._findings.check_keys(rest, "", known)

    def _read_metadata(self) -> MetadataModel | None:
        value = self._document.get("metadata")
        if value is None:
            hint = "add `metadata:` with a `name:` under it"
            self._findings.add("missing-key", "", "`metadata` is missing", hint)
            return None
        if self._form == "resource" and isinstance(value, Mapping):
            value = {key: inner for key, inner in value.items() if key not in CLUSTER_METADATA}
        return self._findings.read(MetadataModel, value, "/metadata")

    def _raw_name(self) -> str:
        metadata = self._document.get("metadata")
        name = metadata.get("name") if isinstance(metadata, Mapping) else None
        return name if isinstance(name, str) else ""

    def _description(self, metadata: MetadataModel | None) -> str:
        under_spec = self._body.get("description") if self._form == "resource" else None
        return under_spec if isinstance(under_spec, str) else (metadata.description if metadata else "")

    def _read_state(self) -> PipelineStatus | None:
        value = self._body.get("state")
        if value is None or value in list(PipelineStatus):
            return PipelineStatus(value) if value else None
        choices = [str(status) for status in PipelineStatus]
        message = f"'{shorten(str(value), 40)}' is not one of {', '.join(choices)}"
        hint = self._findings.propose(str(value), choices)
        self._findings.add("bad-value", join_pointer(self._base, "state"), message, hint)
        return None

    def _check_nodes_exist(self) -> None:
        nodes = self._body.get("nodes")
        if "nodes" not in self._body:
            hint = "add `nodes:` with at least one node"
            self._findings.add("missing-key", self._base, "`nodes` is missing", hint)
        elif nodes is None or nodes == []:
            hint = "add at least one node"
            pointer = join_pointer(self._base, "nodes")
            self._findings.add("empty-pipeline", pointer, "the pipeline has no nodes", hint, at_key=True)


def _name_ports(definition: dict[str, Any]) -> dict[str, Any]:
    """The definition with ports written as text: YAML and JSON give a boolean for ``port: true``."""
    result = dict(definition)
    if isinstance(definition.get("edges"), list):
        result["edges"] = [_name_port(edge) for edge in definition["edges"]]
    if isinstance(definition.get("nodes"), list):
        result["nodes"] = [_name_body_ports(node) for node in definition["nodes"]]
    return result


def _name_port(edge: JsonValue) -> JsonValue:
    if isinstance(edge, Mapping) and isinstance(edge.get("port"), bool):
        return {**edge, "port": "true" if edge["port"] else "false"}
    return edge


def _name_body_ports(node: JsonValue) -> JsonValue:
    config = node.get("config") if isinstance(node, Mapping) and node.get("type") == "loop" else None
    if not isinstance(config, Mapping) or not isinstance(config.get("body"), Mapping):
        return node
    return {**node, "config": {**config, "body": _name_ports(config["body"])}}
