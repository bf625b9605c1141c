"""What commands print: results on stdout, everything else on stderr.

No control character of a model, a node or a server reaches a terminal from here; into a pipe or file results go as they are.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from flume.cli.options import Format
from flume.cli.visible import visible
from flume.values import JsonValue


def say(line: str = "") -> None:
    """A line for people, on stderr."""
    sys.stderr.write(visible(line) + "\n")
    sys.stderr.flush()


def line_of_function(name: str, line: str) -> str:
    """What the function process of node type ``name`` printed, as it is shown. It may hold payloads: no log may have it."""
    return f"  {name}: {line}"


def print_text(text: str) -> None:
    """A result, on stdout."""
    shown = visible(text) if sys.stdout.isatty() else text
    sys.stdout.write(shown if shown.endswith("\n") else shown + "\n")
    sys.stdout.flush()


def as_json(value: JsonValue) -> str:
    """Indented JSON, with characters beyond ASCII as they are."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def as_yaml(value: JsonValue) -> str:
    """YAML whose keys keep their order."""
    # Here, because most calls print none and the import takes as long as the rest of a small command.
    import yaml

    text: str = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)
    return text


def print_value(value: JsonValue, format: Format) -> None:
    """A value as JSON, or as YAML where that is wanted."""
    print_text(as_yaml(value) if format is Format.YAML else as_json(value))


def print_done(sentence: str, record: JsonValue, format: Format) -> None:
    """What was done: a sentence, or the server's record of it for a program."""
    if format in (Format.JSON, Format.YAML):
        print_value(record, format)
    else:
        print_text(sentence)


def print_output(value: JsonValue, format: Format = Format.TEXT) -> None:
    """What a run gave: text as it is unless JSON or YAML is wanted, everything else as JSON or YAML."""
    if format in (Format.JSON, Format.YAML) or not isinstance(value, str):
        print_value(value, format)
    else:
        print_text(value)


def print_table(rows: Sequence[Sequence[str]], headings: Sequence[str]) -> None:
    """Rows under headings, in columns as wide as need be."""
    lines = [[heading.upper() for heading in headings], *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    for line in lines:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        print_text("  ".join(cells).rstrip())


def print_fields(fields: Mapping[str, Any]) -> None:
    """Names and values, one a line; what is empty is left out, and what is no text is shown as JSON."""
    shown = {name: value for name, value in fields.items() if value not in (None, "", [], {})}
    width = max((len(name) for name in shown), default=0)
    for name, value in shown.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        indented = text.replace("\n", "\n" + " " * (width + 3))
        print_text(f"{name + ':':<{width + 2}} {indented}")


def age(timestamp: str | None) -> str:
    """How long ago a moment was, in one unit; ``-`` for none."""
    if not timestamp:
        return "-"
    seconds = (datetime.now(UTC) - datetime.fromisoformat(timestamp)).total_seconds()
    if seconds < 0:
        return f"in {_span(-seconds)}"
    return _span(seconds)


def took(started_at: str | None, completed_at: str | None) -> str:
    """How long something took, empty if it has not both begun and ended."""
    if not started_at or not completed_at:
        return ""
    seconds = (datetime.fromisoformat(completed_at) - datetime.fromisoformat(started_at)).total_seconds()
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 60 else _span(seconds)


def _span(seconds: float) -> str:
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"
