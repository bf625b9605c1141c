"""``flume render``: the Kubernetes objects that pipelines become, as YAML, in an order that stays the same.

Files may hold ``NodeType`` and ``Model`` resources beside pipelines. Nothing is asked of a cluster: what the operator would know
of one, such as the key of a pipeline's address, is left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from flume.cli.clusters import cluster_of
from flume.cli.documents import find_documents
from flume.cli.node_types import known_types
from flume.cli.printing import print_text, say
from flume.cli.problem_lines import line_of
from flume.cli.settings import Settings, read_settings
from flume.cli.validating import content_of
from flume.document import to_resource
from flume.errors import DefinitionError, RequestError
from flume.nodes.registry import Registry
from flume.nodes.types import NodeType
from flume.plan import Plan
from flume.planning import Circumstances
from flume.problems import Problem
from flume.source import Source, read_source, read_sources
from flume.validation import validate_source
from knative.cluster import Cluster, Dispatch
from knative.functions import functions_of
from knative.manifests.ping_sources import NOT_ON_KNATIVE
from knative.models import NODE_TYPES, Model
from knative.resources.specs import read_model, read_node_type
from knative.wanted import Surroundings, no_model, unserved_types, wanted_objects
from knative.yaml_text import yaml_text


@dataclass(frozen=True, slots=True)
class Target:
    """Where the objects are to go. ``namespace`` is that of pipelines whose documents name none."""

    namespace: str
    dispatch: Dispatch | None = None
    image: str | None = None


@dataclass
class _Found:
    """What the files hold. ``resources`` are pipelines as they are applied."""

    resources: list[dict[str, Any]] = field(default_factory=list)
    plans: list[Plan] = field(default_factory=list)
    models: list[Model] = field(default_factory=list)
    environments: dict[str, Mapping[str, str]] = field(default_factory=dict)
    is_valid: bool = True


@dataclass(frozen=True, slots=True)
class _Document:
    """One document of a file."""

    file: str
    source: Source

    @property
    def kind(self) -> str:
        """Its kind, if it has one."""
        value = self.source.value
        return str(value.get("kind", "")) if isinstance(value, Mapping) else ""


def render_files(paths: Sequence[Path], *, node_paths: Sequence[Path], target: Target) -> bool:
    """Print the objects that the documents become; False, with all problems on stderr, if there are any.

    Raises `RequestError` for a file that can't be read, and if there is nothing to print.
    """
    cluster = _cluster_of(read_settings(), target)
    registry = known_types(node_paths)
    documents = [document for file in find_documents(paths) for document in _documents(file)]
    found = _Found(is_valid=None not in documents)
    readable = [document for document in documents if document is not None]
    # First the types and models, since pipelines speak of them.
    for document in sorted(readable, key=lambda each: each.kind == "Pipeline"):
        try:
            _take(document, registry, cluster, target.namespace, found)
        except DefinitionError as error:
            found.is_valid = _tell(document.file, [document.source.locate(each) for each in error.problems])
    if not found.is_valid:
        return False
    if not found.plans and not found.models:
        raise RequestError("there are no pipelines and no models in these files")
    return _print_objects(found, registry, cluster)


def _cluster_of(settings: Settings, target: Target) -> Cluster:
    """The installation of the settings, in whatever namespace they say that it is; what the command is told wins."""
    cluster, usual = cluster_of(settings), Cluster()
    return replace(
        cluster,
        engine_url=usual.engine_url.replace(f".{usual.namespace}.svc", f".{cluster.namespace}.svc"),
        dispatch=target.dispatch or cluster.dispatch,
        function_image=target.image or cluster.function_image,
    )


def _documents(file: Path) -> Iterator[_Document | None]:
    """The documents of a file; None, with the problems on stderr, for what can't be read."""
    name, text = str(file), content_of(file)
    try:
        try:
            sources = [read_source(text, name=name, tolerant=True)]
        except DefinitionError as error:
            if error.problems[0].code != "several-documents":
                raise
            sources = list(read_sources(text, name=name))
    except DefinitionError as error:
        _tell(name, error.problems)
        yield None
        return
    yield from (_Document(name, source) for source in sources)


def _take(document: _Document, registry: Registry, cluster: Cluster, namespace: str, found: _Found) -> None:
    value = document.source.value
    match document.kind:
        case "NodeType" if isinstance(value, Mapping):
            packaged = read_node_type(value)
            registry.add(packaged.type, source=document.file)
            found.environments[packaged.type.name] = packaged.environment
        case "Model" if isinstance(value, Mapping):
            found.models.append(read_model(value))
        case _:
            _take_pipeline(document, registry, cluster, namespace, found)


def _take_pipeline(document: _Document, registry: Registry, cluster: Cluster, namespace: str, found: _Found) -> None:
    circumstances = Circumstances(function_timeout_max=cluster.function_timeout_max)
    validation = validate_source(document.source, registry, circumstances=circumstances)
    plan = validation.require_plan()
    resource = to_resource(validation.parsed.definition)
    if "namespace" not in resource["metadata"]:
        plan = replace(plan, namespace=namespace, pipeline=replace(plan.pipeline, namespace=namespace))
    # Said in any case: the addresses of its triggers name it, and kubectl would choose by itself.
    resource["metadata"]["namespace"] = plan.namespace
    found.resources.append(resource)
    found.plans.append(plan)


def _print_objects(found: _Found, registry: Registry, cluster: Cluster) -> bool:
    types = _served_types(registry)
    wanted = wanted_objects(found.plans, found.models, cluster, Surroundings(types, found.environments))
    is_whole = True
    for unmet in wanted.unmet:
        if unmet.problem.code == NOT_ON_KNATIVE:
            say(f"note: {unmet.kind} '{unmet.name}': {unmet.problem.message}")
        else:
            is_whole = False
            say(f"{unmet.kind} '{unmet.name}': {line_of(unmet.problem)}")
    unserved = unserved_types(functions_of(found.plans, {}), found.models, cluster)
    for name in unserved:
        problem = no_model(name)
        say(f"note: {problem.message} — {problem.hint}")
    if not is_whole:
        return False
    resources = sorted(found.resources, key=lambda each: (each["metadata"]["namespace"], each["metadata"]["name"]))
    print_text(yaml_text([*resources, *wanted.objects]))
    return True


def _served_types(registry: Registry) -> dict[str, NodeType]:
    names = [name for types in NODE_TYPES.values() for name in types]
    return {name: registry.get(name) for name in names}


def _tell(file: str, problems: Sequence[Problem]) -> bool:
    for problem in problems:
        say(line_of(problem, file))
    return False
