"""The body of a response: read in bounds, decompressed in bounds, and made into a value.

The size that counts is the decompressed one, and it is checked while the data comes in: neither an endless response nor a
small one that unpacks to gigabytes takes more memory than ``max_bytes`` and a chunk.
"""

import base64
import codecs
import json
import zlib
from collections.abc import AsyncIterable, Iterator
from typing import Any, Protocol

from flume.errors import NodeError
from flume.values import JsonValue

_CHUNK = 64 * 1024
_PACKING_OVERHEAD = 1024 * 1024
"""By how much compression may make data larger, generously."""
_TEXT_TYPES = frozenset(
    {
        "application/ecmascript",
        "application/graphql",
        "application/javascript",
        "application/sql",
        "application/toml",
        "application/x-javascript",
        "application/x-ndjson",
        "application/x-sh",
        "application/x-www-form-urlencoded",
        "application/x-yaml",
        "application/xml",
        "application/yaml",
        "image/svg+xml",
    }
)
_ODD_CODECS = frozenset({"idna", "punycode", "raw_unicode_escape", "undefined", "unicode_escape"})
"""Codecs of Python that no server means by a charset."""


class BodyTooLargeError(Exception):
    """The body has more bytes than allowed."""


class UnreadableBodyError(Exception):
    """The body is not what its header fields say. The message is a reason without data."""


class _Decoder(Protocol):
    def feed(self, data: bytes) -> Iterator[bytes]: ...
    def finish(self) -> None: ...


async def read_body(chunks: AsyncIterable[bytes], encoding: str, max_bytes: int) -> bytes:
    """The whole body, decompressed by ``Content-Encoding``.

    Raises `BodyTooLargeError` as soon as it passes ``max_bytes``, `UnreadableBodyError` for damaged data or an unknown encoding.
    """
    decoder = _decoder_for(encoding)
    parts: list[bytes] = []
    received = size = 0
    async for chunk in chunks:
        received += len(chunk)
        if received > max_bytes + _PACKING_OVERHEAD:
            raise BodyTooLargeError
        for part in decoder.feed(chunk):
            size += len(part)
            if size > max_bytes:
                raise BodyTooLargeError
            parts.append(part)
    if received:
        decoder.finish()
    return b"".join(parts)


def value_of(body: bytes, content_type: str) -> JsonValue:
    """The body as its type says: parsed JSON, text, or base64 text of anything else. An empty body is null.

    Without a type it is text if it is valid UTF-8. Raises `UnreadableBodyError` for JSON that is none.
    """
    if not body:
        return None
    media_type, charset = _split_type(content_type)
    if media_type in ("application/json", "text/json") or media_type.endswith("+json"):
        return _json(body)
    if media_type.startswith("text/") or media_type.endswith("+xml") or media_type in _TEXT_TYPES:
        return _text(body, charset)
    if not media_type:
        try:
            return body.decode("utf-8")
        except UnicodeDecodeError:
            pass
    return base64.b64encode(body).decode("ascii")


def _decoder_for(encoding: str) -> _Decoder:
    match encoding.strip().lower():
        case "" | "identity":
            return _Plain()
        case "gzip" | "x-gzip":
            return _Inflating(zlib.MAX_WBITS | 16)
        case "deflate":
            return _Inflating(zlib.MAX_WBITS)
        case _:
            return _Unknown()


class _Plain:
    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data

    def finish(self) -> None:
        pass


class _Unknown:
    """An encoding that was not asked for, or several on top of each other, which is how bombs are made."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        raise UnreadableBodyError("it is compressed in a way that was not asked for")

    def finish(self) -> None:
        pass


class _Inflating:
    """Unpacks in pieces of at most `_CHUNK` bytes. ``deflate`` comes with or without zlib's frame: servers differ."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._is_gzip = window > zlib.MAX_WBITS
        self._inflater = zlib.decompressobj(window)
        self._is_first = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        part = b""
        while data or len(part) == _CHUNK:
            if self._inflater.eof:
                self._start_next_member(data)
            part = self._inflate(data)
            if part:
                yield part
            data = self._inflater.unused_data if self._inflater.eof else self._inflater.unconsumed_tail

    def finish(self) -> None:
        if not self._inflater.eof:
            raise UnreadableBodyError("its compressed data ends too early")

    def _start_next_member(self, data: bytes) -> None:
        """A gzip stream may be several in a row; nothing may follow any other."""
        if data and not self._is_gzip:
            raise UnreadableBodyError("its compressed data is followed by something else")
        if data:
            self._inflater = zlib.decompressobj(self._window)

    def _inflate(self, data: bytes) -> bytes:
        try:
            part = self._inflater.decompress(data, _CHUNK)
        except zlib.error:
            if not self._is_first or self._window != zlib.MAX_WBITS:
                raise UnreadableBodyError("its compressed data is damaged") from None
            self._window = -zlib.MAX_WBITS
            self._inflater = zlib.decompressobj(self._window)
            return self._inflate(data)
        self._is_first = False
        return part


def _split_type(content_type: str) -> tuple[str, str]:
    media_type, *parameters = content_type.split(";")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return media_type.strip().lower(), value.strip().strip("\"'")
    return media_type.strip().lower(), ""


def _json(body: bytes) -> Any:
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise UnreadableBodyError("it is called JSON but is not") from None


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _text(body: bytes, charset: str) -> str:
    try:
        codec = codecs.lookup(charset or "utf-8").name
    except (LookupError, ValueError):
        codec = "utf-8"
    if codec in _ODD_CODECS:
        codec = "utf-8"
    try:
        return body.decode("utf-8-sig" if codec == "utf-8" else codec, errors="replace")
    except LookupError:  # a codec that is not for text, such as "zlib"
        return body.decode("utf-8-sig", errors="replace")


def too_large(where: str, max_bytes: int) -> NodeError:
    """The failure of a node whose response passed its limit."""
    return NodeError(
        f"{where}: the response is larger than maxBytes, {max_bytes:,} bytes",
        code="response-too-large",
        retryable=False,
    )
