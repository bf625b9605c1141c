"""Values given on the command line: ``key=value``, JSON text, ``@FILE``, and ``@-`` for the standard input."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

from flume.errors import RequestError
from flume.ids import NodeId
from flume.values import BadValueError, JsonValue, check_value


def read_data(pairs: Sequence[str] | None, whole: str | None) -> JsonValue:
    """The data of a run: ``whole`` with ``pairs`` laid over it. None if nothing is given.

    Raises `RequestError` for what can't be read, and for pairs over data that is no object.
    """
    data = None if whole is None else read_json(whole, "--data")
    if not pairs:
        return data
    if data is not None and not isinstance(data, dict):
        raise RequestError("-d needs an object to put its values in, and --data is none", hint="use one of the two")
    return {**(data or {}), **read_pairs(pairs, "-d")}


def read_pairs(pairs: Sequence[str] | None, option: str) -> dict[str, JsonValue]:
    """An object out of ``key=value``.

    A value is taken as JSON if that makes it a number, true, false, null, a list or an object, and as text otherwise; so
    ``007`` and ``"quoted"`` are texts. Raises `RequestError` for what is no pair.
    """
    return {key: _value(text) for key, text in (_split(pair, option) for pair in pairs or ())}


def read_pins(pairs: Sequence[str] | None) -> dict[NodeId, JsonValue]:
    """Outputs given for nodes. Raises `RequestError`."""
    return {NodeId(node): read_json(text, "--pin") for node, text in (_split(pair, "--pin") for pair in pairs or ())}


def read_json(text: str, option: str) -> JsonValue:
    """JSON, from the text itself, from ``@FILE`` or, for ``@-``, from the standard input. Raises `RequestError`."""
    where = f"{option}: "
    if text.startswith("@"):
        where += f"{text[1:]}: "
        text = read_text(text[1:], option)
    try:
        value = json.loads(text)
        check_value(value)
    except (ValueError, RecursionError, BadValueError) as error:
        hint = "" if where != f"{option}: " else "text is quoted, '\"like this\"', and a file is named with @FILE"
        raise RequestError(f"{where}not JSON: {error}", hint=hint) from error
    return value


def read_text(file: str, option: str) -> str:
    """The text of a file, or of the standard input for ``-``. Raises `RequestError`."""
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text()
    except UnicodeDecodeError as error:
        raise RequestError(f"{option}: '{file}' is not UTF-8 text") from error
    except OSError as error:
        raise RequestError(f"{option}: '{file}' can't be read: {error.strerror}") from error


def _value(text: str) -> JsonValue:
    try:
        value = json.loads(text)
        check_value(value)
    except (ValueError, RecursionError, BadValueError):
        return text
    return text if isinstance(value, str) else value


def _split(text: str, option: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise RequestError(f"{option}: '{text}' is not of the form key=value")
    return key, value
