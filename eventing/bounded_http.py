"""A bound on the head of an HTTP request while it comes in: uvicorn's parser would collect one that does not end for ever.

A head that is whole has to be measured by the application: it may come in one piece.
"""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADERS_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
)


def bounded_protocol(max_head_bytes: int) -> type[HttpToolsProtocol]:
    """A protocol for ``uvicorn.Config(http=…)`` that gives up a connection whose request head is larger and does not end."""
    return type("BoundedProtocol", (_BoundedProtocol,), {"max_head_bytes": max_head_bytes})


class _BoundedProtocol(HttpToolsProtocol):
    max_head_bytes: int

    _head_bytes: int | None = 0
    """What has come of an unfinished head; None while a body is read."""

    _has_completed = False
    """Whether a head or a message ended in the data at hand, so that not all of it belongs to an unfinished head."""

    def data_received(self, data: bytes) -> None:
        self._has_completed = False
        super().data_received(data)
        if self._head_bytes is None or self._has_completed or self.transport.is_closing():
            return
        self._head_bytes += len(data)
        if self._head_bytes > self.max_head_bytes:
            self.transport.write(HEADERS_TOO_LARGE)
            self.transport.close()

    def on_headers_complete(self) -> None:
        self._head_bytes, self._has_completed = None, True
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._head_bytes, self._has_completed = 0, True
        super().on_message_complete()
