"""Logging, set up once by the command that composes a process: text for a terminal, JSON for everything else.

Messages are constant and facts are fields, so that both forms hold the same. Values of runs and secrets are never logged.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from flume.cli.settings import Settings

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def configure_logging(settings: Settings, *, least: int = logging.NOTSET) -> None:
    """Send the process's log to stderr, in the wanted form and from the wanted level on, but not below ``least``.

    Called again, it replaces what it set up before.
    """
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    is_text = settings.log_format == "text" or (settings.log_format == "auto" and sys.stderr.isatty())
    handler = StderrHandler()
    handler.setFormatter(TextFormatter() if is_text else JsonFormatter())
    root = logging.getLogger()
    root.handlers = [*(each for each in root.handlers if not isinstance(each, StderrHandler)), handler]
    # Whoever asks for debug gets it, also from commands that are quiet otherwise.
    root.setLevel(level if level <= logging.DEBUG else max(level, least))
    for name in ("httpx", "httpcore", "watchfiles", "asyncio", "uvicorn"):
        logging.getLogger(name).setLevel(max(level, logging.WARNING))


class StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to what is stderr at that moment."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> TextIO:
        """The present stderr."""
        return sys.stderr

    @stream.setter
    def stream(self, value: TextIO) -> None:
        raise AttributeError("the stream is always stderr")


class TextFormatter(logging.Formatter):
    """``12:30:01.250 warning a sentence  run=… node=…``"""

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        at = datetime.fromtimestamp(record.created).strftime("%H:%M:%S.%f")[:-3]
        fields = "".join(f"  {name}={value}" for name, value in fields_of(record).items())
        return f"{at} {record.levelname.lower():<7} {record.getMessage()}{fields}{_trace(self, record)}"


class JsonFormatter(logging.Formatter):
    """One object a line: ``{time, level, logger, message, …fields}``."""

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter`."""
        entry: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC)
            .isoformat(timespec="milliseconds")
            .replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **fields_of(record),
        }
        if record.exc_info:
            entry["exception"] = self.formatException(record.exc_info)
        return json.dumps(entry, ensure_ascii=False, default=str)


def fields_of(record: logging.LogRecord) -> dict[str, Any]:
    """What was given as ``extra``."""
    return {name: value for name, value in vars(record).items() if name not in _STANDARD}


def _trace(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    return "\n" + formatter.formatException(record.exc_info) if record.exc_info else ""
