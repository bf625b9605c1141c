"""The two edges of a node call: what goes in is validated, what comes out becomes JSON that every store can hold.

An executor calls `prepare`, runs ``prepared.node.execute(prepared.input)`` in its own way (a task, a thread, at once), and hands
what came of it to `settle`, or the exception to `failure`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from enum import Enum
from inspect import iscoroutinefunction
from typing import TypeAlias
from uuid import UUID

from pydantic import BaseModel, ValidationError

from flume.errors import ExpressionError, NodeError
from flume.nodes.context import NodeContext
from flume.nodes.describe import config_model, input_model, output_adapter
from flume.nodes.node import Node
from flume.nodes.outcomes import Iterate, Outcome, Result, Sleep
from flume.nodes.types import ERROR, NodeType, Role
from flume.problems import join_pointer
from flume.values import BadValueError, JsonObject, JsonValue, check_value

MAX_META_BYTES = 16 * 1024
"""The most that a result's ``meta`` may take as JSON."""

MAX_ITEMS = 100_000
"""The most items of one loop."""

_SHOWN_ERRORS = 3

BaseOf: TypeAlias = Callable[[object], str]
"""The pointer of the place that a top-level key came from."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A node ready for its one call: ``node.execute(input)``."""

    node: Node
    input: BaseModel

    @property
    def is_async(self) -> bool:
        """Whether ``execute`` is to be awaited; if not, it may block."""
        return iscoroutinefunction(self.node.execute)


def prepare(
    node_type: NodeType,
    config: JsonObject,
    inputs: JsonObject,
    *,
    context: NodeContext,
    shared: object = None,
) -> Prepared:
    """Validate rendered ``config`` and ``inputs`` and make the node of one attempt.

    Raises `NodeError` ``bad-input`` (permanent), whose message names the fields as JSON pointers and never shows a value.
    """
    node_class = _implementation(node_type)
    model = config_model(node_class)
    options = None if model is None else _validate(model, config, lambda key: "/config")
    data = inputs if model is not None else {**config, **inputs}
    merged = model is None
    value = _validate(
        input_model(node_class),
        data,
        lambda key: "/config" if merged and key in config and key not in inputs else "/inputs",
    )
    return Prepared(node_class(context, options, shared), value)


def settle(node_type: NodeType, config: JsonObject, returned: object) -> Outcome:
    """Make an `Outcome` with checked JSON out of what ``execute`` returned. ``config`` decides the ports of some types.

    Raises `NodeError` ``bad-output`` (permanent) for what no store could hold, what is not of the declared ``Output``, a
    port that the node does not have, or meta above `MAX_META_BYTES`.
    """
    try:
        match returned:
            case Result():
                return _settle_result(node_type, config, returned)
            case Sleep():
                return _settle_sleep(node_type, returned)
            case Iterate():
                return _settle_iterate(node_type, returned)
            case _:
                return _settle_result(node_type, config, Result(returned))
    except BadValueError as error:
        raise _bad_output(node_type, f"output{error.pointer}: {error.reason}") from error


def failure(node_type: NodeType, error: Exception) -> NodeError:
    """What the run records of an exception that left ``execute``. ``retryable`` None is decided by the type already."""
    match error:
        case NodeError():
            retryable = node_type.retryable if error.retryable is None else error.retryable
            return NodeError(str(error), code=error.code, retryable=retryable, retry_after=error.retry_after)
        case ExpressionError():
            return NodeError(str(error), code=error.code, retryable=False)
        case TimeoutError():
            return NodeError(str(error) or "timed out", code="timeout", retryable=True)
        case ConnectionError():
            return NodeError(_sentence(error), code="connection", retryable=True)
        case _:
            return NodeError(_sentence(error), code="exception", retryable=node_type.retryable)


def as_json(value: object) -> JsonValue:
    """``value`` with models, dates, UUIDs and enum members made into JSON; anything else stays as it is.

    A moment becomes ISO 8601 in UTC with ``Z``, milliseconds only if there are any, as in templates.
    """
    match value:
        case None | bool() | int() | float() | str():
            return value.value if isinstance(value, Enum) else value
        case BaseModel():
            return value.model_dump(mode="json", by_alias=True)
        case datetime():
            return _moment(value)
        case date():
            return value.isoformat()
        case UUID():
            return str(value)
        case Enum():
            return as_json(value.value)
        case Mapping():
            return {key: as_json(inner) for key, inner in value.items()}
        case list() | tuple():
            return [as_json(inner) for inner in value]
        case _:
            return value


def _implementation(node_type: NodeType) -> type[Node]:
    if node_type.implementation is None:
        raise NodeError(
            f"node type '{node_type.name}' runs in a function, and not in this process",
            code="not-here",
            retryable=False,
        )
    return node_type.implementation


def _validate(model: type[BaseModel], data: JsonObject, base_of: BaseOf) -> BaseModel:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        found = error.errors(include_input=False, include_context=False, include_url=False)
        shown = "; ".join(_tell(each["loc"], each["msg"], base_of) for each in found[:_SHOWN_ERRORS])
        rest = f" (and {len(found) - _SHOWN_ERRORS} more)" if len(found) > _SHOWN_ERRORS else ""
        # `from None`: pydantic's own text shows the values, which may be secrets.
        raise NodeError(f"{shown}{rest}", code="bad-input", retryable=False) from None


def _tell(location: tuple[str | int, ...], message: str, base_of: BaseOf) -> str:
    base = base_of(location[0] if location else "")
    return f"{join_pointer(base, *location)}: {message.removeprefix('Value error, ')}"


def _settle_result(node_type: NodeType, config: JsonObject, result: Result) -> Result:
    ports = node_type.ports_for(config)
    if result.port not in ports:
        hint = "raise NodeError to leave by it" if result.port == ERROR else f"it has: {', '.join(ports)}"
        raise _bad_output(node_type, f"left by port '{result.port}'; {hint}")
    output = _checked(node_type, result.output)
    return Result(output, _checked_meta(node_type, result.meta), result.port)


def _settle_sleep(node_type: NodeType, sleep: Sleep) -> Sleep:
    if sleep.until.tzinfo is None:
        raise _bad_output(node_type, "Sleep.until has no time zone; use self.context.now + timedelta(…)")
    return replace(sleep, output=_checked(node_type, sleep.output))


def _settle_iterate(node_type: NodeType, iterate: Iterate) -> Iterate:
    if node_type.role is not Role.LOOP:
        raise _bad_output(node_type, "only a loop may return Iterate")
    count = iterate.times if iterate.items is None else len(iterate.items)
    if count is not None and not 0 <= count <= MAX_ITEMS:
        raise _bad_output(node_type, f"a loop has from 0 to {MAX_ITEMS:,} items, not {count:,}")
    if iterate.items is None:
        return iterate
    return replace(iterate, items=_plain(iterate.items))


def _checked(node_type: NodeType, output: object) -> JsonValue:
    adapter = output_adapter(_implementation(node_type))
    if adapter is None or output is None:
        return _plain(output)
    try:
        return _plain(adapter.validate_python(output))
    except ValidationError as error:
        first = error.errors(include_input=False, include_context=False, include_url=False)[0]
        raise _bad_output(node_type, f"output{join_pointer('', *first['loc'])}: {first['msg']}") from None


def _plain(value: object) -> JsonValue:
    """Checked JSON. What is JSON already, the usual case, is neither copied nor walked twice."""
    try:
        check_value(value)
        return value
    except BadValueError as refused:
        try:
            plain = as_json(value)
        except RecursionError:
            raise refused from None
        check_value(plain)
        return plain


def _checked_meta(node_type: NodeType, meta: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    if not meta:
        return meta
    try:
        plain = _plain(meta)
    except BadValueError as error:
        raise _bad_output(node_type, f"meta{error.pointer}: {error.reason}") from error
    size = len(json.dumps(plain, ensure_ascii=False, separators=(",", ":")).encode())
    if size > MAX_META_BYTES:
        raise _bad_output(
            node_type, f"meta takes {size:,} bytes of JSON, more than {MAX_META_BYTES:,}; return it as output"
        )
    return dict(plain)


def _bad_output(node_type: NodeType, problem: str) -> NodeError:
    return NodeError(f"node type '{node_type.name}': {problem}", code="bad-output", retryable=False)


def _moment(moment: datetime) -> str:
    if moment.tzinfo is None:
        return moment.isoformat()
    utc = moment.astimezone(UTC)
    return utc.isoformat(timespec="milliseconds" if utc.microsecond >= 1000 else "seconds").replace("+00:00", "Z")


def _sentence(error: Exception) -> str:
    text = str(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
