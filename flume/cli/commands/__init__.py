"""The commands as Typer sees them: signatures and help. What they do is in the modules that they import when called."""

import os
from typing import Annotated

import typer

from flume.cli.commands import functions, here, nodes, pipelines, resources, runs, servers, stores

app = typer.Typer(
    name="flume",
    help="Pipelines of nodes and edges, run durably.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Help as plain text: drawing it would cost a third of a second at each call.
    rich_markup_mode=None,
)


@app.callback()
def common(
    debug: Annotated[bool, typer.Option("--debug", help="Log everything, and show where an error comes from.")] = False,
) -> None:
    """Pipelines of nodes and edges, run durably."""
    if debug:
        os.environ["LOG_LEVEL"] = "debug"


here.add_to(app)
servers.add_to(app)
stores.add_to(app)
resources.add_to(app)
runs.add_to(app)
pipelines.add_to(app)
app.add_typer(nodes.app)
app.add_typer(functions.app)
