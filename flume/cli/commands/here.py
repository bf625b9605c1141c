"""Commands that need no server."""

from pathlib import Path
from typing import Annotated

import typer

from flume.cli.options import DataPairs, Dispatched, Format, Namespace, NodePaths, Output, Picture, Pins, WholeData

OnServer = Annotated[
    str | None, typer.Option("--server", help="Do it on this server, with its node types and secrets.", metavar="URL")
]


def run(
    file: Annotated[str, typer.Argument(help="The pipeline, as YAML or JSON; - reads it from the standard input.")],
    data: DataPairs = None,
    data_json: WholeData = None,
    pin: Pins = None,
    until: Annotated[str | None, typer.Option(help="The last node to run.", metavar="NODE")] = None,
    nodes: NodePaths = None,
    output: Output = Format.TEXT,
    server: OnServer = None,
    namespace: Namespace = "default",
) -> None:
    """Run a pipeline right here, and print its output.

    Steps are shown on stderr; stdout holds the run's output alone, or the run with all its nodes with -o json. Ctrl-C
    cancels the run, a second one leaves at once.

    Example: flume run examples/hello.yaml -d name=Ada
    """
    from flume.cli.arguments import read_data, read_pins

    if server is not None:
        from flume.cli.remote_documents import run_there

        raise typer.Exit(run_there(server, namespace, file, read_data(data, data_json), read_pins(pin), until, output))
    from flume.cli.running import Wanted, run_file

    wanted = Wanted(file, read_data(data, data_json), read_pins(pin), until, nodes or [], output)
    raise typer.Exit(run_file(wanted))


def validate(
    files: Annotated[
        list[Path],
        typer.Argument(help="Pipelines, as YAML or JSON, and folders that hold some; - is the standard input."),
    ],
    nodes: NodePaths = None,
    output: Output = Format.TEXT,
    server: OnServer = None,
) -> None:
    """Tell all problems of pipeline documents, as file:line:column.

    Example: flume validate examples pipeline.yaml --nodes nodes
    """
    if server is not None:
        from flume.cli.remote_documents import validate_there

        raise typer.Exit(0 if validate_there(server, files, format=output) else 1)
    from flume.cli.validating import validate_files

    raise typer.Exit(0 if validate_files(files, node_paths=nodes or [], format=output) else 1)


def render(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Pipelines, and resources of kind NodeType and Model; folders of pipelines; - is the standard input."
        ),
    ],
    nodes: NodePaths = None,
    mode: Annotated[
        Dispatched | None, typer.Option("--mode", help="How orders get to functions. Default: FLUME_DISPATCH.")
    ] = None,
    namespace: Namespace = "default",
    image: Annotated[str | None, typer.Option("--image", help="The image of functions.", metavar="IMAGE")] = None,
) -> None:
    """Print the Kubernetes objects that pipelines become, as YAML: the resources, and what the operator makes of them.

    Functions, jobs and triggers go to K8S_NAMESPACE. With VLLM_URL set, AI nodes share that server; else each Model has one.

    Example: flume render pipeline.yaml model.yaml --mode broker | kubectl apply --dry-run=server -f -
    """
    from flume.cli.rendering import Target, render_files
    from knative.cluster import Dispatch

    target = Target(namespace, None if mode is None else Dispatch(mode), image)
    raise typer.Exit(0 if render_files(files, node_paths=nodes or [], target=target) else 1)


def init(folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to put it.")] = Path()) -> None:
    """Make a starter project: a pipeline, a custom node and a test.

    Example: flume init greeter
    """
    from flume.cli.scaffold import make_project

    make_project(folder)


def graph(
    file: Annotated[str, typer.Argument(help="The pipeline; - reads it from the standard input.")],
    picture: Annotated[Picture, typer.Option("--format", help="How to draw it.")] = Picture.TEXT,
) -> None:
    """Draw a pipeline.

    Example: flume graph examples/hello.yaml --format svg > hello.svg
    """
    from flume.cli.graphing import draw_file

    raise typer.Exit(0 if draw_file(file, picture) else 1)


def schema() -> None:
    """Print the JSON Schema of the pipeline document, for editors.

    Example: flume schema > pipeline.schema.json
    """
    from flume.cli.printing import as_json, print_text
    from flume.schema import pipeline_schema

    print_text(as_json(pipeline_schema()))


def config(output: Output = Format.TEXT) -> None:
    """List all settings with value, default and meaning; they are environment variables.

    Example: flume config -o wide
    """
    from flume.cli.settings_list import print_settings

    print_settings(output)


def version() -> None:
    """Print the version of Flume.

    Example: flume version
    """
    import flume

    typer.echo(flume.__version__)


def add_to(app: typer.Typer) -> None:
    """Add these commands."""
    for command in (run, validate, render, init, graph, schema, config, version):
        app.command()(command)
