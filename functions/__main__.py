"""``python -P -m functions TYPE…``: a function process, as its container starts it.

The composition root of this process: everything that the environment says is read here.
"""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from flume.errors import FlumeError, SettingError
from flume.nodes.node import NodeSettings
from flume.secret_values import read_secret_values
from functions.process import FunctionOptions, serve

_STANDARD = frozenset(vars(logging.makeLogRecord({})))


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve the types that the command line names; the exit code."""
    try:
        options = read_options(sys.argv[1:] if arguments is None else arguments, os.environ)
        _configure_logging(os.environ.get("LOG_LEVEL", "info"))
        asyncio.run(serve(options))
    except FlumeError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


def read_options(arguments: Sequence[str], environment: Mapping[str, str]) -> FunctionOptions:
    """What the command line and the environment say. Raises `SettingError` for what the environment says wrongly."""
    given = _parser().parse_args(arguments)
    secrets_dir = environment.get("FLUME_SECRETS_DIR", "")
    paths = given.nodes or [text for text in environment.get("FLUME_NODES", "").split(os.pathsep) if text]
    return FunctionOptions(
        types=tuple(given.types),
        host=given.host,
        port=int(_number(environment, "PORT", "8080", most=65_535)) if given.port is None else given.port,
        node_paths=tuple(Path(path) for path in paths),
        engine_url=environment.get("ENGINE_URL", ""),
        grace_s=_number(environment, "FLUME_GRACE", "10", most=86_400),
        ready_fd=given.ready_fd,
        ends_with_stdin=given.ends_with_stdin,
        settings=read_node_settings(environment),
        secrets=read_secret_values(environment, Path(secrets_dir) if secrets_dir else None),
    )


def read_node_settings(environment: Mapping[str, str]) -> NodeSettings:
    """What the operator of this process decides for its nodes."""
    cache = environment.get("FLUME_CACHE", "")
    return NodeSettings(
        http_allow=_split(environment.get("FLUME_HTTP_ALLOW", "")),
        http_deny=_split(environment.get("FLUME_HTTP_DENY", "")),
        llm_url=environment.get("VLLM_URL", ""),
        llm_api_key=environment.get("VLLM_API_KEY", ""),
        mongodb_url=environment.get("FLUME_NODE_MONGODB_URL") or environment.get("MONGODB_URL", ""),
        redis_url=environment.get("FLUME_NODE_REDIS_URL") or environment.get("REDIS_URL", ""),
        platform_database=environment.get("DB_NAME", "flume"),
        cache=Path(cache) if cache else None,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -P -m functions", description="Serve node types as a function.")
    parser.add_argument("types", nargs="+", metavar="TYPE", help="a node type to serve")
    parser.add_argument("--nodes", action="append", metavar="PATH", help="a file or folder with custom nodes")
    parser.add_argument("--host", default="0.0.0.0", help="the address to listen on")
    parser.add_argument("--port", type=int, help="the port, else $PORT, else 8080; 0 takes a free one")
    parser.add_argument("--ready-fd", type=int, help="a file descriptor that is told the port once events can come")
    parser.add_argument("--ends-with-stdin", action="store_true", help="stop when standard input ends")
    return parser


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


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


if __name__ == "__main__":
    sys.exit(main())
