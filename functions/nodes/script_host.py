"""The program in which a script runs: it loads the code, calls ``main(inputs)``, and answers with the result or the failure.

``python -I -X utf8 script_host.py DESCRIPTOR`` reads its request from standard input, an object with ``code``, ``file``,
``folder``, ``inputs`` and ``most`` (bytes of the result), and writes its answer to the descriptor: `{"result": …}` or
`{"failure": {…}}`. Standard output and standard error are the script's alone. A script that ends the process itself
leaves no answer.

Standard library only, and little of it: it runs in the environment that the script's requirements made.
"""

import json
import linecache
import os
import sys
import traceback
from contextlib import suppress
from types import ModuleType, TracebackType
from typing import Any

_MAX_TRACEBACK = 8000
"""Characters of a traceback that are told; the beginning is cut, since the end says more."""

_MAX_MESSAGE = 4000

_MAX_DEPTH = 64
"""Levels of nesting that a run can hold; a look at a result that is no JSON goes no deeper."""

_TOO_DEEP = ("result", "it is nested too deeply, or holds itself")

_NO_MEMORY = b'{"failure": {"kind": "memory", "type": "MemoryError", "message": ""}}'
"""Made beforehand: when it is needed there may be no memory to make it."""


def main() -> None:
    """Answer the request on standard input."""
    channel, pid = int(sys.argv[1]), os.getpid()
    os.set_inheritable(channel, False)
    try:
        answer = _answer(_take_request())
    except MemoryError:
        answer = _NO_MEMORY
    # A copy of the process that the script forked may come by here too.
    if os.getpid() == pid:
        _write(channel, answer)


def _take_request() -> dict[str, Any]:
    with os.fdopen(os.dup(0), "rb") as file:
        request: dict[str, Any] = json.load(file)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True, errors="backslashreplace")  # type: ignore[union-attr]
    return request


def _answer(request: dict[str, Any]) -> bytes:
    file = request["file"]
    try:
        result = _call_main(request)
    except SystemExit:
        raise
    except SyntaxError as error:
        # An import of the script may be at fault as well; then the line is in another file.
        kind = "syntax" if error.filename == file else "exception"
        return _failure(kind, error, file, error.lineno if kind == "syntax" else None)
    except _NoMainError as error:
        return _failure("no-main", error, file)
    except MemoryError as error:
        return _encoded("memory", error, _line_of(error.__traceback__, file), "")
    # The edge of a user's code: whatever it raises is its failure.
    except BaseException as error:
        return _failure("exception", error, file)
    return _result(result, request["most"])


class _NoMainError(Exception):
    """The code defines no function ``main``."""


def _call_main(request: dict[str, Any]) -> object:
    module = ModuleType("script")
    module.__file__ = request["file"]
    sys.modules["script"] = module
    if request["folder"]:
        sys.path.insert(0, request["folder"])
    code, file = request["code"], request["file"]
    # Tracebacks show lines of code that is in no file.
    linecache.cache[file] = (len(code), None, code.splitlines(keepends=True), file)
    exec(compile(code, file, "exec"), module.__dict__)
    function = getattr(module, "main", None)
    if not callable(function):
        raise _NoMainError("it defines no function main; write `def main(inputs):` and return the result")
    result = function(request["inputs"])
    if hasattr(result, "__await__"):
        import asyncio

        return asyncio.run(_await(result))
    return result


async def _await(awaitable: Any) -> object:
    return await awaitable


def _result(result: object, most: int) -> bytes:
    try:
        text = json.dumps(result, allow_nan=False, default=_plain)
    except RecursionError:
        return _refused(*_TOO_DEEP)
    except (TypeError, ValueError) as error:
        return _refused(*(_first_bad(result, "result") or ("result", str(error))))
    if len(text) > most:
        return _refused(
            "result", f"it takes {len(text):,} bytes as JSON, more than {most:,}; write it to a store instead"
        )
    return f'{{"result": {text}}}'.encode()


def _plain(value: object) -> object:
    """What JSON lacks and templates write as text: dates, times, UUIDs; and members of enumerations."""
    # By their names, so that nothing has to be imported: what the script does not use is not here.
    match type(value).__module__, value:
        case ("uuid", _):
            return str(value)
        case ("datetime", _) if hasattr(value, "isoformat"):
            return value.isoformat()
    if hasattr(type(value), "__members__"):
        return value.value  # type: ignore[attr-defined]
    raise TypeError(f"a {type(value).__name__} is not JSON")


def _first_bad(value: object, place: str, depth: int = 0) -> tuple[str, str] | None:
    """Where in the result the first thing stands that is not JSON, and what it is."""
    if depth > _MAX_DEPTH:
        return _TOO_DEEP
    if isinstance(value, dict):
        parts = [(f"{place}[{key!r}]", inner) for key, inner in value.items()]
    elif isinstance(value, (list, tuple)):
        parts = [(f"{place}[{index}]", inner) for index, inner in enumerate(value)]
    else:
        try:
            json.dumps(value, allow_nan=False, default=_plain)
        except TypeError:
            return place, f"a {type(value).__name__} is not JSON; return text, numbers, lists and dicts"
        except ValueError:
            return place, f"{value} is not JSON; return None or text"
        return None
    return next((bad for where, inner in parts if (bad := _first_bad(inner, where, depth + 1)) is not None), None)


def _refused(place: str, reason: str) -> bytes:
    return json.dumps({"failure": {"kind": "result", "type": "", "message": f"{place}: {reason}"}}).encode()


def _failure(kind: str, error: BaseException, file: str, line: int | None = None) -> bytes:
    trimmed = _own_part(error.__traceback__, file)
    lines = traceback.format_exception(type(error), error, trimmed)
    at = line or _line_of(error.__traceback__, file)
    return _encoded(kind, error, at, "" if kind == "no-main" else "".join(lines)[-_MAX_TRACEBACK:])


def _encoded(kind: str, error: BaseException, line: int | None, told: str) -> bytes:
    retryable = getattr(error, "retryable", None)
    failure = {
        "kind": kind,
        "type": type(error).__name__,
        "message": _text_of(error)[:_MAX_MESSAGE],
        "line": line,
        "retryable": retryable if isinstance(retryable, bool) else isinstance(error, (ConnectionError, TimeoutError)),
        "traceback": told,
    }
    return json.dumps({"failure": failure}).encode()


def _text_of(error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return error.msg
    # An exception's own text may fail, and must not hide what happened.
    with suppress(Exception):
        return str(error)
    return "<its text can't be shown>"


def _own_part(trace: TracebackType | None, file: str) -> TracebackType | None:
    """The traceback from the script's first line on, without what called it."""
    while trace is not None and trace.tb_frame.f_code.co_filename != file:
        trace = trace.tb_next
    return trace


def _line_of(trace: TracebackType | None, file: str) -> int | None:
    """The innermost line of the script itself: what was called from there is somebody else's code."""
    line = None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == file:
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _write(channel: int, answer: bytes) -> None:
    left = memoryview(answer)
    while left:
        left = left[os.write(channel, left) :]


if __name__ == "__main__":
    main()
