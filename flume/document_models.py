"""The pipeline document as pydantic models: what foreign text may hold, described well enough for editors.

Only the edge uses these; `flume.document` turns them into the types of `flume.pipeline` at once, and `flume.schema`
into a JSON Schema. `PipelineModel` as a whole is never filled in: its parts are read one by one, so that one wrong node
hides no other problem.
"""

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from flume.durations import parse_duration
from flume.schedules import check_schedule, check_timezone, nearest_timezone

RESERVED_IDS = frozenset(
    {"inputs", "variables", "trigger", "secrets", "item", "index", "outer", "run", "pipeline"}
    | {"and", "or", "not", "in", "is", "if", "else", "true", "false", "none", "null"}
)
"""Names that templates need for themselves."""

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NODE_ID = re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
_LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")
_LABEL_KEY = re.compile(r"(?:[a-z0-9.-]{1,253}/)?[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?")
_CPU = re.compile(r"\d{1,9}(?:\.\d{1,3})?m?")
_MEMORY = re.compile(r"\d{1,18}(?:\.\d{1,3})?(?:[KMGTPE]i|[kMGTPE])?")
_PATH = re.compile(r"[A-Za-z0-9._~-]+(?:/[A-Za-z0-9._~-]+)*")
_SECRET = re.compile(r"\{\{\s*secrets\.([A-Za-z_][A-Za-z0-9_-]*)\s*\}\}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def refuse(code: str, message: str, hint: str) -> PydanticCustomError:
    """The error for a value that a validator of ours does not take; braces in the texts are kept as they are."""
    return PydanticCustomError(code, "{message}", {"message": message, "hint": hint})


def _show(value: object) -> str:
    text = str(value)
    return text if len(text) <= 40 else text[:39] + "…"


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63].strip("-")


def _label(value: str) -> str:
    if _LABEL.fullmatch(value):
        return value
    hint = f"for example {_slug(value) or 'my-pipeline'}"
    rule = "a name is 1 to 63 lower-case letters, digits and hyphens, with no hyphen at either end"
    raise refuse("bad-name", f"'{_show(value)}' can't be a name: {rule}", hint)


def _node_id(value: str) -> str:
    if value in RESERVED_IDS:
        raise refuse("reserved-id", f"'{value}' has a meaning of its own in templates", f"for example {value}-node")
    if _NODE_ID.fullmatch(value):
        return value
    slug = _slug(value)
    hint = f"for example {slug if slug[:1].isalpha() else ('node-' + slug)[:63].strip('-')}"
    rule = "an id is a letter followed by lower-case letters, digits and hyphens, at most 63, and ends with no hyphen"
    raise refuse("bad-name", f"'{_show(value)}' can't be an id: {rule}", hint)


def _duration(value: object) -> timedelta:
    try:
        return parse_duration(value)
    except ValueError as error:
        raise refuse("bad-duration", str(error), "for example 500ms, 30s, 5m, 1h30m, 2d or PT30S") from error


def _positive(value: timedelta) -> timedelta:
    if value > timedelta(0):
        return value
    raise refuse("bad-duration", "a duration above zero is needed here", "leave the key out for the default")


def _label_key(value: str) -> str:
    if _LABEL_KEY.fullmatch(value):
        return value
    hint = "use letters, digits, and - _ . inside; at most 63 characters"
    raise refuse("bad-label", f"'{_show(value)}' can't be a label's name", hint)


def _label_value(value: str) -> str:
    if _LABEL_VALUE.fullmatch(value):
        return value
    hint = "use letters, digits, and - _ . inside; at most 63 characters"
    raise refuse("bad-label", f"'{_show(value)}' can't be a label's value", hint)


def _condition(value: object) -> object:
    if isinstance(value, (str, bool)):
        return value
    raise refuse("wrong-type", "expected a template, true or false", 'for example when: "{{ fetch.output.ok }}"')


def _port(value: object) -> object:
    # YAML and JSON both give a boolean for `port: true`, which means the port of that name.
    return ("true" if value else "false") if isinstance(value, bool) else value


def _cpu(value: object) -> str:
    text = str(value)
    if not isinstance(value, bool) and isinstance(value, (int, float, str)) and _CPU.fullmatch(text):
        return text
    raise refuse("bad-quantity", "expected an amount of CPU", "for example 2, 0.5 or 500m")


def _memory(value: object) -> str:
    text = str(value)
    if not isinstance(value, bool) and isinstance(value, (int, str)) and _MEMORY.fullmatch(text):
        return text
    raise refuse("bad-quantity", "expected an amount of memory", "for example 512Mi or 2Gi")


def _path(value: str) -> str:
    if _PATH.fullmatch(value) and not {".", ".."} & set(value.split("/")):
        return value
    slug = "/".join(filter(None, map(_slug, value.split("/")))) or "my-hook"
    rule = "letters, digits and - . _ ~, in parts divided by /"
    raise refuse("bad-path", f"'{_show(value)}' can't be a webhook's path: {rule}", f"for example {slug}")


def _secret(value: str) -> str:
    match = _SECRET.fullmatch(value.strip())
    if match:
        return match.group(1)
    raise refuse("bad-secret", "a secret can't stand in the document itself", 'refer to it: "{{secrets.NAME}}"')


def _header(value: str) -> str:
    if _HEADER.fullmatch(value):
        return value
    raise refuse("bad-value", "not the name of an HTTP header", "for example X-Signature-256")


def _schedule(value: str) -> str:
    try:
        check_schedule(value)
    except ValueError as error:
        raise refuse("bad-schedule", str(error), 'for example "0 9 * * 1-5" or "@daily"') from error
    return value.strip()


def _timezone(value: str) -> str:
    try:
        check_timezone(value)
    except ValueError as error:
        close = nearest_timezone(value)
        hint = f"did you mean '{close}'?" if close else "for example Europe/Warsaw, Asia/Seoul or UTC"
        raise refuse("bad-timezone", str(error), hint) from error
    return value


_DURATION_SCHEMA = {
    "type": ["string", "number"],
    "description": "500ms, 30s, 5m, 1h30m, 2d, ISO 8601 such as PT30S, or a number of seconds",
    "examples": ["30s", "5m", "1h30m"],
}

Label: TypeAlias = Annotated[str, AfterValidator(_label), Field(json_schema_extra={"pattern": f"^{_LABEL.pattern}$"})]
NodeName: TypeAlias = Annotated[
    str, AfterValidator(_node_id), Field(json_schema_extra={"pattern": f"^{_NODE_ID.pattern}$"})
]
Duration: TypeAlias = Annotated[timedelta, BeforeValidator(_duration), WithJsonSchema(_DURATION_SCHEMA)]
PositiveDuration: TypeAlias = Annotated[Duration, AfterValidator(_positive)]
Port: TypeAlias = Annotated[str, BeforeValidator(_port), WithJsonSchema({"type": ["string", "boolean"]})]


class Strict(BaseModel):
    """Base of the models: camelCase keys, no unknown ones, no conversions between types."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, alias_generator=to_camel, allow_inf_nan=False)


class MetadataModel(Strict):
    """What the pipeline is called and where it belongs."""

    name: Label = Field(description="Unique in its namespace: lower-case letters, digits and hyphens.")
    namespace: Label = Field(default="default", description="The tenant that the pipeline belongs to.")
    description: str = Field(default="", max_length=4_000, description="What the pipeline is for.")
    labels: dict[Annotated[str, AfterValidator(_label_key)], Annotated[str, AfterValidator(_label_value)]] = Field(
        default={}, description="Names and values to find pipelines by.", examples=[{"team": "news"}]
    )


class RetryModel(Strict):
    """How often and how late a failed attempt is followed by another."""

    attempts: int = Field(default=1, ge=1, le=100, description="All tries together, the first included.")
    delay: Duration = Field(default=timedelta(seconds=1), description="The wait before the second try.")
    backoff: Literal["fixed", "linear", "exponential"] = Field(default="fixed", description="How the wait grows.")
    max_delay: PositiveDuration | None = Field(default=None, description="The longest wait.")
    jitter: bool = Field(default=True, description="Whether waits vary at random, so that retries do not coincide.")


class ResourcesModel(Strict):
    """What a node needs in the function and job lanes; the type's own needs when left out."""

    cpu: Annotated[str, BeforeValidator(_cpu), WithJsonSchema({"type": ["string", "number"]})] | None = Field(
        default=None, description="Cores.", examples=["500m", 2]
    )
    memory: Annotated[str, BeforeValidator(_memory), WithJsonSchema({"type": ["string", "integer"]})] | None = Field(
        default=None, description="Bytes, with a unit.", examples=["512Mi", "2Gi"]
    )
    gpu: int | None = Field(default=None, ge=0, le=64, description="Whole GPUs.")


class NodeModel(Strict):
    """One node: a piece of work of some type."""

    id: NodeName = Field(description="Unique in the whole pipeline, loop bodies included; templates use it.")
    name: str = Field(default="", max_length=200, description="What the console shows instead of the id.")
    type: str = Field(min_length=1, max_length=100, description="A registered node type.", examples=["http-request"])
    run_on: Literal["engine", "cpu", "gpu", "job"] | None = Field(
        default=None,
        description="engine: in the orchestrator; cpu, gpu: a function; job: a Kubernetes Job. Default: the type's.",
    )
    config: dict[str, Any] = Field(default={}, description="Static options of the node; templates allowed.")
    inputs: dict[str, Any] = Field(default={}, description="The data the node works on; templates allowed.")
    when: Annotated[Any, BeforeValidator(_condition), WithJsonSchema({"type": ["string", "boolean"]})] = Field(
        default=None,
        description="An expression; when it is false the node is skipped.",
        examples=["{{ fetch.output.ok }}"],
    )
    retry: RetryModel = Field(default=RetryModel(), description="What follows a failed attempt.")
    timeout: PositiveDuration | None = Field(default=None, description="The longest that one attempt may take.")
    start_timeout: PositiveDuration | None = Field(
        default=None, description="The longest wait for a first sign of an attempt in a function or job."
    )
    resources: ResourcesModel = Field(default=ResourcesModel(), description="CPU, memory and GPUs.")
    durable: bool = Field(default=False, description="Whether the node's result is committed by itself.")
    on_error: Literal["fail", "continue"] = Field(
        default="fail", description="fail: the run fails. continue: the output is null and the run goes on."
    )


class EdgeModel(Strict):
    """What follows what."""

    from_node: str = Field(alias="from", description="The id of the earlier node.")
    to_node: str = Field(alias="to", description="The id of the later node.")
    port: Port | None = Field(
        default=None,
        description="The outcome of `from` that the edge follows: out, error, true, false, or a case of a switch.",
        examples=["out", "error", "true"],
    )


class BodyModel(Strict):
    """What a loop runs for each item: a level of its own."""

    nodes: list[NodeModel] = Field(description="The nodes of the body.")
    edges: list[EdgeModel] = Field(default=[], description="The edges between them.")


class TriggerModel(Strict):
    """What all triggers have."""

    id: Label | None = Field(default=None, description="Default: the type, then type-2 and so on.")
    enabled: bool = Field(default=True, description="Whether the trigger fires.")


class ManualTriggerModel(TriggerModel):
    """Someone presses Run; always on, also when not listed."""

    type: Literal["manual"]


class WebhookAuthModel(Strict):
    """How the caller proves who it is."""

    type: Literal["none", "bearer", "basic", "hmac"] = Field(default="none", description="The way of proof.")
    secret: Annotated[str, AfterValidator(_secret)] | None = Field(
        default=None, description="A reference to a secret, never its value.", examples=["{{secrets.HOOK_KEY}}"]
    )
    header: Annotated[str, AfterValidator(_header)] | None = Field(
        default=None, description="HMAC: the header that carries the signature. Default: X-Signature-256."
    )
    algorithm: Literal["sha256", "sha512", "sha1"] | None = Field(
        default=None, description="HMAC: the hash. Default: sha256."
    )


class WebhookTriggerModel(TriggerModel):
    """An HTTP request to /hooks/{namespace}/{path}."""

    type: Literal["webhook"]
    path: Annotated[str, AfterValidator(_path)] | None = Field(
        default=None, max_length=200, description="Default: the pipeline's name."
    )
    methods: list[Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]] = Field(
        default=["POST"], min_length=1, description="The HTTP methods it answers to."
    )
    auth: WebhookAuthModel = Field(default=WebhookAuthModel(), description="How the caller proves who it is.")
    response: Literal["async", "wait"] = Field(
        default="async", description="async: answers at once with the run's id. wait: answers with the run's result."
    )
    wait: PositiveDuration = Field(default=timedelta(seconds=30), description="How long `response: wait` waits.")


class CronTriggerModel(TriggerModel):
    """A schedule in wall-clock time."""

    type: Literal["cron"]
    schedule: Annotated[str, AfterValidator(_schedule)] = Field(
        description="Five fields, six with seconds first, or @daily and the like.", examples=["0 9 * * 1-5", "@daily"]
    )
    timezone: Annotated[str, AfterValidator(_timezone)] | None = Field(
        default=None, description="An IANA time zone. Default: UTC.", examples=["Asia/Seoul"]
    )
    data: Any = Field(default=None, description="What the run finds in trigger.data.")
    missed: Literal["skip", "once", "all"] = Field(
        default="skip", description="What becomes of due times that passed while nothing ran."
    )


class IntervalTriggerModel(TriggerModel):
    """Every so often."""

    type: Literal["interval"]
    every: PositiveDuration = Field(description="The time between two firings; one second at least.")
    data: Any = Field(default=None, description="What the run finds in trigger.data.")


class EventTriggerModel(TriggerModel):
    """A CloudEvent that matches."""

    type: Literal["event"]
    filters: list[dict[str, Any]] | None = Field(
        default=None,
        description="Knative's dialects: exact, prefix, suffix, all, any, not, cesql. All must match.",
        examples=[[{"exact": {"type": "com.example.order"}}]],
    )
    attributes: dict[str, str] | None = Field(
        default=None, description="Attributes that must match exactly.", examples=[{"type": "com.example.order"}]
    )


class ValueSchemaModel(Strict):
    """The part of JSON Schema that describes run inputs."""

    type: Literal["string", "number", "integer", "boolean", "object", "array"] | None = None
    title: str | None = Field(default=None, description="What the form shows instead of the name.")
    description: str | None = Field(default=None, description="What the value is for.")
    enum: list[Any] | None = Field(default=None, min_length=1, description="The values allowed.")
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = Field(default=None, ge=0)
    max_length: int | None = Field(default=None, ge=0)
    pattern: str | None = Field(
        default=None, max_length=1_000, description="A regular expression without look-around and back-references."
    )
    format: str | None = Field(default=None, examples=["date", "date-time", "email", "uri", "uuid"])
    items: "ValueSchemaModel | None" = Field(default=None, description="What a list holds.")
    min_items: int | None = Field(default=None, ge=0)
    max_items: int | None = Field(default=None, ge=0)
    properties: "dict[str, ValueSchemaModel] | None" = Field(default=None, description="What an object holds.")
    required: list[str] | None = Field(default=None, description="The properties that an object must have.")


class InputModel(ValueSchemaModel):
    """One value that a run takes."""

    default: Any = Field(
        default=None, description="Taken when the run gives none; without it the input is required. May be null."
    )


class PointModel(Strict):
    """A place on the canvas."""

    x: float
    y: float


AnyTriggerModel: TypeAlias = Annotated[
    ManualTriggerModel | WebhookTriggerModel | CronTriggerModel | IntervalTriggerModel | EventTriggerModel,
    Field(discriminator="type"),
]


class PipelineModel(Strict):
    """A Flume pipeline: nodes, what follows what, and what starts a run."""

    api_version: Literal["flume/v1"] = Field(description="The format of this document.")
    kind: Literal["Pipeline"] = Field(description="What this document is.")
    metadata: MetadataModel = Field(description="What the pipeline is called and where it belongs.")
    state: Literal["active", "paused", "draft"] | None = Field(
        default=None, description="active: triggers fire. paused: manual runs only. draft: may have problems."
    )
    trigger: AnyTriggerModel | None = Field(default=None, description="What starts a run; `triggers` for several.")
    triggers: list[AnyTriggerModel] | None = Field(default=None, description="What starts a run.")
    inputs: dict[str, InputModel] = Field(
        default={}, description="What a run takes: checked at every start, and the form of the Run button."
    )
    variables: dict[str, Any] = Field(default={}, description="Values that templates reach as variables.NAME.")
    timeout: PositiveDuration | None = Field(default=None, description="The longest that a whole run may take.")
    nodes: list[NodeModel] = Field(description="The work.")
    edges: list[EdgeModel] = Field(default=[], description="What follows what.")
    layout: dict[str, PointModel] = Field(default={}, description="Places on the canvas; the engine ignores them.")


def keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys that a document may have where the model stands, in order."""
    return tuple(declared.alias or name for name, declared in model.model_fields.items())
