"""Turns the body of an HTTP request into JSON that a run can hold, by its content type."""

from base64 import b64encode
from collections.abc import Iterable
from urllib.parse import parse_qsl

from eventing.header_values import decode_text, split_parameters
from eventing.json_data import checked, read_json
from eventing.multipart import Part, split_parts
from flume.errors import RequestError, TooLargeError
from flume.values import JsonValue

MAX_FIELDS = 1_000
"""Fields of one urlencoded form."""

_BINARY = "application/octet-stream"


def read_body(content_type: str, body: bytes) -> JsonValue:
    """What a body says.

    - Empty: None, whatever its type.
    - ``application/json`` and ``…+json``: the value.
    - Forms: ``{name: value}``, a list of values for a name that comes again. A file is ``{filename, contentType, size,
      content}`` with its content in Base64, or None when the form's file was left empty.
    - ``text/…``: the text.
    - All else: ``{contentType, size, content}``, the content in Base64.

    Raises `flume.errors.RequestError` when the body is not what its type says or holds what a store can't, and
    `flume.errors.TooLargeError` for a form with too many or too large fields.
    """
    if not body:
        return None
    media_type, parameters = split_parameters(content_type)
    if media_type == "application/x-www-form-urlencoded":
        value: JsonValue = _read_form(body, parameters.get("charset", ""))
    elif media_type == "multipart/form-data":
        parts = split_parts(body, parameters.get("boundary", ""))
        value = collect((part.name, _read_part(part)) for part in parts)
    else:
        value = _read_single(content_type, body)
    return checked(value)


def collect(pairs: Iterable[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    """Pairs as an object: a name that comes once has its value, one that comes again the list of its values, in order."""
    values: dict[str, list[JsonValue]] = {}
    for name, value in pairs:
        values.setdefault(name, []).append(value)
    return {name: found[0] if len(found) == 1 else found for name, found in values.items()}


def _read_single(content_type: str, body: bytes) -> JsonValue:
    media_type, parameters = split_parameters(content_type)
    charset = parameters.get("charset", "")
    if media_type == "application/json" or media_type.endswith("+json"):
        return read_json(decode_text(body, charset).encode())
    if media_type.startswith("text/"):
        return decode_text(body, charset)
    return binary_value(content_type, body)


def binary_value(content_type: str, content: bytes) -> dict[str, JsonValue]:
    """What neither JSON nor text is, as JSON: ``{contentType, size, content}``, the content in Base64."""
    return {"contentType": content_type or _BINARY, "size": len(content), "content": b64encode(content).decode()}


def _read_part(part: Part) -> JsonValue:
    if part.filename is None:
        return _read_single(part.content_type or "text/plain", part.content)
    if not part.filename and not part.content:
        return None
    return {"filename": part.filename, **binary_value(part.content_type, part.content)}


def _read_form(body: bytes, charset: str) -> dict[str, JsonValue]:
    text = decode_text(body, charset)
    if text.count("&") >= MAX_FIELDS:
        raise TooLargeError("the form", MAX_FIELDS, "fields")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, encoding=charset or "utf-8", errors="strict")
    except UnicodeDecodeError as error:
        message = f"a percent-encoded text in the form is not valid {charset or 'UTF-8'}"
        raise RequestError(message, code="bad-body", hint="name the character set in Content-Type") from error
    return collect(pairs)
