"""CloudEvents 1.0 over HTTP: an event as a value, and its binary, structured and batched forms.

A small codec of our own, because reading an event here costs a sixth of what the SDK takes and nothing that is missing is
made up: an event without ``id`` would be new each time it is sent. Tests hold it against the SDK. All context attributes are
text here, as they are in headers; a structured event's booleans and integers become their canonical text.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from urllib.parse import quote, unquote_to_bytes

import orjson

from eventing.json_data import checked, read_json
from flume.errors import RequestError
from flume.values import JsonValue

JSON = "application/json"
STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"

MAX_BATCH = 1_000
"""Events of one batch."""

MAX_ATTRIBUTE = 4_096
"""Characters of one attribute."""

MAX_ATTRIBUTES = 256
"""Attributes of one event, those that every event has among them."""

Headers = Iterable[tuple[str, str]]
"""Names in lower case, and values."""

_REQUIRED = ("specversion", "id", "source", "type")
_NAME = re.compile(r"[a-z0-9]{1,64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_TEXT_CHARSETS = frozenset({"", "utf-8", "us-ascii"})
_KEPT_IN_HEADERS = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')
"""What stays as it is in a header: printable ASCII but the blank, the quotation mark and the percent sign."""


class MalformedEventError(RequestError):
    """What was sent is not a CloudEvent; sending it again won't help."""

    code = "malformed-event"


@dataclass(frozen=True, slots=True)
class CloudEvent:
    """One event. ``data`` is JSON, text for a text type, or bytes for all else; ``extensions`` have lower-case names."""

    id: str
    source: str
    type: str
    subject: str | None = None
    time: datetime | None = None
    datacontenttype: str | None = None
    dataschema: str | None = None
    extensions: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    data: JsonValue | bytes = field(default=None, repr=False)

    @property
    def attributes(self) -> dict[str, str]:
        """All context attributes and extensions as text."""
        own = {
            "specversion": "1.0",
            "id": self.id,
            "source": self.source,
            "type": self.type,
            "subject": self.subject,
            "time": None if self.time is None else written_time(self.time),
            "datacontenttype": self.datacontenttype,
            "dataschema": self.dataschema,
        }
        return {**{name: value for name, value in own.items() if value is not None}, **self.extensions}


def written_time(moment: datetime) -> str:
    """A moment as RFC 3339 in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def read_time(text: str) -> datetime | None:
    """The moment of an RFC 3339 text, in UTC; None if it is none."""
    try:
        moment = datetime.fromisoformat(text)
        return None if moment.tzinfo is None else moment.astimezone(UTC)
    # Overflow: a moment of year 1 or 9999 that lies in no year of UTC.
    except (ValueError, OverflowError):
        return None


def encode_binary(event: CloudEvent) -> tuple[dict[str, str], bytes]:
    """Headers (lower-case) and body of an event whose attributes travel as headers."""
    attributes = event.attributes
    headers = {
        f"ce-{name}": quote(value, safe=_KEPT_IN_HEADERS)
        for name, value in attributes.items()
        if name != "datacontenttype"
    }
    if event.data is None:
        return headers, b""
    if isinstance(event.data, bytes):
        return {**headers, "content-type": event.datacontenttype or "application/octet-stream"}, event.data
    content_type = event.datacontenttype or JSON
    if isinstance(event.data, str) and not _is_json(content_type):
        return {**headers, "content-type": content_type}, event.data.encode()
    return {**headers, "content-type": content_type}, orjson.dumps(event.data)


def encode_structured(event: CloudEvent) -> tuple[dict[str, str], bytes]:
    """Headers and body of an event that is JSON as a whole."""
    return {"content-type": STRUCTURED}, orjson.dumps(to_json(event))


def encode_batch(events: Sequence[CloudEvent]) -> tuple[dict[str, str], bytes]:
    """Headers and body of several events in one."""
    return {"content-type": BATCH}, orjson.dumps([to_json(event) for event in events])


def to_json(event: CloudEvent) -> dict[str, JsonValue]:
    """An event in the JSON format."""
    written: dict[str, JsonValue] = dict(event.attributes)
    if isinstance(event.data, bytes):
        written["data_base64"] = b64encode(event.data).decode()
    elif event.data is not None:
        written["data"] = event.data
    return written


def from_json(value: JsonValue) -> CloudEvent:
    """The event of a value in the JSON format. Raises `flume.errors.RequestError`."""
    if not isinstance(value, Mapping):
        raise MalformedEventError("an event in the JSON format is an object")
    given = dict(value)
    data, encoded = given.pop("data", None), given.pop("data_base64", None)
    if encoded is not None:
        if data is not None:
            raise MalformedEventError("an event has either 'data' or 'data_base64'")
        data = _decoded(encoded)
        if _is_json(str(given.get("datacontenttype") or "application/octet-stream")):
            # The same event in binary mode has the same data.
            data = read_json(data)
    return _event({name: _attribute_text(name, each) for name, each in given.items() if each is not None}, data)


def decode(headers: Headers, body: bytes) -> tuple[CloudEvent, ...]:
    """The events of an HTTP request, whichever the mode: one, or those of a batch.

    Raises `MalformedEventError`, also where ``id``, ``source``, ``type`` or ``specversion`` is missing.
    """
    given = list(headers)
    content_type = next((value for name, value in given if name == "content-type"), "")
    media_type = _media_type(content_type)
    try:
        if media_type == BATCH:
            return _read_batch(read_json(body))
        if media_type == STRUCTURED:
            return (from_json(read_json(body)),)
        if media_type.startswith("application/cloudevents"):
            raise MalformedEventError(f"the format {media_type} is not known", hint=f"send {STRUCTURED}")
        return (_read_binary(given, content_type, body),)
    except MalformedEventError:
        raise
    except RequestError as error:
        raise MalformedEventError(str(error), pointer=error.pointer, hint=error.hint) from error


def decode_one(headers: Headers, body: bytes) -> CloudEvent:
    """The event of an HTTP message that holds exactly one. Raises `MalformedEventError`."""
    events = decode(headers, body)
    if len(events) != 1:
        raise MalformedEventError(f"expected one event, not a batch of {len(events)}")
    return events[0]


def _read_batch(value: JsonValue) -> tuple[CloudEvent, ...]:
    if not isinstance(value, list):
        raise MalformedEventError("a batch is an array of events")
    if len(value) > MAX_BATCH:
        raise MalformedEventError(f"a batch has {MAX_BATCH:,} events at most, not {len(value):,}")
    return tuple(_read_of_batch(index, each) for index, each in enumerate(value))


def _read_of_batch(index: int, value: JsonValue) -> CloudEvent:
    try:
        return from_json(value)
    except RequestError as error:
        message = f"event {index} of the batch, counted from 0: {error}"
        raise MalformedEventError(message, pointer=f"/{index}{error.pointer}", hint=error.hint) from error


def _read_binary(headers: Sequence[tuple[str, str]], content_type: str, body: bytes) -> CloudEvent:
    attributes: dict[str, str] = {}
    for header, value in headers:
        if header.startswith("ce-"):
            name = header.removeprefix("ce-")
            if name in attributes:
                raise MalformedEventError(f"the header {header} comes more than once")
            attributes[name] = _header_text(header, value)
    if not attributes:
        hint = f"send ce-id, ce-source, ce-type and ce-specversion as headers, or the event as {STRUCTURED}"
        raise MalformedEventError("this is no CloudEvent", hint=hint)
    if content_type:
        attributes["datacontenttype"] = content_type
    return _event(attributes, _read_data(content_type, body))


def _read_data(content_type: str, body: bytes) -> JsonValue | bytes:
    if not body:
        return None
    if _is_json(content_type):
        return read_json(body)
    if _is_text(content_type):
        try:
            return checked(body.decode())
        except UnicodeDecodeError as error:
            raise MalformedEventError(f"byte {error.start} of the text is not UTF-8") from error
    return body


def _event(attributes: dict[str, str], data: JsonValue | bytes) -> CloudEvent:
    for name in _REQUIRED:
        if not attributes.get(name):
            raise MalformedEventError(f"the event has no '{name}'")
    if len(attributes) > MAX_ATTRIBUTES:
        raise MalformedEventError(f"an event has {MAX_ATTRIBUTES} attributes at most, not {len(attributes):,}")
    for name, value in attributes.items():
        if not _NAME.fullmatch(name) or name == "data":
            raise MalformedEventError(
                f"'{name[:80]}' is no attribute name: lower-case letters and digits, and not 'data'"
            )
        if _CONTROL.search(value):
            raise MalformedEventError(f"the attribute '{name}' holds a control character")
        if len(value) > MAX_ATTRIBUTE:
            raise MalformedEventError(f"the attribute '{name}' is longer than {MAX_ATTRIBUTE:,} characters")
    if attributes.pop("specversion") != "1.0":
        raise MalformedEventError("Flume takes CloudEvents of specversion 1.0")
    time = attributes.pop("time", None)
    return CloudEvent(
        id=attributes.pop("id"),
        source=attributes.pop("source"),
        type=attributes.pop("type"),
        subject=attributes.pop("subject", None) or None,
        time=None if time is None else _read_time(time),
        datacontenttype=_content_type(attributes.pop("datacontenttype", "")),
        dataschema=attributes.pop("dataschema", None) or None,
        extensions=attributes,
        data=data,
    )


def _attribute_text(name: str, value: JsonValue) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case _:
            raise MalformedEventError(f"the attribute '{name[:80]}' is neither text, nor an integer, nor a boolean")


def _content_type(text: str) -> str | None:
    if not text.isascii():
        raise MalformedEventError("datacontenttype is not ASCII")
    return text or None


def _read_time(text: str) -> datetime:
    moment = read_time(text)
    if moment is None:
        raise MalformedEventError(f"time '{text[:40]}' is not a moment such as 2026-11-24T09:00:00Z")
    return moment


def _header_text(header: str, value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] == '"':
        value = re.sub(r"\\(.)", r"\1", value[1:-1])
    try:
        return unquote_to_bytes(value.encode("latin-1")).decode()
    except (UnicodeDecodeError, UnicodeEncodeError) as error:
        raise MalformedEventError(f"the header {header} is not UTF-8 when percent-decoded") from error


def _decoded(encoded: JsonValue) -> bytes:
    try:
        return b64decode(encoded if isinstance(encoded, str) else b"=", validate=True)
    except (Base64Error, ValueError) as error:
        raise MalformedEventError("'data_base64' is not Base64") from error


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _is_text(content_type: str) -> bool:
    """Whether it is text that stays the same when it is read and written as UTF-8."""
    media_type, _, parameters = content_type.lower().partition(";")
    charset = parameters.partition("charset=")[2].partition(";")[0].strip(' "')
    return media_type.startswith("text/") and charset in _TEXT_CHARSETS


def _is_json(content_type: str) -> bool:
    media_type = _media_type(content_type)
    return media_type in ("", JSON) or media_type.endswith("+json")
