"""From a node class to its `NodeType`, with every mistake of the class found before a pipeline uses it.

Messages name the class and say what would be right: their reader is the node's author.
"""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, PydanticUserError, TypeAdapter

from flume.durations import parse_duration
from flume.errors import RequestError
from flume.nodes.node import Node, NodeConfig, NodeInput
from flume.nodes.types import ALL_SECRETS, ERROR, OUT, NodeType, Rendering, Role
from flume.pipeline import Lane
from flume.secret_values import is_secret_name
from flume.values import JsonObject, JsonValue

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class NodeClassError(RequestError):
    """A node class breaks the rules of the SDK; the message says how to mend it."""

    code = "bad-node-type"

    def __init__(self, node_class: object, problem: str) -> None:
        self.node_class = node_class
        self.problem = problem
        name = getattr(node_class, "__qualname__", repr(node_class))
        super().__init__(f"{getattr(node_class, '__module__', '')}.{name}: {problem}")


def describe(node_class: type[Node]) -> NodeType:
    """The `NodeType` of a class. Raises `NodeClassError` for the first rule that the class breaks."""
    if not (inspect.isclass(node_class) and issubclass(node_class, Node)):
        raise NodeClassError(node_class, "not a subclass of flume.nodes.Node")
    _check_execute(node_class)
    _check_construction(node_class)
    lanes, run_on = _lanes(node_class)
    ports, ports_of_config = _ports(node_class)
    config = _model(node_class, "Config", NodeConfig)
    return NodeType(
        name=_name(node_class),
        version=_positive(node_class, "version"),
        category=_text(node_class, "category"),
        description=_description(node_class),
        lanes=lanes,
        run_on=run_on,
        input_schema=_input_schema(node_class),
        output_schema=_output_schema(node_class),
        config_schema=None if config is None else _schema(node_class, config),
        icon=_text(node_class, "icon"),
        role=_role(node_class),
        pure=bool(node_class.pure),
        retryable=bool(node_class.retryable),
        timeout=_timeout(node_class),
        ports=ports,
        ports_of_config=ports_of_config,
        renderings=_renderings(node_class),
        concurrency=_positive(node_class, "concurrency"),
        resources=_mapping(node_class, "resources"),
        image=_text(node_class, "image"),
        scale=_mapping(node_class, "scale"),
        secrets=_secrets(node_class),
        implementation=node_class,
    )


def config_model(node_class: type[Node]) -> type[BaseModel] | None:
    """The class's ``Config``, or None when config and inputs are merged."""
    return getattr(node_class, "Config", None)


def input_model(node_class: type[Node]) -> type[BaseModel]:
    """The class's ``Input``; one without fields where the class has none."""
    return getattr(node_class, "Input", NodeInput)


def output_adapter(node_class: type[Node]) -> TypeAdapter[Any] | None:
    """What validates outputs of the class; None where it declares no ``Output`` or takes anything."""
    key: Any = node_class  # the checker does not take a class for hashable
    return _adapter_of(key)


@lru_cache(maxsize=512)
def _adapter_of(node_class: Any) -> TypeAdapter[Any] | None:
    output = getattr(node_class, "Output", Any)
    return None if output is Any else TypeAdapter(output)


def _name(node_class: type[Node]) -> str:
    name = node_class.name
    if not name:
        raise NodeClassError(node_class, 'no name; add name = "my-node", which is what `type:` says in a pipeline')
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise NodeClassError(
            node_class,
            f"name {name!r} is not a DNS label: a letter, then letters, digits and '-', lower case, at most 63 characters",
        )
    return name


def _check_execute(node_class: type[Node]) -> None:
    execute = node_class.execute
    if execute is Node.execute:
        raise NodeClassError(node_class, "no execute; write `async def execute(self, input: Input) -> Output`")
    if inspect.isgeneratorfunction(execute) or inspect.isasyncgenfunction(execute):
        raise NodeClassError(
            node_class, "execute yields; return the output, and use self.context.progress for parts of it"
        )
    parameters = list(inspect.signature(execute).parameters.values())
    required = [each for each in parameters[2:] if each.default is each.empty and each.kind in _POSITIONAL]
    if len(parameters) < 2 or parameters[1].kind not in _POSITIONAL or required:
        names = ", ".join(parameter.name for parameter in parameters)
        raise NodeClassError(node_class, f"execute({names}) must be execute(self, input): input holds all the data")


def _check_construction(node_class: type[Node]) -> None:
    if node_class.__init__ is not Node.__init__:
        raise NodeClassError(
            node_class,
            "has an __init__; make what all nodes share in `async def setup(cls, settings)`, seen as self.shared",
        )
    for name in ("setup", "teardown"):
        if not inspect.iscoroutinefunction(getattr(node_class, name)) or not inspect.ismethod(
            getattr(node_class, name)
        ):
            raise NodeClassError(node_class, f"{name} must be a `@classmethod` and `async def`")


def _lanes(node_class: type[Node]) -> tuple[tuple[Lane, ...], Lane]:
    known = [lane.value for lane in Lane]
    for lane in (*node_class.lanes, node_class.run_on):
        if lane not in known:
            raise NodeClassError(node_class, f"unknown lane {lane!r}; run_on and lanes are among: {', '.join(known)}")
    lanes, run_on = tuple(Lane(lane) for lane in node_class.lanes), Lane(node_class.run_on)
    if run_on not in lanes:
        raise NodeClassError(node_class, f"run_on is '{run_on}', which its lanes leave out: {', '.join(lanes)}")
    return lanes, run_on


def _ports(
    node_class: type[Node],
) -> tuple[tuple[str, ...] | None, Callable[[Mapping[str, JsonValue]], tuple[str, ...]] | None]:
    ports = node_class.ports
    if callable(ports):
        return None, _tolerant(ports)
    if isinstance(ports, str) or not ports or not all(isinstance(port, str) and port for port in ports):
        raise NodeClassError(
            node_class, 'ports must be names, such as ports = ("yes", "no"), or a class method that takes config'
        )
    if ERROR in ports:
        raise NodeClassError(node_class, f"port '{ERROR}' is there on every node; raise NodeError to leave by it")
    return tuple(dict.fromkeys(ports)), None


def _tolerant(ports: Callable[..., Sequence[str]]) -> Callable[[Mapping[str, JsonValue]], tuple[str, ...]]:
    def ports_of_config(config: Mapping[str, JsonValue]) -> tuple[str, ...]:
        # A draft's config may hold anything, and the function is the author's: validation of the config tells what is wrong.
        try:
            named = [port for port in ports(config) if isinstance(port, str) and port != ERROR]
        except Exception:
            return (OUT,)
        return tuple(dict.fromkeys(named)) or (OUT,)

    return ports_of_config


def _model(node_class: type[Node], attribute: str, base: type[BaseModel]) -> type[BaseModel] | None:
    model = getattr(node_class, attribute, None)
    if model is not None and not (inspect.isclass(model) and issubclass(model, base)):
        raise NodeClassError(node_class, f"{attribute} must be a class {attribute}({base.__name__})")
    return model


def _input_schema(node_class: type[Node]) -> JsonObject:
    return _schema(node_class, _model(node_class, "Input", NodeInput) or NodeInput)


def _schema(node_class: type[Node], model: type[BaseModel]) -> JsonObject:
    try:
        return _schema_of(model)
    except PydanticUserError as error:
        reason = str(error).splitlines()[0]
        raise NodeClassError(node_class, f"{model.__name__} has no JSON Schema: {reason}") from error


@lru_cache(maxsize=512)
def _schema_of(model: Any) -> JsonObject:
    # Kept, because a class is described anew for every registry and making its schema is nearly all of the work.
    return model.model_json_schema(by_alias=True)  # type: ignore[no-any-return] # the checker does not take a class for hashable


def _output_schema(node_class: type[Node]) -> JsonObject:
    try:
        adapter = output_adapter(node_class)
        return {} if adapter is None else adapter.json_schema(by_alias=True, mode="serialization")
    except PydanticUserError as error:
        reason = str(error).splitlines()[0]
        raise NodeClassError(node_class, f"Output has no JSON Schema: {reason}") from error


def _role(node_class: type[Node]) -> Role:
    try:
        return Role(node_class.role)
    except ValueError:
        raise NodeClassError(node_class, f"unknown role {node_class.role!r}; roles: {', '.join(Role)}") from None


def _renderings(node_class: type[Node]) -> Mapping[str, Rendering]:
    for key, rendering in node_class.renderings.items():
        if rendering not in list(Rendering):
            raise NodeClassError(
                node_class, f"unknown rendering {rendering!r} of '{key}'; renderings: {', '.join(Rendering)}"
            )
    return {key: Rendering(rendering) for key, rendering in node_class.renderings.items()}


def _timeout(node_class: type[Node]) -> timedelta | None:
    timeout = node_class.timeout
    if timeout is None:
        return None
    try:
        parsed = timeout if isinstance(timeout, timedelta) else parse_duration(timeout)
    except ValueError as error:
        raise NodeClassError(node_class, f"timeout {timeout!r}: {error}") from error
    if parsed <= timedelta(0):
        raise NodeClassError(node_class, f"timeout {timeout!r} must be longer than nothing")
    return parsed


def _positive(node_class: type[Node], attribute: str) -> int:
    value = getattr(node_class, attribute)
    if type(value) is not int or value < 1:
        raise NodeClassError(node_class, f"{attribute} must be a whole number from 1, not {value!r}")
    return value


def _text(node_class: type[Node], attribute: str) -> str:
    value = getattr(node_class, attribute)
    if not isinstance(value, str):
        raise NodeClassError(node_class, f"{attribute} must be text, not {value!r}")
    return value


def _mapping(node_class: type[Node], attribute: str) -> JsonObject:
    value = getattr(node_class, attribute)
    if not isinstance(value, Mapping):
        raise NodeClassError(node_class, f"{attribute} must be a dict, not {value!r}")
    return dict(value)


def _secrets(node_class: type[Node]) -> tuple[str, ...]:
    secrets = node_class.secrets
    if isinstance(secrets, str) or not isinstance(secrets, Sequence):
        raise NodeClassError(node_class, 'secrets must be names, such as secrets = ("API_KEY",)')
    for name in secrets:
        if name != ALL_SECRETS and not (isinstance(name, str) and is_secret_name(name)):
            raise NodeClassError(
                node_class, f"{name!r} can't be a secret's name: letters, digits and _, beginning with no digit"
            )
    return tuple(dict.fromkeys(secrets))


def _description(node_class: type[Node]) -> str:
    """The class's own docstring: an inherited one would describe the base class."""
    return inspect.cleandoc(node_class.__dict__.get("__doc__") or "")
