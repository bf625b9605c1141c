"""``flume function``: function processes by hand."""

from typing import Annotated

import typer

from flume.cli.options import Format, NodePaths, Output

app = typer.Typer(name="function", help="Serve node types as a function, or try one out.", no_args_is_help=True)


@app.command()
def serve(
    types: Annotated[list[str], typer.Argument(help="The node types to serve.", metavar="TYPE...", show_default=False)],
    nodes: NodePaths = None,
    host: Annotated[
        str, typer.Option(help="The address to listen on; beyond loopback, set FLUME_FUNCTION_KEY.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port; 0 takes a free one.", envvar="PORT", min=0, max=65535)] = 8080,
) -> None:
    """Serve node types over HTTP until a signal comes; progress, lines and large data go to ENGINE_URL.

    Example: flume function serve resize --nodes nodes
    """
    from flume.cli.invoking import serve_types

    serve_types(types, nodes or [], host, port)


@app.command()
def invoke(
    type: Annotated[str, typer.Argument(help="A node type's name.", metavar="TYPE", show_default=False)],
    data: Annotated[
        list[str] | None, typer.Option("-d", help="A value of its inputs, as key=value.", metavar="KEY=VALUE")
    ] = None,
    data_json: Annotated[
        str | None,
        typer.Option("--data", help="All inputs: JSON, @FILE, or @- for the standard input.", metavar="JSON|@FILE"),
    ] = None,
    config: Annotated[
        str | None, typer.Option("--config", help="Its config: JSON, @FILE or @-.", metavar="JSON|@FILE")
    ] = None,
    nodes: NodePaths = None,
    url: Annotated[
        str | None,
        typer.Option("--url", help="Ask the function that serves there, with the values as they are.", metavar="URL"),
    ] = None,
    output: Output = Format.TEXT,
) -> None:
    """Run one attempt of a node type in a function process, and print its output alone, in all forms.

    Lines and partial output are shown on stderr. Expressions in values are evaluated as in a pipeline.

    Example: flume function invoke shout -d text=hello --nodes nodes
    """
    from flume.cli.invoking import invoke_at, invoke_here, read_call

    call = read_call(type, data, data_json, config)
    raise typer.Exit(invoke_here(call, nodes or [], output) if url is None else invoke_at(url, call, output))
