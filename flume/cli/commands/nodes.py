"""``flume nodes``: what nodes there are, and how to write one."""

from pathlib import Path
from typing import Annotated

import typer

from flume.cli.options import Format, Namespace, NodePaths, Output, Server

app = typer.Typer(
    name="nodes", help="List node types, show one, begin a new one, tell a server of one.", no_args_is_help=True
)

TypeName = Annotated[str, typer.Argument(help="A node type's name.", metavar="TYPE", show_default=False)]

NodeFiles = Annotated[
    Path, typer.Argument(help="A file or folder with custom nodes.", metavar="FILE", show_default=False)
]


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
def describe(
    what: Annotated[
        str,
        typer.Argument(
            help="A node type's name, or the path of a file or folder; where it may be either, it is the type.",
            metavar="TYPE|FILE",
            show_default=False,
        ),
    ],
    nodes: NodePaths = None,
    output: Output = Format.TEXT,
) -> None:
    """Show what a file with custom nodes was understood to hold, or one type; with JSON Schemas by -o json, for programs.

    Example: flume nodes describe nodes/send_mail.py -o json
    """
    from flume.cli.node_types import describe_files, is_of_files, show_type

    if not is_of_files(what, nodes or []):
        show_type(what, nodes or [], output)
    elif not describe_files(Path(what), output):
        raise typer.Exit(1)


@app.command()
def manifest(
    path: NodeFiles,
    image: Annotated[str, typer.Option(help="The image that holds them.")] = "",
    namespace: Annotated[
        str, typer.Option("-n", "--namespace", help="The Kubernetes namespace of the installation; else kubectl's own.")
    ] = "",
) -> None:
    """Print the NodeType resources of a file or folder with custom nodes, for kubectl apply.

    Example: flume nodes manifest nodes/resize.py --image registry.example.org/resize:1
    """
    from flume.cli.packaging import print_manifests

    raise typer.Exit(0 if print_manifests(path, image=image, namespace=namespace) else 1)


@app.command()
def build(
    path: NodeFiles,
    tag: Annotated[str, typer.Option("-t", "--tag", help="The name of the image.", show_default=False)] = "",
    base: Annotated[str, typer.Option(help="Flume's function image, or one made of it.")] = "",
    print_: Annotated[bool, typer.Option("--print", help="Only print the Dockerfile.")] = False,
) -> None:
    """Build an image of a file or folder with custom nodes, with docker, podman or buildah, whichever is there first.

    Example: flume nodes build nodes/resize.py --tag registry.example.org/resize:1
    """
    import flume
    from flume.cli.packaging import build_image

    if not (tag or print_):
        raise typer.BadParameter("name the image, such as registry.example.org/resize:1", param_hint="--tag")
    base = base or f"flume-function:{flume.__version__}"
    raise typer.Exit(build_image(path, tag=tag, base=base, only_shows=print_))


@app.command()
def save(
    file: Annotated[str, typer.Argument(help="NodeType resources, as YAML; - reads them from stdin.", metavar="FILE")],
    server: Server = None,
    output: Output = Format.TEXT,
) -> None:
    """Tell a server of node types that are images. On a cluster the operator does that, for kubectl apply.

    Example: flume nodes save resize.yaml
    """
    from flume.cli.connecting import connect
    from flume.cli.packaged_types import save_types

    with connect(server) as client:
        raise typer.Exit(0 if save_types(client, file, output) else 1)


@app.command()
def delete(type: TypeName, server: Server = None, output: Output = Format.TEXT) -> None:
    """Let a server forget a node type that is an image.

    Example: flume nodes delete resize
    """
    from flume.cli.connecting import connect
    from flume.cli.packaged_types import delete_type

    with connect(server) as client:
        delete_type(client, type, output)


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The name of the new type, such as send-mail.", show_default=False)],
    folder: Annotated[Path, typer.Argument(help="Where to put the file.", metavar="DIR")] = Path("nodes"),
) -> None:
    """Write a custom node to begin with, and a test of it.

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
