"""Serves the built files: compressed as they were built, and kept by browsers for good where a name holds its content's hash."""

from pathlib import Path

from starlette.datastructures import Headers
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".ico": "image/x-icon",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".map": "application/json",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
"""Only these are served. What the system's own table says differs between machines."""

HASHED = "public, max-age=31536000, immutable"
UNHASHED = "public, max-age=3600"

_ENCODINGS = (("br", ".br"), ("gzip", ".gz"))


class StaticFiles:
    """The files below a folder. Whatever is not there is a plain 404, never a page."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        headers = Headers(scope=scope)
        path = scope["path"].removeprefix(scope.get("root_path", "")).lstrip("/")
        await self._answer(scope["method"], path, headers)(scope, receive, send)

    def _answer(self, method: str, path: str, headers: Headers) -> Response:
        if method not in ("GET", "HEAD"):
            return PlainTextResponse("method not allowed", 405)
        file = self._find(path)
        media_type = MEDIA_TYPES.get(file.suffix) if file is not None else None
        if file is None or media_type is None:
            return PlainTextResponse("there is no such file", 404)
        given = {"Cache-Control": HASHED if path.startswith("dist/") else UNHASHED, "Vary": "Accept-Encoding"}
        accepted = {each.partition(";")[0].strip() for each in headers.get("accept-encoding", "").split(",")}
        for name, suffix in _ENCODINGS:
            compressed = file.with_name(file.name + suffix)
            if name in accepted and compressed.is_file():
                return FileResponse(compressed, headers={**given, "Content-Encoding": name}, media_type=media_type)
        return FileResponse(file, headers=given, media_type=media_type)

    def _find(self, path: str) -> Path | None:
        try:
            file = (self._folder / path).resolve()
            return file if file.is_relative_to(self._folder) and file.is_file() else None
        except (ValueError, OSError):
            # No name of a file: with a NUL in it, or too long.
            return None
