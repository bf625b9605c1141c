"""Values given on the command line: ``key=value``, JSON text, and ``@FILE``."""

import json
from collections.abc import Sequence
from pathlib import Path

from flume.errors import RequestError
from flume.ids import NodeId
from flume.values import BadValueError, JsonValue, check_value


def read_data(pairs: Sequence[str], whole: str | None) -> JsonValue:
    """The data of a run: ``whole`` as JSON or ``@FILE``, with ``pairs`` laid over it. None if nothing is given.

    Raises `RequestError` for what can't be read, and for pairs over data that is no object.
    """
    data = None if whole is None else read_json(whole, "--data")
    if not pairs:
        return data
    if data is not None and not isinstance(data, dict):
        raise RequestError("-d needs an object to put its values in, and --data is none", hint="use one of the two")
    return {**(data or {}), **dict(_pair(text, "-d") for text in pairs)}


def read_pins(pairs: Sequence[str]) -> dict[NodeId, JsonValue]:
    """Outputs given for nodes. Raises `RequestError`."""
    return {NodeId(_split(text, "--pin")[0]): read_json(_split(text, "--pin")[1], "--pin") for text in pairs}


def read_json(text: str, option: str) -> JsonValue:
    """JSON, from the text itself or from ``@FILE``. Raises `RequestError`."""
    if text.startswith("@"):
        try:
            text = Path(text[1:]).read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise RequestError(f"{option}: '{text[1:]}' can't be read: {error}") from error
    try:
        value = json.loads(text)
        check_value(value)
    except (ValueError, RecursionError, BadValueError) as error:
        raise RequestError(f"{option}: not JSON: {error}", hint="quote text: '\"like this\"'") from error
    return value


def _pair(text: str, option: str) -> tuple[str, JsonValue]:
    key, value = _split(text, option)
    try:
        parsed = json.loads(value)
        check_value(parsed)
    except (ValueError, RecursionError, BadValueError):
        return key, value
    return key, parsed


def _split(text: str, option: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise RequestError(f"{option}: '{text}' is not of the form key=value")
    return key, value
