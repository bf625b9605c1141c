"""``flume nodes``: what nodes there are, and how to write one."""

from pathlib import Path
from typing import Annotated

import typer

from flume.cli.options import Format, Namespace, NodePaths, Output, Server

app = typer.Typer(name="nodes", help="List node types, show one, begin a new one.", no_args_is_help=True)

TypeName = Annotated[str, typer.Argument(help="A node type's name.", metavar="TYPE", show_default=False)]


@app.command("list")
def list_(nodes: NodePaths = None, output: Output = Format.TEXT) -> None:
    """List the node types that are known here.

    Example: flume nodes list --nodes nodes -o wide
    """
    from flume.cli.node_types import list_types

    list_types(nodes or [], output)


@app.command()
def show(type: TypeName, nodes: NodePaths = None, output: Output = Format.TEXT) -> None:
    """Show what a node type does, takes and gives.

    Example: flume nodes show http-request
    """
    from flume.cli.node_types import show_type

    show_type(type, nodes or [], output)


@app.command()
def describe(type: TypeName, nodes: NodePaths = None, output: Output = Format.JSON) -> None:
    """Print a node type with the JSON Schemas of its config, inputs and output, for programs.

    Example: flume nodes describe condition -o yaml
    """
    from flume.cli.node_types import show_type

    show_type(type, nodes or [], Format.YAML if output is Format.YAML else Format.JSON)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The name of the new type, such as send-mail.", show_default=False)],
    folder: Annotated[Path, typer.Option("--dir", help="Where to put the file.")] = Path("nodes"),
) -> None:
    """Write the file of a custom node to begin with.

    Example: flume nodes new send-mail
    """
    from flume.cli.scaffold import make_node

    make_node(name, folder)


@app.command("test")
def try_out(
    type: TypeName,
    config: Annotated[list[str] | None, typer.Option("-c", help="A value of its config.", metavar="KEY=VALUE")] = None,
    inputs: Annotated[list[str] | None, typer.Option("-i", help="A value of its inputs.", metavar="KEY=VALUE")] = None,
    namespace: Namespace = "default",
    server: Server = None,
    output: Output = Format.TEXT,
) -> None:
    """Run one node by itself on a server, and print its output.

    Example: flume nodes test template -c "template=Hello {{ 1 + 1 }}"
    """
    from flume.cli.acting import try_node
    from flume.cli.arguments import read_pairs
    from flume.cli.connecting import connect

    with connect(server, namespace) as client:
        is_fine = try_node(client, type, read_pairs(config, "-c"), read_pairs(inputs, "-i"), output)
        raise typer.Exit(0 if is_fine else 1)
