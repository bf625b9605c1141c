"""Options and arguments that several commands share. Typer reads them off the commands' signatures."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Format(StrEnum):
    """How a command prints what it found. ``wide`` is text with more columns."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"
    WIDE = "wide"


class Picture(StrEnum):
    """The forms in which a graph is drawn."""

    TEXT = "text"
    MERMAID = "mermaid"
    SVG = "svg"


class Dispatched(StrEnum):
    """How orders get to functions on a cluster."""

    DIRECT = "direct"
    BROKER = "broker"


class Listed(StrEnum):
    """What `flume get` lists."""

    PIPELINES = "pipelines"
    RUNS = "runs"
    TRIGGERS = "triggers"
    NODES = "nodes"
    FUNCTIONS = "functions"
    SECRETS = "secrets"
    ORCHESTRATORS = "orchestrators"


def as_listed(text: str) -> Listed:
    """The kind that is named, in the plural or the singular. Raises `typer.BadParameter`."""
    for kind in Listed:
        if text in (kind, kind.removesuffix("s")):
            return kind
    raise typer.BadParameter(f"expected one of {', '.join(Listed)}, and '{text}' is none")


class Described(StrEnum):
    """What `flume describe` describes."""

    PIPELINE = "pipeline"
    RUN = "run"
    TRIGGER = "trigger"
    NODE = "node"
    FUNCTION = "function"


Output = Annotated[Format, typer.Option("-o", "--output", help="How to print it.")]

NodePaths = Annotated[
    list[Path] | None,
    typer.Option("--nodes", help="A file or folder with custom nodes; may be given several times."),
]

DataPairs = Annotated[
    list[str] | None,
    typer.Option(
        "-d",
        help="A value of the run's data, as key=value: a number, true, false, null, a list or an object in JSON is taken as "
        "such, everything else as text.",
        metavar="KEY=VALUE",
    ),
]

WholeData = Annotated[
    str | None,
    typer.Option("--data", help="All data: JSON, @FILE, or @- for the standard input.", metavar="JSON|@FILE"),
]

Pins = Annotated[
    list[str] | None,
    typer.Option("--pin", help="An output given for a node, which is not run then.", metavar="NODE=JSON|@FILE"),
]

Server = Annotated[
    str | None,
    typer.Option(
        "--server", help="The orchestrator's address. Default: ENGINE_URL.", metavar="URL", show_default=False
    ),
]

Namespace = Annotated[str, typer.Option("-n", "--namespace", help="The namespace.", show_default=True)]

PipelineName = Annotated[str, typer.Argument(help="A pipeline's name.", metavar="PIPELINE", show_default=False)]

RunIds = Annotated[list[str] | None, typer.Argument(help="Runs by id.", metavar="[RUN]...", show_default=False)]

RunId = Annotated[str, typer.Argument(help="A run's id.", metavar="RUN", show_default=False)]

Follow = Annotated[bool, typer.Option("--follow", "-f", help="Show what happens until the run has ended.")]

Wait = Annotated[bool, typer.Option("--wait", help="Print the result once the run has ended.")]
