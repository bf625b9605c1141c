"""``python -P -m functions TYPE…``: a function process, as its container starts it, to serve or to carry out one order.

The composition root of this process: everything that the environment says is read here.
"""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from flume.errors import FlumeError, SettingError
from flume.secret_values import read_secret_values
from functions.environment import FUNCTION_KEY, read_node_settings
from functions.process import FunctionOptions, serve

JOB_EVENT = Path("/etc/jobsink-event/event")
"""Where a Job that Knative's JobSink made finds its order."""

_STANDARD = frozenset(vars(logging.makeLogRecord({})))


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the types that the command line names, or carry out one order; the exit code.

    It is 0 when all was done, 2 when it could not begin, and 1 when nobody could be told how the order went.
    """
    try:
        return 0 if run(sys.argv[1:] if arguments is None else arguments) else 1
    except FlumeError as error:
        sys.stderr.write(f"{error}\n")
        return 2


def run(arguments: Sequence[str], on_loaded: Callable[[], None] = lambda: None) -> bool:
    """Like `main`, for a caller who tells what is wrong in its own way. False: it is not known how an order went.

    Raises `FlumeError`.
    """
    options = read_options(arguments, os.environ)
    # What nodes start inherits the rest.
    os.environ.pop(FUNCTION_KEY, None)
    _configure_logging(os.environ.get("LOG_LEVEL", "info"))
    if options.event_file is None:
        asyncio.run(serve(options, on_loaded))
        return True
    # Here, since a server needs none of it.
    from functions.job import run_job

    return asyncio.run(run_job(options, options.event_file))


def read_options(arguments: Sequence[str], environment: Mapping[str, str]) -> FunctionOptions:
    """What the command line and the environment say. Raises `SettingError` for what the environment says wrongly."""
    given = _parser().parse_args(arguments)
    secrets_dir = environment.get("FLUME_SECRETS_DIR", "")
    types = given.types or environment.get("FLUME_NODE_TYPES", "").split()
    if not types:
        raise SettingError(
            "FLUME_NODE_TYPES", "expected node types, divided by blanks, where the command line names none"
        )
    is_job = environment.get("KNATIVE_EXECUTION_MODE") == "batch"
    paths = given.nodes or [text for text in environment.get("FLUME_NODES", "").split(os.pathsep) if text]
    return FunctionOptions(
        types=tuple(types),
        host=given.host,
        port=int(_number(environment, "PORT", "8080", most=65_535)) if given.port is None else given.port,
        node_paths=tuple(Path(path) for path in paths),
        engine_url=environment.get("ENGINE_URL", ""),
        grace_s=_number(environment, "FLUME_GRACE", "10", most=86_400),
        ready_fd=given.ready_fd,
        ends_with_stdin=given.ends_with_stdin,
        ready_url=environment.get("FLUME_READY_URL", ""),
        redis_url=_redis_url(environment),
        event_file=given.event or (JOB_EVENT if is_job else None),
        key=environment.get(FUNCTION_KEY, ""),
        settings=read_node_settings(environment),
        secrets=read_secret_values(environment, Path(secrets_dir) if secrets_dir else None),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -P -m functions", description="Serve node types as a function.")
    parser.add_argument(
        "types", nargs="*", metavar="TYPE", help="a node type to serve; else those of $FLUME_NODE_TYPES"
    )
    parser.add_argument("--event", type=Path, metavar="FILE", help="carry out the order in this file and end")
    parser.add_argument("--nodes", action="append", metavar="PATH", help="a file or folder with custom nodes")
    parser.add_argument("--host", default="0.0.0.0", help="the address to listen on")
    parser.add_argument("--port", type=int, help="the port, else $PORT, else 8080; 0 takes a free one")
    parser.add_argument("--ready-fd", type=int, help="a file descriptor that is told the port once events can come")
    parser.add_argument("--ends-with-stdin", action="store_true", help="stop when standard input ends")
    return parser


def _redis_url(environment: Mapping[str, str]) -> str:
    url = environment.get("REDIS_URL", "")
    if url and not url.startswith(("redis://", "rediss://", "unix://")):
        raise SettingError("REDIS_URL", "expected an address such as redis://host:6379/0, or rediss:// for TLS")
    return url


def _number(environment: Mapping[str, str], name: str, default: str, *, most: int) -> float:
    text = environment.get(name, default)
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= most:
        raise SettingError(name, f"'{text[:40]}' is not a number from 0 to {most}")
    return value


def _configure_logging(level: str) -> None:
    if level.upper() not in logging.getLevelNamesMapping():
        raise SettingError("LOG_LEVEL", f"'{level[:40]}' is none of debug, info, warning, error")
    handler = logging.StreamHandler()
    handler.setFormatter(_LineFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler])
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


class _LineFormatter(logging.Formatter):
    """``warning functions.process: a sentence  file=… reason=…``; whoever collects the lines adds the time."""

    def format(self, record: logging.LogRecord) -> str:
        given = {name: value for name, value in vars(record).items() if name not in _STANDARD}
        fields = "".join(f"  {name}={value}" for name, value in given.items())
        trace = "\n" + self.formatException(record.exc_info) if record.exc_info else ""
        return f"{record.levelname.lower()} {record.name}: {record.getMessage()}{fields}{trace}"


if __name__ == "__main__":
    sys.exit(main())
