"""Splits a ``multipart/form-data`` body into its parts, within bounds."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from eventing.header_values import split_parameters
from flume.errors import RequestError, TooLargeError

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_PARTS = 200
"""Parts of one body."""

MAX_FIELD = 1024 * 1024
"""Bytes of a part that is a form field."""

MAX_FILE = 4 * 1024 * 1024
"""Bytes of a part that is a file. It goes into the run whole; what is larger belongs into a store that a node reads."""

_PLAIN_ENCODINGS = ("", "7bit", "8bit", "binary")


@dataclass(frozen=True, slots=True)
class Part:
    """One part. ``filename`` is None for a field; for a file it has no folders. ``content_type`` may be empty."""

    name: str
    filename: str | None
    content_type: str
    content: bytes


def split_parts(body: bytes, boundary: str) -> list[Part]:
    """The parts in order. Raises `flume.errors.RequestError` for a broken body and `TooLargeError` for one over the bounds."""
    if not boundary:
        message = "the Content-Type multipart/form-data names no boundary"
        raise RequestError(message, code="bad-body", hint="let the HTTP client write the Content-Type")
    reader = _Reader()
    try:
        MultipartParser(boundary.encode(), reader.callbacks()).write(body)
    except FormParserError as error:
        raise RequestError(f"the body is not valid multipart/form-data: {error}", code="bad-body") from error
    if not reader.ended:
        raise RequestError("the multipart body ends before its last boundary", code="bad-body")
    return reader.parts


@dataclass(slots=True)
class _Reader:
    """Gathers what the parser reports. Names and values of headers arrive in pieces."""

    parts: list[Part] = field(default_factory=list)
    ended: bool = False
    _headers: dict[str, str] = field(default_factory=dict)
    _name: bytearray = field(default_factory=bytearray)
    _value: bytearray = field(default_factory=bytearray)
    _content: bytearray = field(default_factory=bytearray)
    _field: str = ""
    _filename: str | None = None

    def callbacks(self) -> "MultipartCallbacks":
        return {
            "on_part_begin": self._begin,
            "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_headers,
            "on_part_data": lambda data, start, end: self._add(data[start:end]),
            "on_part_end": self._end_part,
            "on_end": self._end,
        }

    def _begin(self) -> None:
        if len(self.parts) == MAX_PARTS:
            raise TooLargeError("the multipart body", MAX_PARTS, "parts")
        self._headers.clear()
        self._content.clear()

    def _end_header(self) -> None:
        self._headers[self._name.decode("latin-1").lower()] = self._value.decode("latin-1").strip()
        self._name.clear()
        self._value.clear()

    def _end_headers(self) -> None:
        kind, parameters = split_parameters(self._headers.get("content-disposition", ""))
        if kind != "form-data" or "name" not in parameters:
            message = f"part {len(self.parts) + 1} of the body has no Content-Disposition: form-data with a name"
            raise RequestError(message, code="bad-body")
        encoding = self._headers.get("content-transfer-encoding", "").lower()
        if encoding not in _PLAIN_ENCODINGS:
            message = f"part '{parameters['name'][:40]}' has the transfer encoding '{encoding[:40]}'"
            raise RequestError(message, code="bad-body", hint="send parts as they are, without an encoding")
        self._field = parameters["name"]
        filename = parameters.get("filename")
        # Some clients send a whole path, and some callers one that leads elsewhere: only the last step is a name.
        self._filename = None if filename is None else filename.replace("\\", "/").rpartition("/")[2]

    def _add(self, data: bytes) -> None:
        limit = MAX_FIELD if self._filename is None else MAX_FILE
        if len(self._content) + len(data) > limit:
            raise TooLargeError(f"part '{self._field[:40]}' of the body", limit)
        self._content.extend(data)

    def _end_part(self) -> None:
        content_type = self._headers.get("content-type", "")
        self.parts.append(Part(self._field, self._filename, content_type, bytes(self._content)))

    def _end(self) -> None:
        self.ended = True
